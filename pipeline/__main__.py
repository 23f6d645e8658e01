"""Commands beside the build: ``python -m pipeline new``, ``python -m pipeline record``, ``python -m pipeline serve``.

Without nox, ``record`` needs torch, what the pages import, Sphinx and sphinx-gallery; CONTRIBUTING.md says how a
machine without a network gets them.
"""

import importlib
import sys
from pathlib import Path

MODULES = {
    "new": "new",
    "language": "language",
    "record": "recorder",
    "refused": "refused",
    "scripts": "scripts",
    "serve": "live",
    "shards": "shards",
}  # of each command


def main(command: str = "", *arguments: str) -> int:
    """Run a command in the folder of the documentation, ``docs`` below the present one; return the exit status."""
    docs = Path("docs").resolve()
    if command not in MODULES or not (docs / "conf.py").is_file():
        print(f"Call it from the folder that holds docs/conf.py, with one of: {', '.join(MODULES)}", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(f"pipeline.{MODULES[command]}")
    except ModuleNotFoundError as error:
        sys.exit(f"{error}. {command} needs Sphinx and sphinx-gallery, torch, and what the pages import.")
    return module.main(docs, list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
