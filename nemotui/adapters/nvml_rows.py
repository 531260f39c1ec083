"""The GPUs from one sample to the next: who is missing, what a silent one said last, which Xid it had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nemotui.core.hardware import Gpu


class GpuRows:
    """`now`: a row for every GPU that was ever seen, by UUID.

    One that gives no values keeps its last ones with their age, and every GPU its last Xid: the driver is initialised
    anew after an Xid, just when people want to know it.
    """

    def __init__(self) -> None:
        self.now: tuple[Gpu, ...] = ()
        self._good: dict[str, tuple[float, Gpu]] = {}
        self._xids: dict[str, int] = {}

    def take(self, rows: Sequence[Gpu], at: float) -> None:
        """What the driver says at `at`, monotonic seconds."""
        self.now = tuple(self._with_past(row, at) for row in _with_missing(rows, self.now))

    def silence(self, reason: str, at: float) -> None:
        """The driver as a whole says nothing."""
        self.now = tuple(
            self._with_past(row if row.gone else replace(row, state="not-answering", state_reason=reason), at)
            for row in self.now
        )

    def _with_past(self, row: Gpu, at: float) -> Gpu:
        xid = self._xids.get(row.uuid) if row.xid is None else row.xid
        if xid is not None:
            self._xids[row.uuid] = xid
            row = replace(row, xid=xid)
        if row.state == "ok":
            self._good[row.uuid] = at, row
        elif row.uuid in self._good:
            read_at, good = self._good[row.uuid]
            row = replace(
                good,
                index=row.index,
                state=row.state,
                state_reason=row.state_reason,
                xid=xid,
                age_s=round(at - read_at, 1),
            )
        return row


def _with_missing(now: Sequence[Gpu], before: Sequence[Gpu]) -> list[Gpu]:
    """The rows of now, and those of before that the driver does not list any more, as lost.

    Indices may shift when a GPU is gone (koordinator#2706), so rows are told apart by UUID. One that is counted and
    cannot be opened has none: it is taken for the one that is missing.
    """
    uuids = {gpu.uuid for gpu in now}
    missing = [gpu for gpu in before if gpu.uuid not in uuids and not gpu.uuid.startswith("unknown-")]
    rows = []
    for gpu in now:
        if missing and gpu.uuid.startswith("unknown-"):
            old = next((old for old in missing if old.index == gpu.index), missing[0])
            missing.remove(old)
            gpu = replace(gpu, uuid=old.uuid, name=old.name, pci_bus_id=old.pci_bus_id)
        rows.append(gpu)
    reason = "the driver does not list it any more"
    rows += [
        replace(old, index=index, state="lost", state_reason=reason) for index, old in enumerate(missing, len(rows))
    ]
    return rows
