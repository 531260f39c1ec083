"""Planning: CPU of the verb above a bare Python, and how long an edit in the console takes to be replanned."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from textual.content import Content

from nemotui.catalog import load_catalog
from nemotui.core.recommend import PlanRequest
from nemotui.sim.machines import load_machine
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.plan_form import Asked, PlanForm
from nemotui.ui.widgets.plan import plan_words

pytestmark = pytest.mark.perf

ROUNDS = 15


def cpu_s(argv: list[str], state: Path) -> float:
    """User and system seconds of one run, of a program whose modules are compiled, as an installed one's are."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"NEMOTUI_STATE_DIR": str(state), "PYTHONPYCACHEPREFIX": str(state / "compiled")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_recommend_for_eight_gpus_above_bare_python(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "nemotui", "recommend", "--demo", "8xh200", "--json"]
    whole = statistics.median(cpu_s(argv, tmp_path) for _ in range(ROUNDS))
    bare = statistics.median(cpu_s([sys.executable, "-c", "pass"], tmp_path) for _ in range(ROUNDS))
    print(f"\nrecommend --json, 8 GPUs: {1000 * (whole - bare):.0f} ms of CPU above bare Python ({1000 * bare:.0f} ms)")
    assert whole - bare < 0.3


@pytest.mark.parametrize("profile", ["2xh100", "8xh200"])
def test_an_edit_is_replanned(profile: str) -> None:
    catalog, base = load_catalog(), PlanRequest()
    state = DeployState(catalog=catalog, request=base).after(load_machine(profile))
    form = PlanForm.of(base)
    replan, words = [], []
    for round_ in range(10 * ROUNDS):
        began = time.process_time()
        edited = form.typed("context", str(32_768 + round_))
        state = state.after(Asked(edited.over(base, catalog)))
        planned = time.process_time()
        drawn = plan_words(state.choices[0], 120)
        replan.append(1000 * (planned - began))
        words.append(1000 * (time.process_time() - planned))
        assert isinstance(drawn, Content)
    middle, worst = statistics.median(replan), sorted(replan)[int(0.95 * len(replan))]
    print(
        f"\n{profile}: an edit is replanned in {middle:.1f} ms (p95 {worst:.1f}),"
        f" its explanation takes {statistics.median(words):.1f} ms"
    )
    assert middle < 10
