"""The preflight: each check from facts alone, and the order in which they come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.catalog import load_catalog
from nemotui.core import preflight_checks as checks
from nemotui.core import preflight_fetch as fetching
from nemotui.core.cure import Change
from nemotui.core.hardware import Machine
from nemotui.core.image_ref import image_ref, nearest_tags, repository
from nemotui.core.plan import ALL_GPUS, Plan, container_spec
from nemotui.core.plan_of import plan_of
from nemotui.core.preflight import cures, given_up, in_the_way
from nemotui.core.preflight_checks import Check
from nemotui.core.reach import Login, is_open, login
from nemotui.core.surroundings import Disk, EngineFacts, Holder, HostFacts, Hub, ImageFacts, Tag, Trial
from nemotui.sim.machines import load_machine

GIB = 2**30
CATALOG = load_catalog()
BOX = load_machine("2xh100")
BUSY = load_machine("2xh100-busy")
PLAN = Plan(
    name="nemotui",
    image="vllm/vllm-openai:latest",
    model="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
    served_model_name="nemotron-super",
    variant="FP8",
    tensor_parallel_size=2,
    gpus=tuple(gpu.uuid for gpu in BOX.gpus),
    max_model_len=262_144,
    max_num_seqs=256,
)
ON_CPU = replace(PLAN, gpus=(), model="/models/tiny", variant=None)
ENGINE = EngineFacts(version="28.5.1", gpus="Docker has the nvidia runtime", data_root="/var/lib/docker")
HOST = HostFacts(user="ada", memory_available_bytes=200 * GIB, shm_free_bytes=64 * GIB, kills_at_logout=False)
CUDA_13 = ImageFacts(digest="vllm/vllm-openai@sha256:0", cuda_version="13.0.2")


def status(check: Check) -> tuple[str, bool]:
    return check.status, check.estimate


def test_an_engine_without_the_toolkit_can_give_no_gpu_and_that_is_no_estimate() -> None:
    check = checks.toolkit(replace(ENGINE, gpus=None), PLAN)
    assert status(check) == ("fail", False)
    assert "nvidia-ctk runtime configure --runtime=docker" in check.fix
    assert checks.toolkit(replace(ENGINE, gpus=None), ON_CPU).status == "skipped"


@pytest.mark.parametrize(
    ("have", "image", "expected"),
    [
        ("13.0", CUDA_13, "ok"),
        ("13.1", CUDA_13, "ok"),
        ("13.0", replace(CUDA_13, cuda_version="13.1.0"), "warn"),
        ("12.8", CUDA_13, "fail"),
        ("12.8", replace(CUDA_13, cuda_version="12.9.1"), "warn"),
        ("12.8", replace(CUDA_13, cuda_version=None), "skipped"),
        (None, CUDA_13, "skipped"),
    ],
)
def test_the_driver_against_the_cuda_of_the_image(have: str | None, image: ImageFacts, expected: str) -> None:
    check = checks.driver(replace(BOX, cuda_version=have), image, PLAN)
    assert status(check) == (expected, False)


def test_of_an_image_that_is_not_here_the_cuda_is_assumed_and_said_to_be() -> None:
    check = checks.driver(replace(BOX, driver_version="550.163.01", cuda_version="12.4"), None, PLAN)
    assert status(check) == ("fail", True)
    assert "as we assume" in check.needed
    assert "nvidia-driver-580-server" in check.fix
    assert checks.driver(BOX, None, replace(PLAN, image="registry.example/own:1")).status == "skipped"


def test_a_gpu_that_somebody_holds_is_named_with_who() -> None:
    plan = replace(PLAN, gpus=tuple(gpu.uuid for gpu in BUSY.gpus))
    check = checks.gpus(BUSY, plan)
    assert status(check) == ("fail", True)
    assert check.found == "GPU 1: 41.1 GiB free; python3 (pid 4242, alice) holds 38.0 GiB"
    assert check.needed == "72.8 GiB free on each"
    assert check.fix.startswith("`kill 4242`")


def test_a_gpu_that_is_gone_is_no_estimate() -> None:
    lost = load_machine("lost")
    check = checks.gpus(lost, replace(PLAN, gpus=ALL_GPUS))
    assert status(check) == ("fail", False)
    assert check.found == "GPU 3: lost"
    assert checks.gpus(Machine(), PLAN).status == "fail"


def test_memory_and_shared_memory_are_estimates_and_say_so() -> None:
    small = replace(HOST, memory_available_bytes=4 * GIB, shm_free_bytes=GIB)
    for check in (checks.memory(BOX, small, PLAN), checks.shared_memory(small, PLAN)):
        assert status(check) == ("fail", True)
        assert "an estimate" in check.needed
        assert "`" in check.fix
    assert checks.memory(load_machine("gb10"), small, PLAN).status == "skipped"
    assert checks.shared_memory(small, replace(PLAN, tensor_parallel_size=1)).status == "skipped"


def test_a_port_that_is_taken_offers_one_that_is_free() -> None:
    check = checks.port(replace(HOST, port_problem="python3 (pid 7) listens on port 8000", free_port=8001), PLAN)
    assert (status(check), check.kind) == (("fail", False), "port_taken")
    assert "`--port 8001`" in check.fix


@pytest.mark.parametrize(
    ("running", "ours", "expected", "kind"),
    [
        (False, True, "ok", ""),
        (True, True, "fail", "runs_already"),
        (False, False, "fail", "name_taken"),
        (True, False, "fail", "name_taken"),
    ],
)
def test_only_a_stopped_container_of_ours_gives_its_name(running: bool, ours: bool, expected: str, kind: str) -> None:
    check = checks.name(Holder(name="nemotui", running=running, ours=ours), PLAN)
    assert (check.status, check.kind) == (expected, kind)


def test_a_tag_that_does_not_exist_offers_one_that_does() -> None:
    tag = Tag(exists=False, words="the registry has no vllm/vllm-openai:0.33.0", instead=("v0.33.0", "v0.32.0"))
    check = fetching.image(None, tag, replace(PLAN, image="vllm/vllm-openai:0.33.0"))
    assert status(check) == ("fail", False)
    assert check.fix == "`--image vllm/vllm-openai:v0.33.0` (there are also v0.32.0)."
    assert nearest_tags("0.33.0", ["latest", "v0.32.0", "v0.33.0", "nightly"])[0] == "v0.33.0"


def test_offline_is_said_and_may_be_overruled() -> None:
    check = fetching.image(None, Tag(exists=None, words="it does not answer: no such host"), PLAN)
    assert status(check) == ("fail", True)
    hub = Hub(url="https://mirror.example", state="unreachable", words="timed out")
    check = fetching.network(replace(HOST, proxies=("HTTPS_PROXY",)), hub)
    assert status(check) == ("fail", True)
    assert check.found == "https://mirror.example by HTTPS_PROXY does not answer: timed out"
    assert "HF_ENDPOINT" in check.fix


def test_the_hub_decides_whether_a_token_is_needed() -> None:
    public, gated = Hub(url="u", state="there"), Hub(url="u", state="refused", words="the hub refuses it (HTTP 401)")
    assert fetching.token(HOST, public).status == "ok"
    check = fetching.token(HOST, gated)
    assert check.status == "fail"
    assert "HF_TOKEN" in check.fix
    assert fetching.token(HOST, None).status == "skipped"


def test_the_disk_must_hold_what_is_still_to_be_fetched_and_a_tenth_more() -> None:
    one = Disk(path="/data", free_bytes=150 * GIB, device=1)
    host = replace(HOST, model_disk=one, engine_disk=replace(one, path="/var/lib/docker"))
    weights = fetching.weights_to_fetch(0, PLAN, CATALOG)
    assert weights == 128_300_000_000
    both = fetching.disk(None, host, weights=weights, held=0)
    assert status(both) == ("fail", True)  # 131.4 + 33 GiB on one disk of 150
    assert both.needed == "about 164.4 GiB there for weights and the image"
    assert fetching.disk(CUDA_13, host, weights=weights, held=0).status == "ok"
    apart = replace(host, engine_disk=Disk(path="/var/lib/docker", free_bytes=40 * GIB, device=2))
    assert fetching.disk(None, apart, weights=weights, held=0).status == "ok"
    held = 120_000_000_000
    most = fetching.disk(None, host, weights=fetching.weights_to_fetch(held, PLAN, CATALOG), held=held)
    assert most.status == "ok"
    assert "111.8 GiB of the weights are here already" in most.found
    assert fetching.weights_to_fetch(0, ON_CPU, CATALOG) == 0


def test_who_is_open_to_the_network_hears_of_ufw_and_of_the_tunnel() -> None:
    way_in = Login(user="ada", host="10.1.2.3")
    check = checks.exposure(replace(PLAN, bind="0.0.0.0"), way_in)
    assert check.status == "warn"
    assert "ufw" in check.found
    assert "ssh -N -L 8000:127.0.0.1:8000 ada@10.1.2.3" in check.fix
    assert checks.exposure(PLAN, way_in).status == "ok"
    assert "without a key" in checks.exposure(replace(PLAN, bind="0.0.0.0", as_published=True), way_in).found


def test_a_host_that_ends_processes_at_logout() -> None:
    host = replace(HOST, kills_at_logout=True)
    assert status(checks.logout(host, ENGINE)) == ("warn", False)
    check = checks.logout(host, replace(ENGINE, rootless=True))
    assert status(check) == ("fail", True)
    assert check.fix == "`sudo loginctl enable-linger ada`"


def test_a_flag_that_the_image_refuses_is_no_estimate_and_one_that_was_not_tried_is_skipped() -> None:
    assert status(fetching.arguments(Trial(accepted=False, words="unrecognized arguments: --x"))) == ("fail", False)
    assert fetching.arguments(Trial(accepted=None, words="it has no python3")).status == "skipped"


def test_anyway_overrules_estimates_and_a_replaced_server_gives_its_name_and_port() -> None:
    hard = Check(name="toolkit", status="fail", found="")
    guess = Check(name="disk", status="fail", found="", estimate=True)
    taken = Check(name="port", status="fail", found="")
    well = Check(name="engine", status="ok", found="")
    assert in_the_way([well, hard, guess, taken], anyway=False) == (hard, guess, taken)
    assert in_the_way([well, hard, guess, taken], anyway=True) == (hard, taken)
    assert in_the_way([well, guess, *map(given_up, [well, taken])], anyway=True) == ()


def test_a_taken_port_a_strangers_name_and_a_missing_tag_are_mended_by_a_setting() -> None:
    port = checks.port(replace(HOST, port_problem="python3 listens", free_port=8003), PLAN)
    name = checks.name(Holder(name=PLAN.name, running=False, ours=False), PLAN)
    tag = fetching.image(None, Tag(exists=False, words="no such tag", instead=("v0.33.0", "latest")), PLAN)
    assert cures([port, name, tag]) == (
        Change("port", "8003"),
        Change("name", f"{PLAN.name}-2"),
        Change("image", f"{repository(PLAN.image)}:v0.33.0"),
    )
    ours = checks.name(Holder(name=PLAN.name, running=True, ours=True), PLAN)
    assert cures([port, ours]) == ()  # at another port its name would still be held: it is stopped or replaced


def test_the_plan_is_read_back_from_its_container() -> None:
    plan = replace(PLAN, gpu_memory_utilization=0.85, hf_cache="/cache", vllm_cache=None)
    again = plan_of(container_spec(plan))
    for name in ("name", "image", "model", "variant", "tensor_parallel_size", "gpus", "port", "bind", "hf_cache"):
        assert getattr(again, name) == getattr(plan, name)
    assert again.gpu_memory_utilization == 0.85
    assert not again.as_published


@pytest.mark.parametrize(
    ("bind", "expected"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("::", True), ("10.0.0.7", True)]
)
def test_what_is_open(bind: str, expected: bool) -> None:
    assert is_open(bind) is expected


def test_the_tunnel_goes_where_the_person_came_from() -> None:
    came = login({"SSH_CONNECTION": "203.0.113.9 50022 198.51.100.4 2222"}, user="ada", hostname="box")
    assert came.tunnel(8000, "0.0.0.0") == "ssh -N -p 2222 -L 8000:127.0.0.1:8000 ada@198.51.100.4"
    assert login({}, user="ada", hostname="box").tunnel(8000, "::1") == "ssh -N -L '8000:[::1]:8000' ada@box"
    assert login({"SSH_CONNECTION": "x; rm -rf / 1 y 22"}, user="ada", hostname="box").host == "box"


@pytest.mark.parametrize(
    ("image", "url", "reference"),
    [
        ("vllm/vllm-openai", "https://registry-1.docker.io/v2/vllm/vllm-openai", "latest"),
        ("debian:12", "https://registry-1.docker.io/v2/library/debian", "12"),
        ("localhost:5000/vllm:x", "http://localhost:5000/v2/vllm", "x"),
        ("nvcr.io/nvidia/vllm:26.01", "https://nvcr.io/v2/nvidia/vllm", "26.01"),
        ("a/b@sha256:0", "https://registry-1.docker.io/v2/a/b", "sha256:0"),
    ],
)
def test_where_an_image_comes_from(image: str, url: str, reference: str) -> None:
    assert (image_ref(image).url, image_ref(image).reference) == (url, reference)
    assert repository(f"{repository(image)}:other") == repository(image)
