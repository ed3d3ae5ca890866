"""Which layers hold feature maps of the image, and which of them class activation maps are read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from workbench.models.data_flow import DataFlow, ancestors, kernel_behind
from workbench.models.graph import Step, Tensor
from workbench.models.tokens import TokenGrid

MOST_KINDS = 4


@dataclass(frozen=True)
class LayerInfo:
    """One layer as the probe sees it.

    Attributes:
        name: path of the layer, "backbone/deep" inside a nested model.
        kind: class of the layer.
        shape: shape of its output without N; None where a size is not fixed.
        spatial: whether the output is (N, h, w, F) with more than one place, computed from the image: feature maps; or
            (N, T, F) tokens of which the places are known.
        grid: how its tokens lie on the image; None where the output is no such tokens.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    spatial: bool
    grid: TokenGrid | None = None

    @property
    def places(self) -> tuple[int | None, ...]:
        """(h, w) of a spatial layer."""
        return self.shape[:2] if self.grid is None else (self.grid.height, self.grid.width)


@dataclass(frozen=True)
class FeatureLayers:
    """The layers of a model that hold feature maps.

    Attributes:
        names: those with (N, h, w, F) output and more than one place, or (N, T, F) tokens whose places are known,
            computed from the image by a kernel, and whose places are still the image's; in the order of execution.
        telling: those of them that compute more than where a value stands; all where none does.
        reason: why there is none, a sentence; empty where there is one.
        grids: how the tokens of a layer lie on the image, by its name.
    """

    names: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()
    reason: str = ""
    grids: Mapping[str, TokenGrid] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        """The last that tells something; None where there is none."""
        return self.telling[-1] if self.telling else None


def feature_layers(
    steps: Sequence[Step], flow: DataFlow, end: Tensor, grids: Mapping[int, TokenGrid], untold: str = ""
) -> FeatureLayers:
    """Find the feature maps among the steps of a traced model.

    Args:
        steps: of the walk, inside the graph of `flow`.
        flow: what their outputs were computed from.
        end: the scores.
        grids: how tokens lie on the image, by their number T.
        untold: why that is not known of tokens that attend to each other, a sentence.
    """
    if any(getattr(step.layer, "data_format", "") == "channels_first" for step in steps):
        return FeatureLayers(reason="Its layers are channels first, (N, F, h, w), and such maps are not supported yet.")
    maps = [step for step in steps if is_grid(step.output) and _computed(step, flow)]
    tokens = {
        step.name: grids[step.output.shape[1]]
        for step in token_steps(steps, flow, end)
        if step.output.shape[1] in grids
    }
    found = [step for step in maps if step.output.shape[0] in (None, end.shape[0])]
    if maps and not found and not tokens:
        parts = f"{maps[-1].name!r} sees parts of an image as images of their own"
        return FeatureLayers(reason=f"This model has no map of a whole image: {parts}.")
    if not found and not tokens:
        return FeatureLayers(reason=untold or _without(steps))
    if not tokens and max(flow[step.output].kernels for step in found) == 1 and _goes_on_with_tokens(steps, flow, end):
        why = untold or "It goes on with tokens, (N, T, F), and nothing tells which places of the image they are."
        return FeatureLayers(reason=f"This model has none behind its patches, {found[-1].name!r}. {why}")
    found = [step for step in steps if step.name in tokens or step in found]
    # A normalisation of tokens treats each by itself. Before one, gradient times activation adds up to nothing.
    own = {step.name for step in found if step.name in tokens and getattr(step.layer, "weights", [])}
    telling = [step for step in found if step.name in own or _computes(step, flow)] or found
    return FeatureLayers(tuple(step.name for step in found), tuple(step.name for step in telling), grids=tokens)


def token_steps(steps: Sequence[Step], flow: DataFlow, end: Tensor) -> list[Step]:
    """Return the steps that give (N, T, F) tokens of the image, computed by a kernel."""
    return [
        step
        for step in steps
        if len(step.output.shape) == 3
        and step.output.shape[0] == end.shape[0]
        and (step.output.shape[1] or 0) > 1
        and _computed(step, flow)
    ]


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
