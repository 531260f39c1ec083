"""`python -m nemotui` is `nemotui`."""

from nemotui.cli import main

main()
