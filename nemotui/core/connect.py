"""Recipes that connect a client to one server: its URL, its model's name, and its key by file, never written out."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nemotui.core.errors import FailedError, UsageError
from nemotui.core.exchange import Sent
from nemotui.core.model_server import ModelServer
from nemotui.core.served import key_header
from nemotui.core.verify import anthropic_answer, checked, tool_answer
from nemotui.core.verify_ask import MOST_TOKENS, Asker, mapping_of, whole_answer
from nemotui.core.verify_checks import TOOL, TOOL_FLAGS, TrustCheck, Verdict, tool_call

Client = Literal["curl", "python", "claude-code", "tau-bench"]
CLIENTS: Final[tuple[Client, ...]] = ("curl", "python", "claude-code", "tau-bench")
RUN_HERE: Final[Mapping[Client, str]] = {"curl": "curl", "python": "python3"}  # at once; the program of each
RUN_AT_LENGTH: Final[Mapping[Client, Sequence[str]]] = {"tau-bench": ("uv", "git")}  # when asked for; what each needs

_QUESTION: Final = "Say hello in one sentence."
_CLAUDE_CONTEXT: Final = 32768  # its own prompt and tools take about 20,000 tokens
# What would lead it elsewhere, past what the recipe sets.
_OF_CLAUDE: Final = (
    *("ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
)
_TAU2: Final = "tau2 @ git+https://github.com/sierra-research/tau2-bench.git@558e6cd066d7bf05db587fa2dc1509765c7d03bc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a recipe is for. `key` is a shell expression that gives the key, such as `$(cat FILE)`; None: no key."""

    base_url: str
    model: str
    key: str | None = None


def recipe(client: Client, to: Target) -> str:
    """Shell lines to be pasted."""
    return {"curl": _curl, "python": _python, "claude-code": _claude_code, "tau-bench": _tau_bench}[client](to)


