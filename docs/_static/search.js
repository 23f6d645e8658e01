/* The search: MiniSearch over what search-data.js holds, from a server or a folder alike. */
"use strict";

const ptguideSearch = (() => {
  const {pages, stopwords} = window.ptguideData;
  const stop = new Set(stopwords);
  const stemmer = new EnglishStemmer();
  const stems = new Map();
  const byId = new Map(pages.map(page => [page.id, page]));

  const stem = word => {
    if (!stems.has(word)) stems.set(word, stop.has(word) ? null : stemmer.stemWord(word));
    return stems.get(word);
  };

  /* masked_fill is searched as itself and as its parts; * and @ are words, since people ask about them. */
  const words = text => (text.toLowerCase().match(/[a-z_][a-z0-9_]*|\d+(?:\.\d+)?|[*@]/g) || [])
    .flatMap(word => word.includes("_") ? [word, ...word.split("_").filter(Boolean)] : [word]);

  const joined = (page, part) => page.sections.map(section => section[part]).join(" ");
  const fields = {
    names: page => page.id.replace(/\//g, " "),
    title: page => page.sections[0].title,
    other: page => page.other,  // from docs/other_names.toml
    headings: page => page.sections.slice(1).map(section => section.title).join(" "),
    intro: page => page.sections[0].text.slice(0, 600),
    text: page => joined(page, "text"),
    code: page => joined(page, "code"),
    output: page => joined(page, "output"),
  };
  const index = new MiniSearch({
    fields: Object.keys(fields),
    extractField: (page, field) => field === "id" ? page.id : fields[field](page),
    tokenize: words,
    processTerm: stem,
  });
  index.addAll(pages);

  /* A pasted message: how much of it stands word for word in what a page printed. Numbers differ from case to case. */
  const plain = text => (text.toLowerCase().match(/[a-z_]+/g) || []);
  const printed = new Map(pages.map(page => [page.id, ` ${plain(joined(page, "output")).join(" ")} `]));
  const longestRun = (query, text) => {
    let longest = 0;
    for (let start = 0; start + longest < query.length; start++) {
      while (start + longest < query.length
             && text.includes(` ${query.slice(start, start + longest + 1).join(" ")} `)) longest++;
    }
    return longest;
  };

  const find = query => {
    const asked = words(query).filter(word => !["torch", "f", "nn"].includes(word)).join(" ");
    const pasted = plain(query);
    const runs = new Map();
    const factor = id => {
      if (!runs.has(id)) runs.set(id, pasted.length < 4 ? 0 : longestRun(pasted, printed.get(id)));
      const share = runs.get(id) >= 4 ? runs.get(id) / pasted.length : 0;
      const isNamed = words(id.replace(/.*\//, "")).join(" ") === asked;
      const isTitle = byId.get(id).sections[0].title === query;
      return (1 + 4 * share) * (isTitle ? 10 : isNamed ? 2 : 1) * (id.startsWith("guide/") ? 1 : 0.6);
    };
    return index.search(query, {
      boost: {names: 3, title: 4, other: 4, headings: 2, intro: 2, text: 1, code: 0.5, output: 1.5},
      bm25: {k: 1.2, b: 0.3, d: 0.5},
      prefix: term => term.length > 2,
      fuzzy: term => term.length > 5 ? 0.15 : 0,
      weights: {prefix: 0.4, fuzzy: 0.2},
      boostDocument: factor,
    });
  };

  /* The section of a page that has most of the words, and the place in its text where they begin. */
  const best = (page, terms) => {
    const score = section => {
      const found = new Set([...words(section.title), ...words(section.text), ...words(section.output)].map(stem));
      return terms.filter(term => found.has(term)).length;
    };
    return page.sections.reduce((one, two) => score(two) > score(one) ? two : one);
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
  const useOf = (page, section, root) => {
    const use = page.sections.find(one => one.anchor === "use-this");
    if (!use || use === section) return [];
    const text = document.createElement("p");
    const link = document.createElement("a");
    text.className = "search-use";
    link.href = `${root}${page.id}.html#${use.anchor}`;
    link.textContent = use.title;
    text.append(link, ` ${use.text}`);
    return [text];
  };

  const show = (query, box, root) => {
    const found = query.trim() ? find(query) : [];
    const summary = document.createElement("p");
    summary.className = "search-summary";
    summary.setAttribute("role", "status");
    summary.textContent = !query.trim() ? "" : found.length
      ? `${found.length} ${found.length === 1 ? "page" : "pages"}, the best match first`
      : `Nothing matches "${query}". Try the name of a function, or a few words of the message.`;
    const list = document.createElement("ol");
    list.className = "search";
    for (const result of found.slice(0, 20)) {
      const page = byId.get(result.id);
      const section = best(page, result.terms);
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `${root}${page.id}.html${section.anchor && `#${section.anchor}`}`;
      link.textContent = page.sections[0].title;
      const where = document.createElement("span");
      where.className = "search-where";
      where.textContent = section.anchor ? section.title : "";
      const text = document.createElement("p");
      text.append(...excerpt(section, result.terms));
      item.append(link, where, ...useOf(page, section, root), text);
      list.append(item);
    }
    box.replaceChildren(summary, list);
  };

  return {find: query => find(query).map(result => result.id), show};
})();

document.addEventListener("DOMContentLoaded", () => {
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
    run();
  });
  ptguideSearch.show(field.value, box, root);
  field.focus();
});
