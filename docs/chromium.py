"""Start the browser with which the built site is looked at."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

# Nothing that a browser does on its own account may look like a request of a page.
QUIET = ["--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync"]


def start_chromium(playwright: Playwright) -> Browser:
    """Start the machine's Chromium, or else the one that Playwright has installed, without a window."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
        timeout=300_000,  # milliseconds: of a busy machine
        args=[*QUIET, *(["--no-sandbox"] if root else [])],  # root may not use Chromium's sandbox
    )
