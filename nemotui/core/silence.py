"""No sign of life: when a start has gone silent for too long, and what to try."""

from __future__ import annotations

from typing import Final

from nemotui.core.deploy import Starting
from nemotui.core.phases import Phase

# The longest silence of a healthy start that is on record had a line after 60 s, and its GPU worked meanwhile.
SILENT_S: Final = 300.0

_ELSE: Final = "`docker top NAME` shows whether it works; `nemotui stop`, then `nemotui deploy` begins anew."
_TRY: Final[dict[Phase, str]] = {
    "download": "Is the network there? `nemotui stop`, then `nemotui pull`: it goes on where the download was.",
    "weights": "Is the disk busy or a network mount gone? `iostat -x 5` and `df` tell; " + _ELSE,
    "compile": "A first compilation can take half an hour without a word, on the CPU alone. " + _ELSE,
    "engine": "GPUs may be waiting for one another: try `-- --disable-custom-all-reduce`, or on PCIe machines "
    "`--env NCCL_P2P_DISABLE=1`. " + _ELSE,
}
_TRY["kernels"] = _TRY["graphs"] = _TRY["engine"]


def silence(event: Starting, name: str) -> tuple[str, str] | None:
    """What is the matter and what to try, for the container of this name; None while all is well."""
    if event.silent_s < SILENT_S:
        return None
    what = f"No sign of life for {event.silent_s / 60:.0f} min: no log line, no byte in the model cache"
    if event.sight.gpus:
        what += ", no GPU activity"
    return what, _TRY.get(event.phase, _ELSE).replace("NAME", name)
