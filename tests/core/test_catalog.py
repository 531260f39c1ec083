"""The catalogue reads, every fact has a source, and a wrong file is named down to the field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import nemotui.catalog
from nemotui.catalog import load_catalog
from nemotui.core.catalog_entry import capability
from nemotui.core.errors import UsageError
from nemotui.core.plan import container_spec
from nemotui.core.recommend import PlanRequest, recommend
from tests.core.machines import machine

OWN_CHIP = """
[[chip]]
name = "H100 96GB"
names = ["NVIDIA GH200 480GB"]
compute_capability = "9.0"
memory_total_bytes = 102_000_000_000
cuda_total_bytes = 101_000_000_000
bandwidth_bytes_per_s = 4e12
bf16_flops = 9.89e14
source = "ours"
"""


def test_every_entry_says_where_it_comes_from() -> None:
    catalog = load_catalog()
    sources = [catalog.model.source, *(variant.source for variant in catalog.model.variants)]
    sources += [*(chip.source for chip in catalog.chips), *(row.source for row in catalog.published)]
    gates = catalog.gates
    sources += [each.source for each in (gates.fp8_kv_cache, gates.prefix_states, gates.default_seqs, gates.limits)]
    assert all(sources)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"8.9"', '"ada"'), ["vllm.toml: fp8_kv_cache", "compute capability must look like 9.0"]),
        (('"0.24"', '"old"'), ["vllm.toml: prefix_states", "a release must look like 0.24"]),
        (("large = 1024", "large = 0"), ["vllm.toml: default_seqs", "large must be more than 0"]),
        (("most_mtp_tokens = 7", ""), ["vllm.toml: limits", "most_mtp_tokens"]),
        (("most_mtp_tokens", "most_tokens"), ["vllm.toml: limits", "unknown field 'most_tokens'"]),
        (("[limits]", "[limit]"), ["vllm.toml: unknown table 'limit'"]),
    ],
)
def test_a_wrong_gate_is_named_down_to_the_field(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: tuple[str, str], said: list[str]
) -> None:
    ours = Path(nemotui.catalog.__file__).parent
    for file in ours.glob("*.toml"):
        text = file.read_text()
        (tmp_path / file.name).write_text(text.replace(*change) if file.stem == "vllm" else text)
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(UsageError) as caught:
        load_catalog()
    assert all(part in caught.value.problem.message for part in said), caught.value.problem.message


def test_the_parameters_add_up_as_published() -> None:
    model = load_catalog().model
    outside_experts = model.parameters - model.routed_parameters
    active = outside_experts + model.routed_parameters * model.active_experts / model.routed_experts
    assert active == pytest.approx(model.active_parameters, rel=1e-3)
    assert model.mamba_conv_channels == 128 * 64 + 2 * 8 * 128


def test_every_published_row_names_a_chip_and_a_variant_of_the_catalogue() -> None:
    catalog = load_catalog()
    assert len(catalog.published) == 5
    for row in catalog.published:
        assert row.chip in {chip.name for chip in catalog.chips}
        assert catalog.model.variant(row.variant)


@pytest.mark.parametrize(
    ("driver_name", "chip"),
    [
        ("NVIDIA H100 80GB HBM3", "H100 80GB SXM"),
        ("NVIDIA H100 PCIe", "H100 80GB PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB SXM"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Blackwell"),
        ("NVIDIA GB10", "GB10"),
    ],
)
def test_a_chip_is_known_by_the_drivers_name(driver_name: str, chip: str) -> None:
    found = load_catalog().chip(driver_name)
    assert found is not None
    assert found.name == chip


def test_an_unlisted_name_is_no_chip() -> None:
    assert load_catalog().chip("NVIDIA GeForce RTX 4090") is None


def test_a_users_file_adds_chips_and_wins_over_ours_of_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN_CHIP + OWN_CHIP.replace("H100 96GB", "L40S"))
    catalog = load_catalog(file)
    own = catalog.chip("NVIDIA GH200 480GB")
    assert own is not None
    assert own.fp8_flops is None
    assert sum(chip.name == "L40S" for chip in catalog.chips) == 1
    assert next(chip for chip in catalog.chips if chip.name == "L40S").source == "ours"


def own_model(text: str = "") -> str:
    """Ours with other repositories, as a user's `[[model]]`."""
    shipped = (Path(nemotui.catalog.__file__).parent / "model.toml").read_text()
    return shipped.replace("[model]", "[[model]]").replace("nvidia/NVIDIA-", "ours/") + text


