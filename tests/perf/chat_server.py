"""A server that streams one known answer at one known rate, in a process of its own: `python -m … PORT RATE`.

The answer has 20,000 characters and more of prose, lists, tables and code, four characters a token, after a thought.
"""

from __future__ import annotations

import asyncio
import json
import sys

CHARACTERS = 20_000
TOKEN = 4  # characters

_PART = """## Part {n}: how a batch is put together

The **scheduler** takes what waits, `batch_size` at most, and a request that is *long* does not hold up the others: its
prompt is read in chunks between the steps of those that decode. See [the source](http://127.0.0.1/part/{n}).

- prefill: bound by compute, {n} tokens at a time
- decode: bound by memory bandwidth, one token a step
    - each step reads the active weights once
- state: of fixed size for Mamba, growing for attention

```python
def step(batch: list[Request], limit: int = {n}) -> list[Token]:
    \"\"\"One step of the engine.\"\"\"
    chosen = sorted(batch, key=lambda request: request.arrived)[:limit]
    return [sample(request.logits, temperature=1.0) for request in chosen]
```

| batch | step ms | tokens/s |
|------:|--------:|---------:|
| 1     | {n}.2   | 81       |
| 32    | 19.7    | 1,624    |

> What is measured here is not what is measured there.

"""


def answer() -> str:
    """The known answer."""
    parts, n = "", 0
    while len(parts) < CHARACTERS:
        n += 1
        parts += _PART.format(n=n)
    return parts


THOUGHT = "The user asks about batches. Let me think about what matters, step by step. " * 12


def _pieces(text: str) -> list[str]:
    return [text[at : at + TOKEN] for at in range(0, len(text), TOKEN)]


def _event(delta: dict[str, object], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


async def serve(port: int, rate: float) -> None:
    """Until it is ended."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.split("\r\n")
                        if line.lower().startswith("content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                if " /v1/chat/completions " in head:
                    await stream(writer)
                    break
                body = b'{"object":"list","data":[{"id":"nemotron-super","max_model_len":262144}]}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def stream(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        loop = asyncio.get_running_loop()
        thought, text = _pieces(THOUGHT), _pieces(answer())
        events = [_event({"reasoning": piece}) for piece in thought] + [_event({"content": piece}) for piece in text]
        began = loop.time()
        for number, event in enumerate(events):
            await asyncio.sleep(began + number / rate - loop.time())
            writer.write(event)
            await writer.drain()
        writer.write(_event({}, "stop"))
        counts = {"prompt_tokens": 9, "completion_tokens": len(events)}
        usage = {**counts, "completion_tokens_details": {"reasoning_tokens": len(thought)}}
        writer.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n")
        await writer.drain()

    async with await asyncio.start_server(client, "127.0.0.1", port) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
