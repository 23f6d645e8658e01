/* What a page folds and explains. Without this script a fold opens and closes, and a word has its line as a title. */
"use strict";

/* A link into a fold opens it, as does printing. Newer browsers do this themselves. */
(() => {
  const open = one => {
    for (let fold = one && one.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.closest("details.ptg-fold:not([open])")) return;
    open(target);
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => document.querySelectorAll("details.ptg-fold").forEach(open));
  follow();
})();

/* One line on a word: while the mouse is on it or on the line, at keyboard focus, and at a first touch. A second touch
   follows the link. Escape closes it. */
(() => {
  const words = document.querySelectorAll("a.ptg-word[title]");
  if (!words.length) return;
  const tip = document.createElement("div");
  tip.className = "ptg-tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");  // a screen reader has the words from the link
  document.body.append(tip);
  let shown = null, closing, pointer = "mouse";

  const hide = () => {
    shown = null;
    tip.hidden = true;
  };
  const stay = () => clearTimeout(closing);
  const leave = () => {
    stay();
    closing = setTimeout(hide, 200);
  };
  const show = word => {
    stay();
    shown = word;
    tip.textContent = word.dataset.said;
    tip.hidden = false;
    const [line] = word.getClientRects();
    const width = document.documentElement.clientWidth;
    const top = line.bottom + tip.offsetHeight + 8 > innerHeight ? line.top - tip.offsetHeight - 4 : line.bottom + 4;
    tip.style.left = `${scrollX + Math.max(8, Math.min(line.left, width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${scrollY + top}px`;
  };

  for (const word of words) {
    word.dataset.said = word.title;
    word.setAttribute("aria-description", word.title);
    word.removeAttribute("title");
    word.addEventListener("pointerenter", event => event.pointerType === "mouse" && show(word));
    word.addEventListener("pointerleave", event => event.pointerType === "mouse" && leave());
    word.addEventListener("focus", () => word.matches(":focus-visible") && show(word));
    word.addEventListener("blur", hide);
    word.addEventListener("click", event => {
      if (pointer === "mouse" || shown === word) return;
      event.preventDefault();
      show(word);
    });
  }
  tip.addEventListener("pointerenter", stay);
  tip.addEventListener("pointerleave", leave);
  addEventListener("pointerdown", event => {
    pointer = event.pointerType;
    if (shown && !shown.contains(event.target) && !tip.contains(event.target)) hide();
  }, true);
  addEventListener("keydown", event => {
    if (event.key === "Escape") hide();
    else pointer = "mouse";  // Enter on a link follows it
  });
})();

/* A table of errors shows the rows that hold all words of its field, of other chapters, too. */
(() => {
  const table = document.querySelector(".ptg-errors");
  const box = table || document.querySelector(".ptg-refused-filter");
  if (!box) return;
  const field = box.querySelector("input"), status = box.querySelector("[role=status]");
  const others = box.querySelector("details") || {};
  const lines = (table || document).querySelectorAll(table ? "tbody tr" : ".ptg-refused tbody tr");
  const rows = [...lines].map(row => [row, row.textContent.toLowerCase()]);
  field.closest("p").hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every(word => text.includes(word));
      count += !row.hidden;
    }
    others.open = words.length > 0;
    status.textContent = words.length ? `${count} of ${rows.length} messages` : "";
  });
})();
