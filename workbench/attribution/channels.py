"""What the methods share that weigh the feature maps of a layer, one number for each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from workbench.core.params import ChooseFrom
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

Weighting = Annotated[
    Literal["paper", "official"],
    Field(description="weights: softmax of the scores (as in the paper), or probability (as in the authors' code)"),
]
Further = Annotated[tuple[str, ...], Field(description="further layers to fuse with it"), ChooseFrom("layers")]
ROUNDING = 1e-6
"""Share of the values added up below which a sum, or a difference, is nothing but the rounding of float32."""


def channels(probe: Probe, layer: str | None) -> int:
    """How many feature maps a layer has, F; None for the default layer."""
    return int(probe.layers[probe.spatial_layer(layer)].shape[-1] or 1)


def add_up(maps: Tensor, weights: Tensor) -> Tensor:
    """Add up `(B, h, w, F)` maps under `(B, F)` weights and keep what is positive, `(B, h, w)`."""
    return ops.relu(ops.einsum("bhwf,bf->bhw", maps, weights))


def enlarge(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize `(B, h, w, F)` maps to (H, W): bilinear with half-pixel centres."""
    return ops.cast(ops.image.resize(maps, size, "bilinear", data_format="channels_last"), maps.dtype)


def fuse(maps: Sequence[Tensor]) -> Tensor:
    """Join one map from each of several layers, as LayerCAM does: tanh(2 M / max M), and of these the largest.

    Args:
        maps: `(B, h, w)` each, not negative; enlarged to the largest of their sizes.
    """
    size = tuple(max(int(each.shape[axis]) for each in maps) for axis in (1, 2))
    tops = [ops.max(each, axis=(1, 2), keepdims=True) for each in maps]
    shares = [ops.tanh(2 * each / ops.where(top > 0, top, 1)) for each, top in zip(maps, tops, strict=True)]
    return ops.max(ops.concatenate([enlarge(each[..., None], size) for each in shares], axis=-1), axis=-1)


def varies(maps: Tensor) -> Tensor:
    """Which of `(B, h, w, F)` maps differ from place to place, `(B, F)`: 1, or 0 for those that are constant."""
    span = ops.max(maps, axis=(1, 2)) - ops.min(maps, axis=(1, 2))
    return ops.cast(span > ROUNDING * ops.max(ops.abs(maps), axis=(1, 2)), maps.dtype)


def masked_by(maps: Tensor, images: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what makes copies of each image, one seen through each of its maps, for `Scorer.of_copies`.

    Args:
        maps: `(B, h, w, F)`; each is enlarged and stretched to 0…1, and the image multiplied by it.
        images: `(B, H, W, C)`.
    """

    def copies(numbers: Tensor) -> Tensor:
        masks = enlarge(ops.take(maps, numbers, axis=-1), tuple(images.shape[1:3]))  # (B, H, W, s)
        low, high = (each(masks, axis=(1, 2), keepdims=True) for each in (ops.min, ops.max))
        masks = (masks - low) / ops.where(high > low, high - low, 1)
        return images[:, None] * ops.transpose(masks, (0, 3, 1, 2))[..., None]

    return copies


def probabilities_of_copies(score: Scorer, count: int, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Do as `Scorer.of_copies`, for the probability of the class whichever score is explained.

    A contrast becomes the difference of two probabilities. Of a model that ends in one sigmoid a class, it is that
    sigmoid.
    """

    def of(classes: Tensor) -> Tensor:
        if score.probe.sigmoid:
            return ops.sigmoid(Scorer(score.probe, classes, classes, "logit").of_copies(count, change))
        return Scorer(score.probe, classes, classes, "probability").of_copies(count, change)

    return of(score.target) - of(score.against) if score.kind == "contrast" else of(score.target)
