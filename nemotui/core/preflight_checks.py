"""What would make a start fail: each check from facts alone, with what was found, what is needed, and the fix.

A check that fails by an estimate can be overruled; one that fails by what the engine or vLLM will refuse cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nemotui.core.cure import Change, idle_gpus, other_name
from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.image_ref import image_ref
from nemotui.core.memory import GIB
from nemotui.core.plan import ALL_GPUS, GPU_IMAGE, Plan, container_spec
from nemotui.core.reach import FIREWALL, Login, is_open
from nemotui.core.show import gib
from nemotui.core.surroundings import EngineFacts, Holder, HostFacts, ImageFacts

Status = Literal["ok", "warn", "fail", "skipped"]

# Estimates of ours, each said to be one where it is shown.
_RAM_BYTES, _RAM_BYTES_A_GPU = 8 * GIB, 4 * GIB  # Python, CUDA's context and pinned buffers of each worker
_SHM_BYTES_A_GPU = GIB  # vLLM's message queues and NCCL's buffers

_ASSUMED_CUDA = "13.0"  # of the newest vllm/vllm-openai images; the image itself says it once it is there
_DRIVER_OF_CUDA = {12: "525", 13: "580"}  # NVIDIA: CUDA compatibility, minimum driver of a major release
_TOOLKIT = (
    "`sudo apt-get install -y nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker"
    " && sudo systemctl restart docker`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line. `found` and `needed` are phrases, `fix` sentences with the command that mends it.

    `estimate`: a failure is what we reckon, and may be overruled. `kind` is the error's word for scripts, where it
    had one. `cure`: settings that mend it without anybody else having to do a thing.
    """

    name: str
    status: Status
    found: str
    needed: str = ""
    fix: str = ""
    estimate: bool = False
    kind: str = ""
    cure: tuple[Change, ...] = ()


def skipped(name: str, why: str) -> Check:
    """What cannot be or need not be looked at."""
    return Check(name=name, status="skipped", found=why)


def refused(name: str, problem: Problem, needed: str = "") -> Check:
    """Something that could not be asked, or said no."""
    return Check(name=name, status="fail", found=problem.message, needed=needed, fix=problem.fix, kind=problem.kind)


def engine(facts: EngineFacts) -> Check:
    """Somebody answers on Docker's socket, and answers us."""
    kind = "rootless Docker" if facts.rootless else "Docker"
    return Check(name="engine", status="ok", found=f"{kind} {facts.version} answers", needed="an engine you may use")


def toolkit(facts: EngineFacts, plan: Plan) -> Check:
    """The engine can give GPUs to a container."""
    needed = "the NVIDIA Container Toolkit, registered with Docker"
    if not plan.gpus:
        return skipped("toolkit", "the plan asks for no GPU")
    if facts.gpus is None:
        return Check(
            name="toolkit",
            status="fail",
            found="Docker knows no NVIDIA runtime",
            needed=needed,
            fix=_TOOLKIT,
            kind="no_nvidia_toolkit",
        )
    return Check(name="toolkit", status="ok", found=facts.gpus, needed=needed)


def driver(machine: Machine, image: ImageFacts | None, plan: Plan) -> Check:
    """The driver is new enough for the CUDA in the image."""
    if not plan.gpus:
        return skipped("driver", "the plan asks for no GPU")
    assumed = image is None
    need = image.cuda_version if image else _ASSUMED_CUDA
    if assumed and image_ref(plan.image).repository != image_ref(GPU_IMAGE).repository:
        need = None
    have = machine.cuda_version
    if need is None or have is None:
        who = "the image does not say which CUDA it has" if need is None else "the driver does not say its CUDA"
        return skipped("driver", who)
    found = f"driver {machine.driver_version or 'n/a'}, good for CUDA {have}"
    needed = f"CUDA {need}{', as we assume of an image that is not here yet' if assumed else ', which the image has'}"
    if _version(have) >= _version(need):
        return Check(name="driver", status="ok", found=found, needed=needed)
    major = _version(need)[0]
    if _version(have)[0] == major:
        fix = "It runs by CUDA's compatibility within a release. If the toolkit refuses: a newer driver."
        return Check(name="driver", status="warn", found=found, needed=needed, fix=fix)
    release = _DRIVER_OF_CUDA.get(major)
    newer = f"`sudo apt-get install -y nvidia-driver-{release}-server`" if release else "A newer driver"
    fix = f"{newer} and a reboot, or an older image with --image."
    return Check(name="driver", status="fail", found=found, needed=needed, fix=fix, estimate=assumed)


