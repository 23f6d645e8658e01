"""A page without a place, or with a name that hides another, stops the build with what to edit."""

import re

import pytest

from pipeline.gallery import order


@pytest.fixture
def gallery(tmp_path):
    for name in ("shapes/stack", "shapes/cat", "models/gpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").touch()
    return tmp_path


GOOD = {"shapes": ["stack", "cat"], "models": ["gpt"]}


def test_complete_order_has_no_problem(gallery):
    assert order.problems(GOOD, gallery) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"shapes": ["stack"]},
            "gallery/shapes/cat.py has no place: add 'cat' to gallery_order['shapes'] in docs/conf.py.",
        ),
        ({"shapes": ["stack", "cat", "tile"]}, "gallery/shapes/tile.py does not exist: write it, or take 'tile' out"),
        ({"shapes": ["stack", "cat", "stack"]}, "gallery_order['shapes'] in docs/conf.py names 'stack' twice"),
    ],
)
def test_each_problem_says_what_to_edit(gallery, change, said):
    (problem,) = order.problems({**GOOD, **change}, gallery)
    assert problem.startswith(said)


def test_chapter_needs_a_place(gallery):
    (problem,) = order.problems({"shapes": GOOD["shapes"]}, gallery)
    assert problem == "gallery/models has no place: add 'models' to gallery_order in docs/conf.py."


def test_chapter_without_pages_needs_a_place_too(gallery):
    (gallery / "later").mkdir()
    (gallery / "later" / "GALLERY_HEADER.rst").touch()
    assert "gallery/later has no place" in order.problems(GOOD, gallery)[0]


def test_name_of_the_standard_library_is_refused(gallery):
    (gallery / "models" / "copy.py").touch()
    (problem,) = order.problems({**GOOD, "models": ["gpt", "copy"]}, gallery)
    assert problem.startswith("gallery/models/copy.py has the name of a module of Python's standard library")


def test_name_of_a_page_of_another_chapter_is_refused(gallery):
    (gallery / "models" / "stack.py").touch()
    (problem,) = order.problems({**GOOD, "models": ["gpt", "stack"]}, gallery)
    assert problem.startswith("gallery/models/stack.py has the name of a page in gallery/shapes, and a site keeps")


def test_name_that_is_no_name_of_a_module_is_refused(gallery):
    (gallery / "models" / "my gpt.py").touch()
    (problem,) = order.problems({**GOOD, "models": ["gpt", "my gpt"]}, gallery)
    assert problem.startswith("gallery/models/my gpt.py has a name that is no name of a module: rename it to letters")


def test_site_is_built_in_a_folder_with_a_space_in_its_name(copy_of_accepted, tmp_path):
    site = copy_of_accepted(tmp_path / "two words")
    site.write("requirements.lock", "second")
    assert site.ran(site.build()) == {"one/alpha", "one/beta"}


def test_unplaced_page_stops_the_build(minisite):
    minisite.write("gallery/one/gamma.py", '"""\nGamma?\n======\n"""\nassert 1 + 1 == 2')
    printed = minisite.build(ok=False)
    last = printed.rstrip().splitlines()[-1]
    assert last == "gallery/one/gamma.py has no place: add 'gamma' to gallery_order['one'] in docs/conf.py."


def test_pages_stand_in_the_given_order(minisite):
    minisite.edit("docs/conf.py", '"alpha", "beta"', '"beta", "alpha"')
    minisite.build()
    html = minisite.html("guide/one/index.html")
    assert html.index("Beta?") < html.index("Alpha?")


def test_new_page_reaches_its_neighbours_and_makes_no_page_be_read_again(minisite):
    minisite.build()
    minisite.page("gamma", "assert 1 + 1 == 2")
    printed = minisite.build("-Dpages_update_outputs=1")
    read = set(re.findall(r"reading sources\.\.\. \[ *\d+%\] (\S+)", printed))
    assert "guide/one/gamma" in read
    assert not read & {"guide/one/alpha", "guide/one/beta"}
    assert '<link rel="next" title="gamma?" href="gamma.html" />' in minisite.html("guide/one/beta.html")
    minisite.edit("docs/conf.py", '"beta", "gamma"', '"gamma", "beta"')
    printed = minisite.build()
    assert not re.search(r"reading sources.*guide/one/(alpha|beta|gamma)", printed)
    assert '<link rel="next" title="gamma?" href="gamma.html" />' in minisite.html("guide/one/alpha.html")
