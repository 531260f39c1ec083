"""The Deploy pane's form: texts become a request, or a sentence about what is wrong."""

from __future__ import annotations

import pytest

from nemotui.core.errors import UsageError
from nemotui.core.recommend import PlanRequest
from nemotui.core.whatif import imagined
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.plan_form import FIELDS, OFFERED, Asked, PlanForm, offered
from tests.core.machines import CATALOG, machine

BASE = PlanRequest(variant="FP8", port=8123)
NEW = DeployState(catalog=CATALOG, request=BASE)


def asked(**texts: str) -> PlanRequest:
    form = PlanForm.of(BASE)
    for name, text in texts.items():
        form = form.typed(name, text)
    return form.over(BASE, CATALOG)


def test_an_untouched_form_asks_for_what_the_command_line_did() -> None:
    assert asked() == BASE
    given = PlanRequest(context=4096, mtp=3, prefix_caching=False, expert_parallel=True, kv_cache_dtype="fp8", port=9)
    assert PlanForm.of(given).over(given, CATALOG) == given


def test_each_field_is_a_setting() -> None:
    request = asked(
        context="1,000,000",
        max_num_seqs="64",
        mtp="3",
        kv_cache_dtype="bfloat16",
        gpu_memory_utilization="0.9",
        expert_parallel="on",
        prefix_caching="off",
        port="9000",
        image=" vllm/vllm-openai:v0.33.0 ",
    )
    assert request == PlanRequest(
        variant="FP8",
        context=1_000_000,
        max_num_seqs=64,
        mtp=3,
        kv_cache_dtype="bfloat16",
        gpu_memory_utilization=0.9,
        expert_parallel=True,
        prefix_caching=False,
        port=9000,
        image="vllm/vllm-openai:v0.33.0",
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("context", "long", "context: 'long' is not a number"),
        ("context", "0", "--context 0 is out of range"),
        ("context", "9" * 5000, "is not a number"),
        ("gpu_memory_utilization", "nan", "out of range"),
        ("gpu_memory_utilization", "1e9", "out of range"),
        ("prefix_caching", "maybe", "prefix caching: 'maybe' is neither on nor off"),
        ("expert_parallel", "yes", "neither on nor off"),
        ("kv_cache_dtype", "fp4", "--kv-cache-dtype 'fp4' is none that we plan"),
        ("port", "70000", "--port 70000 is out of range"),
        ("image", "--privileged", "--image '--privileged' names nothing"),
    ],
)
def test_what_cannot_be_meant_is_said(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(**{name: text})
    assert said in str(caught.value)


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "image"])
def test_everything_that_is_offered_can_be_meant(name: str) -> None:
    for text in OFFERED[name]:
        asked(**{name: text})


def test_down_and_up_go_round_through_what_is_offered() -> None:
    assert [offered("mtp", text, 1) for text in ("", "1", "2", "3")] == ["1", "2", "3", ""]
    assert offered("mtp", "", -1) == "3"
    assert offered("mtp", "5", 1) == ""  # typed: back to where one knows the way


class TestState:
    def test_another_setting_replans_at_once_on_the_machine_that_was_seen(self) -> None:
        state = NEW.after(machine("H100 80GB SXM", "H100 80GB SXM")).after(Asked(asked(context="32768")))
        assert state.choices[0].plan is not None
        assert state.choices[0].plan.max_model_len == 32_768

    def test_other_hardware_is_planned_in_place_of_this_machine_until_it_is_left(self) -> None:
        now = machine("H100 80GB SXM", "H100 80GB SXM")
        state = NEW.after(now).after(Asked(BASE, imagined(CATALOG, "8xH200"), "8×H200"))
        assert len(state.choices) == 7  # four sizes, three of them also in copies
        assert state.after(now) is state
        assert len(state.after(Asked(BASE)).choices) == 2

    def test_a_wish_before_the_first_sample_waits_for_it(self) -> None:
        state = NEW.after(Asked(asked(context="32768")))
        assert state.choices == ()
        found = state.after(machine("H100 80GB SXM", "H100 80GB SXM")).choices[0].plan
        assert found is not None
        assert found.max_model_len == 32_768
