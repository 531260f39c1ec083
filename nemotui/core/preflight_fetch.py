"""What a start fetches, and whether it can: the image and its parser, the weights, the room and the way to them."""

from __future__ import annotations

from nemotui.core.cure import Change
from nemotui.core.image_ref import repository
from nemotui.core.models import Catalog
from nemotui.core.plan import Plan
from nemotui.core.preflight_checks import Check, Status, skipped
from nemotui.core.show import gib
from nemotui.core.surroundings import HostFacts, Hub, ImageFacts, Tag, Trial

_IMAGE_BYTES = 30 * 2**30  # our estimate: a vLLM image for CUDA, unpacked, with the layers it came in
_MARGIN = 1.1


def image(facts: ImageFacts | None, tag: Tag | None, plan: Plan) -> Check:
    """The image is here, or its registry has it."""
    if facts is not None:
        return Check(name="image", status="ok", found=f"{plan.image} is here: {facts.digest}", needed="the image")
    needed = f"{plan.image} from its registry"
    if tag is None or tag.exists is None:
        why = tag.words if tag else "its registry was not asked"
        fix = f"`docker pull {plan.image}` shows whether the engine can, by a proxy or a mirror of its own."
        return Check(name="image", status="fail", found=f"not here, and {why}", needed=needed, fix=fix, estimate=True)
    if not tag.exists:
        there = tuple(f"{repository(plan.image)}:{each}" for each in tag.instead[:1])
        other = f"`--image {there[0]}`" if there else "Another --image"
        more = f" (there are also {', '.join(tag.instead[1:4])})" if len(tag.instead) > 1 else ""
        cure = tuple(Change("image", each) for each in there)
        return Check(name="image", status="fail", found=tag.words, needed=needed, fix=f"{other}{more}.", cure=cure)
    return Check(name="image", status="ok", found=f"to be fetched: {tag.words}", needed=needed)


def disk(facts: ImageFacts | None, host: HostFacts, *, weights: int, held: int) -> Check:
    """Room for what is still to be fetched, where it lands, and a tenth more.

    `weights`: bytes of them that are not here yet, of which `held` are.
    """
    wants = [
        (host.model_disk, weights * _MARGIN, "weights"),
        (host.engine_disk, 0 if facts else _IMAGE_BYTES * _MARGIN, "the image"),
    ]
    wants = [want for want in wants if want[1]]
    if not wants:
        return Check(name="disk", status="ok", found="nothing is to be fetched", needed="no more room", estimate=True)
    found, needed, short = [], [], []
    for device in dict.fromkeys(place.device for place, _, _ in wants if place):
        here = [want for want in wants if want[0] and want[0].device == device]
        place, need = here[0][0], sum(size for _, size, _ in here)
        if place is None:
            continue
        found.append(f"{gib(place.free_bytes)} free at {place.path}")
        needed.append(f"about {gib(need)} there for {' and '.join(what for _, _, what in here)}")
        if place.free_bytes < need:
            short.append(place.path)
    if not found:
        return skipped("disk", "the file systems cannot be seen from here")
    fix = ""
    if short:
        move = "`docker system prune`" if host.engine_disk and short == [host.engine_disk.path] else "HF_HOME=/big/disk"
        fix = f"See what fills it: `sudo du -xhd1 {short[0]} | sort -h`. Then make room, or use another disk: {move}."
    here_already = f"; {gib(held)} of the weights are here already" if held and weights else ""
    return Check(
        name="disk",
        status="fail" if short else "ok",
        found=", ".join(found) + here_already,
        needed=", ".join(needed),
        fix=fix,
        estimate=True,
    )


def weights_to_fetch(held: int, plan: Plan, catalog: Catalog) -> int:
    """Bytes, of which the cache holds some; 0 where the model is a folder, or one whose size we do not know."""
    variant = next((v for v in catalog.serving(plan.model).model.variants if v.repo == plan.model), None)
    if variant is None and plan.variant is not None:
        variant = next((v for v in catalog.model.variants if v.name == plan.variant), None)
    if variant is None or plan.model_mount or plan.model.startswith("/"):
        return 0
    return max(0, variant.disk_bytes - held)


def token(host: HostFacts, hub: Hub | None) -> Check:
    """A Hugging Face token, where the hub wants one."""
    found = host.token or "no Hugging Face token"
    if hub is None:
        return skipped("token", "no weights are to be fetched")
    if hub.state == "refused":
        fix = "Accept the model's terms on its page, then `hf auth login`, or `export HF_TOKEN=…`."
        return Check(name="token", status="fail", found=f"{found}; {hub.words}", needed="one that may read it", fix=fix)
    needed = "none, the model is public" if hub.state == "there" else "perhaps one"
    return Check(name="token", status="ok", found=found, needed=needed)


def network(host: HostFacts, hub: Hub | None) -> Check:
    """The way to the weights: the hub, or the mirror that stands for it."""
    if hub is None:
        return skipped("network", "no weights are to be fetched")
    way = " by ".join([hub.url, *filter(None, [", ".join(host.proxies)])])
    needed = "a way to the weights"
    match hub.state:
        case "unreachable":
            fix = "Set HTTPS_PROXY, or HF_ENDPOINT to a mirror, or give a folder: `--model-path /path/to/model`."
            found = f"{way} does not answer: {hub.words}"
            return Check(name="network", status="fail", found=found, needed=needed, fix=fix, estimate=True)
        case "missing":
            fix = "Check --model-path."
            return Check(name="network", status="fail", found=f"{way}: {hub.words}", needed=needed, fix=fix)
    return Check(name="network", status="ok", found=f"{way} answers", needed=needed)


def arguments(trial: Trial) -> Check:
    """The image's own parser takes the plan's flags."""
    needed = "flags that this vLLM knows"
    if trial.accepted is None:
        return skipped("arguments", trial.words)
    fix = "" if trial.accepted else "Take it out of what follows --, or choose an image that knows it with --image."
    status: Status = "ok" if trial.accepted else "fail"
    return Check(name="arguments", status=status, found=trial.words, needed=needed, fix=fix)
