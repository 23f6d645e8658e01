"""A picture of a downloaded notebook can be played with in JupyterLab, and is seen in one that is not trusted."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PAGE = "computing/reductions"  # whose first picture has a choice
PATIENCE = 120_000  # milliseconds: of a busy machine
SETTINGS = ["--no-browser", "--allow-root", "--ServerApp.port=0", "--IdentityProvider.token=", "--ServerApp.password="]


@pytest.fixture(scope="module")
def folder(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the notebook."""
    made = tmp_path_factory.mktemp("lab")
    notebook = (site / "download" / f"{PAGE}.ipynb").read_text(encoding="utf-8")
    (made / "page.ipynb").write_text(notebook, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def lab(folder: Path, reader) -> Iterator[str]:
    """Return the address of JupyterLab, which runs in the folder; its settings and its keys lie there, too."""
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=reader(folder), stdout=log, stderr=log, process_group=0)
    try:
        yield _address(server, folder)
    finally:
        server.terminate()  # it ends its kernels
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _address(server: subprocess.Popen[bytes], folder: Path) -> str:
    """Return the address as soon as something answers there."""
    for _ in range(PATIENCE // 200):
        assert server.poll() is None, (folder / "log.txt").read_text()
        for file in folder.rglob("jpserver-*.json"):
            try:
                address = json.loads(file.read_text())["url"]
                urllib.request.urlopen(f"{address}api").read()
            except (ValueError, urllib.error.URLError):
                continue
            return address
        time.sleep(0.2)
    pytest.fail(f"JupyterLab does not answer:\n{(folder / 'log.txt').read_text()}")


@pytest.fixture
def tab(browser) -> Iterator[Page]:
    """Return an empty page of the browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    yield made
    context.close()


def test_picture_can_be_played_with_and_is_an_image_for_somebody_else(tab: Page, lab: str, folder: Path):
    expect.set_options(timeout=PATIENCE)
    tab.on("pageerror", lambda error: pytest.fail(str(error)))
    tab.goto(f"{lab}lab/tree/page.ipynb?reset")
    expect(tab.get_by_text("| Idle")).to_be_visible()
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_text("Run All Cells", exact=True).click()
    picture = tab.locator("figure.ptg-op").first
    said = picture.locator(".ptg-said:visible")
    picture.locator('[data-k="1.2"]').hover()
    expect(said).to_have_text("out[2] = 11, computed from x[:, 2].")
    _can_be_walked_through_with_keys(tab, picture, said)
    tab.keyboard.press("Control+s")
    _is_an_image_for_somebody_else(tab, lab, folder)


def _can_be_walked_through_with_keys(tab: Page, picture, said) -> None:
    """Walk within the picture and its variants: JupyterLab, which has shortcuts of its own, leaves its cell chosen."""
    picture.locator('[data-k="0.0"]').click()
    active = """() => [...document.querySelectorAll('.jp-Cell')].map(cell => cell.matches('.jp-mod-active'))"""
    chosen = tab.evaluate(active)
    tab.keyboard.press("ArrowDown")
    expect(said).to_have_text("x[1, 0] = 5, used for out[0].")
    tab.keyboard.press("ArrowRight")
    expect(said).to_have_text("x[1, 1] = 9, used for out[1].")
    picture.get_by_role("radio", name="0").focus()
    tab.keyboard.press("ArrowRight")
    expect(picture.get_by_text("torch.sum(x, dim=1)")).to_be_visible()
    expect(picture.get_by_text("torch.sum(x, dim=0)")).to_be_hidden()
    assert tab.evaluate(active) == chosen


def _is_an_image_for_somebody_else(tab: Page, lab: str, folder: Path) -> None:
    """Open what was saved with one word changed, so that it does not bear the signature of who ran it."""
    for _ in range(PATIENCE // 200):
        notebook = json.loads((folder / "page.ipynb").read_text(encoding="utf-8"))
        shown = [output for cell in notebook["cells"] for output in cell.get("outputs", []) if "data" in output]
        if shown:
            break
        time.sleep(0.2)
    notebook["cells"][0]["source"] = ["# of somebody else"]
    (folder / "other.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    tab.goto(f"{lab}lab/tree/other.ipynb?reset")
    image = tab.locator(".jp-OutputArea img[alt*='torch.sum(x, dim=0) gives'][alt*='torch.sum(x, dim=1) gives']")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalHeight)") > 100
    assert tab.locator("figure.ptg-op").count() == 0
