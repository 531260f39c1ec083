"""Settings: defaults < config.toml < NEMOTUI_* < flags, merged once into one frozen object.

Secrets are not settings: an API key comes from a file or from NEMOTUI_API_KEY and is read where it is used.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import msgspec
from platformdirs import user_config_path, user_state_path

from nemotui.core.errors import UsageError
from nemotui.core.terminal import Theme
from nemotui.core.text import plain_line
from nemotui.keys.keymap import remapped

_CONFIG_LIMIT = 1024 * 1024

_Dollars = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
_Minutes = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


def _means(description: str) -> msgspec.Meta:
    """What a setting means: docs/configuration.md is made of it."""
    return msgspec.Meta(description=description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured: each field is a key of config.toml and a variable NEMOTUI_<KEY>."""

    image: Annotated[str | None, _means("vLLM's image; unset: the plan's own")] = None
    bind: Annotated[str, _means("the address that the server listens on; beyond loopback it has a key")] = "127.0.0.1"
    port: Annotated[_Port, _means("the port that the server listens on")] = 8000
    hf_cache: Annotated[Path, _means("the weights; unset: as HF_HOME says")] = Path.home() / ".cache/huggingface"
    vllm_cache: Annotated[Path, _means("what vLLM has compiled")] = Path.home() / ".cache/vllm"
    state_dir: Annotated[Path, _means("runs, logs, and what starts have taught")] = Path(user_state_path("nemotui"))
    base_url: Annotated[str | None, _means("the server to talk to; unset: the one deployed, else on `port`")] = None
    model: Annotated[str | None, _means("its model's name; unset: the first that it serves")] = None
    api_key_file: Annotated[Path | None, _means("a file with the server's key, which no flag takes")] = None
    catalog: Annotated[Path | None, _means("chips and models of your own, beside ours")] = None
    price_per_hour: Annotated[_Dollars | None, _means("what the machine costs, in dollars an hour")] = None
    on_ready: Annotated[str | None, _means("a command run, by no shell, when a start has ended")] = None
    restart_policy: Annotated[str, _means("Docker's, of our containers")] = "no"
    log_max_size: Annotated[str, _means("at this size Docker begins another log file")] = "50m"
    log_max_files: Annotated[int, _means("how many log files Docker keeps")] = 3
    verify_skip: Annotated[str | None, _means("trust checks to leave out, by name, with commas between")] = None
    idle_after_min: Annotated[_Minutes, _means("an idle server gets a word after so long; 0: never")] = 30.0
    slow: Annotated[bool | None, _means("whether the line to the terminal is slow; unset: it is measured")] = None
    theme: Annotated[Theme | None, _means("the console's look; unset: as chosen last, first dark")] = None
    ascii: Annotated[bool | None, _means("no sign beyond ASCII; unset: as LC_ALL, LC_CTYPE or LANG say")] = None
    keys: Annotated[Mapping[str, str], _means("the table [keys]: other keys, see [keys](keys.md)")] = field(
        default_factory=dict
    )

    @property
    def runs_dir(self) -> Path:
        """Where benchmark runs are stored."""
        return self.state_dir / "runs"

    @property
    def logs_dir(self) -> Path:
        """Where logs are saved."""
        return self.state_dir / "logs"

    @property
    def lab_dir(self) -> Path:
        """Where labs are kept."""
        return self.state_dir / "lab"

    @property
    def conversations_dir(self) -> Path:
        """Where conversations are kept."""
        return self.state_dir / "conversations"

    @property
    def starts_file(self) -> Path:
        """Where it is kept what starts have taught."""
        return self.state_dir / "starts.json"

    @property
    def verified_file(self) -> Path:
        """What the newest trust checks of each server have found."""
        return self.state_dir / "verified.json"

    @property
    def handover_dir(self) -> Path:
        """Where benchmarks of other clients leave their output and their score."""
        return self.state_dir / "handover"

    @property
    def adopted_file(self) -> Path:
        """Which containers of others were adopted."""
        return self.state_dir / "adopted.json"

    @property
    def fetched_file(self) -> Path:
        """Which images we pulled."""
        return self.state_dir / "fetched-images.json"

    @property
    def incidents_dir(self) -> Path:
        """Where bundles of failed starts are kept."""
        return self.state_dir / "incidents"

    @property
    def key_file(self) -> Path:
        """Where the key of our own server is kept, in the form of `docker run --env-file`."""
        return self.state_dir / "server.env"

    @property
    def log_file(self) -> Path:
        """Where a traceback goes with NEMOTUI_DEBUG=1."""
        return self.state_dir / "nemotui.log"


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """Merge the four layers. `flags` holds only what was typed; `config` None means the XDG file, if it is there.

    Raises `UsageError` that names the file or variable, the key and, for an unknown key, the nearest valid one.
    """
    known = {field.name for field in fields(Settings)}
    merged = _from_file(config, environ)
    for key in known:
        variable = f"NEMOTUI_{key.upper()}"
        if environ.get(variable):
            merged |= _validated(variable, {key: environ[variable]})
    merged |= _validated("the command line", {k: v for k, v in flags.items() if k in known and v is not None})
    if "hf_cache" not in merged and environ.get("HF_HOME"):
        merged |= _validated("HF_HOME", {"hf_cache": environ["HF_HOME"]})
    return Settings(**merged)


