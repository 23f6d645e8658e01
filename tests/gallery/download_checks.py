"""What a downloaded page must hold and print. Each check returns its complaints; none is good."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.outputs.kept import same

METADATA = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")  # as PEP 723 has it
DISTRIBUTIONS = {"sklearn": "scikit-learn", "lovely_tensors": "lovely-tensors", "PIL": "pillow"}
CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$|(`+)(?!`).+?(?<!`)\2(?!`)", re.MULTILINE | re.DOTALL)
MARKUP = {
    "a role": re.compile(r":[a-zA-Z][\w.+-]*(?::[\w.+-]+)?:\0"),  # \0 stands where code was
    "a directive": re.compile(r"^\s*\.\. [\w:-]+::", re.MULTILINE),
    "a label": re.compile(r"^\s*\.\. _", re.MULTILINE),
    "a line that ends with ::": re.compile(r"::[ \t]*$", re.MULTILINE),
}


def metadata(script: str) -> dict[str, Any]:
    """Return the inline metadata of a script, read as the standard says."""
    blocks = [match for match in METADATA.finditer(script) if match["type"] == "script"]
    assert len(blocks) == 1, f"expected one block of inline metadata, got {len(blocks)}"
    lines = blocks[0]["content"].splitlines(keepends=True)
    return tomllib.loads("".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))


def helper_requirement(script: str) -> str:
    """Return the requirement of the helper package, for example ``ptguide @ https://example.org/ptguide.whl``."""
    (found,) = (part for part in metadata(script)["dependencies"] if re.match(r"ptguide\b", part))
    return found


def base_of(requirement: str) -> str:
    """Return the address of the site in a requirement of the helper package."""
    return requirement.partition(" @ ")[2].partition("download/")[0]


def undeclared(script: str) -> list[str]:
    """Return a complaint for each package that a script imports and does not ask for."""
    asked = {re.split(r"[^\w.-]", part)[0].lower() for part in metadata(script)["dependencies"]}
    modules = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    imported = {module.partition(".")[0] for module in modules}
    imported -= {name for name in imported if f"{name}.py" in script}  # a module that the page writes
    names = {DISTRIBUTIONS.get(name, name) for name in imported - sys.stdlib_module_names}
    found = [f"{name} is imported and not among the dependencies {sorted(asked)}" for name in sorted(names - asked)]
    extras = re.match(r"ptguide(\[.*\])?", helper_requirement(script))[1] or ""
    for name in ("data", "training"):
        if f"ptguide.{name}" in modules and name not in extras:
            found.append(f"ptguide.{name} is imported, and ptguide asked for with {extras or 'no extra'}")
    return found


