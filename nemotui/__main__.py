"""`nemotui` and `python -m nemotui`."""

import sys

from nemotui.version import version


def main() -> None:
    """Entry point of the `nemotui` program."""
    if sys.argv[1:] == ["--version"]:  # also in click, whose import takes several starts of Python
        print(f"nemotui {version()}")
        return
    from nemotui.cli import main

    main()


if __name__ == "__main__":
    main()
