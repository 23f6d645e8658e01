"""Print what a bug report needs, ``python -m ptguide``, or explain an error, ``python -m ptguide explain``."""

import sys


def main() -> int:
    """Run the command that the first word names."""
    if sys.argv[1:2] == ["explain"]:
        from ptguide._explaining._command import main as explain

        return explain(sys.argv[2:])
    from ptguide.devices import environment

    found = environment()
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
