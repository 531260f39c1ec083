"""The command line of the pretend server."""

from __future__ import annotations

import pytest

from nemotui.core.errors import UsageError
from nemotui.core.plan import Plan, container_spec
from nemotui.sim.arguments import parse

REPO = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-"


def test_the_arguments_of_our_own_containers_are_understood() -> None:
    plan = Plan(
        name="nemotron",
        image="vllm/vllm-openai:v0.33.0",
        model=REPO + "FP8",
        served_model_name="nemotron-super",
        tensor_parallel_size=2,
        max_model_len=32768,
        max_num_seqs=64,
        mtp_tokens=3,
    )
    given = parse(container_spec(plan).args, environment={})
    settings = given.settings
    assert (settings.model, settings.served_model_names) == (REPO + "FP8", ("nemotron-super",))
    assert (settings.max_model_len, settings.max_num_seqs, settings.tensor_parallel_size) == (32768, 64, 2)
    assert settings.reasoning_parser
    assert settings.tool_parser
    # Five groups of states, each with the running one, its cached copy, and one for each of three drafted tokens.
    assert settings.memory.state_blocks_per_request == 25
    assert (given.host, given.port) == ("127.0.0.1", 8000)


def test_as_vllm_nothing_is_parsed_unless_asked_and_the_model_is_its_own_name() -> None:
    settings = parse([REPO + "FP8"], environment={}).settings
    assert not settings.reasoning_parser
    assert not settings.tool_parser
    assert settings.served_model_names == (REPO + "FP8",)


@pytest.mark.parametrize(
    ("profile", "model", "tp"),
    [("2xh100", "FP8", 2), ("2xb200", "NVFP4", 2), ("1xb200", "NVFP4", 1), ("4xa100", "BF16", 4), ("8xh200", "FP8", 8)],
)
def test_without_a_model_it_serves_what_was_published_for_the_machine(profile: str, model: str, tp: int) -> None:
    given = parse(["--profile", profile], environment={})
    assert (given.settings.model, given.settings.tensor_parallel_size) == (REPO + model, tp)
    assert given.failure is None


def test_a_row_by_its_name_wins_over_the_profile() -> None:
    given = parse(["--row", "4×A100 BF16"], environment={})
    assert given.settings.timing.decode_s(32) == pytest.approx(0.04485, abs=1e-4)
    with pytest.raises(UsageError, match="2×H100 FP8"):
        parse(["--row", "9×H100"], environment={})


def test_unknown_flags_and_their_values_pass() -> None:
    given = parse(["--swap-space", "16", "--model", "X", "--quantization", "fp4", "--async"], environment={})
    assert given.settings.model == "X"


def test_the_environment_sets_our_own_switches_and_a_flag_wins() -> None:
    environment = {
        "NEMOTUI_SIM_SPEED": "20",
        "NEMOTUI_SIM_PROFILE": "1xb200",
        "NEMOTUI_SIM_START_SECONDS": "0",
        "NEMOTUI_SIM_HOST": "0.0.0.0",
        "VLLM_API_KEY": "sesame",
    }
    given = parse(["m", "--speed", "5"], environment)
    assert (given.settings.speed, given.start_seconds, given.host) == (5.0, 0.0, "0.0.0.0")
    assert given.settings.api_key == "sesame"
    assert "sesame" not in str(given.given)


@pytest.mark.parametrize("argv", [["--max-num-seqs", "many"], ["--port"], ["--speculative-config", "{"]])
def test_a_wrong_value_is_a_usage_error(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(argv, environment={})


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="2xh100"):
        parse(["--profile", "2xh10"], environment={})
