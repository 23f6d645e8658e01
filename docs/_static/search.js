/* The search: what search-rank.js finds, shown; what a page says is loaded when it is shown, from a server or a folder. */
"use strict";

const ptguideSearch = (() => {
  const {search, stem, words, titleOf} = ptguideRank;

  /* What the sections of a page say comes as a script, since a page opened from a folder may not fetch files. */
  const parts = new Map();
  const waiting = new Map();
  const partOf = (id, root) => {
    if (!waiting.has(id)) {
      waiting.set(id, new Promise(done => {
        const script = document.createElement("script");
        script.src = `${root}search/${id}.js`;
        script.onload = () => done(parts.get(id));
        document.head.append(script);
      }));
    }
    return waiting.get(id);
  };

  /* The section of a page that has most of the words, and the place in its text where they begin. */
  const best = (page, terms) => {
    const score = section => {
      const found = new Set([...words(section.title), ...words(section.text), ...words(section.output)].map(stem));
      return terms.filter(term => found.has(term)).length;
    };
    return page.reduce((one, two) => score(two) > score(one) ? two : one);
  };

  const excerpt = (section, terms) => {
    const text = section.text || section.output;
    const places = [...text.matchAll(/[A-Za-z_][A-Za-z0-9_]*/g)].filter(match => terms.includes(stem(match[0].toLowerCase())));
    const start = places.length ? Math.max(0, text.lastIndexOf(" ", Math.max(0, places[0].index - 60))) : 0;
    const parts = [start > 0 ? "…" : ""];
    let at = start;
    const end = Math.min(text.length, start + 240);
    for (const match of places.filter(match => match.index >= start && match.index + match[0].length <= end)) {
      const mark = document.createElement("mark");
      mark.textContent = match[0];
      parts.push(text.slice(at, match.index), mark);
      at = match.index + match[0].length;
    }
    parts.push(text.slice(at, end), end < text.length ? "…" : "");
    return parts;
  };

  /* What a page gives its reader to take away, unless the best section is this very box. */
  const useOf = (id, page, section, root) => {
    const use = page.find(one => one.anchor === "use-this");
    if (!use || use === section) return [];
    const text = document.createElement("p");
    const link = document.createElement("a");
    text.className = "search-use";
    link.href = `${root}${id}.html#${use.anchor}`;
    link.textContent = use.title;
    text.append(link, ` ${use.text}`);
    return [text];
  };

  const SHOWN = 20;  // results at first; a button shows the others

  const item = (result, root) => {
    const made = document.createElement("li");
    const link = document.createElement("a");
    link.className = "search-result";
    link.href = `${root}${result.id}.html`;
    link.textContent = titleOf(result.id);
    const where = document.createElement("span");
    where.className = "search-where";
    const text = document.createElement("p");
    made.append(link, where, text);
    partOf(result.id, root).then(page => {
      const section = best(page, result.terms);
      if (section.anchor) link.href += `#${section.anchor}`;
      where.textContent = section.anchor ? section.title : "";
      text.before(...useOf(result.id, page, section, root));
      text.append(...excerpt(section, result.terms));
    });
    return made;
  };

  const linked = (root, page, words) => {
    const link = document.createElement("a");
    link.href = `${root}${page}.html`;
    link.textContent = words;
    return link;
  };

  /* What is said above the results: how many there are, and where to look if they do not answer. */
  const summaryOf = (query, found, root) => {
    if (!query.trim()) return [];
    const {results, text, isExplained} = found;
    const elsewhere = ["Look through the ", linked(root, "guide/errors/index", "table of errors"), " or the ",
                       linked(root, "guide/index", "list of all pages"), "."];
    if (!results.length) return [`Nothing matches "${query}". Try the name of a function, or a few words of the message. `, ...elsewhere];
    const count = `${results.length} ${results.length === 1 ? "page" : "pages"}, the best match first. `;
    if (!isExplained) return [`No page explains this message. The nearest of ${results.length}: `, ...elsewhere];
    return [text === query ? count : `Nothing matches "${query}". Shown is "${text}": ${count}`];
  };

  const show = (query, box, root) => {
    const found = query.trim() ? search(query) : {results: []};
    const summary = document.createElement("p");
    summary.className = "search-summary";
    summary.setAttribute("role", "status");
    summary.append(...summaryOf(query, found, root));
    const list = document.createElement("ol");
    list.className = "search";
    list.append(...found.results.slice(0, SHOWN).map(result => item(result, root)));
    box.replaceChildren(summary, list);
    const others = found.results.slice(SHOWN);
    if (others.length) {
      const more = document.createElement("button");
      more.className = "btn btn-outline-primary";
      more.textContent = `Show the other ${others.length}`;
      more.addEventListener("click", () => {
        const added = others.map(result => item(result, root));
        list.append(...added);
        more.remove();
        added[0].querySelector("a").focus();
      });
      box.append(more);
    }
  };

  return {
    find: query => search(query).results.map(result => result.id),
    part: (id, sections) => parts.set(id, sections),
    show,
  };
})();

(() => {
  const field = document.querySelector(".bd-search-container input[type=search]");
  const box = document.getElementById("search-results");
  const root = document.documentElement.dataset.content_root;
  field.value = new URLSearchParams(location.search).get("q") || "";
  let waiting;
  const run = () => {
    ptguideSearch.show(field.value, box, root);
    const address = new URL(location.href);
    address.searchParams.set("q", field.value);
    history.replaceState(null, "", address);
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(run, 120);
  });
  field.form.addEventListener("submit", event => {
    event.preventDefault();
    clearTimeout(waiting);
    run();
    box.querySelector(".search-result")?.focus();
  });
  /* The arrow keys go from the field to the results and back; Enter goes to the first, where it opens the page. */
  document.addEventListener("keydown", event => {
    const stops = [field, ...box.querySelectorAll(".search-result")];
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const to = stops[stops.indexOf(document.activeElement) + step];
    if (to && stops.includes(document.activeElement)) {
      event.preventDefault();
      to.focus();
    }
  });
  /* The theme's shortcut would open another field over this one. */
  window.addEventListener("keydown", event => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      field.focus();
      field.select();
    }
  }, {capture: true});
  ptguideSearch.show(field.value, box, root);
  field.focus();
})();
