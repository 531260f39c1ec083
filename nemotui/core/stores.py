"""What is kept on this machine's disk, as the use cases ask for it: runs, logs, starts, bundles, weights, keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from nemotui.core.bench import BenchSpec
    from nemotui.core.compare import Noise
    from nemotui.core.conversation import Conversation
    from nemotui.core.handover import RunEvent
    from nemotui.core.lab_prompts import LabPrompt
    from nemotui.core.measured import MeasuredStart
    from nemotui.core.merge import Part
    from nemotui.core.report import ReportRun
    from nemotui.core.sweep import SweepPoint, Swept
    from nemotui.core.verified import Verified

RunStatus = Literal["running", "finished", "interrupted", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run directory as a list shows it. `interrupted`: its process is gone and left no result.

    `broken`: what is there cannot be read, `problem` says why. `result` and `ended_at` (unix seconds) are None where
    there is no result (yet).
    """

    name: str
    path: str
    status: RunStatus
    spec: BenchSpec | None = None
    result: Mapping[str, Any] | None = None
    ended_at: float | None = None
    problem: str | None = None


class RunStore(Protocol):
    """The runs on disk. Each method raises `FailedError` where their folder cannot be listed."""

    async def listed(self, limit: int, containing: str = "") -> tuple[Sequence[StoredRun], int]:
        """The newest `limit` whose name, label or model contains a text, and how many more there are."""

    async def running(self) -> Sequence[StoredRun]:
        """Those that go on now, newest first."""

    async def find(self, name: str) -> StoredRun:
        """By directory, name, the beginning of a name, or `latest`; `UsageError` when none or several match."""

    async def label(self, run: StoredRun, label: str) -> StoredRun:
        """Give it another label. Raises `FailedError` where that cannot be."""

    async def delete(self, run: StoredRun) -> None:
        """Delete all that it measured. Raises `FailedError` for one that goes on."""

    async def noise(self, run: StoredRun) -> Mapping[str, Noise]:
        """The noise of its figures, from its own requests; empty where they do not tell."""

    async def repeats(self, run: StoredRun) -> Sequence[Mapping[str, Any]]:
        """The results of the finished runs of the same setup, this one too."""

    async def swept(self, spec: BenchSpec) -> Sequence[SweepPoint]:
        """The sound points of earlier sweeps of the same lengths and mode."""

    async def sweep_of(self, run: StoredRun) -> Sequence[StoredRun]:
        """The finished runs of the sweep that a run belongs to, the least load first; none where it is of no sweep."""

    async def whole_sweep(self, runs: Sequence[StoredRun]) -> Swept:
        """The points of such runs, and those of earlier sweeps of the same shape; without the published one."""

    async def part(self, run: StoredRun, result: Mapping[str, Any]) -> Part:
        """What a merger takes of it."""

    async def report(self, run: StoredRun, result: Mapping[str, Any]) -> ReportRun:
        """What a report says of it; `result` as `LoadRunner.result` tells it."""

    async def write_report(self, run: StoredRun, name: str, text: str) -> str:
        """Keep a report in the run's directory: its path. Raises `FailedError` where it cannot be written."""


class LogFiles(Protocol):
    """Where logs are saved."""

    async def write(self, container: str, chunks: AsyncGenerator[bytes, None]) -> tuple[str, int]:
        """Save a container's log under a new name: the file's path and size in bytes. It is complete or not there.

        Raises `FailedError` where it cannot be written.
        """


class LabStore(Protocol):
    """Files of prompts, and the labs that are kept."""

    async def prompts(self, path: str) -> Sequence[LabPrompt]:
        """The prompts of a file. Raises `UsageError` for one that cannot be read or is none."""

    async def save(self, name: str, document: Mapping[str, Any], text: str) -> str:
        """Keep a lab as JSON and Markdown, whole or not at all, in a directory of its own: its path.

        Raises `FailedError` where it cannot be written.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConversation:
    """The files of a conversation, JSON and Markdown, and what they held when we wrote or read them last."""

    name: str
    path: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation:
    """A conversation as a list shows it; `problem` says why a file there is none, or cannot be read."""

    name: str
    saved_at: float
    title: str = ""
    turns: int = 0
    model: str | None = None
    problem: str | None = None


class ConversationStore(Protocol):
    """The conversations on disk. No file of another console is ever overwritten."""

    async def save(
        self, conversation: Conversation, kept: KeptConversation | None = None, *, name: str | None = None
    ) -> KeptConversation:
        """Write it to the files that are its own, `kept`; without them to new ones, under a name like `name`.

        Raises `FailedError`: `conversation_changed` where somebody else has written those files since, or
        `conversation_not_saved` where they cannot be written. Then they are as they were.
        """

    async def listed(self, limit: int) -> tuple[Sequence[StoredConversation], int]:
        """The newest `limit`, and how many more there are."""

    async def open(self, name: str) -> tuple[Conversation, KeptConversation]:
        """By its name, by the path of a JSON file, or the `latest`.

        Raises `UsageError` where there is none of that name, `FailedError` where the file cannot be read as one.
        """


class StartStore(Protocol):
    """What starts on this machine have taught, kept from one session to the next."""

    def all(self) -> Sequence[MeasuredStart]:
        """All that is kept, newest first."""

    def add(self, start: MeasuredStart) -> None:
        """Keep it, in place of an older one of the same setup. Raises `FailedError` where it cannot be written."""


class VerifiedStore(Protocol):
    """What trust checks have found, the newest of each server and model."""

    async def keep(self, verified: Verified) -> None:
        """Raises `FailedError` where it cannot be written."""

    async def last(self, base_url: str, model: str) -> Verified | None: ...


class HandoverStore(Protocol):
    """Recipes that are run against a server: short ones at once, benchmarks of clients in a directory each."""

    async def once(self, recipe: str, program: str) -> tuple[int | None, str]:
        """Its exit code, and what it printed; None where it could not be run, or did not end, with why."""

    def run(
        self, client: str, recipe: str, needs: Sequence[str], about: Mapping[str, Any]
    ) -> AsyncGenerator[RunEvent, None]:
        """Run a recipe that needs these programs; `about` is kept with its result. Closing it early ends it.

        Raises `NothingThereError` where a program is missing, `FailedError` where nothing can be written.
        """


class ModelCache(Protocol):
    """The Hugging Face cache on this host, which containers mount."""

    async def held_bytes(self, repo: str) -> int:
        """What is there of a repository's files, unfinished ones included; 0 where nothing is."""


class IncidentStore(Protocol):
    """Where bundles of failed starts are kept."""

    async def save(self, name: str, files: Mapping[str, str], path: str | None = None) -> str:
        """One bundle of these files, whole or not at all, without our secrets; where it lies.

        Raises `FailedError` where it cannot be written.
        """


class KeyStore(Protocol):
    """The key of our own servers that listen to the network; clients of ours send it, nobody else sees it."""

    @property
    def path(self) -> str:
        """The env file that holds it, with mode 0600."""

    def key(self) -> str | None:
        """The key that is kept; None where there is none."""

    async def ensure(self) -> str | None:
        """Keep one from now on; returned is a key that was made just now, to be shown once.

        Raises `FailedError` where it cannot be written.
        """
