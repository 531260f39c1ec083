"""What the arguments of a container that somebody has made say of its server."""

from __future__ import annotations

import pytest

from nemotui.core.memory import DEFAULT_UTILIZATION
from nemotui.core.serve_args import memory_share, model_of, port_of, value_of


def test_a_flag_is_found_however_it_is_written_and_its_last_value_counts() -> None:
    args = ("m", "--max_num_seqs=7", "--enforce-eager", "--max-num-seqs", "9")

    assert value_of(args, "--max-num-seqs") == "9"
    assert value_of(args, "--port") is None


def test_a_flag_is_found_by_its_short_name_too() -> None:
    assert value_of(("m", "-tp", "2"), "--tensor-parallel-size", "-tp") == "2"


@pytest.mark.parametrize("args", [("m", "--port", "1"), ("--port", "1", "--model", "m"), ("--model=m",)])
def test_the_model_is_the_first_word_or_a_flag(args: tuple[str, ...]) -> None:
    assert model_of(args) == "m"


@pytest.mark.parametrize(
    ("args", "port"),
    [(("m",), 8000), (("m", "--port", "9"), 9), (("m", "--port=9000"), 9000), (("m", "--port", "x"), None)],
)
def test_the_port_is_as_it_is_told_or_vllm_s_own(args: tuple[str, ...], port: int | None) -> None:
    assert port_of(args) == port


def test_without_a_number_the_share_of_the_memory_is_vllm_s_own() -> None:
    assert memory_share(("m", "--gpu-memory-utilization=0.5")) == 0.5
    assert memory_share(("m",)) == memory_share(("m", "--gpu-memory-utilization", "much")) == DEFAULT_UTILIZATION
