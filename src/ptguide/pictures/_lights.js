/* Light up what belongs together: in a page, in a notebook and in a file opened alone. */
document.querySelectorAll('.ptg-op:not([data-live])').forEach((root) => {
  const SAID = { as: 'copied from', of: 'computed from', by: 'chosen by', than: 'compared with', may: 'may depend on' };
  const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const cells = {}, links = {}, tensors = {}, variants = [...root.querySelectorAll('.ptg-variant')];
  const buttons = [...root.querySelectorAll('.ptg-tabs input')];
  let variant = variants[0] || root, shown, pinned, rested;
  root.dataset.live = '';

  /* '4-6,9' names the elements 4, 5, 6 and 9. */
  const expand = (runs) => runs.split(',').flatMap((run) => {
    const [first, last = first] = run.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });

  const link = (key, other, kind) => {
    (links[key] ||= []).push({ key: other, kind, made: true });
    (links[other] ||= []).push({ key, kind });
  };

  /* '4-6=0.2,7+1': the element 4 is of 2 and 7 of tensor 0, 5 of 3 and 8, 6 of 4 and 9. */
  const read = (number, run, kind) => {
    const [, elements, tensor, sources, step = 0] = /^(.+)=(.+)\.(.+?)(?:\+(.+))?$/.exec(run);
    expand(elements).forEach((element, count) => expand(sources).forEach((source) => {
      link(`${number}.${element}`, `${tensor}.${source + count * step}`, kind);
    }));
  };

  /* What belongs to another variant is not seen. */
  const here = (node) => [null, variant].includes(node.closest('.ptg-variant'));
  const tensorOf = (key) => tensors[key.split('.')[0]] || {};

  /* Neighbours drawn later would cover a frame: it goes to the front. */
  const frame = (key, kind) => {
    if (!cells[key] || !here(cells[key])) return;
    cells[key].classList.add(kind);
    cells[key].parentNode.append(cells[key]);
  };

  const show = (key) => {
    if (key === shown || !cells[key]) return; /* moving an element under the pointer would undo a click */
    shown = key;
    Object.values(cells).forEach((cell) => cell.classList.remove('ptg-on', 'ptg-of', 'ptg-by', 'ptg-than', 'ptg-may'));
    (links[key] || []).forEach((one) => frame(one.key, `ptg-${one.kind === 'as' ? 'of' : one.kind}`));
    frame(key, 'ptg-on');
    variant.querySelector('.ptg-said').textContent = cells[key].dataset.t || sentence(key);
  };

  /* In the words of Python, which says so of the element that is framed at first. */
  const sentence = (key) => {
    const value = `${spell([key])} = ${cells[key].querySelector('text').textContent}, `;
    const found = (links[key] || []).filter((one) => here(tensorOf(one.key).group));
    if (!('out' in tensorOf(key).group.dataset)) return `${value}${found[0] ? `used for ${listed(found)}` : 'not used'}.`;
    const parts = Object.keys(SAID).map((kind) => {
      const of = found.filter((one) => one.made && one.kind === kind);
      return of[0] && `${SAID[kind]} ${listed(of)}`;
    });
    return `${value}${parts.filter(Boolean).join(', ') || 'made of no input'}.`;
  };

  /* The elements that are linked, those of a tensor together. */
  const listed = (found) => {
    const keys = {};
    found.forEach((one) => (keys[one.key.split('.')[0]] ||= new Set()).add(one.key));
    return and(Object.values(keys).map((of) => spell([...of].sort((a, b) => a.split('.')[1] - b.split('.')[1]))));
  };

  const and = (words) => [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' and ');

  /* Elements of a tensor as one writes them: a[1, :], a[0, 2] and a[1, 0], 12 elements of a. */
  const spell = (keys) => {
    const { name, shape } = tensorOf(keys[0]);
    if (!shape.length) return name;
    const places = keys.map((key) => {
      let left = +key.split('.')[1];
      return shape.reduceRight((index, size) => {
        index.unshift(left % size);
        left = Math.floor(left / size);
        return index;
      }, []);
    });
    let block = 1;
    const along = shape.map((size, axis) => {
      const all = new Set(places.map((place) => place[axis])), first = Math.min(...all), last = Math.max(...all);
      block *= last - first + 1 === all.size ? all.size : Infinity;
      return all.size === 1 ? first : all.size === size ? ':' : `${first}:${last + 1}`;
    });
    if (block === keys.length) return `${name}[${along.join(', ')}]`;
    if (keys.length > 4) return `${keys.length} elements of ${name}`;
    return and(places.map((place) => `${name}[${place.join(', ')}]`));
  };

  const touch = (key) => {
    root.classList.add('ptg-touched');
    show(key);
  };

  const rest = () => {
    root.classList.remove('ptg-touched');
    show((pinned = variant.dataset.home));
  };

  const keyOf = (event) => event.target.closest?.('[data-k]')?.dataset.k;

  const middle = (key) => {
    const { x, y, width, height } = cells[key].getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  };

  /* The nearest element in a direction, whichever tensor it belongs to. */
  const next = ([right, down]) => {
    const from = middle(pinned);
    let best, least = Infinity;
    Object.keys(cells).filter((key) => here(cells[key])).forEach((key) => {
      const to = middle(key), x = to[0] - from[0], y = to[1] - from[1];
      const along = x * right + y * down, across = Math.abs(x * down) + Math.abs(y * right);
      if (along > 2 && along + 3 * across < least) [best, least] = [key, along + 3 * across];
    });
    return best;
  };

  /* Show one variant. What a reader chose in the inputs stays chosen. */
  const choose = (place) => {
    variants.forEach((one, other) => (one.hidden = other !== place));
    variant = variants[place];
    shown = null;
    if (cells[pinned] && here(cells[pinned]) && root.matches('.ptg-touched')) show(pinned);
    else rest();
  };

  root.querySelectorAll('[data-k]').forEach((cell) => (cells[cell.dataset.k] = cell));
  Object.values(cells).filter((cell) => cell.dataset.of).forEach((cell) => {
    cell.dataset.of.split(' ').forEach((other) => link(cell.dataset.k, other, 'of'));
  });
  root.querySelectorAll('[data-n]').forEach((group) => {
    const number = group.dataset.i;
    tensors[number] = { group, name: group.dataset.n, shape: group.dataset.s.split(' ').filter(Boolean).map(Number) };
    Object.keys(SAID).filter((kind) => group.dataset[kind]).forEach((kind) => {
      group.dataset[kind].split(' ').forEach((run) => read(number, run, kind));
    });
  });

  /* Where an element moves under a pointer that rests, a browser says that the pointer moves. */
  root.addEventListener('pointermove', (event) => {
    const before = rested;
    rested = `${event.screenX} ${event.screenY}`;
    if (rested !== before && keyOf(event)) touch(keyOf(event));
  });
  root.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && show(pinned));
  root.addEventListener('click', (event) => keyOf(event) && touch((pinned = keyOf(event))));
  root.addEventListener('keydown', (event) => {
    const step = STEPS[event.key], place = buttons.indexOf(event.target);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') rest();
    if (step) {
      event.preventDefault();
      event.stopPropagation(); /* JupyterLab would go to another cell */
    }
    if (step && place >= 0) {
      const button = buttons.at((place + step[0] + step[1]) % buttons.length);
      button.focus();
      button.click();
    } else if (step && cells[pinned]) touch((pinned = next(step) || pinned));
  });
  buttons.forEach((button, place) => button.addEventListener('change', () => choose(place)));
  if (buttons[0]) {
    root.querySelector('.ptg-tabs').hidden = false;
    choose(0);
  } else shown = pinned = root.dataset.home;
});