def test_a_users_model_is_planned_for_by_its_repository(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(own_model().replace("122_400_000_000", "130_000_000_000"))
    catalog = load_catalog(file)
    repo = "ours/Nemotron-3-Super-120B-A12B-FP8"
    two = machine("H100 80GB SXM", "H100 80GB SXM")
    found = recommend(two, catalog, PlanRequest(model_path=repo, tensor_parallel_size=2))[0]
    assert found.memory is not None
    assert (found.variant, found.model, found.memory.weights) == ("FP8", repo, 65_000_000_000)
    assert not found.published  # nothing was published of it
    assert recommend(two, catalog, PlanRequest())[0].published


def test_the_context_of_a_users_model_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(own_model().replace("max_position = 262_144", "max_position = 131_072"))
    catalog, two = load_catalog(file), machine("H100 80GB SXM", "H100 80GB SXM")
    asked = PlanRequest(model_path="ours/Nemotron-3-Super-120B-A12B-FP8", tensor_parallel_size=2)
    found = recommend(two, catalog, asked)[0]
    assert found.max_model_len == 131_072
    assert found.plan is not None
    assert "VLLM_ALLOW_LONG_MAX_MODEL_LEN" not in dict(container_spec(found.plan).environment)
    longer = recommend(two, catalog, replace(asked, context=131_073))[0]
    assert longer.plan is not None
    assert dict(container_spec(longer.plan).environment)["VLLM_ALLOW_LONG_MAX_MODEL_LEN"] == "1"
    assert "a context above 131,072 tokens is not verified by us" in longer.reasons


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kv_heads = 2", "kv_heads = 0"), ["model 1 (Nemotron 3 Super)", "kv_heads must be more than 0"]),
        (("kv_heads = 2", 'kv_heads = "two"'), ["model 1", "kv_heads"]),
        (('min_capability = "7.5"', 'min_capability = "old"'), ["model 1", "capability must look like 9.0"]),
        (("weight_bits = 8", "weight_bits = -8"), ["model 1", "weight_bits must be more than 0"]),
        (("weight_bits = 8", "weight_bits = nan"), ["model 1", "variants", "weight_bits must be more than 0, not nan"]),
        (("mtp_bytes = 5_884_000_000", "mtp_bytes = -1"), ["model 1", "mtp_bytes must be more than 0"]),
        (("active_experts = 22", "active_experts = 513"), ["active_experts must not be more than routed_experts"]),
        (("active_parameters = 12_", "active_parameters = 212_"), ["active_parameters must not be more"]),
        (('source = "size: parameters × 2 bytes; gates: vLLM 0.33.0 source"', 'source = ""'), ["source must not be"]),
        (("122_400_000_000", "61_200_000_000"), ["loaded_bytes of FP8 must be more than its routed experts alone"]),
        (("[[model.facts]]", "[[model.fact]]"), ["unknown field 'fact'"]),
        (('value = "NVIDIA Nem', 'values = "NVIDIA Nem'), ["unknown field 'values'"]),
    ],
)
def test_a_wrong_model_is_named_down_to_the_field(tmp_path: Path, change: tuple[str, str], said: list[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text(own_model().replace(*change))
    with pytest.raises(UsageError) as caught:
        load_catalog(file)
    message = caught.value.problem.message
    assert all(part in message for part in [str(file), *said]), message


def test_a_file_that_is_no_catalogue_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(UsageError, match="no catalogue"):
        load_catalog(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN_CHIP.replace("101_000_000_000", '"much"'), ["chip 1 (H100 96GB)", "cuda_total_bytes"]),
        (OWN_CHIP.replace("4e12", "-4e12"), ["chip 1 (H100 96GB)", "bandwidth_bytes_per_s must be more than 0"]),
        (OWN_CHIP.replace("4e12", "nan"), ["chip 1 (H100 96GB)", "bandwidth_bytes_per_s must be more than 0, not nan"]),
        (OWN_CHIP.replace("4e12", "inf"), ["chip 1 (H100 96GB)", "bandwidth_bytes_per_s must be more than 0, not inf"]),
        (OWN_CHIP.replace("9.89e14", "0.0"), ["chip 1 (H100 96GB)", "bf16_flops must be more than 0"]),
        (OWN_CHIP + "fp8_flops = -1e15", ["chip 1 (H100 96GB)", "fp8_flops must be more than 0"]),
        (OWN_CHIP + "fp4_flops = nan", ["chip 1 (H100 96GB)", "fp4_flops must be more than 0"]),
        (OWN_CHIP.replace("101_000", "103_000"), ["cuda_total_bytes must not be more than memory_total_bytes"]),
        (OWN_CHIP.replace('"ours"', '" "'), ["chip 1 (H100 96GB)", "source must not be empty"]),
        (OWN_CHIP.replace('"9.0"', '"ninety"'), ["chip 1", "compute capability must look like 9.0"]),
        (OWN_CHIP.replace("H100 96GB", "\\u001b[31mH100"), ["chip 1", "name must be printable text in one line"]),
        (OWN_CHIP.replace("source", "sauce"), ["chip 1", "unknown field 'sauce'"]),
        (OWN_CHIP.replace('source = "ours"', ""), ["chip 1", "source"]),
        (OWN_CHIP.replace("[[chip]]", "[chip]"), ["chip must be a list of tables"]),
        (OWN_CHIP.replace("[[chip]]", "[[chips]]"), ["unknown table 'chips'"]),
        ("[[chip", ["is not TOML"]),
    ],
)
def test_a_wrong_file_is_named_down_to_the_field(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_catalog(file)
    message = caught.value.problem.message
    assert all(part in message for part in [str(file), *said]), message


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_catalog(tmp_path / "absent.toml")


def test_capabilities_compare_as_numbers() -> None:
    assert capability("8.9") < capability("9.0") < capability("10.0") < capability("12.1")