def _body(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": _QUESTION}], "max_tokens": 1024}


def curl_again(sent: Sent, key: str | None) -> str:
    """The same request once more, by curl; the body by standard input, so that it may be as long as a context.

    `key` is a shell expression as in `Target`; it is used where the request had one. Raises `UsageError` where not all
    of the body is kept.
    """
    if sent.size > len(sent.body):
        raise UsageError("body", "the request is not kept whole, or not any longer", "Ask again.")
    signed = any(name.lower() == "authorization" for name, _ in sent.headers)
    return (
        f"curl -sSN {shlex.quote(sent.url)}{_curl_key(key or '$NEMOTUI_API_KEY') if signed else ''} \\\n"
        f"  -H 'Content-Type: application/json' --data-binary @- <<'END'\n{sent.body}\nEND"
    )


def _curl_key(key: str | None) -> str:
    return f" \\\n  {key_header(key)}" if key else ""


def _curl(to: Target) -> str:
    return (
        f"curl -sS --fail-with-body {shlex.quote(f'{to.base_url}/v1/chat/completions')}{_curl_key(to.key)} \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(json.dumps(_body(to.model)))}"
    )


def _python(to: Target) -> str:
    """The standard library alone, so that it runs anywhere; OpenAI's client takes the same URL and name."""
    begin = f'NEMOTRON_KEY="{to.key}" ' if to.key else ""
    header = ', "Authorization": "Bearer " + os.environ["NEMOTRON_KEY"]' if to.key else ""
    return f"""{begin}python3 - <<'END'
import json, os, urllib.request

# With OpenAI's client: OpenAI(base_url={json.dumps(to.base_url + "/v1")}, api_key=…)
request = urllib.request.Request(
    {json.dumps(to.base_url + "/v1/chat/completions")},
    json.dumps({json.dumps(_body(to.model))}).encode(),
    {{"Content-Type": "application/json"{header}}},
)
with urllib.request.urlopen(request) as reply:
    print(json.load(reply)["choices"][0]["message"]["content"])
END"""


def _claude_code(to: Target) -> str:
    name = shlex.quote(to.model)
    key = f'"{to.key}"' if to.key else "none"
    lines = [
        f"export ANTHROPIC_BASE_URL={shlex.quote(to.base_url)}",
        f"export ANTHROPIC_AUTH_TOKEN={key} ANTHROPIC_API_KEY=none",
        *(f"export ANTHROPIC_DEFAULT_{size}_MODEL={name}" for size in ("OPUS", "SONNET", "HAIKU")),
        """claude --settings '{"env": {"CLAUDE_CODE_ATTRIBUTION_HEADER": "0"}}'""",
    ]
    return "\n".join(lines)


def _tau_bench(to: Target) -> str:
    key = f'"{to.key}"' if to.key else "none"
    url, model = shlex.quote(f"{to.base_url}/v1"), to.model
    return (
        f"VLLM_API_KEY={key} OPENAI_API_KEY={key} OPENAI_BASE_URL={url} \\\n"
        f"  uv run --no-project --isolated --python 3.12 --with openbench==0.5.3 --with {shlex.quote(_TAU2)} \\\n"
        f"  bench eval --alpha tau_bench_retail --model {shlex.quote(f'vllm/{model}')} --model-base-url {url} \\\n"
        f"  -T user_model={shlex.quote(f'openai/{model}')} --limit 10 --temperature 1.0 --top-p 0.95"
    )


def no_answer(client: Client, output: str) -> str:
    """Why what a recipe printed is no answer of a model, as a phrase; empty where it is one.

    A proxy's page, and an error under HTTP 200, end a client without an error, too.
    """
    text = output
    if client == "curl":
        try:
            said = whole_answer(mapping_of(json.loads(output)))
        except (ValueError, RecursionError):
            return "what came is no JSON"
        except FailedError as error:
            return error.problem.message
        text = said.content or said.reasoning
    return "" if text.strip() not in ("", "None") else "the answer is empty"


async def fits(
    client: Client, server: ModelServer, model: str, environ: Mapping[str, str]
) -> AsyncGenerator[TrustCheck, None]:
    """What this server must do for the client, each check as it is made."""
    served = {m.id: m for m in await server.models()}
    ask = Asker(server, model, most_tokens=MOST_TOKENS)
    yield await checked("served-name", f"{model!r} to /v1/models", lambda: _listed(model, [*served]))
    if client in RUN_HERE:
        return
    yield await checked("tool-call", "a question with a tool, tool_choice auto", lambda: _calls(ask))
    if client != "claude-code":
        return
    yield await checked("name", "the name of the model", lambda: _no_slash(model))
    yield await checked("messages-api", "a question to /v1/messages", lambda: anthropic_answer(ask))
    yield await checked("messages-tool", "a question with a tool to /v1/messages", lambda: _anthropic_tool(ask))
    room = served[model].max_model_len if model in served else None
    yield await checked("context", "max_model_len", lambda: _room(room))
    yield await checked("variables", ", ".join(_OF_CLAUDE), lambda: _variables(environ, model))


def _listed(model: str, names: Sequence[str]) -> Verdict:
    if model in names:
        return Verdict(status="ok", found="it is listed")
    found = f"the server lists {', '.join(names[:8]) or 'none'}"
    return Verdict(status="fail", found=found, means="Requests get HTTP 404.", fix="Name one of them with --model.")


async def _calls(ask: Asker) -> Verdict:
    return tool_call(await tool_answer(ask))


async def _anthropic_tool(ask: Asker) -> Verdict:
    function: Mapping[str, Any] = TOOL["function"]  # type: ignore[assignment]
    tool = {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
    messages = [{"role": "user", "content": "What time is it in UTC? Use the tool."}]
    try:
        reply = await ask.post("/v1/messages", {"max_tokens": ask.most_tokens, "messages": messages, "tools": [tool]})
    except FailedError as error:
        raise FailedError(error.problem.kind, error.problem.message, TOOL_FLAGS) from None
    blocks = reply.get("content")
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict) and block.get("type") == "tool_use" and block.get("name") == function["name"]:
            return Verdict(status="ok", found="a tool_use block")
    means = "Claude Code cannot read or write a file without it."
    return Verdict(status="fail", found="no tool_use block came", means=means, fix=TOOL_FLAGS)


def _no_slash(model: str) -> Verdict:
    if "/" not in model:
        return Verdict(status="ok", found=f"{model} has no slash")
    fix = "Serve it under a plain name as well: `--served-model-name nemotron-super`."
    return Verdict(status="fail", found=f"{model} has a slash", means="Claude Code refuses such names.", fix=fix)


def _room(room: int | None) -> Verdict:
    if room is None:
        return Verdict(status="skipped", found="the server does not say how long its context is")
    if room >= _CLAUDE_CONTEXT:
        return Verdict(status="ok", found=f"{room} tokens")
    means = "Claude Code's own prompt and tools take most of that."
    return Verdict(
        status="fail", found=f"{room} tokens", means=means, fix=f"Serve it with --context {_CLAUDE_CONTEXT}."
    )


def _variables(environ: Mapping[str, str], model: str) -> Verdict:
    """Those of the environment in which the recipe is made."""
    other = [name for name in _OF_CLAUDE if environ.get(name) not in (None, "", model)]
    if not other:
        return Verdict(status="ok", found="none of them leads elsewhere")
    found = f"set here: {', '.join(other)}"
    fix = f"`unset {' '.join(other)}` before the recipe."
    return Verdict(status="warn", found=found, means="Claude Code follows them, not this server's name.", fix=fix)
