"""A plan's arguments tried by the image's own `vllm serve`: a short container that parses them and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from nemotui.core.plan import TRIAL_LABEL, ContainerSpec
from nemotui.core.surroundings import Trial
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from docker import DockerClient

TRIAL_S = 90  # importing vLLM takes 10 to 25 s, more on a busy machine
_MARK = "nemotui-trial "
_OUTPUT_LIMIT = 1 << 20
# It ends by itself, so that it is gone even where we are not there to remove it.
_SCRIPT = f"""
import argparse, signal, sys
signal.alarm({TRIAL_S})
def say(*words):
    print("\\n{_MARK}" + " ".join(map(str, words)), flush=True)
    sys.exit()
argparse.ArgumentParser.error = lambda self, message: say("refused", message)
try:
    import vllm, vllm.entrypoints.cli.serve as serve
    from vllm.entrypoints.cli.main import main
    serve.ServeSubcommand.cmd = staticmethod(lambda args: say("accepted", vllm.__version__))
except Exception as error:
    say("untried", type(error).__name__, error)
sys.argv = ["vllm", "serve", *sys.argv[1:]]
try:
    main()
except Exception as error:
    say("refused", error)
say("untried", "its parser ended without a word")
"""


def try_arguments(client: DockerClient, spec: ContainerSpec, name: str, **gpus: Any) -> Trial:
    """Blocking, bounded by `TRIAL_S`. `gpus` are the device requests of the plan, since vLLM's parser asks for them.

    The container, of this name, has no network, and none of the plan's folders and secrets.
    """
    from docker.errors import APIError

    container = client.containers.create(
        spec.image,
        list(spec.args),
        entrypoint=["python3", "-c", _SCRIPT],
        environment=dict(spec.environment),
        name=name,
        labels={TRIAL_LABEL: spec.name},
        network_mode="none",
        auto_remove=True,
        detach=True,
        **gpus,
    )
    output: Any = None
    try:
        output = container.attach(stream=True, logs=True, stderr=False)
        container.start()
        return _verdict(output)
    except APIError as error:
        return Trial(accepted=None, words=f"the image's parser cannot be asked: {plain_line(str(error.explanation))}")
    finally:
        with suppress(Exception), closing(output._response):  # which docker-py leaves open, and it holds the socket
            output.close()
        with suppress(APIError):
            container.remove(force=True)


def _verdict(output: Iterable[bytes]) -> Trial:
    text = b""
    for chunk in output:
        text += chunk
        if len(text) > _OUTPUT_LIMIT:
            break
    marked = [line for line in text.decode("utf-8", "replace").splitlines() if line.startswith(_MARK)]
    verdict, _, words = marked[-1].removeprefix(_MARK).partition(" ") if marked else ("untried", "", "it says nothing")
    words = plain_line(words)
    match verdict:
        case "accepted":
            return Trial(accepted=True, words=f"vLLM {words} takes every flag of the plan")
        case "refused":
            return Trial(accepted=False, words=f"vLLM in this image refuses: {words}")
    return Trial(accepted=None, words=f"the image's parser cannot be asked: {words}")
