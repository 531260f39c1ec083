"""`nemotui pull` on a pretend machine; tests/real has a real engine, registry and cache."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_image_and_weights_as_json_lines_with_the_result_last(nemotui: Run) -> None:
    watched = {"NEMOTUI_SIM_START_SECONDS": "6"}
    ran = nemotui("pull", "--demo", "--variant", "NVFP4", "--json", env=watched)

    assert ran.code == 0
    events = [line["event"] for line in ran.lines]
    assert list(dict.fromkeys(events)) == ["pulling", "fetching", "result"]
    image = [line for line in ran.lines if line["event"] == "pulling"][-1]
    assert image["current_bytes"] == image["total_bytes"] == sum(layer["total_bytes"] for layer in image["layers"])
    weights = [line for line in ran.lines if line["event"] == "fetching"]
    assert [line["held_bytes"] for line in weights] == sorted(line["held_bytes"] for line in weights)
    assert any(line["bytes_per_s"] and line["eta_s"] is not None for line in weights)
    result = ran.lines[-1]
    assert result["model"].endswith("NVFP4")
    assert result["held_bytes"] == weights[0]["total_bytes"]
    assert result["error"] is None


def test_a_folder_of_this_host_needs_no_fetching(nemotui: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Nemotron-FP8"
    folder.mkdir()

    ran = nemotui("pull", "--demo", "--model-path", str(folder))

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "vllm/vllm-openai:latest is here; there are no weights to fetch."
