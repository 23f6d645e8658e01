"""What the public docstrings of the package say: looked up in the code of each and in its examples.

Behind the numbers, shapes, data types, messages and code of a docstring stand the code of its module and the examples
there, which run. Left out is what cites others.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import pages as gallery_pages
from pipeline.text import universals
from pipeline.text.backing import Backing
from pipeline.text.exceptions import Exceptional, in_comment
from pipeline.text.typed import CODE, in_words, is_code

logger = logging.getLogger(__name__)

PAST = "changelog"  # what it says was so
NOWHERE = (
    "the docstring says {text}, and neither its examples nor its code say so: show it in an example, say it in words, "
    "or write why it is not looked up, in a comment of the code: # not looked up: {text} — from the paper"
)
UNTRIED = (
    "{word!r} says something of all cases in a docstring: {sentence!r}. Say of which cases it holds, show several in "
    "an example with a loop, or write why not, in a comment of the code: # not tried: {word} ... — a test tries the zoo"
)
UNUSED = "nothing in the docstring needs the exception {text!r}. Delete it."
HEADING = re.compile(r"^(?P<indent> *)(?P<name>[A-Z][A-Za-z ]+)\n(?P=indent)-{3,} *$", re.MULTILINE)
CONTRACTS = {"Parameters", "Other Parameters", "Raises", "Warns", "See Also"}  # what the arguments are to be
LITERAL = re.compile(r"``([^`]+)``")
NAME = re.compile(r"(?::[\w:]+:)?`[^`]*`_?|\[\w+\]_")
# The place in a source, or a whole source.
CITED = re.compile(r"\b(?:[Ss]ections?|Equations?|equations?|[Ff]igure|ISO) [\w.]+|^ *Source: (?:.+\n?)+", re.MULTILINE)
EXAMPLE = re.compile(r"^ *>>> .*(?:\n *\S.*)*", re.MULTILINE)
TYPE = re.compile(r"(?<= : ).*")  # of an argument or attribute
QUOTED = re.compile(r"\"[^\"\n]*\"")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class Docstring:
    """A docstring: its ``node``, its ``text``, the ``line`` on which it begins; ``code`` and ``examples`` back it."""

    node: Documented
    text: str
    line: int
    code: str
    examples: tuple[str, ...]


def problems(package: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield file, line and description of what the public docstrings of a package say and nothing backs."""
    exported = {name for file in package.rglob("__init__.py") for name in _exported(_tree(_read(file)))}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        if parts[-1] != "__main__":
            private = any(part.startswith("_") and part != "__init__" for part in parts)
            for line, why in _in_file(_read(file), frozenset(exported) if private else None):
                yield file, line, why


@functools.cache  # serve asks again and again
def _in_file(source: str, exported: frozenset[str] | None) -> list[tuple[int, str]]:
    """Return line and description of what stands in a file; of a private one, in the names that are exported."""
    return [found for one in docstrings(source, exported) for found in _of_one(one, source)]


def docstrings(source: str, exported: frozenset[str] | None = None) -> Iterator[Docstring]:
    """Yield the public docstrings of a file: of all its public names, or of those that are given."""
    tree = _tree(source)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, Documented)]
    examples = tuple(found[0] for text in texts for found in EXAMPLE.finditer(text))
    code = _code_of(tree)
    for node in _public(tree, exported):
        if text := ast.get_docstring(node, clean=False):
            yield Docstring(node, text, node.body[0].lineno, code, examples)


def _public(node: Documented, exported: frozenset[str] | None) -> Iterator[Documented]:
    if isinstance(node, ast.Module):
        if exported is None:
            yield node
    else:
        yield node
    for child in node.body if not isinstance(node, ast.FunctionDef) else ():
        named = isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_")
        if named and (exported is None or not isinstance(node, ast.Module) or child.name in exported):
            yield from _public(child, exported)


