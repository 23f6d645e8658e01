"""Commands that need no build by Sphinx: ``python -m pipeline record``, ``python -m pipeline serve``.

Without nox, ``record`` needs torch, what the pages import, Sphinx and sphinx-gallery; CONTRIBUTING.md says how a
machine without a network gets them.
"""

import sys
from pathlib import Path

COMMANDS = ("record", "serve")


def main(command: str = "", *arguments: str) -> int:
    """Run a command in the folder of the documentation, ``docs`` below the present one; return the exit status."""
    docs = Path("docs").resolve()
    if command not in COMMANDS or not (docs / "conf.py").is_file():
        print(f"Call it from the folder that holds docs/conf.py, with one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    if command == "serve":
        from pipeline import live

        return live.main(docs, list(arguments))
    try:
        from pipeline import recorder
    except ModuleNotFoundError as error:
        sys.exit(f"{error}. record needs Sphinx and sphinx-gallery, torch, and what the pages import.")
    return recorder.main(docs, list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
