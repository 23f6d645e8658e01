"""Show the site while writing; `nox -s serve`."""

from pathlib import Path

if __name__ == "__main__":  # a page's process reads this file too: it must cost nothing
    from _ext.live import main

    main(Path(__file__).resolve().parent)