def _from_file(config: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    named = config or (Path(environ["NEMOTUI_CONFIG"]) if environ.get("NEMOTUI_CONFIG") else None)
    path = (named or user_config_path("nemotui") / "config.toml").expanduser()
    shown = plain_line(str(path))
    if named is None and not path.exists():
        return {}
    import tomllib  # at each start, for a file that few have

    try:
        with path.open("rb") as file:
            data = file.read(_CONFIG_LIMIT + 1)
        if len(data) > _CONFIG_LIMIT:
            raise UsageError("config", f"{shown} is over {_CONFIG_LIMIT} bytes", "That is no configuration file.")
        values = tomllib.loads(data.decode())
    except OSError as error:
        raise UsageError("config", f"cannot read {shown}: {error.strerror}", "Check --config.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("config", f"{shown} is not valid TOML: {plain_line(str(error))}", "Mend that line.") from None
    known = [field.name for field in fields(Settings)]
    for key in values.keys() - set(known):
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
        raise UsageError("config", f"{shown}: unknown key {plain_line(key)!r}", fix)
    settings = _validated(shown, values)
    remapped(settings.get("keys", {}), shown)
    return settings


def _validated(where: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the types of `Settings`; text such as an environment variable's is read as the type asks."""
    if not values:
        return {}
    types = typing.get_type_hints(Settings, include_extras=True)
    result = {}
    for key, value in values.items():
        try:
            if isinstance(value, str) and plain_line(value, limit=len(value)) != value:
                raise ValueError("Expected plain text, without control characters")
            result[key] = msgspec.convert(value, types[key], strict=False, dec_hook=_path)
        except (msgspec.ValidationError, ValueError, RuntimeError) as error:
            # "null" is no word of TOML's: a key that is left out has none.
            problem = plain_line(str(error)).replace(" | null", "")
            shown = plain_line(str(value), limit=80)
            raise UsageError("config", f"{where}: {key} = {shown!r}: {problem}", _remedy(key)) from None
    return result


def _remedy(key: str) -> str:
    if key == "keys":
        return "It is a table of actions, each with its keys in quotes."
    kinds = typing.get_args(typing.get_type_hints(Settings)[key])
    if bool in kinds:
        return "Use true or false."
    values = [value for kind in kinds if typing.get_origin(kind) is typing.Literal for value in typing.get_args(kind)]
    return f"Use one of {', '.join(values)}." if values else f"Mend {key}."


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, (str, Path)):
        return Path(value).expanduser()  # RuntimeError for an unknown ~user
    raise ValueError(f"Expected a path, got `{type(value).__name__}`")
