"""Every action of the console that has a key, in one place: bindings, footer, help, palette, docs/keys.md and `[keys]`
of the configuration are all made from it.

To add an action: one line in its place in `places.py`, the most needed first (so the footer has it), and a method
`action_…` on the pane or screen, whose BINDINGS are `bindings("place")`. Use a verb of the grammar (COPY, STOP,
SEARCH …) where one says it, so that its key is the same everywhere. docs/keys.md is
made from it (`tests/docs`). `check_action` on the pane says when it would do nothing: then the footer leaves it out.

Standard library only: a headless verb reads `[keys]` too, without the library that draws.
"""
