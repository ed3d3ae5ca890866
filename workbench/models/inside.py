"""What a walk through a model shows of its inside: layers, feature maps, tokens, attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from workbench.core.types import Array
from workbench.models.attention import Attention, attending, find_attention, square, untold
from workbench.models.data_flow import DataFlow, ancestors
from workbench.models.feature_layers import FeatureLayers, LayerInfo, feature_layers, token_steps
from workbench.models.graph import Step, Tensor
from workbench.models.token_grids import token_grids
from workbench.models.tokens import TokenGrid


@dataclass(frozen=True)
class Inside:
    """Layers by name, in the order of execution; which hold feature maps; and the attention."""

    layers: dict[str, LayerInfo]
    features: FeatureLayers
    attention: Attention

    @property
    def asked(self) -> tuple[str, ...]:
        """Layers of tokens from which maps might be read, if the score is felt at their places."""
        return tuple(name for name in self.features.telling if name in self.features.grids)

    @property
    def assumed(self) -> tuple[TokenGrid, ...]:
        """Grids of tokens that are assumed."""
        grids = [*self.features.grids.values(), self.attention.grid]
        return tuple(dict.fromkeys(grid for grid in grids if grid.known == "assumed"))

    def settled(self, slopes: Sequence[Array]) -> Inside:
        """Leave out what the score does not depend on: behind its last attention, all but the class token, for example.

        Args:
            slopes: magnitude of the score's gradient at each token, `(N, T)`: of the layers `asked`, and last, where
                there is attention, of the rows of the last.
        """
        felt = dict(zip(self.asked, slopes, strict=False))

        def tells(name: str) -> bool:
            if name not in felt:
                return True
            grid = self.features.grids[name]
            return bool(felt[name][:, grid.before : grid.before + grid.height * grid.width].any())

        telling = tuple(name for name in self.features.telling if tells(name)) or self.features.telling
        attention = self.attention
        if attention.numbers:
            read = np.asarray(slopes[-1]).any(axis=0)
            attention = replace(attention, read=tuple(np.flatnonzero(read).tolist()))
        return replace(self, features=replace(self.features, telling=telling), attention=attention)


def look_inside(
    steps: Sequence[Step],
    operations: Sequence[Any],
    flow: DataFlow,
    end: Tensor,
    *,
    image_size: tuple[int, int],
    given: TokenGrid | None,
) -> Inside:
    """Find out about the layers of a traced model.

    Args:
        steps: of the walk.
        operations: that it made.
        flow: what they computed their outputs from.
        end: the scores, `(N, …)`.
        image_size: (H, W).
        given: how tokens lie on the image, where the user says it.

    Raises:
        WorkbenchError: if that fits no tokens of the model.
    """
    rows = int(end.shape[0])
    softmaxes = attending(operations, flow)
    squares = [count for each in softmaxes.values() if (count := square(each, rows)) is not None]
    tokens = token_steps(steps, flow, end)
    grids = token_grids(
        operations,
        flow,
        rows,
        counts=[int(step.output.shape[1]) for step in tokens],
        attended=squares,
        image_size=image_size,
        given=given,
    )
    lost = next((count for count in squares if count not in grids), None)
    features = feature_layers(steps, flow, end, grids, untold="" if lost is None else untold(lost))
    layers = {
        step.name: LayerInfo(
            step.name,
            type(step.layer).__name__,
            tuple(step.output.shape[1:]),
            step.name in features.names,
            features.grids.get(step.name),
        )
        for step in steps
    }
    telling = _before_the_last(features, {step.name: step.output for step in steps}, [*softmaxes.values()], flow)
    features = replace(features, telling=telling)
    return Inside(layers, features, find_attention(operations, softmaxes, rows, grids))


def _before_the_last(
    features: FeatureLayers, outputs: Mapping[str, Tensor], softmaxes: Sequence[Tensor], flow: DataFlow
) -> tuple[str, ...]:
    """Leave out tokens behind the last attention, which has mixed them, where there are others than bare patches."""
    if not softmaxes or features.default not in features.grids:
        return features.telling
    seen = {each.name for each in ancestors(softmaxes[-1:])}
    kept = [name for name in features.telling if name not in features.grids or outputs[name].op.name in seen]
    return tuple(kept) if any(flow[outputs[name]].kernels > 1 for name in kept) else features.telling


def slopes_of(
    inside: Inside, steps: Sequence[Step], operations: Sequence[Any], felt: Callable[[list[Tensor]], list[Tensor]]
) -> list[Tensor]:
    """Return what `Inside.settled` takes, as tensors.

    Args:
        inside: what was found.
        steps: of the walk.
        operations: that it made.
        felt: tensors to the magnitude of the score's gradient by them.
    """
    outputs = {step.name: step.output for step in steps}
    asked = [outputs[name] for name in inside.asked] + inside.attention.of(operations)[-1:]
    if not asked:
        return []
    return [ops.sum(each, axis=1) if len(each.shape) == 3 else each for each in felt(asked)]  # over heads