def gpus(machine: Machine, plan: Plan) -> Check:
    """The plan's GPUs are there and as free as vLLM will insist on."""
    if not plan.gpus:
        return skipped("gpus", "the plan asks for no GPU")
    known = {gpu.uuid: gpu for gpu in machine.gpus}
    wanted = [known.get(uuid) for uuid in (tuple(known) if plan.gpus == ALL_GPUS else plan.gpus)]
    there = [gpu for gpu in wanted if gpu is not None and gpu.state == "ok"]
    needed = f"{plan.gpu_memory_utilization:.0%} of each free"
    if len(there) < len(wanted) or not there:
        bad = ", ".join(f"GPU {gpu.index}: {gpu.state}" for gpu in wanted if gpu and gpu.state != "ok")
        fix = "Plan on others: `nemotui recommend`."
        return Check(name="gpus", status="fail", found=bad or "a GPU of the plan is gone", needed=needed, fix=fix)
    short = [gpu for gpu in there if _is_short(gpu, plan.gpu_memory_utilization)]
    found = ", ".join(f"GPU {gpu.index}: {gib(gpu.memory_free_bytes)} free" for gpu in short or there)
    if not short:
        return Check(name="gpus", status="ok", found=found, needed=needed, estimate=True)
    sizes = {gib((gpu.cuda_total_bytes or 0) * plan.gpu_memory_utilization) for gpu in short}
    return Check(
        name="gpus",
        status="fail",
        found="; ".join([found, *_holders(short)]),
        needed=f"{' or '.join(sorted(sizes))} free on each",
        fix=_end_them(short),
        estimate=True,
        cure=idle_gpus(container_spec(plan), machine),
    )


def _is_short(gpu: Gpu, share: float) -> bool:
    if gpu.memory_free_bytes is None or gpu.cuda_total_bytes is None:
        return False
    return gpu.memory_free_bytes < gpu.cuda_total_bytes * share


def _holders(short: Sequence[Gpu]) -> list[str]:
    return [
        f"{process.name or 'a process'} (pid {process.pid}, {process.user or 'user unknown'}) holds"
        f" {gib(process.memory_bytes)}"
        for gpu in short
        for process in gpu.processes
    ]


def _end_them(short: Sequence[Gpu]) -> str:
    pids = sorted({process.pid for gpu in short for process in gpu.processes})
    if not pids:
        return "See who holds it: `nvidia-smi`; or take less: --gpu-memory-utilization."
    return f"`kill {' '.join(map(str, pids))}`, if nobody needs them; or plan on others: `nemotui recommend`."


def memory(machine: Machine, host: HostFacts, plan: Plan) -> Check:
    """The host's memory, for the processes beside the GPUs."""
    have = host.memory_available_bytes
    if not plan.gpus or any(gpu.unified_memory for gpu in machine.gpus):
        return skipped("memory", "not reckoned for this plan")
    if have is None:
        return skipped("memory", "the host does not say what is free")
    need = _RAM_BYTES + _RAM_BYTES_A_GPU * plan.tensor_parallel_size * plan.data_parallel_size
    fix = "" if have >= need else "End what is not needed: `ps -eo pid,rss,comm --sort=-rss | head`."
    status: Status = "ok" if have >= need else "fail"
    needed = f"about {gib(need)}, an estimate"
    return Check(
        name="memory", status=status, found=f"{gib(have)} of RAM available", needed=needed, fix=fix, estimate=True
    )


