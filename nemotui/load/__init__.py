"""The load generator: a process of its own. A specification in, a run directory out (`python -m nemotui.load DIR`)."""
