"""The command line, and the only composition root: flags → settings → backends → a verb.

Each verb is a module that is imported when it is asked for; none imports Textual.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from nemotui.cli.plain import asks_for_plain, plain
from nemotui.core.errors import NemotuiError, UsageError
from nemotui.core.text import plain_line
from nemotui.version import version

# verb → module of nemotui.cli that holds a click command of that name
VERBS = {
    "console": "console",
    "gpus": "gpus",
    "recommend": "recommend",
    "check": "check",
    "up": "up",
    "pull": "pull",
    "deploy": "deploy",
    "status": "serving",
    "logs": "logs",
    "stop": "serving",
    "adopt": "serving",
    "bundle": "serving",
    "clean": "clean",
    "bench": "bench",
    "runs": "runs",
    "compare": "compare",
    "report": "report",
    "chat": "chat",
    "lab": "lab",
    "verify": "verify",
    "connect": "connect",
    "simulate": "simulate",
}
# verbs that take words of their own: after --demo such a word is a profile only where a profile is called so
TAKE_WORDS = frozenset({"runs", "compare", "report", "chat", "lab", "connect", "clean", "bundle"})


class _Verbs(click.Group):
    """Imports a verb's module only when that verb runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in VERBS if name != "console"]  # it is what happens without a verb

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        gc.disable()  # what is imported stays: looking for garbage in it would only take time
        try:
            command = getattr(importlib.import_module(f"nemotui.cli.{VERBS[cmd_name]}"), cmd_name)
        finally:
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            verbs = self.list_commands(ctx)
            near = difflib.get_close_matches(args[0], verbs, 1)
            fix = f"Did you mean {near[0]}?" if near else f"There are {', '.join(verbs)}."
            raise UsageError("usage", f"there is no verb {plain_line(args[0], limit=80)!r}", fix)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: nemotui --demo 2xb200 opens the console on a pretend machine, without GPU or Docker.",
)
@click.version_option(version(), "--version", message="nemotui %(version)s")
def nemotui() -> None:
    """From a box with NVIDIA GPUs to a served, measured and trusted Nemotron 3 Super.

    Without a verb it opens the console; `nemotui console --help` has its flags. Every verb works without a terminal
    and prints JSON with --json.
    """


def run(argv: Sequence[str]) -> int:
    """Run one command line; the exit code as docs/scripts.md has it."""
    try:
        if asks_for_plain(argv):
            return plain(_plain(argv), run)
        code = nemotui.main(_with_profile(_with_verb(_plain(argv))), prog_name="nemotui", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except NemotuiError as error:
        _let_go_of_stdout()
        click.echo(f"nemotui: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        usage = error.ctx.get_usage().splitlines()[0] if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"nemotui: {plain_line(error.format_message())}{usage and f' ({plain_line(usage)})'}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        _let_go_of_stdout()  # the reader has gone (`nemotui logs | head`): leave without a word
        return 1
    except Exception as error:
        from nemotui.cli.defect import defect

        click.echo(f"nemotui: {defect(error)}", err=True)
        return 1


def main() -> None:
    """Entry point of the `nemotui` program."""
    _open_what_is_closed()
    sys.exit(run(sys.argv[1:]))


def _with_verb(argv: list[str]) -> list[str]:
    """No verb means the console; a pretend machine without a whole terminal means the same loop as plain text."""
    if argv and (not argv[0].startswith("-") or argv[0] in ("-h", "--help", "--version")):
        return argv
    demo = any(arg == "--demo" or arg.startswith("--demo=") for arg in argv)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return ["up" if demo and not terminal else "console", *argv]


def _open_what_is_closed() -> None:
    """Whoever started us may have closed a stream (`>&-`): it is empty then, and what is written to it goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # until the end


def _let_go_of_stdout() -> None:
    """What is left in its buffer cannot be written; Python would say so at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _plain(argv: Sequence[str]) -> list[str]:
    """The arguments, each fit to be shown again in a line (a command, a path, an error); a question may be any text."""
    for number, word in enumerate(argv, 1):
        if argv[0] not in ("chat", "lab") and plain_line(word, limit=len(word)) != word:
            shown = plain_line(word, limit=80)
            fix = "Leave out control characters, line breaks and what is not UTF-8."
            raise UsageError("usage", f"argument {number} ({shown!r}) is not plain text", fix)
    return list(argv)


def _with_profile(argv: list[str]) -> list[str]:
    """`--demo` takes an optional profile, which click cannot tell from the verb or the prompt that may follow it."""
    end = argv.index("--") if "--" in argv else len(argv)
    if "--demo" not in argv[:end]:
        return argv
    at = argv.index("--demo")
    from nemotui.sim.machines import DEFAULT_PROFILE, PROFILES

    following = argv[at + 1] if at + 1 < end else "-"
    if following.startswith("-") or following in VERBS or (argv[0] in TAKE_WORDS and following not in PROFILES):
        return [*argv[:at], f"--demo={DEFAULT_PROFILE}", *argv[at + 1 :]]
    return [*argv[:at], f"--demo={following}", *argv[at + 2 :]]
