"""`python -m nemotui.sim serve MODEL …`: the pretend server as a process, with the arguments of `vllm serve`."""

from __future__ import annotations

import sys

from nemotui.sim.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
