"""How fast is the build of the guide's own pages, against what Sphinx alone takes for them? Of build_speed.py."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import made_site
from made_site import ROOT

# Plain sphinx-gallery, nothing executed: what Sphinx itself takes for these pages. What the extensions that are off
# would have read is read as nothing.
OFF = r"""
extensions = extensions[:-1] + ["pipeline.gallery", "pipeline.formulas"]
templates_path = []
html_theme_options |= {"article_footer_items": [], "footer_start": [], "footer_end": [], "secondary_sidebar_items": []}
sphinx_gallery_conf |= {"plot_gallery": "False"}
plot_gallery = False


def setup(app):
    import re

    from docutils import nodes
    from docutils.parsers.rst import Directive

    class Nothing(Directive):
        has_content, optional_arguments, final_argument_whitespace = True, 1, True
        option_spec = type("Options", (dict,), {"__missing__": lambda self, name: str, "get": lambda self, name: str})()

        def run(self):
            return []

    def word(name, rawtext, text, lineno, inliner, options=None, content=()):
        return [nodes.literal(rawtext, text)], []

    sources = [file.read_text() for file in Path(__file__).parents[1].glob("pipeline/**/*.py")]
    for kind, name in {found for text in sources for found in re.findall(r'add_(directive|role)\("([\w-]+)"', text)}:
        app.add_directive(name, Nothing) if kind == "directive" else app.add_role(name, word)
"""


def make_site(root: Path, pages: int) -> None:
    """Copy the site with its pages repeated under other names."""
    made_site.copy_project(root)
    originals = sorted((ROOT / "gallery").glob("*/*.py"))
    chapter = root / "gallery" / "many"
    chapter.mkdir(parents=True)
    (root / "gallery" / "GALLERY_HEADER.rst").write_text("Guide\n=====\n")
    (chapter / "GALLERY_HEADER.rst").write_text("Many\n====\n")
    names = []
    for number in range(pages):
        original = originals[number % len(originals)]
        names.append(f"{original.stem}_{number}")
        # The first copy of each keeps its label, so that references lead somewhere.
        label = rf"\1-{number}:" if number >= len(originals) else r"\1:"
        text = re.sub(r"^(\.\. _[\w-]+):", label, original.read_text(), count=1, flags=re.MULTILINE)
        (chapter / f"{names[-1]}.py").write_text(text)
    made_site.set_order(root, {"many": names})
    off = root / "off"
    shutil.copytree(root / "pipeline", off / "pipeline")
    shutil.copytree(root / "docs", off / "docs")
    shutil.copytree(root / "gallery", off / "gallery")
    (off / "docs" / "conf.py").write_text((root / "docs" / "conf.py").read_text() + OFF)
    for page in (off / "docs").glob("*.md"):  # these use directives of the extensions that are off
        page.write_text("# Page\n\n```{toctree}\nguide/index\n```\n" if page.stem == "index" else "# Page\n")


def build(root: Path, *options: str) -> float:
    """Build a site; return the seconds of the whole command."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-T",
        "-d",
        "docs/_build/doctrees",
        *options,
        "docs",
        "docs/_build/html",
    ]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the build failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def records(root: Path) -> dict[str, dict]:
    """Return the record of each page."""
    found = (root / "docs" / "guide").glob("*/*.record.json")
    return {path.name.removesuffix(".record.json"): json.loads(path.read_text()) for path in found}


def edit(root: Path, text: str) -> str:
    """Change the words of one page; return its name."""
    page = sorted((root / "gallery" / "many").glob("stack_*.py"))[0]
    page.write_text(page.read_text().replace("# Check yourself", f"# {text}.\n#\n# Check yourself", 1))
    return page.stem


def served(root: Path, port: int) -> float:
    """Return the seconds from saving a page to its new text being served, by the warm server."""
    command = [sys.executable, "-m", "pipeline", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in server.stdout:
            if line.startswith("Open"):
                break
        seconds = []
        for number in range(3):
            marker = f"Edited for the {number + 1}th time"
            time.sleep(3)  # the watcher settles
            started = time.perf_counter()
            name = edit(root, marker)
            while marker not in _get(f"http://127.0.0.1:{port}/guide/many/{name}.html"):
                if time.perf_counter() - started > 60:
                    raise SystemExit("the edited page was not served within 60 s")
                time.sleep(0.05)
            seconds.append(time.perf_counter() - started)
        return sorted(seconds)[1]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _get(address: str) -> str:
    try:
        return urllib.request.urlopen(address, timeout=5).read().decode()
    except (OSError, http.client.HTTPException):  # not there yet, or being written
        return ""


def report(pages: int) -> bool:
    """Print the table; return whether a limit is exceeded."""
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_site(root, pages)
        off = build(root / "off")
        cold = build(root)
        own = sum(record["seconds"] for record in records(root).values())
        unchanged = build(root)
        name = edit(root, "Edited once")
        edited = build(root)
        run = records(root)[name]["seconds"]
        live = served(root, 8765)
        run_warm = records(root)[name]["seconds"]
    limit = 1.3 * (own / workers + off)
    rows = [
        (f"cold build of {pages} pages", cold, f"1.3 x ({own:.1f} s / {workers} + {off:.1f} s)", limit),
        ("nothing changed", unchanged, "4 s", 4.0),
        ("one page edited", edited, f"its run of {run:.1f} s + 5 s", run + 5),
        ("one page edited, served warm", live, f"its run of {run_warm:.1f} s + 2 s", run_warm + 2),
    ]
    print(f"{'what':<32}{'seconds':>8}{'limit':>8}{'ratio':>7}  made of")
    for what, seconds, made_of, most in rows:
        print(f"{what:<32}{seconds:>8.1f}{most:>8.1f}{seconds / most:>7.2f}  {made_of}")
    return any(seconds > most for _, seconds, _, most in rows)
