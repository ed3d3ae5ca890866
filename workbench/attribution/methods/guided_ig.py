"""Guided integrated gradients.

Steps are a number, and not chosen by their error as elsewhere: each begins where the gradient at the end of the one
before has led, so that more of them are another path, and not the same integral more exactly.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.attribution.references import Reference, reference_images
from workbench.models.engine import one_after_the_other
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class GuidedIG(Explainer):
    """Each pixel's share of the score's difference to a reference, on a path that avoids what the score reacts to most.

    At each step values of the smallest gradient go first, a fraction of all at a time, until the path is as far as the
    straight one; none is further from that than the band. Shares sum to the difference but for the completeness gap,
    which more steps need not close. Source: Kapishnikov et al. 2021, arXiv:2106.09788; band: the authors' library.
    """

    title: ClassVar[str] = "Guided IG"
    paper: ClassVar[str] = "arXiv:2106.09788"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions with less noise; not for pixels equal to the reference: they get 0."

    steps: Annotated[int, Field(ge=2, le=500, description="steps from the reference to the image")] = 50
    fraction: Annotated[float, Field(ge=0.01, le=1, description="share of the values that is moved at a time")] = 0.25
    band: Annotated[
        float, Field(ge=0, le=1, description="furthest from the straight path, as a share of it; 1: as far as it likes")
    ] = 0.1
    reference: Reference = "black"

    def copies(self, probe: Probe) -> int:
        return self.steps + 1

    def at_once(self, probe: Probe) -> int:
        return 1

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        start = reference_images(self.reference, images)
        way = images - start  # (B, H, W, C)

        def step(number: Tensor, at: Tensor, slope: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            reached = ops.cast(number + 1, at.dtype) / self.steps
            moved = go_on(at, slope, ops.abs(way), reached, fraction=self.fraction, band=self.band)
            after = score.gradient(start + moved * way)
            return moved, after, shares + (slope + after) / 2 * (moved - at) * way

        begin = (ops.zeros_like(images), score.gradient(start), ops.zeros_like(images))
        shares = one_after_the_other(step, begin, self.steps)[2]
        gap = ops.sum(shares, axis=(1, 2, 3)) + score(start) - score(images)
        return ops.sum(shares, axis=-1), {"completeness gap": gap}


def go_on(at: Tensor, slope: Tensor, way: Tensor, reached: Tensor, *, fraction: float, band: float) -> Tensor:
    """Go on to where the path is `reached` of its length.

    Args:
        at: `(B, H, W, C)` in [0, 1], how far each value is.
        slope: of the same shape, the score's gradient there.
        way: of the same shape, length of each value's whole way.
        reached: `()` in [0, 1].
        fraction: of the values, moved at a time.
        band: furthest from `reached` that a value may be.
    """
    shape, flat = ops.shape(at), (-1, at.shape[1] * at.shape[2] * at.shape[3])
    at, slope, way = (ops.reshape(each, flat) for each in (at, ops.abs(slope), way))
    last = ops.minimum(reached + band, 1)
    at = ops.maximum(at, reached - band)  # what is too far behind comes along
    room = way * ops.maximum(last - at, 0)
    missing = reached * ops.sum(way, axis=1, keepdims=True) - ops.sum(way * at, axis=1, keepdims=True)
    order = ops.argsort(ops.where(room > 0, slope, float("inf")), axis=1)  # (B, n)
    size = max(1, round(fraction * flat[1]))
    groups = -(-flat[1] // size)
    rank = ops.argsort(order, axis=1)
    sorted_room = ops.pad(ops.take_along_axis(room, order, axis=1), ((0, 0), (0, groups * size - flat[1])))
    rooms = ops.sum(ops.reshape(sorted_room, (-1, groups, size)), axis=2)  # (B, groups)
    before = ops.cumsum(rooms, axis=1) - rooms
    share = ops.clip((missing - before) / ops.maximum(rooms, 1e-12), 0, 1)
    return ops.reshape(at + ops.take_along_axis(share, rank // size, axis=1) * ops.maximum(last - at, 0), shape)
