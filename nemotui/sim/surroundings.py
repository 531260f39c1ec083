"""What a preflight finds around a pretend machine; its port is a real one."""

from __future__ import annotations

from nemotui.core.errors import NemotuiError
from nemotui.core.image_ref import image_ref, nearest_tags
from nemotui.core.plan import LABEL, ContainerSpec, Plan
from nemotui.core.surroundings import Disk, EngineFacts, Holder, HostFacts, Hub, ImageFacts, Tag, Trial
from nemotui.sim.arguments import parse
from nemotui.sim.engine import PretendEngine, check_port
from nemotui.sim.images import IMAGE_BYTES, image_digest
from nemotui.sim.machines import load_machine, load_profile

_CUDA = "13.0"
_TAGS = ("latest", "v0.33.0", "v0.32.0", "v0.24.0", "v0.17.1")  # of vllm/vllm-openai, as far as anything here cares
_PORTS_TRIED = 20
_NO_NETWORK = "Temporary failure in name resolution"


class PretendSurroundings:
    """`core.ports.Surroundings` of a profile and its pretend engine."""

    def __init__(self, profile: str, engine: PretendEngine) -> None:
        self._profile = load_profile(profile)
        self._host = load_machine(profile).host
        self._engine = engine

    async def engine(self) -> EngineFacts:
        info = await self._engine.info()
        gpus = "Docker has the nvidia runtime" if info.nvidia_runtime else None
        return EngineFacts(version=info.version, gpus=gpus, data_root="/var/lib/docker")

    async def image(self, image: str) -> ImageFacts | None:
        if not await self._engine.has_image(image):
            return None
        return ImageFacts(digest=image_digest(image), size_bytes=IMAGE_BYTES, cuda_version=_CUDA)

    async def holder(self, name: str) -> Holder | None:
        found = next((c for c in await self._engine.containers() if c.name == name), None)
        if found is None:
            return None
        return Holder(name=name, running=found.state == "running", ours=LABEL in found.labels)

    async def try_arguments(self, spec: ContainerSpec) -> Trial:
        try:
            version = parse(spec.args, {}).settings.version
        except NemotuiError as error:
            return Trial(accepted=False, words=f"vLLM in this image refuses: {error.problem.message}")
        return Trial(accepted=True, words=f"vLLM {version} takes every flag of the plan")

    async def host(self, plan: Plan | None, data_root: str | None) -> HostFacts:
        profile = self._profile
        problem = _port_problem(plan, plan.port) if plan else None
        free = None
        if plan and problem:
            nearby = range(plan.port + 1, min(plan.port + _PORTS_TRIED, 65_536))
            free = next((port for port in nearby if _port_problem(plan, port) is None), None)
        return HostFacts(
            user="ubuntu",
            model_disk=Disk(path=self._host.disk_path or "/", free_bytes=profile.disk_free_bytes, device=1),
            engine_disk=Disk(path=data_root or "/", free_bytes=profile.disk_free_bytes, device=1),
            memory_available_bytes=self._host.memory_available_bytes,
            shm_free_bytes=profile.memory_total_bytes // 2,
            port_problem=problem,
            free_port=free,
            kills_at_logout=profile.kills_at_logout,
        )

    async def tag(self, image: str) -> Tag:
        ref = image_ref(image)
        if self._profile.offline:
            return Tag(exists=None, words=f"{ref.registry} does not answer: {_NO_NETWORK}")
        if ref.repository == "vllm/vllm-openai" and ref.reference not in _TAGS:
            words = f"{ref.registry} has no {ref.repository}:{ref.reference}"
            return Tag(exists=False, words=words, instead=nearest_tags(ref.reference, _TAGS))
        return Tag(exists=True, words=f"{ref.registry} has it, {image_digest(image).partition('@')[2]}")

    async def hub(self, repo: str) -> Hub:
        url = "https://huggingface.co"
        return (
            Hub(url=url, state="unreachable", words=_NO_NETWORK)
            if self._profile.offline
            else Hub(url=url, state="there")
        )


def _port_problem(plan: Plan, port: int) -> str | None:
    try:
        check_port(plan.bind, port, plan.name)
    except NemotuiError as error:
        return error.problem.message
    return None
