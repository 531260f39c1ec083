"""How a run is divided among load processes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.load.schedule import shares


def spec(**shape: Any) -> BenchSpec:
    return BenchSpec(base_url="http://127.0.0.1:8000", **shape)


@pytest.mark.parametrize(
    ("streams", "prompts", "workers"), [(1024, 2048, 3), (32, 512, 1), (7, 21, 3), (8, 20, 3), (2, 5, 4)]
)
def test_every_request_goes_out_once_and_no_process_has_more_turns_than_another(
    streams: int, prompts: int, workers: int
) -> None:
    divided = shares(spec(num_prompts=prompts, max_concurrency=streams), workers)
    assert sum(share.slots for share in divided) == streams
    sent = Counter(number for share in divided for number, _ in share.requests())
    assert sent == Counter(range(prompts))
    turns = [-(-len(list(share.requests())) // share.slots) for share in divided]
    assert max(turns) == -(-prompts // streams)


def test_an_open_loop_goes_round_the_processes_by_arrival() -> None:
    divided = shares(spec(num_prompts=10, request_rate=5.0), 3, first=100)
    due = sorted(entry for share in divided for entry in share.requests())
    assert [number for number, _ in due] == list(range(100, 110))
    assert [at for _, at in due] == sorted(at for _, at in due)
    assert [number for number, _ in divided[1].requests()] == [101, 104, 107]
