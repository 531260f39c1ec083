"""Which GPUs form a tensor-parallel group."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from nemotui.core.group_table import GroupLine, group_table
from nemotui.core.groups import tensor_parallel_groups
from nemotui.core.hardware import Gpu, GpuProcess, Link, LinkKind, Machine

GIB = 2**30


def h100(index: int, free_gib: float = 79.0) -> Gpu:
    return Gpu(
        index=index,
        uuid=f"GPU-{index}",
        name="NVIDIA H100 80GB HBM3",
        compute_capability="9.0",
        memory_total_bytes=81559 * 2**20,
        memory_free_bytes=int(free_gib * GIB),
        mig_enabled=False,
    )


def machine(*gpus: Gpu, links: dict[tuple[int, int], LinkKind | None] | None = None) -> Machine:
    """Every pair is SYS, save those given."""
    given = links or {}
    pairs = ((a.index, b.index) for a, b in combinations(gpus, 2))
    return Machine(
        gpus=gpus, links=tuple(Link(a=f"GPU-{a}", b=f"GPU-{b}", kind=given.get((a, b), "SYS")) for a, b in pairs)
    )


def test_an_nvlink_pair_beats_lower_indices() -> None:
    found = tensor_parallel_groups(machine(*map(h100, range(3)), links={(1, 2): "NVLINK", (0, 1): "PIX"}), 2)
    assert [group.gpus for group in found.groups] == [("GPU-1", "GPU-2")]
    assert found.groups[0].worst_link == "NVLINK"
    assert found.groups[0].reasons == (
        "2 × NVIDIA H100 80GB HBM3, compute capability 9.0, 79.6 GiB each",
        "NVLink connects every pair",
    )
    assert found.refusals == {"GPU-0": "no equal partners are left for a group of 2"}


def test_without_nvlink_the_worst_link_decides_and_then_the_lowest_indices() -> None:
    box = machine(*map(h100, range(4)), links={(0, 1): "NODE", (2, 3): "PXB"})
    assert [group.gpus for group in tensor_parallel_groups(box, 2).groups] == [("GPU-2", "GPU-3"), ("GPU-0", "GPU-1")]
    equal = machine(*map(h100, range(4)))
    assert [group.gpus for group in tensor_parallel_groups(equal, 2).groups] == [("GPU-0", "GPU-1"), ("GPU-2", "GPU-3")]


def test_among_nvlink_groups_more_lanes_win() -> None:
    box = machine(*map(h100, range(3)))
    lanes = (
        Link(a="GPU-0", b="GPU-1", kind="NVLINK", nvlinks=1),
        Link(a="GPU-0", b="GPU-2", kind="NVLINK", nvlinks=2),
        Link(a="GPU-1", b="GPU-2", kind="NVLINK", nvlinks=1),
    )
    assert tensor_parallel_groups(replace(box, links=lanes), 2).groups[0].gpus == ("GPU-0", "GPU-2")


def test_four_over_pcie_are_valid_and_said_to_be_slower() -> None:
    found = tensor_parallel_groups(machine(*map(h100, range(4))), 4)
    assert found.groups[0].gpus == ("GPU-0", "GPU-1", "GPU-2", "GPU-3")
    assert found.groups[0].reasons[1:] == (
        "the worst link between two of them is SYS, across CPU sockets",
        "vLLM does without its custom all-reduce here, which works and is slower",
    )


def test_the_two_nvlink_quads_of_a_hybrid_cube_are_both_found() -> None:
    # DGX-1: 0-3 and 4-7 are fully connected, and each GPU has one link across: 0-4, 1-5, 2-6, 3-7.
    quads = [*combinations(range(4), 2), *combinations(range(4, 8), 2), *((i, i + 4) for i in range(4))]
    found = tensor_parallel_groups(machine(*map(h100, range(8)), links=dict.fromkeys(quads, "NVLINK")), 4)
    assert [group.gpus for group in found.groups] == [
        ("GPU-0", "GPU-1", "GPU-2", "GPU-3"),
        ("GPU-4", "GPU-5", "GPU-6", "GPU-7"),
    ]
    assert {group.worst_link for group in found.groups} == {"NVLINK"}


def test_an_unknown_link_is_unknown_and_ranks_last() -> None:
    box = machine(*map(h100, range(3)), links={(0, 1): None, (0, 2): None})
    found = tensor_parallel_groups(box, 2)
    assert found.groups[0].gpus == ("GPU-1", "GPU-2")
    alone = tensor_parallel_groups(Machine(gpus=(h100(0), h100(1))), 2).groups[0]
    assert alone.worst_link is None
    assert alone.reasons[-1] == "the worst link between two of them is unknown"


def test_every_member_needs_the_memory() -> None:
    found = tensor_parallel_groups(machine(h100(0), h100(1, free_gib=10.0), h100(2)), 2, need_bytes=60 * GIB)
    assert [group.gpus for group in found.groups] == [("GPU-0", "GPU-2")]
    assert found.groups[0].reasons[1] == "the fullest has 79.0 GiB free, 60.0 GiB are needed"
    assert found.refusals == {"GPU-1": "10.0 GiB are free, 60.0 GiB are needed"}


def test_mig_lost_and_unreadable_gpus_are_refused_each_with_its_reason() -> None:
    gpus = (
        replace(h100(0), mig_enabled=True),
        replace(h100(1), state="lost", state_reason="GPU is lost"),
        replace(h100(2), state="error"),
        replace(h100(3), memory_free_bytes=None, unknown={"memory_free_bytes": "Insufficient Permissions"}),
        h100(4),
    )
    found = tensor_parallel_groups(machine(*gpus), 1, need_bytes=GIB)
    assert [group.gpus for group in found.groups] == [("GPU-4",)]
    assert found.refusals == {
        "GPU-0": "MIG is on: it is cut into slices, which cannot share a model",
        "GPU-1": "its state is lost: GPU is lost",
        "GPU-2": "its state is error",
        "GPU-3": "how much of its memory is free is unknown: Insufficient Permissions",
    }


def test_different_gpus_never_share_a_group() -> None:
    a100 = replace(h100(0), name="NVIDIA A100-SXM4-80GB", compute_capability="8.0")
    small = replace(h100(3), memory_total_bytes=40960 * 2**20)
    found = tensor_parallel_groups(machine(a100, h100(1), h100(2), small), 2)
    assert [group.gpus for group in found.groups] == [("GPU-1", "GPU-2")]
    reason = "2 equal GPUs are needed, and of this kind only 1 can be used"
    assert found.refusals == {"GPU-0": reason, "GPU-3": reason}


def test_groups_are_in_index_order_whatever_the_order_of_the_file() -> None:
    box = machine(h100(1), h100(0))
    assert tensor_parallel_groups(box, 2).groups[0].gpus == ("GPU-0", "GPU-1")


def test_a_machine_without_gpus_has_no_groups() -> None:
    found = tensor_parallel_groups(Machine(), 1)
    assert found.groups == ()
    assert found.refusals == {}


def test_one_numa_node_breaks_a_tie_then_an_unknown_one() -> None:
    nodes: tuple[int | None, ...] = (0, 1, 0, None)
    box = machine(*(replace(h100(i), numa_node=node) for i, node in enumerate(nodes)))
    found = tensor_parallel_groups(box, 2)
    assert [group.gpus for group in found.groups] == [("GPU-0", "GPU-2"), ("GPU-1", "GPU-3")]
    assert "all on NUMA node 0" in found.groups[0].reasons
    assert not any("NUMA" in reason for reason in found.groups[1].reasons), "what is unknown is not said"
    apart = tensor_parallel_groups(machine(*(replace(h100(i), numa_node=i) for i in range(2))), 2)
    assert "across the NUMA nodes 0, 1" in apart.groups[0].reasons


def test_numa_never_beats_a_better_link() -> None:
    gpus = [replace(h100(i), numa_node=node) for i, node in enumerate((0, 0, 1))]
    found = tensor_parallel_groups(machine(*gpus, links={(1, 2): "NODE"}), 2)
    assert found.groups[0].gpus == ("GPU-1", "GPU-2")


def test_hidden_gpus_are_refused() -> None:
    found = tensor_parallel_groups(machine(replace(h100(0), visible=False), h100(1)), 1)
    assert found.refusals == {"GPU-0": "CUDA_VISIBLE_DEVICES hides it"}


def test_busy_gpus_are_refused_where_idle_ones_are_wanted() -> None:
    process = GpuProcess(pid=42, name="python3", memory_bytes=30 * GIB)
    gpus = (
        replace(h100(0), memory_used_bytes=30 * GIB, processes=(process,)),
        replace(h100(1), memory_used_bytes=2 * GIB),
        replace(h100(2), memory_used_bytes=100 * 2**20),
        replace(h100(3), memory_used_bytes=None, unknown={"memory_used_bytes": "Insufficient Permissions"}),
        replace(h100(4), memory_used_bytes=90 * GIB, unified_memory=True),  # the host's, not the GPU's
    )
    found = tensor_parallel_groups(machine(*gpus), 1, idle=True)
    assert sorted(group.gpus for group in found.groups) == [("GPU-2",), ("GPU-4",)]
    assert found.refusals == {
        "GPU-0": "it is busy: 30.0 GiB are in use by python3 (pid 42)",
        "GPU-1": "it is busy: 2.0 GiB are in use by another namespace",
        "GPU-3": "whether it is in use is unknown: Insufficient Permissions",
    }


def test_a_gpu_that_should_be_drained_is_refused() -> None:
    gpus = (
        replace(h100(0), ecc_uncorrected=3),
        replace(h100(1), xid=95),
        replace(h100(2), xid=31),  # a program's own fault
        replace(h100(3), xid=63, ecc_uncorrected=0),  # waits for the next reset, and works
    )
    found = tensor_parallel_groups(machine(*gpus), 2)
    assert [group.gpus for group in found.groups] == [("GPU-2", "GPU-3")]
    assert found.refusals == {
        "GPU-0": "drain it: 3 memory errors that ECC could not correct",
        "GPU-1": "drain it: Xid 95, a memory error that could not be contained: it needs a reset",
    }


def test_every_gpu_is_in_a_group_or_has_a_reason() -> None:
    box = Machine(gpus=tuple(map(h100, range(18))))
    found = tensor_parallel_groups(box, 8)
    assert [len(group.gpus) for group in found.groups] == [8, 8]
    assert found.refusals == dict.fromkeys(("GPU-16", "GPU-17"), "only 16 equal GPUs are looked at")
    three = tensor_parallel_groups(Machine(gpus=tuple(map(h100, range(7)))), 4)
    assert found.groups[0].gpus[:4] == three.groups[0].gpus
    assert set(three.refusals) == {"GPU-4", "GPU-5", "GPU-6"}


def test_the_table_says_for_every_size_why_these_and_why_not_the_others() -> None:
    idle = [replace(h100(i), memory_used_bytes=0) for i in range(4)]
    box = machine(*idle[:3], replace(idle[3], ecc_uncorrected=1), links={(0, 1): "NVLINK"})
    assert group_table(box) == (
        GroupLine("TP 2", "GPUs 0,1", "NVLink connects every pair; not 2: no equal partners are left for a group of 2"),
        GroupLine("no TP", "GPU 3", "drain it: 1 memory error that ECC could not correct"),
    )
    assert group_table(machine(idle[0], replace(idle[1], name="NVIDIA L40S"))) == (
        GroupLine("TP 2", "none", "not 0,1: 2 equal GPUs are needed, and of this kind only 1 can be used"),
    )
