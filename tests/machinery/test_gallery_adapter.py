"""What pipeline/gallery/adapter.py takes from sphinx-gallery's inside is still there; each has a test of its name.

Where a new version moves one of them, its test fails: adapt the adapter, and nothing else.
"""

import inspect
import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from sphinx_gallery import _doctree_links, directives, gen_gallery, gen_rst, py_source_parser, scrapers

from pipeline.gallery import adapter

PIPELINE = Path(adapter.__file__).parents[1]
PAGE = '''"""
A title
=======

An introduction.
"""

# sphinx_gallery_parallel = False
x = 2

# %%
# A text.

print(x)
'''


def arguments(function):
    return list(inspect.signature(function).parameters)


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "scripts" / "page.py"
    file.parent.mkdir()
    file.write_text(PAGE)
    return file


@pytest.fixture
def conf(tmp_path):
    return adapter.filled_settings({"examples_dirs": "scripts", "gallery_dirs": "guide"}, tmp_path)


@pytest.fixture
def write(source, conf, tmp_path, monkeypatch):
    """Return a function that writes the page with these outputs of its two cells, and gives its text."""
    monkeypatch.setattr(gen_rst, "execute_code_block", gen_rst.execute_code_block)  # so that it is put back

    def write(*given):
        adapter.write_page(source, tmp_path / "guide", conf, list(given), {"x": 2})
        return (tmp_path / "guide" / "page.rst").read_text()

    (tmp_path / "guide").mkdir()
    return write


NOTHING = adapter.shown("", "", "")


def test_settings(conf):
    assert adapter.SETTINGS.keys() <= gen_gallery.DEFAULT_GALLERY_CONF.keys()
    assert conf.items() >= adapter.SETTINGS.items()
    assert {"src_dir", "image_srcset", "plot_gallery"} <= conf.keys()


def test_fill_gallery_conf_defaults():
    assert arguments(gen_gallery._fill_gallery_conf_defaults)[0] == "sphinx_gallery_conf"
    assert arguments(gen_gallery._update_gallery_conf_builder_inited)[:2] == ["sphinx_gallery_conf", "src_dir"]


def test_split_code_and_text_blocks(source):
    assert arguments(py_source_parser.split_code_and_text_blocks) == ["source_file", "return_node"]
    assert py_source_parser.Block._fields == adapter.Block._fields
    found = [(block.type, block.lineno) for block in adapter.blocks(source)]
    assert found == [("text", 1), ("code", 7), ("text", 12), ("code", 13)]
    assert PAGE.splitlines()[adapter.blocks(source)[3].lineno :] == ["print(x)"]


def test_each_page_is_parsed_once(source, conf, tmp_path, monkeypatch):
    parsed = []
    parse = py_source_parser.parse_source_file
    monkeypatch.setattr(py_source_parser, "parse_source_file", lambda name: (parsed.append(name), parse(name))[1])
    usual = py_source_parser.split_code_and_text_blocks
    monkeypatch.setattr(py_source_parser, "split_code_and_text_blocks", getattr(usual, "usual", usual))
    adapter._parse_each_page_once()
    adapter.blocks(source)
    assert len(adapter.blocks(source)) == 4
    gen_rst.py_source_parser.split_code_and_text_blocks(str(source), return_node=True)
    assert len(parsed) == 1


def test_remove_config_comments_and_ignore_blocks():
    hidden = "# sphinx_gallery_start_ignore\nb = 1\n# sphinx_gallery_end_ignore\n"
    assert adapter.without_settings(f"a = 1\n# sphinx_gallery_parallel = False\n{hidden}c = 1") == "a = 1\nc = 1"
    assert adapter.without_setting_lines("# sphinx_gallery_parallel = False\na = 1") == "a = 1"


def test_parallel_setting(source):
    assert adapter.runs_alone(source)
    assert py_source_parser.extract_file_config(PAGE) == {"parallel": False}


def test_execute_code_block():
    names = ["compiler", "block", "example_globals", "script_vars", "gallery_conf", "file_conf"]
    assert arguments(gen_rst.execute_code_block) == names
    assert "execute_code_block(" in inspect.getsource(gen_rst.execute_script)  # by its name, which we replace


def test_generate_file_rst(write):
    assert arguments(gen_rst.generate_file_rst) == ["fname", "target_dir", "src_dir", "gallery_conf"]
    text = write(NOTHING, adapter.shown("", "GIVEN", ""))
    assert "A text." in text
    assert "GIVEN" in text
    assert "print(x)" in text


def test_a_page_runs_nothing(source, write):
    source.write_text(PAGE.replace("print(x)", "raise ValueError"))
    write(NOTHING, NOTHING)


def test_warnings_of_the_gallery_are_errors(source, write):
    source.write_text(PAGE.replace("parallel = False", "thumbnail_path = 'no.png'"))
    with pytest.raises(RuntimeError, match=r"^sphinx-gallery warns: sphinx_gallery_thumbnail_path 'no\.png'|no\.png"):
        write(NOTHING, NOTHING)


