"""What becomes of a prediction while an image's pixels are taken away, or put back, in the order of a map."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from workbench.core.types import Array, Score
from workbench.data.blur import SHARE, blur_images
from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import Scorer, Tensor


def order_of(maps: Array, within: Array, seed: int = 0) -> Array:
    """Rank pixels by a map, largest first; equal values in an order that `seed` draws.

    Args:
        maps: `(N, H, W)` float.
        within: `(N, H, W)` bool, the pixels that are ranked.
        seed: of the order among equals.

    Returns:
        `(N, H, W)` int32: 0 for the first; pixels that are not `within` come after all others.
    """
    flat = np.where(within, maps, -np.inf).reshape(len(maps), int(np.prod(maps.shape[1:])))
    drawn = np.random.default_rng(seed).permutation(flat.shape[1])
    by_value = drawn[np.argsort(-flat[:, drawn], axis=1, kind="stable")]  # (N, HW) pixels, first to last
    ranks = np.empty_like(by_value)
    np.put_along_axis(ranks, by_value, np.arange(flat.shape[1])[None], axis=1)
    return np.asarray(ranks.reshape(maps.shape), np.int32)


def curve(
    probe: Probe,
    images: Array,
    ends: Array,
    *,
    order: Array,
    within: Array,
    target: Array,
    against: Array | None = None,
    steps: int,
) -> Array:
    """Probability of `target` while `images` turn into `ends`, pixel by pixel.

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1], what is begun with.
        ends: `(N, H, W, C)`, what it turns into.
        order: `(N, H, W)` int32 from `order_of`.
        within: `(N, H, W)` bool, the pixels that turn.
        target: `(N,)` int.
        against: `(N,)` int; then it is the probability of `target` where only these two classes are possible.
        steps: T; step t has turned the first t / T of the pixels `within`, rounded.

    Returns:
        `(N, T + 1)` float32 probabilities, from none turned to all.
    """
    kind: Score = "probability" if against is None else "contrast"
    probe.expect(len(images) * (steps + 1))

    def probabilities(  # noqa: PLR0917 - a compiled function takes its tensors by position
        images: Tensor, target: Tensor, against: Tensor, ends: Tensor, order: Tensor, counts: Tensor
    ) -> Tensor:
        def changed(numbers: Tensor) -> Tensor:
            turned = order[:, None] < tf.gather(counts, numbers, axis=1)[:, :, None, None]  # (B, s, H, W)
            return tf.where(turned[..., None], ends[:, None], images[:, None])

        scores = Scorer(probe, target, against, kind).of_copies(steps + 1, changed)
        return scores if kind == "probability" else tf.sigmoid(scores)

    height, width = probe.image_shape[:2]
    whole = tf.TensorSpec((None, height, width), tf.int32)
    signature = (probe.images, CLASSES, CLASSES, probe.images, whole, tf.TensorSpec((None, steps + 1), tf.int32))
    run = probe.compile(("curve", kind, steps), probabilities, signature, by_row=True)
    sizes = within.reshape(len(within), height * width).sum(axis=1)
    counts = np.rint(np.linspace(0, 1, steps + 1) * sizes[:, None]).astype(np.int32)
    size = max(1, probe.max_rows // (steps + 1))
    arrays = (images, target, target if against is None else against, ends, order, counts)
    parts = [run(*(each[i : i + size] for each in arrays)) for i in range(0, len(images), size)]
    return np.concatenate(parts) if parts else np.zeros((0, steps + 1), np.float32)


def area(curves: Array) -> Array:
    """Area under `(N, T + 1)` curves over [0, 1] by the trapezoid rule: `(N,)` float64."""
    ends = (curves[:, 0].astype(np.float64) + curves[:, -1]) / 2
    return np.asarray((curves.sum(axis=1, dtype=np.float64) - ends) / (curves.shape[1] - 1))


def blur_within(images: Array, within: Array, share: float = SHARE) -> Array:
    """Blur `(N, H, W, C)` images, sigma being `share` of the shorter side, and put the blur only `within`."""
    soft = blur_images(images, share * min(images.shape[1:3]))
    return np.where(within[..., None], soft, images).astype(np.float32)