def needed(requirements: list[str]) -> set[str]:
    """Return the names of the distributions that requirements bring along, as the installed ones say."""
    found: dict[str, set[str]] = {}  # each name with the extras that are asked for
    waiting = [Requirement(requirement) for requirement in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found and one.extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | one.extras
        try:
            further = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:  # for another machine, such as one with a GPU
            further = []
        settings = [{"extra": extra} for extra in ("", *found[name])]
        waiting += [part for part in further if not part.marker or any(map(part.marker.evaluate, settings))]
    return set(found)


def missing(requirements: list[str]) -> frozenset[str]:
    """Return the modules that are installed here, and are not where only the requirements are."""
    there = needed(requirements)
    modules = packages_distributions().items()
    return frozenset(name for name, owners in modules if not there & {canonicalize_name(owner) for owner in owners})


def unknown(requirements: list[str]) -> list[str]:
    """Return a complaint for each requirement that is not installed here, though its page ran here."""
    names = [Requirement(requirement).name for requirement in requirements]
    return [f"{name} is asked for, and is no package that the page ran with" for name in names if not _is_here(name)]


def _is_here(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def converts_to_numpy(script: str) -> bool:
    """Return whether a script makes arrays of tensors, or tensors of arrays: torch can do neither without NumPy."""
    names = {node.attr for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Attribute)}
    return bool(names & {"numpy", "from_numpy", "__array__"})


def held_otherwise(script: str, cells: list[dict[str, Any]], notebook_cells: list[str]) -> list[str]:
    """Return a complaint for each cell of code that a notebook and its page do not share, and one for the script.

    Parameters
    ----------
    script : str
        The downloaded script.
    cells : list of dict
        Of the page's record.
    notebook_cells : list of str
        The code cells of the notebook, without those that are not of the page.
    """
    if len(cells) != len(notebook_cells):
        return [f"the notebook has {len(notebook_cells)} cells of code; the page has {len(cells)}"]
    found = [
        f"cell {number}: the page runs\n{cell['code']}\nthe notebook has\n{source}"
        for number, (cell, source) in enumerate(zip(cells, notebook_cells, strict=True), 1)
        if _without_settings(cell["code"]) != _without_settings(source)
    ]
    whole = ast.parse(script).body[1:]  # without the docstring
    in_cells = [statement for source in notebook_cells for statement in ast.parse(source).body]
    if list(map(ast.dump, whole)) != list(map(ast.dump, in_cells)):
        found.append("the cells of the notebook, one after the other, are not the script")
    return found


def _without_settings(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if not line.startswith("# sphinx_gallery_")).strip()


def lines_of(text: str) -> list[str]:
    """Return the lines of an output that show something, as the record keeps them."""
    return [line for line in plain(text).splitlines() if line]


def plain(text: str) -> str:
    """Return an output without colors, tabs and spaces at the ends of lines, as a page shows it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "\n".join(line.expandtabs().rstrip() for line in text.splitlines())


def ends_with_value(code: str) -> bool:
    """Return whether a cell ends with an expression that is no call of print, so that a page shows its value."""
    last = ast.parse(code).body[-1:]
    if not last or not isinstance(last[0], ast.Expr):
        return False
    value = last[0].value
    return not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print")


def printed_otherwise(cells: list[dict[str, Any]], output: str) -> list[str]:
    """Return a complaint if a script did not print, from its first line to its last, what the page says.

    A script does not print the value that a cell ends with. The record has it below what the cell printed, so for
    such a cell any first part of the record will do; no line of the output may be left over.

    Parameters
    ----------
    cells : list of dict
        Of the page's record: ``code``, ``text`` and ``measured``.
    output : str
        All that the script printed.
    """
    got = lines_of(output)
    places = {0}  # in how many lines of the output the cells so far may have ended
    for number, cell in enumerate(cells, 1):
        wanted = lines_of(cell["text"])
        after = set()
        for place in places:
            if cell["measured"]:
                after |= set(range(place, len(got) + 1))
                continue
            matching = 0
            while (
                matching < len(wanted) and place + matching < len(got) and same(wanted[matching], got[place + matching])
            ):
                matching += 1
            if ends_with_value(cell["code"]):
                after |= set(range(place, place + matching + 1))
            elif matching == len(wanted):
                after.add(place + matching)
        if not after:
            rest = "\n".join(got[max(places) :][: len(wanted) + 1])
            where = f"cell {number} (line {cell['line']})"
            return [f"{where}: the page says\n{cell['text']}\nthe script goes on with\n{rest}"]
        places = after
    if len(got) not in places:
        return ["the script prints more than the page says:\n" + "\n".join(got[max(places) :])]
    return []


def _cells_alike(page: str, notebook: str) -> tuple[str, str]:
    """Return two outputs with one name for the file of the code: in a traceback, a notebook names its cell."""
    own = set(re.findall(r'File "(\w+\.py)"', page)) - set(re.findall(r'File "(\w+\.py)"', notebook))
    if len(own) == 1:  # that of the page: files of libraries have one name in both
        page = page.replace(f'File "{own.pop()}"', 'File "the page"')
    return page, re.sub(r'File "<ipython-input-[^"]*>"', 'File "the page"', notebook)


def shown_otherwise(cells: list[dict[str, Any]], notebook_cells: list[Any]) -> list[str]:
    """Return a complaint for each code cell of a notebook that did not show what the page shows.

    Parameters
    ----------
    cells : list of dict
        Of the page's record.
    notebook_cells : list
        The code cells of the executed notebook, without those that are not of the page.
    """
    if len(cells) != len(notebook_cells):
        return [f"the notebook has {len(notebook_cells)} cells of code; the page has {len(cells)}"]
    found = []
    for number, (cell, made) in enumerate(zip(cells, notebook_cells, strict=True), 1):
        data = [output["data"] for output in made["outputs"] if "data" in output]
        text = "".join(output["text"] for output in made["outputs"] if output["output_type"] == "stream")
        pictures = [one for one in data if {"image/png", "image/svg+xml", "text/html"} & one.keys()]
        text += "".join(f"\n{one['text/plain']}" for one in data if one not in pictures)
        if not cell["measured"] and not same(*map(plain, _cells_alike(cell["text"], text))):
            found.append(f"cell {number}: the page says\n{cell['text']}\nthe notebook says\n{text}")
        shows = bool(cell["pictures"] or cell["html"])
        draws = not shows and "explain()" in cell.get("code", "")  # there, `explain` draws the shapes
        if shows != bool(pictures) and not draws:
            here = cell["pictures"] or ("a value" if cell["html"] else "nothing")
            found.append(f"cell {number}: the page shows {here}, the notebook {len(pictures)} pictures or values")
    return found


def leftovers(markdown: str) -> list[str]:
    """Return a complaint for each piece of reStructuredText in the text of a notebook."""
    text = CODE.sub("\0", markdown)
    return [f"{what} is left: {found[0].strip()!r}" for what, sign in MARKUP.items() for found in sign.finditer(text)]