def test_made_files(write, tmp_path):
    write(NOTHING, NOTHING)
    assert all((tmp_path / f"guide/page{end}").is_file() for end in (".rst", ".py", ".py.md5"))


def test_md5_says_that_a_page_is_up_to_date(source, conf, write, tmp_path, monkeypatch):
    write(NOTHING, NOTHING)
    monkeypatch.setattr(gen_rst, "execute_script", None)  # calling it would fail
    *_, said = gen_rst.generate_file_rst(source.name, tmp_path / "guide", source.parent, conf)
    assert "stale" in said  # its word for: the outputs are kept as they are


def test_comment_before_each_block(write):
    assert adapter.BLOCK.findall(write(NOTHING, NOTHING)) == [("7", "10"), ("12", "13"), ("13", "15")]


def test_class_of_what_a_cell_printed(write):
    text = write(NOTHING, adapter.shown("", "GIVEN", ""))
    assert f".. rst-class:: {adapter.OUTPUT}\n\n .. code-block:: none\n\n    GIVEN\n" in text


def test_class_of_a_value():
    assert adapter.OUTPUT_OF_VALUE in re.search('class="(.*?)"', adapter.shown("", "", "<b>3</b>"))[1].split()


def test_furniture(write):
    text = write(NOTHING, NOTHING)
    assert "sphx-glr-download-link-note" in text
    known = text + gen_rst.TIMING_CONTENT + gen_rst.SPHX_GLR_SIG
    assert all(name in known for name in adapter.FURNITURE)


def test_links_to_downloads_are_cut(write):
    text = write(NOTHING, NOTHING)
    cut = adapter.cut_downloads("guide/page", text)
    assert "download" in text
    assert "download" not in cut
    assert ".. rst-class:: sphx-glr-example-title\n\n.. _sphx_glr_guide_page.py:" in cut
    assert "A text." in cut
    with pytest.raises(ValueError, match=r"guide/page: sphinx-gallery's links to downloads are not where they were"):
        adapter.cut_downloads("guide/page", cut)


def test_links_to_downloads_begin_with_their_target(write):
    end = write(NOTHING, NOTHING).partition(".. _sphx_glr_download_guide_page.py:")[1:]
    doctree = publish_doctree(f"Text.\n\n{end[0]}\n\nText.", settings_overrides={"report_level": 5})
    assert [adapter.begins_downloads(node) for node in doctree] == [False, True, False]


def test_pictures_are_saved_and_closed(conf, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    assert arguments(scrapers.matplotlib_scraper)[:3] == ["block", "block_vars", "gallery_conf"]
    (tmp_path / "guide/images").mkdir(parents=True)
    plt.figure().suptitle("It rises")
    rst = adapter.save_figures(adapter.places_of_pictures(tmp_path / "guide", "page"), conf)
    assert plt.get_fignums() == []
    assert "/guide/images/sphx_glr_page_001.png" in rst
    assert "It rises" in rst
    (tmp_path / "guide/images/sphx_glr_page_two_001.png").touch()  # of another page
    assert adapter.pictures_of(tmp_path / "guide", "page") == [tmp_path / "guide/images/sphx_glr_page_001.png"]


def test_thumbnail_that_stands_in_for_a_picture(write, tmp_path):
    write(NOTHING, NOTHING)
    thumbnail = adapter.thumbnail(tmp_path / "guide", "page")
    assert thumbnail.is_file()
    assert adapter.page_of_thumbnail(f"/{thumbnail.relative_to(tmp_path)}") == "guide/page"
    assert adapter.page_of_thumbnail("/guide/images/other.png") == ""


def test_node_of_code_with_links():
    assert _doctree_links.code_links_block.__name__ == adapter.CODE_NODE
    assert issubclass(_doctree_links.code_links_block, nodes.TextElement)


def test_node_of_a_figure_is_written_with_one_class():
    assert directives.imgsgnode.__name__ == adapter.FIGURE_NODE
    assert 'node["class"][0]' in inspect.getsource(directives.visit_imgsg_html)


def test_minigallery_writes_its_cards_as_lines():
    assert "insert_input" in inspect.getsource(adapter.MiniGallery)


def test_closing_words_are_dropped():
    said = re.search(r'"(.*successfully executed.*)"', inspect.getsource(gen_gallery))[1]
    assert gen_gallery.logger.logger.name == "sphinx.sphinx-gallery"
    message = adapter.logging.LogRecord("x", 20, "x", 1, said, (1, 1), None)
    assert not adapter.NoSecondSummary().filter(message)


def test_no_other_module_touches_the_inside():
    inside = re.compile(r"sphinx_gallery(?!_conf)|sphx.glr", re.IGNORECASE)
    found = [
        str(file)
        for file in PIPELINE.rglob("*.py")
        if inside.search(file.read_text()) and file != Path(adapter.__file__)
    ]
    assert found == [], f"what is sphinx-gallery's own is named in {adapter.__file__} alone"