def shared_memory(host: HostFacts, plan: Plan) -> Check:
    """/dev/shm, which the workers of one model talk through; the container has the host's."""
    workers = plan.tensor_parallel_size * plan.data_parallel_size
    have = host.shm_free_bytes
    if workers < 2 or have is None:
        return skipped("shared-memory", "one worker needs none" if workers < 2 else "the host does not say")
    need = workers * _SHM_BYTES_A_GPU
    fix = "" if have >= need else f"`sudo mount -o remount,size={2 * workers}G /dev/shm`"
    return Check(
        name="shared-memory",
        status="ok" if have >= need else "fail",
        found=f"{gib(have)} free in /dev/shm, shared by --ipc=host",
        needed=f"about {gib(need)}, an estimate",
        fix=fix,
        estimate=True,
    )


def port(host: HostFacts, plan: Plan) -> Check:
    """Nobody listens where the server shall."""
    needed = f"{plan.bind}:{plan.port} free"
    if host.port_problem is None:
        return Check(name="port", status="ok", found=f"nobody listens on port {plan.port}", needed=needed)
    other = f"`--port {host.free_port}`" if host.free_port else "another --port"
    fix = f"Take another port: {other}; or end what has it: `sudo ss -ltnp 'sport = :{plan.port}'` shows it."
    cure = (Change("port", str(host.free_port)),) if host.free_port else ()
    return Check(
        name="port", status="fail", found=host.port_problem, needed=needed, fix=fix, kind="port_taken", cure=cure
    )


def name(holder: Holder | None, plan: Plan) -> Check:
    """The container's name can be had; a stopped one of ours gives way."""
    needed = f"the name {plan.name} free"
    if holder is None:
        return Check(name="name", status="ok", found=f"no container is called {plan.name}", needed=needed)
    if holder.ours and not holder.running:
        found = f"a stopped container of ours is called {plan.name}; it gives way"
        return Check(name="name", status="ok", found=found, needed=needed)
    if holder.ours:
        found, first = (
            f"a server of ours named {plan.name} runs",
            "`nemotui stop` ends it, --replace puts this one in its place",
        )
    else:
        state = "running" if holder.running else "stopped"
        found, first = (
            f"a {state} container of somebody else is called {plan.name}",
            f"`docker rename {plan.name} {plan.name}-old`",
        )
    kind = "runs_already" if holder.ours else "name_taken"
    fix = f"{first}; or take another --name."
    cure = () if holder.ours else other_name(container_spec(plan))
    return Check(name="name", status="fail", found=found, needed=needed, fix=fix, kind=kind, cure=cure)


def exposure(plan: Plan, way_in: Login) -> Check:
    """Who can reach the server."""
    if not is_open(plan.bind):
        found = f"this machine alone; a laptop by `{way_in.tunnel(plan.port, plan.bind)}`"
        return Check(name="exposure", status="ok", found=found, needed="nothing open")
    key = "without a key" if plan.as_published else "with a key"
    fix = f"To keep it to this machine: leave out --bind, and use `{way_in.tunnel(plan.port)}`."
    found = f"open to the network at {plan.bind}:{plan.port}, {key}. {FIREWALL}"
    return Check(name="exposure", status="warn", found=found, needed="a network you trust", fix=fix)


def logout(host: HostFacts, facts: EngineFacts | None) -> Check:
    """What is left of it when the SSH session ends."""
    if host.kills_at_logout is None:
        return skipped("logout", "systemd-logind does not say")
    needed = "processes that outlive the session"
    if not host.kills_at_logout:
        return Check(name="logout", status="ok", found="this host lets processes live on", needed=needed)
    fix = f"`sudo loginctl enable-linger {host.user}`"
    if facts and facts.rootless:
        found = "this host ends your processes at logout, and your rootless engine with its servers is one"
        return Check(name="logout", status="fail", found=found, needed=needed, fix=fix, estimate=True)
    found = "this host ends your processes at logout: a benchmark or a pull, not the server"
    return Check(name="logout", status="warn", found=found, needed=needed, fix=fix)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    digits = "".join(c for c in minor.partition(".")[0] if c.isdecimal())
    return (int(major) if major.isdecimal() else 0, int(digits or 0))
