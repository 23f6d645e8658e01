"""A build in a fork of a process that has Sphinx imported is what it is in an interpreter of its own."""

import re


def test_a_build_in_a_fork_is_what_it_is_in_an_interpreter(copy_of_accepted, tmp_path):
    printed, pages = [], []
    for fork in (True, False):
        site = copy_of_accepted(tmp_path / str(fork))
        site.page("bad", "import sys\n\nassert 'sphinx.cmd.build' in sys.modules")
        site.page("shows", "import __main__\n\nprint(__main__.__name__)\nassert __name__ == '__main__'")
        site.edit("docs/checks.md", "# Checks", "# All checks")
        said = site.build(ok=False, fork=fork).replace(str(site.root), "...")
        printed.append(re.sub(r"in [\d.]+ s", "in ? s", said))
        root = site.root / "docs/_build/html"
        texts = {
            str(path.relative_to(root)): path.read_text().replace(str(site.root), "...")
            for path in root.rglob("*.html")
        }
        pages.append({name: re.sub(r'datetime="[^"]*"|in [\d.]+ s', "...", text) for name, text in texts.items()})
    assert sorted(printed[0].splitlines()) == sorted(printed[1].splitlines())
    assert "bad.py:13: WARNING" in printed[0]
    assert pages[0] == pages[1]
    assert len(pages[0]) > 5
