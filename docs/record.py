"""Run the pages on this machine's device and keep what they gave; `nox -s record`, `nox -s recordings`.

Without nox: `python docs/record.py`. It needs torch, what the pages import, Sphinx and sphinx-gallery; CONTRIBUTING.md
says how a machine without a network gets them.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # a page's process reads this file too: it must cost nothing
    try:
        from _ext.recorder import main
    except ModuleNotFoundError as error:
        sys.exit(f"{error}. record.py needs Sphinx and sphinx-gallery, torch, and what the pages import.")
    sys.exit(main(Path(__file__).resolve().parent))
