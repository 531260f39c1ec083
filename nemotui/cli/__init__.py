"""The command line, and the only composition root: flags → settings → backends → a verb.

Each verb is a module that is imported when it is asked for; none imports Textual.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from nemotui import __version__
from nemotui.core.text import plain_line

# verb → module of nemotui.cli that holds a click command of that name
VERBS = {
    "gpus": "gpus",
    "recommend": "recommend",
    "up": "up",
    "deploy": "deploy",
    "status": "serving",
    "logs": "serving",
    "stop": "serving",
    "bench": "bench",
    "chat": "chat",
    "simulate": "simulate",
}
DEFAULT_PROFILE = "2xh100"


class _Verbs(click.Group):
    """Imports a verb's module only when that verb runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = getattr(importlib.import_module(f"nemotui.cli.{VERBS[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: nemotui --demo 2xb200 shows the whole loop on a pretend machine, without GPU or Docker.",
)
@click.version_option(__version__, "--version", message="nemotui %(version)s")
@click.option("--demo", metavar="[PROFILE]", help="Use a pretend machine (default 2xh100).")
@click.pass_context
def nemotui(ctx: click.Context, demo: str | None) -> None:
    """From a box with NVIDIA GPUs to a served, measured and trusted Nemotron 3 Super."""
    if ctx.invoked_subcommand is None:
        if demo is None:
            raise click.UsageError(
                "there is no console yet. Use `nemotui up`, or `nemotui --demo` for a pretend machine."
            )
        up = ctx.command.get_command(ctx, "up")  # type: ignore[attr-defined]
        ctx.exit(up.main(["--demo", demo], prog_name="nemotui up", standalone_mode=False))
    elif demo is not None:
        raise click.UsageError(f"--demo comes after the verb: nemotui {ctx.invoked_subcommand} --demo {demo}")


def run(argv: Sequence[str]) -> int:
    """Run one command line; the exit code as COMMANDS has it: 0, 1, 2, 3 or 130."""
    try:
        code = nemotui.main(_with_profile(list(argv)), prog_name="nemotui", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        usage = error.ctx.get_usage().splitlines()[0] if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"nemotui: {plain_line(error.format_message())}{usage and f' ({plain_line(usage)})'}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader has gone (`nemotui logs | head`): leave without a word, and without Python's at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def main() -> None:
    """Entry point of the `nemotui` program."""
    sys.exit(run(sys.argv[1:]))


def _with_profile(argv: list[str]) -> list[str]:
    """`--demo` takes an optional profile, which click cannot tell from the verb or the prompt that may follow it."""
    end = argv.index("--") if "--" in argv else len(argv)
    if "--demo" not in argv[:end]:
        return argv
    at = argv.index("--demo")
    following = argv[at + 1] if at + 1 < end else "-"
    if following.startswith("-") or following in VERBS or (argv[0] == "chat" and not _is_profile(following)):
        return [*argv[:at], f"--demo={DEFAULT_PROFILE}", *argv[at + 1 :]]
    return [*argv[:at], f"--demo={following}", *argv[at + 2 :]]


def _is_profile(word: str) -> bool:
    from nemotui.sim.machines import PROFILES

    return word in PROFILES
