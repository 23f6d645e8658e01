"""What a page must do in a browser. Each check returns its complaints; none is good."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PATIENCE = 300_000  # milliseconds for one step; a busy machine takes ten times as long as an idle one
GRAVE = {"serious", "critical"}
INSTEAD_OF_HOSTS = ("data:", "blob:", "about:")


class Watch:
    """Notes what a page says in the console, what it asks for and what it does not get.

    Parameters
    ----------
    page : Page
        Before it loads anything.
    origin : str
        The beginning of all addresses that it may ask for.
    """

    def __init__(self, page: Page, origin: str) -> None:
        self.found: list[str] = []
        self._origin = origin
        page.on("console", lambda message: message.type == "error" and self._note(f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(f"error in a script: {error}"))
        page.on("requestfailed", lambda request: self._note(f"no answer: {request.url} ({request.failure})"))
        page.on("response", lambda got: got.status >= 400 and self._note(f"answer {got.status}: {got.url}"))
        page.on("request", self._look_at)

    def _note(self, complaint: str) -> None:
        self.found.append(complaint)

    def _look_at(self, request: Any) -> None:
        if not request.url.startswith((self._origin, *INSTEAD_OF_HOSTS)):
            self._note(f"request to another place: {request.url}")

    def complaints(self) -> list[str]:
        """Return what was found since the last call."""
        found, self.found = self.found, []
        return found


def accessibility(page: Page, *rules: str) -> list[str]:
    """Return the serious and critical violations that axe finds, of all its rules or of those given.

    The colours of code are left to ``contrast``, which needs a hundredth of the time for a thousand words.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = []
    if not rules or "color-contrast" in rules:
        found += _run_axe(page, {"exclude": [".highlight"]}, {"runOnly": ["color-contrast"]})
    if rules != ("color-contrast",):
        rest = {"runOnly": list(rules)} if rules else {"rules": {"color-contrast": {"enabled": False}}}
        found += _run_axe(page, {}, rest)
    return [
        f"{violation['id']}: {node['html'][:160]}: {' '.join(node['failureSummary'].split())[:240]}"
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"][:3]
    ]


def _run_axe(page: Page, context: dict[str, Any], options: dict[str, Any]) -> list[dict[str, Any]]:
    # Without preload axe does not ask for the style sheets again, one of them at a wrong address.
    options = {"resultTypes": ["violations"], "preload": False, **options}
    run = "([context, options]) => axe.run(Object.keys(context).length ? context : document, options)"
    return page.evaluate(run, [context, options])["violations"]


OVERFLOW = """() => {
  const root = document.documentElement;
  const own = "main, .bd-article-container, .bd-article, .bd-sidebar-secondary";  // scroll on their own
  const boxes = [...document.querySelectorAll(own)];
  const box = [root, ...boxes].find(one => one.scrollWidth > one.clientWidth + 1);
  if (!box) return null;
  const right = box.getBoundingClientRect().left + box.clientWidth;
  const scrolls = one => one !== box && box.contains(one)
    && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
  const wide = [...box.querySelectorAll("*")].filter(
    one => one.getBoundingClientRect().right > right + 1 && !scrolls(one.parentElement));
  return {by: box.scrollWidth - box.clientWidth, why: wide.slice(0, 3).map(one => one.outerHTML.slice(0, 120))};
}"""


def overflow(page: Page, width: int) -> list[str]:
    """Return a complaint if a page scrolls sideways in a window of a width in pixels."""
    page.set_viewport_size({"width": width, "height": 900})
    found = page.evaluate(OVERFLOW)
    return [f"at {width} px it scrolls sideways by {found['by']} px: {' '.join(found['why'])}"] if found else []


UNREACHABLE = """() => [...document.querySelectorAll("body *")].filter(one => {
  const style = getComputedStyle(one);
  const scrolls = one.scrollWidth > one.clientWidth + 1 && /auto|scroll/.test(style.overflowX)
    || one.scrollHeight > one.clientHeight + 1 && /auto|scroll/.test(style.overflowY);
  return scrolls && one.checkVisibility({visibilityProperty: true})
    && ![one, ...one.querySelectorAll("*")].some(part => part.tabIndex >= 0);
}).map(one => one.outerHTML.replace(/\\s+/g, " ").slice(0, 120))"""


