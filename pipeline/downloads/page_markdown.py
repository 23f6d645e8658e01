"""A page as Markdown, beside it on the site: its text, its code, and what each cell printed, drew and returned."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.downloads import values
from pipeline.downloads.blocks import Block
from pipeline.downloads.markdown import Writer, code_block, plain, printed, quote
from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

IMAGES = "images"  # the folder in which sphinx-gallery keeps the pictures of a chapter


def write(app: Sphinx, docname: str, blocks: Iterable[Block]) -> None:
    """Write the Markdown of a page, unless it is there, and the pictures that it leads to.

    Parameters
    ----------
    app : Sphinx
    docname : str
        Of the page, for example ``guide/shapes/stack``.
    blocks : iterable of Block
        Of the page, its references resolved.
    """
    pages = gallery_pages.of(app)
    writer = _PageWriter(app, docname)
    text = _page(blocks, writer, pages.record(pages.page_of(docname)))
    gallery_pages.write_if_new(Path(app.outdir, address_of(app, docname)), text)
    folder = Path(app.outdir, docname).parent / IMAGES
    for picture in writer.pictures:
        folder.mkdir(exist_ok=True)
        shutil.copy2(picture, folder)


def delete_unused(app: Sphinx) -> None:
    """Delete the pictures to which no Markdown of their chapter leads any more."""
    for folder in Path(app.outdir, app.config.sphinx_gallery_conf["gallery_dirs"]).glob(f"*/{IMAGES}"):
        texts = "".join(file.read_text(encoding="utf-8") for file in folder.parent.glob("*.md"))
        for picture in folder.iterdir():
            if f"/{picture.name})" not in texts:
                picture.unlink()


def address_of(app: Sphinx, docname: str) -> str:
    """Return where the Markdown of a page lies in the site."""
    return PurePosixPath(app.builder.get_target_uri(docname)).with_suffix(".md").as_posix()


def _page(blocks: Iterable[Block], writer: Writer, record: Mapping[str, Any]) -> str:
    """Return all of a page: its title, where it lives and what it ran with, and its blocks."""
    parts = []
    for block in blocks:
        parts += [code_block(block.code, "python")] if block.code else []
        parts.append(writer.blocks(block.nodes))
    title, _, rest = "\n\n".join(filter(None, parts)).partition("\n\n")
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return f"{title}\n\n> From <{writer.page_url}>. The code ran with {versions} on {record['device']}.\n\n{rest}\n"


class _PageWriter(Writer):
    """Write a page with what its cells gave.

    Attributes
    ----------
    pictures : list of Path
        To which the Markdown leads, and which the page itself does not load as files.
    """

    def __init__(self, app: Sphinx, docname: str) -> None:
        self.base = app.config.html_baseurl
        super().__init__(self.base + app.builder.get_target_uri(docname))
        self.of_site = f"{self.base}{app.builder.imagedir}/"
        self.file = Path(app.srcdir, docname)
        self.drawn = 0
        self.pictures: list[Path] = []

    def address_of(self, image: nodes.Element, _file: Path) -> str:
        """Return the address that an image of the text has on the site."""
        return self.of_site + image.document.settings.env.images[image["uri"]][1]

    def _imgsgnode(self, node: nodes.Element) -> str:
        self.drawn += 1
        return f"![{plain(node['alt'])}]({self.of_site}{PurePosixPath(node['uri']).name})"

    def _raw(self, node: nodes.Element) -> str:
        return values.value(super()._raw(node), self._picture)

    def _picture(self, words: str) -> str:
        """Return a picture that the page shows inline, by its file: sphinx-gallery numbers the files of a page."""
        self.drawn += 1
        file = adapter.picture(self.file.parent, self.file.name, self.drawn, ".svg")
        if not file.is_file():
            return quote(f"Picture: {plain(words)}")
        self.pictures.append(file)
        return f"![{plain(words)}]({urljoin(self.page_url, f'{IMAGES}/{file.name}')})"

    def _literal_block(self, node: nodes.Element) -> str:
        if adapter.OUTPUT in node["classes"]:
            return printed(node.astext())
        return super()._literal_block(node)
