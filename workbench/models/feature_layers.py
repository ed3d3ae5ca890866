"""Which layers hold feature maps of the image, and which of them class activation maps are read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from workbench.models.data_flow import DataFlow, ancestors, kernel_behind
from workbench.models.graph import Step, Tensor

MOST_KINDS = 4


@dataclass(frozen=True)
class FeatureLayers:
    """The layers of a model that hold feature maps.

    Attributes:
        names: those with (N, h, w, F) output and more than one place, computed from the image by a kernel, and whose
            places are still the image's; in the order of execution.
        default: the last of them that computes more than where a value stands; None where there is none.
        reason: why there is none, a sentence; empty where there is one.
    """

    names: tuple[str, ...] = ()
    default: str | None = None
    reason: str = ""


def feature_layers(steps: Sequence[Step], flow: DataFlow, end: Tensor) -> FeatureLayers:
    """Find the feature maps among the steps of a traced model.

    Args:
        steps: of the walk, inside the graph of `flow`.
        flow: what their outputs were computed from.
        end: the scores.
    """
    if any(getattr(step.layer, "data_format", "") == "channels_first" for step in steps):
        return FeatureLayers(reason="Its layers are channels first, (N, F, h, w), and such maps are not supported yet.")
    grids = [step for step in steps if is_grid(step.output) and _computed(step, flow)]
    found = [step for step in grids if step.output.shape[0] in (None, end.shape[0])]
    if grids and not found:
        parts = f"{grids[-1].name!r} sees parts of an image as images of their own"
        return FeatureLayers(reason=f"This model has no map of a whole image: {parts}.")
    if not found:
        return FeatureLayers(reason=_without(steps))
    if max(flow[step.output].kernels for step in found) == 1 and _goes_on_with_tokens(steps, flow, end):
        return FeatureLayers(
            reason=f"This model has none behind its patches, {found[-1].name!r}: it goes on with tokens, (N, T, D), "
            "and grids of tokens are not supported yet."
        )
    telling = [step for step in found if _computes(step, flow)]
    return FeatureLayers(tuple(step.name for step in found), (telling or found)[-1].name)


def is_grid(output: Any) -> bool:
    """Whether an output is (N, h, w, F) with more than one place."""
    shape = tuple(output.shape[1:])
    return len(shape) == 3 and (None in shape[:2] or shape[0] * shape[1] > 1)


def _computed(step: Step, flow: DataFlow) -> bool:
    mine = flow[step.output]
    return kernel_behind(mine) and mine.placed


def _computes(step: Step, flow: DataFlow) -> bool:
    """Whether a step does more than to move, pool, normalise or hand on feature maps."""
    given = [each for each in step.arguments if hasattr(each, "op")]
    if flow[step.output].kernels > max((flow[each].kernels for each in given), default=0):
        return True
    if len(given) > 1:
        return True  # branches meet
    if getattr(step.layer, "weights", []) or tuple(step.output.shape) != tuple(step.received.shape):
        return False
    kinds = {each.type for each in ancestors([step.output], until=given)}
    return not kinds <= {"Cast", "Const", "Identity"} and not any("Pool" in kind for kind in kinds)


def _goes_on_with_tokens(steps: Sequence[Step], flow: DataFlow, end: Tensor) -> bool:
    """Whether attention, or more than one layer of weights, works on (N, T, D) behind the feature maps."""
    tokens = [
        step
        for step in steps
        if getattr(step.layer, "weights", [])
        and len(step.output.shape) == 3
        and step.output.shape[1] != 1
        and flow[step.output].kernels > 1
    ]
    return flow[end].attends or len(tokens) > 1


def _without(steps: Sequence[Step]) -> str:
    if any(isinstance(step.layer, keras.Model) for step in steps):
        return "This model hides its layers in a custom `call`."
    kinds = Counter(type(step.layer).__name__ for step in steps if getattr(step.layer, "trainable_weights", []))
    named = [f"{kind} ({count})" for kind, count in kinds.most_common(MOST_KINDS)]
    more = ", …" if len(kinds) > MOST_KINDS else ""
    return f"This model has none: its weights are in {', '.join(named)}{more}." if named else "This model has none."
