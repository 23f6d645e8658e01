"""A picture of a page can stand on a hand-written one; a page or a picture that is not there stops the build."""

import pytest

DRAWING = """
class Drawing:
    def _repr_html_(self):
        return '<figure class="ptg-picture">drawn {}</figure>'


assert Drawing()._repr_html_()
Drawing()
"""


@pytest.fixture
def mini(minisite):
    minisite.page("gamma", DRAWING.format("first") + "\n# %%\n# More.\n\n" + DRAWING.format("second"))
    return minisite


@pytest.mark.parametrize(("option", "shown"), [("", "first"), (":number: 2\n", "second")])
def test_picture_is_the_one_that_the_page_drew(mini, option, shown):
    mini.edit("docs/index.md", "# Mini\n", f"# Mini\n\n```{{picture-of}} one/gamma\n{option}```\n")
    mini.build("-Dpages_update_outputs=1")
    assert f"drawn {shown}" in mini.html("index.html")
    mini.edit("gallery/one/gamma.py", f"drawn {shown}", "drawn anew")
    mini.build("-Dpages_update_outputs=1")
    assert "drawn anew" in mini.html("index.html")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("one/delta\n", "picture-of: there is no page one/delta."),
        ("one/gamma\n:number: 3\n", "picture-of: one/gamma has 2 pictures, not 3."),
    ],
)
def test_picture_that_is_not_there_stops_the_build(mini, place, said):
    mini.edit("docs/index.md", "# Mini\n", f"# Mini\n\n```{{picture-of}} {place}```\n")
    assert said in mini.build("-Dpages_update_outputs=1", ok=False)
