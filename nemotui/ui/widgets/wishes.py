"""The Deploy pane's first line: what the plans are for; and what it says where there are none."""

from __future__ import annotations

from textual.content import Content

from nemotui.keys.keymap import key_of
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.plan_form import PlanForm


def wishes(state: DeployState, wrong: str, *, editing: bool) -> Content:
    """The order, the hardware, and what was asked other than ours; while that is edited how, and what is wrong."""
    if wrong:
        return Content.styled(wrong, "$error")
    longest = state.catalog.serving(state.request.model_path).model.max_position
    beyond = (state.request.context or 0) > longest
    if editing:
        if beyond:
            return Content.styled(f"A context above {longest:,} tokens is not verified by us.", "$warning")
        keys = f"{key_of('main-next')}: next. {key_of('leave-field')}: back."
        return Content.styled(f"Up and Down bring values, others can be typed. {keys}", "$muted")
    hardware = ("What if: ", state.hardware, "bold $accent") if state.imagined else ("Plans for ", "these GPUs", "bold")
    asked = PlanForm.of(state.request).texts
    other = [f"{name.replace('_', ' ')} {text}" for name, text in asked.items() if text and name != "port"]
    return Content.assemble(
        (hardware[0], "$muted"),
        (hardware[1], hardware[2]),
        (", best ", "$muted"),
        (state.request.goal, "bold"),
        (" first", "$muted"),
        (" · not verified by us" if beyond else "", "$warning"),
        (f" · {', '.join(other)}" if other else "", "$muted"),
    )


def no_plans(state: DeployState) -> Content:
    """Why there are none."""
    if state.problem is None:
        return Content.styled("Asking the driver what there is to plan for …", "$muted")
    return Content.assemble(
        (f"{state.problem.message[:1].upper()}{state.problem.message[1:]}\n", "bold $warning"),
        f"{state.problem.fix[:1].upper()}{state.problem.fix[1:]}\n\n",
        (
            f"There is no plan without GPUs; {key_of('deploy-what-if')} plans for those that are elsewhere. "
            f"A server that runs elsewhere can be measured ({key_of('bench')}) and asked ({key_of('chat')}):"
            " nemotui --base-url URL.",
            "$muted",
        ),
    )
