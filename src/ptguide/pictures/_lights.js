/* Light up what belongs together: in a page, in a notebook and in a file opened alone. */
document.querySelectorAll('.ptg-op:not([data-live])').forEach(function (root) {
  var cells = {}, links = {}, shown = null, pinned = root.getAttribute('data-home');
  var said = root.querySelector('.ptg-said');
  root.setAttribute('data-live', '');

  /* '0.4-6 1.2' names the elements 4, 5 and 6 of tensor 0 and the element 2 of tensor 1. */
  function expand(text) {
    var keys = [];
    (text || '').split(' ').filter(Boolean).forEach(function (run) {
      var part = run.split('.'), ends = part[1].split('-');
      for (var n = +ends[0]; n <= +(ends[1] || ends[0]); n++) keys.push(part[0] + '.' + n);
    });
    return keys;
  }

  /* Neighbours drawn later would cover a frame: it goes to the front. */
  function frame(cell, kind) {
    cell.classList.add(kind);
    cell.parentNode.appendChild(cell);
  }

  function show(key) {
    if (key === shown) return; /* moving an element under the pointer would undo a click */
    shown = key;
    Object.keys(cells).forEach(function (other) {
      cells[other].classList.remove('ptg-on', 'ptg-of', 'ptg-by', 'ptg-than', 'ptg-may');
    });
    (links[key] || []).forEach(function (link) {
      if (cells[link[0]]) frame(cells[link[0]], 'ptg-' + link[1]);
    });
    frame(cells[key], 'ptg-on');
    said.textContent = cells[key].getAttribute('data-t');
  }

  function touch(key) {
    root.classList.add('ptg-touched');
    show(key);
  }

  function keyOf(event) {
    var cell = event.target.closest && event.target.closest('[data-k]');
    return cell && cell.getAttribute('data-k');
  }

  function middle(key) {
    var box = cells[key].getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }

  /* The nearest element in a direction, whichever tensor it belongs to. */
  function next(step) {
    var from = middle(pinned), best = null, least = Infinity;
    Object.keys(cells).forEach(function (key) {
      var to = middle(key), x = to[0] - from[0], y = to[1] - from[1];
      var along = x * step[0] + y * step[1], across = Math.abs(x * step[1]) + Math.abs(y * step[0]);
      if (along > 2 && along + 3 * across < least) {
        least = along + 3 * across;
        best = key;
      }
    });
    return best;
  }

  root.querySelectorAll('[data-k]').forEach(function (cell) {
    cells[cell.getAttribute('data-k')] = cell;
  });
  Object.keys(cells).forEach(function (key) {
    ['of', 'by', 'than', 'may'].forEach(function (kind) {
      expand(cells[key].getAttribute('data-' + kind)).forEach(function (other) {
        (links[key] = links[key] || []).push([other, kind]);
        (links[other] = links[other] || []).push([key, kind]);
      });
    });
  });

  root.addEventListener('pointerover', function (event) {
    if (keyOf(event)) touch(keyOf(event));
  });
  root.addEventListener('pointerleave', function (event) {
    if (event.pointerType === 'mouse') show(pinned);
  });
  root.addEventListener('click', function (event) {
    if (keyOf(event)) touch((pinned = keyOf(event)));
  });
  root.addEventListener('keydown', function (event) {
    var steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      show((pinned = root.getAttribute('data-home')));
      root.classList.remove('ptg-touched');
    }
    if (steps[event.key]) {
      event.preventDefault();
      pinned = next(steps[event.key]) || pinned;
      touch(pinned);
    }
  });
});
