"""Look at the language of the project: its own list of words, proselint's, and sentences that are too long.

``python -m pipeline language`` looks at pages, hand-written documents, docstrings and messages. Long sentences outside
the pages are counted and not refused; ``--all`` lists them.
"""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from proselint.checks import __register__
from proselint.config import DEFAULT, Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from pipeline.form.check import LABEL_AND_TITLE, SENTENCE_END
from pipeline.gallery import adapter
from pipeline.text import strings

LONGEST = 30  # words of a sentence
WORDS = "words.toml"
# Typography is as a keyboard writes it; "2 am" is no time of the day here, and resume no résumé.
LEFT_OUT = ("typography", "dates_times", "weasel_words.very")
ONE_WORD_TWICE = re.compile(r"\s*([a-z]{2,})\s+\1\s*")  # proselint also names phrases, as "list of list of"
CODE = re.compile(
    r"^ *(```+|~~~+)[^`\n]*\n(?:.*?\n)?? *\1 *$"  # a block of Markdown
    r"|^\.\. (?!use-this)[^\n]*(?:\n(?: [^\n]*)?(?=\n|\Z))*"  # a comment or a directive, with what is below it
    r"|^ *>>>[^\n]*(?:\n *\S[^\n]*)*",  # an example with what it prints
    re.MULTILINE | re.DOTALL,
)
PROSE = re.compile(r" *```+\{(?:glossary|note|tip|warning|admonition)\}.*")  # a block of Markdown that holds sentences
ROLE = re.compile(r"(?::[\w:]+:|\{[\w:]+\})`(?:([^`<]*?)\s*<[^`>]*>|([^`]*))`")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|`([^`<]+?)\s*<[^>]*>`_+")
LITERAL = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)|\$[^$\n]*\$", re.DOTALL)


class Text(NamedTuple):
    """Words of an author: where they begin, and whether they are a page's."""

    file: Path
    line: int
    words: str
    is_page: bool = False


class Finding(NamedTuple):
    """What is to be looked at, and whether it is refused."""

    place: str
    why: str
    refused: bool


def plain(text: str) -> str:
    r"""Return the words of a text, as many lines as before: code is an X, links are their words.

    Examples
    --------
    >>> plain("See :ref:`the page <a>` and ``x = 1``, or [this](there.html).\n\n.. note:\n   no\n")
    'See the page and X, or this.\n\n\n\n'
    """
    text = CODE.sub(lambda found: _lines(found) if not PROSE.match(found[0]) else plain(PROSE.sub("", found[0])), text)
    text = ROLE.sub(lambda found: found[1] or f"X{_lines(found)}", text)
    text = LINK.sub(lambda found: found[1] or found[2] or "", text)
    return LITERAL.sub(lambda found: f"X{_lines(found)}", text)


def _lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def of_pages(root: Path) -> Iterator[Text]:
    """Yield the texts of all pages, their questions, and the titles of their figures."""
    for file in sorted(root.glob("gallery/*/*.py")):
        for block in adapter.blocks(file):
            if block.type == "text":
                yield Text(file, block.lineno, LABEL_AND_TITLE.sub(_lines, block.content), is_page=True)
            else:
                for line, words, _ in strings.shown(block.content):
                    yield Text(file, block.lineno + line, words.replace("|", "X"), is_page=True)


def of_documents(root: Path) -> Iterator[Text]:
    """Yield the hand-written documents."""
    for file in sorted([*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("docs/reference/*.md")]):
        yield Text(file, 1, file.read_text(encoding="utf-8"))


def of_code(root: Path) -> Iterator[Text]:
    """Yield the docstrings and the messages of the package and the pipeline."""
    for file in sorted([*root.glob("src/**/*.py"), *root.glob("pipeline/**/*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
                yield Text(file, node.body[0].lineno, said)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                for part in node.exc.args:
                    yield Text(file, part.lineno, message(part))


def message(node: ast.expr) -> str:
    """Return the words of a message; a value in it is an X.

    Examples
    --------
    >>> message(ast.parse('f"k has {size}; expected " + "more."', mode="eval").body)
    'k has X; expected more.'
    """
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(message(part) if isinstance(part, ast.Constant) else "X" for part in node.values)
    if isinstance(node, ast.BinOp):
        return message(node.left) + message(node.right)
    return "X"


def sentences(words: str) -> Iterator[tuple[int, str]]:
    r"""Yield each sentence with the number of its first line, from 0; a list, a table or a title is none.

    Examples
    --------
    >>> list(sentences("One is\nhere. Two.\n\n- no\n\nThree"))
    [(0, 'One is here.'), (1, 'Two.')]
    """
    for block in re.finditer(r"(?:^(?![-*|+=\d#>:]).*\S.*\n?)+", words, re.MULTILINE):
        start = 0
        for end in SENTENCE_END.finditer(block[0]):
            part = block[0][start : end.end()]
            begin = block.start() + start + len(part) - len(part.lstrip())
            yield words.count("\n", 0, begin), " ".join(part.split())
            start = end.end()


def findings(text: Text, own: dict[str, dict[str, str]], chosen: Config) -> Iterator[Finding]:
    """Yield what is found in one text."""
    words = plain(text.words)

    def place(offset: int) -> str:
        return f"{text.file}:{text.line + words.count(chr(10), 0, offset)}"

    for pattern, instead in [*own["everywhere"].items(), *(own["pages"].items() if text.is_page else ())]:
        for found in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", words, re.IGNORECASE):
            yield Finding(place(found.start()), f"{found[0]!r}: {instead} (docs/{WORDS})", refused=True)
    for result in LintFile(str(text.file), words).lint(chosen) if words.strip() else ():
        found = result.check_result
        if found.check_path == "lexical_illusions" and not ONE_WORD_TWICE.fullmatch(
            words, *(at - 1 for at in found.span)
        ):
            continue
        yield Finding(place(found.span[0] - 1), f"{found.message} ({found.check_path})", refused=True)
    for line, sentence in sentences(words):
        if (count := len(sentence.split())) > LONGEST:
            where = f"{text.file}:{text.line + line}"
            yield Finding(where, f"{count} words, expected at most {LONGEST}: {sentence[:60]}...", refused=text.is_page)


def settings() -> Config:
    """Return proselint's settings without the checks that are left out; it wants the most special first."""
    CheckRegistry().register_many(__register__)
    checks = DEFAULT["checks"] | dict.fromkeys(LEFT_OUT, False)
    return Config(
        max_errors=DEFAULT["max_errors"], checks=dict(sorted(checks.items(), key=lambda one: -one[0].count(".")))
    )


def main(docs: Path, arguments: list[str]) -> int:
    """Look at all texts; return 1 if something is refused.

    Parameters
    ----------
    docs : Path
        The folder of conf.py.
    arguments : list of str
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline language", description="Look at the language.")
    parser.add_argument("--all", action="store_true", help="list what is counted and not refused, too")
    options = parser.parse_args(arguments)
    own = tomllib.loads((docs / WORDS).read_text(encoding="utf-8"))
    chosen, root = settings(), docs.parent
    texts = [*of_pages(root), *of_documents(root), *of_code(root)]
    found = [one for text in texts for one in findings(text, own, chosen)]
    for one in found:
        if one.refused or options.all:
            print(f"{Path(one.place).relative_to(root)}: {one.why}")
    refused = sum(one.refused for one in found)
    print(f"language: {len(texts)} texts, {refused} findings refused, {len(found) - refused} more (--all lists them)")
    return int(refused > 0)
