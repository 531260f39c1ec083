"""Hardware by name, without having it; and what is known of the model."""

from __future__ import annotations

import pytest

from nemotui.core.card import model_card
from nemotui.core.errors import UsageError
from nemotui.core.plan import container_spec, docker_run
from nemotui.core.recommend import PlanRequest, recommend
from nemotui.core.whatif import imagined
from tests.core.machines import CATALOG, machine


@pytest.mark.parametrize(
    ("asked", "count", "name"),
    [
        ("8xH200", 8, "NVIDIA H200"),
        ("2 × B200", 2, "NVIDIA B200"),
        ("gb10", 1, "NVIDIA GB10"),
        ("2xh100", 2, "NVIDIA H100 80GB HBM3"),  # the first of the three H100s
        ("1xH100 94GB NVL", 1, "NVIDIA H100 NVL"),
        ("4*nvidia a100 80gb pcie", 4, "NVIDIA A100 80GB PCIe"),
        ("2 rtx pro 6000", 2, "NVIDIA RTX PRO 6000 Blackwell"),
    ],
)
def test_hardware_is_known_by_its_name(asked: str, count: int, name: str) -> None:
    found = imagined(CATALOG, asked)
    assert [gpu.name for gpu in found.gpus] == [name] * count


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("8xH999", "is no hardware that we know"),
        ("", "is no hardware"),
        ("4x", "is no hardware"),
        ("!!", "is no hardware"),
        ("0xH200", "asks for 0 GPUs. Use 1 to 8, as one host has."),
        ("9999xH200", "asks for 9999 GPUs"),
        ("x" * 5000, "is no hardware"),
    ],
)
def test_what_nobody_knows_is_refused_with_what_is_known(asked: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        imagined(CATALOG, asked)
    assert said in str(caught.value)


def test_the_same_plans_as_on_the_real_thing() -> None:
    def short(of: str | None) -> list[tuple[str, int, int, str]]:
        found = imagined(CATALOG, of) if of else machine(*("H200",) * 4)
        rows = recommend(found, CATALOG, PlanRequest())
        return [(r.variant, r.tensor_parallel_size, r.data_parallel_size, r.verdict) for r in rows]

    assert short("4xH200") == short(None)


def test_its_command_names_gpus_by_index() -> None:
    plan = recommend(imagined(CATALOG, "2xB200"), CATALOG, PlanRequest())[0].plan
    assert plan is not None
    assert '"device=0,1"' in docker_run(container_spec(plan))


def test_how_its_gpus_are_linked_is_unknown() -> None:
    reasons = recommend(imagined(CATALOG, "2xB200"), CATALOG, PlanRequest())[0].reasons
    assert "the worst link between two of them is unknown" in reasons


def test_the_model_card_has_a_source_for_everything() -> None:
    card = {fact.name: fact for fact in model_card(CATALOG.model)}
    assert all(fact.source for fact in card.values())
    assert card["parameters"].value == "120.7 B, of which a token uses 12.8 B: 22 of 512 experts"
    assert card["layers"].value.startswith("88: 40 Mamba-2, 40 mixture of experts, 8 attention")
    assert {"NVFP4", "FP8", "BF16", "licence", "report", "context"} <= card.keys()