def _of_one(one: Docstring, source: str) -> Iterator[tuple[int, str]]:
    exceptions = {kind: _exceptions(one, source, kind) for kind in ("not looked up", "not tried")}
    text = _without_sections(one.text, {"References"})
    backing = Backing([one.code, *map(_example_code, one.examples)], one.examples)
    prose = _prose(text)
    for typed in in_words(prose, one.line):
        if not backing.has(typed) and not _use(exceptions["not looked up"], " ".join(typed.text.split()).__eq__):
            yield typed.line, NOWHERE.format(text=typed.text)
    promises = TYPE.sub("", _prose(_without_sections(text, CONTRACTS)).replace(CODE, ""))
    tried = any(universals.tries_a_set(_example_code(found[0])) for found in EXAMPLE.finditer(text))
    for found in universals.in_words(promises, one.line, QUOTED.sub(_bars, promises).replace("None", "|" * 4)):
        if not tried and not _use(exceptions["not tried"], found.sentence.__contains__):
            yield found.line, UNTRIED.format(word=found.word, sentence=found.sentence)
    for unused in (exception for kind in exceptions.values() for exception in kind if not exception.used):
        yield unused.line, UNUSED.format(text=unused.text)


def _use(exceptions: list[Exceptional], fits: Callable[[str], bool]) -> bool:
    found = [one for one in exceptions if fits(one.text)]
    for one in found:
        one.used = True
    return bool(found)


def _exceptions(one: Docstring, source: str, kind: str) -> list[Exceptional]:
    """Return the exceptions of one kind in the comments of what a docstring describes."""
    if isinstance(one.node, ast.ClassDef | ast.Module):  # those of its methods are theirs
        inner = [node for node in one.node.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    else:
        inner = []
    hidden = {line for node in inner for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    first = 1 if isinstance(one.node, ast.Module) else one.node.lineno
    last = len(source.splitlines()) if isinstance(one.node, ast.Module) else one.node.end_lineno or first
    found = []
    for line, words in _comments(source):
        if first <= line <= last and line not in hidden:
            found += in_comment(words, line, kind)
    return found


@functools.lru_cache(1)  # for each docstring of a file
def _comments(source: str) -> list[tuple[int, str]]:
    """Return the comments of code with their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string.lstrip("# ")) for token in tokens if token.type == tokenize.COMMENT]


def _prose(text: str) -> str:
    """Return a docstring without its examples, headings and names; each line stays where it is."""
    text = EXAMPLE.sub(_bars, text)
    text = CITED.sub(_bars, HEADING.sub(lambda found: "\n", text))
    text = LITERAL.sub(lambda found: f"{CODE}{found[1]}{CODE}" if is_code(found[1]) else found[1], text)
    return NAME.sub(_bars, text)


def _bars(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "|", found[0])


def _without_sections(text: str, names: set[str]) -> str:
    """Return a docstring with empty lines in the place of some of its sections."""
    headings = [*HEADING.finditer(text)]
    ends = [*(found.start() for found in headings), len(text)][1:]
    for found, end in zip(headings, ends, strict=True):
        if found["name"] in names:
            text = text[: found.start()] + re.sub(r"[^\n]", " ", text[found.start() : end]) + text[end:]
    return text


def _example_code(example: str) -> str:
    return "\n".join(line.strip()[4:] for line in example.splitlines() if line.strip().startswith((">>> ", "... ")))


def _code_of(node: Documented) -> str:
    """Return code without docstrings and comments."""
    copied = ast.parse(ast.unparse(node))
    for part in ast.walk(copied):
        if isinstance(part, Documented) and ast.get_docstring(part):
            part.body[0] = ast.Pass()
    return ast.unparse(copied)


def _exported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from ast.literal_eval(node.value)


@functools.cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _check(app: Sphinx) -> None:
    if not gallery_pages.is_live(app):
        for file, line, why in problems(gallery_pages.of(app).package):
            logger.warning("%s", why, location=f"{file}:{line}", type="text")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the package after its examples have run (300)."""
    app.connect("builder-inited", _check, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