def unreachable(page: Page) -> list[str]:
    """Return a complaint for each part that scrolls on its own, and to which no key leads."""
    return [f"it scrolls and the keyboard does not reach it: {found}" for found in page.evaluate(UNREACHABLE)]


CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(
      value => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Map();
  const compare = (text, ink, paper) => {
    const [low, high] = [light(ink), light(paper)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.set(ink + paper, `${text.textContent}: ${ink} on ${paper} has contrast ${ratio.toFixed(2)}`);
  };
  const ground = one => !one ? "rgb(255, 255, 255)" : /rgba\\(.*, 0\\)/.test(getComputedStyle(one).backgroundColor)
    ? ground(one.parentElement) : getComputedStyle(one).backgroundColor;
  const pictured = [...document.querySelectorAll("svg[role=img]:not([aria-hidden=true]) text")];
  for (const text of pictured) {
    const box = text.getBoundingClientRect();
    const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    const under = [...text.closest("svg").querySelectorAll("rect, path")].filter(one => {
      const area = one.getBoundingClientRect();
      return area.left <= x && x <= area.right && area.top <= y && y <= area.bottom
        && getComputedStyle(one).fill !== "none"
        && one.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
    }).at(-1);  // the last is drawn on top of the others
    compare(text, getComputedStyle(text).fill, under ? getComputedStyle(under).fill : ground(text.closest("svg")));
  }
  const code = [...document.querySelectorAll(".highlight pre, .highlight pre *")].filter(
    one => [...one.childNodes].some(part => part.nodeType === Node.TEXT_NODE && part.data.trim()));
  for (const word of code) compare(word, getComputedStyle(word).color, ground(word));
  return [pictured.length, code.length, [...found.values()]];
}"""


def contrast(page: Page) -> tuple[int, int, list[str]]:
    """Return how many texts stand in pictures and how many words in code, and a complaint for each pale colour."""
    pictured, code, found = page.evaluate(CONTRAST)
    return pictured, code, [f"{complaint}; expected at least 4.5" for complaint in found]


CROWDED = """() => {
  const drawn = [...document.querySelectorAll(".output_html, img.sphx-glr-single-img, .sphx-glr-script-out")].filter(
    one => one.checkVisibility());
  const texts = [...document.querySelectorAll(".bd-article :is(p, h2, h3, li)")].filter(one => one.checkVisibility());
  const found = [];
  for (const one of drawn) {
    const inside = [...one.querySelectorAll("svg, img, table, pre, figcaption")];
    const end = Math.max(...(inside.length ? inside : [one]).map(part => part.getBoundingClientRect().bottom));
    const below = texts.filter(text => !one.contains(text)).map(text => [text.getBoundingClientRect().top - end, text])
      .filter(([gap]) => gap > -2).sort(([a], [b]) => a - b)[0];
    if (below && below[0] < 12) found.push(`${Math.round(below[0])} px above "${below[1].textContent.slice(0, 40)}"`);
  }
  return found;
}"""


def crowded(page: Page) -> list[str]:
    """Return a complaint for each picture, table or output that text follows without a gap."""
    return [f"something drawn ends {found}; expected at least 12 px" for found in page.evaluate(CROWDED)]


CONSTRUCTS = """() => {
  const sign = one => [one.tagName, ...[...one.classList].sort()].join(".")
    + ["role", "tabindex", "type"].filter(name => one.hasAttribute(name)).map(
        name => `[${name}=${one.getAttribute(name)}]`).join("");
  return [...new Set([...document.body.querySelectorAll("*")].filter(
    one => !one.parentElement.closest("svg, pre, math")).map(one => `${sign(one.parentElement)} > ${sign(one)}`))];
}"""


def constructs(page: Page) -> set[str]:
    """Return what a page is built of: each kind of element, by its name, classes and role, in each kind of parent.

    What is drawn, code and formulas count as one: their words and colours are looked at on every page.
    """
    return set(page.evaluate(CONSTRUCTS))


STOPS = """() => {
  const look = one => [one, one.parentElement, ...one.querySelectorAll("*")].slice(0, 12).flatMap(
    part => [null, "::before", "::after"].map(pseudo => {
      const style = getComputedStyle(part, pseudo);
      const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 ? style.outline : "";
      return [outline, style.boxShadow, style.borderColor, style.backgroundColor, style.textDecorationLine].join("|");
    })).join();
  const places = [["skip link", ".skip-link"], ["header", "header"], ["navigation", ".bd-sidebar-primary"],
                  ["content", ".bd-article"], ["downloads", ".run-this-page"]];
  const covers = one => getComputedStyle(one, "::after").position === "absolute" ? one.offsetParent : one;  // its card
  const shown = one => [one, covers(one), ...one.querySelectorAll("*")].map(part => part.getBoundingClientRect()).some(
    box => box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0);
  const reachable = [
    ...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(one =>
       one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true})
       && !one.matches("input[type=radio]:not(:checked)"));  // the arrow keys lead there from the checked one
  const before = new Map(reachable.map(one => [one, look(one)]));
  const name = one => one.outerHTML.replace(/\\s+/g, " ").slice(0, 110);
  const rest = () => Promise.allSettled(document.getAnimations().map(motion => motion.finished));
  const stops = [], pale = [];
  document.addEventListener("focusin", ({target}) => {
    if (stops.includes(target)) return;
    stops.push(target);
    if (!shown(target) || [undefined, look(target)].includes(before.get(target))) pale.push(target);
  });
  window.ptguideStops = async () => {
    const unseen = [];
    for (const one of pale) {  // some glide into view, some were hidden before: look once more, without haste
      let seen = false;  // a busy machine begins a movement late
      for (const patience of [0, 200, 1000, 5000]) {
        document.activeElement.blur();
        await new Promise(done => setTimeout(done, patience));
        await rest();
        const calm = look(one);
        one.focus({focusVisible: true});
        await new Promise(requestAnimationFrame);
        await new Promise(done => setTimeout(done, patience));
        await rest();
        seen = shown(one) && look(one) !== calm;
        if (seen) break;
      }
      if (!seen) unseen.push(name(one));
    }
    return {places: stops.map(one => (places.find(([, where]) => one.closest(where)) || [""])[0]), unseen,
            missed: reachable.filter(one => !stops.includes(one)).map(name)};
  };
  return reachable.length;
}"""


def keyboard(page: Page) -> tuple[list[str], list[str]]:
    """Press Tab from the top of a page to its end; return the places in order, and the complaints."""
    in_a_field = page.evaluate("document.activeElement !== document.body")  # a search page begins in its field
    for _ in range(page.evaluate(STOPS) + 30):  # more, for what a browser makes a stop by itself
        page.keyboard.press("Tab")
    stops = page.evaluate("ptguideStops()")
    found = [f"the focus cannot be seen on {name}" for name in stops["unseen"]]
    found += [f"Tab never reaches {name}" for name in stops["missed"]]
    order = ["skip link", "header", "navigation", "content", "downloads"]
    places = list(dict.fromkeys(filter(None, stops["places"])))
    if not in_a_field and places != [place for place in order if place in places]:
        found.append(f"Tab goes through {places}; expected the order {order}")
    return stops["places"], found


FIRST_RESULT = """() => {
  const drawn = ".bd-article :is(.output_html, .sphx-glr-script-out, img.sphx-glr-single-img)";
  const first = [...document.querySelectorAll(drawn)].find(one => one.checkVisibility() && !one.closest(".ptg-fold"));
  if (!first) return null;
  const inside = [...first.querySelectorAll("svg, img, table, pre")];  // without what is said below a picture
  const ends = (inside.length ? inside : [first]).map(one => one.getBoundingClientRect().bottom);
  return Math.round(Math.max(...ends) + scrollY);
}"""
LENGTH = """() => {
  const end = document.getElementById("check-yourself");
  const box = (end || document.querySelector(".bd-article")).getBoundingClientRect();
  return Math.round((end ? box.top : box.bottom) + scrollY);
}"""


def first_result(page: Page, width: int, height: int) -> list[str]:
    """Return a complaint unless the first picture or number of a page is whole in the first screen."""
    page.set_viewport_size({"width": width, "height": height})
    end = page.evaluate(FIRST_RESULT)
    if end is None:
        return ["the page shows no result"]
    return [f"the first result ends at {end} px, at a width of {width}; expected {height}"] if end > height else []


def length(page: Page, screens: int) -> list[str]:
    """Return a complaint if a page has more screens of 1280 x 800 above its questions."""
    page.set_viewport_size({"width": 1280, "height": 800})
    found = page.evaluate(LENGTH) / 800
    return (
        [f"{found:.1f} screens of 1280 x 800 stand above the questions; expected at most {screens}"]
        if found > screens
        else []
    )
