"""The list of all pages as ``llms.txt``, in the form of llmstxt.org: each with its Markdown and its first sentence."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

from pipeline.downloads.page_markdown import address_of
from pipeline.gallery import pages as gallery_pages

NAME = "llms.txt"  # in the templates and in the site
LINK = re.compile(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\([^)]*\)")
SENTENCE = re.compile(r".*?(?:[.?!](?=\s+[^a-z\s])|\s*\Z)", re.DOTALL)


def write(app: Sphinx) -> None:
    """Write the list, from the Markdown of all pages."""
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    chapters: dict[str, list[dict[str, str]]] = {}
    for page in gallery_pages.of(app).names():
        file = Path(app.outdir, address := address_of(app, f"{folder}/{page}"))
        if not file.is_file():  # the page failed
            continue
        title, sentence = title_and_sentence(file.read_text(encoding="utf-8"))
        chapter = app.env.titles[f"{folder}/{page.partition('/')[0]}/index"].astext()
        entry = {"title": title, "address": app.config.html_baseurl + address, "sentence": sentence}
        chapters.setdefault(chapter, []).append(entry)
    context = {"project": app.config.project, "base": app.config.html_baseurl, "chapters": chapters}
    gallery_pages.write_if_new(Path(app.outdir, NAME), app.builder.templates.render(NAME, context) + "\n")


def title_and_sentence(markdown: str) -> tuple[str, str]:
    r"""Return the title of a page and its first sentence, whose links are left out.

    Examples
    --------
    >>> title_and_sentence("# A title\n\n> From here.\n\nIt [is](https://x.org) 1.5 of `a`. More.\n\nText.\n")
    ('A title', 'It is 1.5 of `a`.')
    """
    title, _, paragraph, *_ = markdown.split("\n\n")
    sentence = SENTENCE.match(LINK.sub(r"\1", paragraph))[0].rstrip()
    return title.removeprefix("# "), re.sub(":$", ".", sentence)  # of a list, which does not follow here
