"""Where hiding a part of an image costs its score most, and how much of a map lies there.

It is measured once for an image and an explained score, and serves every map of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array, Score
from workbench.data.blur import blur_images
from workbench.faithfulness.imputation import impute
from workbench.models.probe import Probe

Fill = Literal["mean", "blur", "imputed"]
"""What stands in a hidden window: the image's mean colour, a strong blur, or what its surroundings suggest."""
FILLS: tuple[Fill, ...] = get_args(Fill)
ACROSS = 4
"""Windows that fit side by side; they overlap by half."""
BLUR = 0.1
"""Standard deviation of the blur, as a share of the shorter side."""
NOISE = 0.02
"""Standard deviation of the noise on what is imputed, as a share of the range of values."""
LEVEL = 0.25
"""Share of the largest effect from which a pixel is where hiding costs most."""


@dataclass(frozen=True, eq=False)
class Effects:
    """What hiding did to the explained scores of N images.

    Attributes:
        values: `(N, F, H, W)` float64 ≥ 0, mean drop of the score over the windows that cover a pixel, in units of the
            score, for each of F fills; where hiding raises the score it is 0.
        score: `(N,)` float64, of the images as they are.
    """

    values: Array
    score: Array

    @property
    def where(self) -> Array:
        """`(N, H, W)` bool, where hiding costs at least `LEVEL` of what it costs at most, over all fills together."""
        total = self.values.sum(axis=1)
        most = total.max(axis=(1, 2), keepdims=True, initial=0.0)
        return np.asarray((total >= LEVEL * most) & (most > 0))

    @property
    def agreement(self) -> Array:
        """`(N,)` mean correlation of the fills' effects with each other, pixel by pixel; NaN where one has none."""
        count, fills = self.values.shape[:2]
        flat = self.values.reshape(count, fills, -1)
        flat = flat - flat.mean(axis=2, keepdims=True)
        length = np.linalg.norm(flat, axis=2)
        together = np.einsum("nfp,ngp->nfg", flat, flat)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = together / (length[:, :, None] * length[:, None, :])
        one, other = np.triu_indices(fills, 1)
        return np.asarray(correlation[:, one, other].mean(axis=1)) if len(one) else np.ones(count)

    def share(self, maps: Array) -> Array:
        """Share of the positive mass of `(N, H, W)` maps that lies `where` hiding costs most: `(N,)` in [0, 1].

        NaN where a map has no positive mass, or hiding costs nothing anywhere.
        """
        positive, where = np.maximum(maps, 0).astype(np.float64), self.where
        inside, total = (positive * where).sum(axis=(1, 2)), positive.sum(axis=(1, 2))
        known = (total > 0) & where.any(axis=(1, 2))
        return np.asarray(np.divide(inside, total, out=np.full(len(maps), np.nan), where=known))

    def excess(self, maps: Array) -> Array:
        """How much more of the positive mass of `(N, H, W)` maps lies `where` hiding costs most than of an even map.

        Returns:
            `(N,)` in (-1, 1): the share less the share of the pixels that are there. NaN as in `share`.
        """
        return np.asarray(self.share(maps) - self.where.mean(axis=(1, 2)))


def hiding_effects(
    probe: Probe, images: Array, target: Array, against: Array | None = None, *, score: Score = "logit"
) -> Effects:
    """Hide each window of each image in several ways, and note the drop of the explained score.

    Source: occlusion as in Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2, with the fills of Rong et al. 2022,
    arXiv:2202.00449 (imputed), and Fong and Vedaldi 2017, arXiv:1704.03296 (blur and mean).

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1].
        target: `(N,)` int, the explained class.
        against: `(N,)` int, the class it is contrasted with, for the score "contrast".
        score: which score is explained.
    """
    places = windows(*images.shape[1:3])
    cover = np.zeros(images.shape[1:3])
    for place in places:
        cover[place] += 1
    values = np.zeros((len(images), len(FILLS), *cover.shape))
    own = np.zeros(len(images))
    for n, image in enumerate(images):
        hidden = [with_hidden(image, places, fill) for fill in FILLS]
        logits = probe.logits(np.concatenate([image[None], *hidden])).astype(np.float64)
        scores = _scores(logits, int(target[n]), None if against is None else int(against[n]), score)
        own[n] = scores[0]
        for drop, total in zip((own[n] - scores[1:]).reshape(len(FILLS), -1), values[n], strict=True):
            for each, place in zip(drop, places, strict=True):
                total[place] += each
        report("Hiding parts of images", n + 1, len(images))
    return Effects(np.maximum(values / cover, 0.0), own)


def _scores(logits: Array, target: int, against: int | None, score: Score) -> Array:
    if against is not None:
        return np.asarray(logits[:, target] - logits[:, against])
    if score == "probability":
        from scipy.special import softmax

        return np.asarray(softmax(logits, axis=1)[:, target])
    return np.asarray(logits[:, target])


def windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return windows of a quarter of either side that overlap by half: 49 of them, fewer of the smallest images."""
    return [(down, right) for down in _spans(height) for right in _spans(width)]


def _spans(size: int) -> list[slice]:
    long = max(1, round(size / ACROSS))
    starts = np.rint(np.linspace(0, size - long, 2 * ACROSS - 1)).astype(int)
    return [slice(start, start + long) for start in dict.fromkeys(starts.tolist())]


def with_hidden(image: Array, places: Sequence[tuple[slice, slice]], fill: Fill) -> Array:
    """Return `(P, H, W, C)` float32 copies of an image, each with one of P windows filled."""
    made = np.repeat(image[None], len(places), axis=0)
    if fill == "imputed":
        chance = np.random.default_rng(0)  # the same noise for every image
        for copy, (frame, inside, rim, weights) in zip(made, _imputing(*image.shape[:2]), strict=True):
            part = copy[frame]
            noise = NOISE * chance.standard_normal((len(weights), image.shape[2]))
            part[inside] = np.clip(weights @ part.reshape(-1, image.shape[2])[rim] + noise, 0, 1)
        return np.asarray(made, np.float32)
    if fill == "blur":
        other = blur_images(image[None], BLUR * min(image.shape[:2]))[0]
    else:
        other = np.broadcast_to(image.mean(axis=(0, 1)), image.shape)
    for copy, place in zip(made, places, strict=True):
        copy[place] = other[place]
    return np.asarray(made, np.float32)


@lru_cache(8)
def _imputing(height: int, width: int) -> list[tuple[tuple[slice, slice], Array, Array, Array]]:
    """Return for each window how it is imputed, which is linear in the pixels around it.

    Returns:
        The window with what surrounds it; `(h, w)` bool, what is hidden of that; `(r,)` int, its rim among the h·w
        pixels; and `(p, r)` float32 weights of the rim in each of the p hidden pixels.
    """
    found = []
    for down, right in windows(height, width):
        gone = np.zeros((height, width), bool)
        gone[down, right] = True
        frame = (slice(max(down.start - 1, 0), down.stop + 1), slice(max(right.start - 1, 0), right.stop + 1))
        inside = gone[frame]
        rim = np.flatnonzero(~inside)
        given = np.zeros((inside.size, len(rim)))
        given[rim, np.arange(len(rim))] = 1.0
        weights = impute(given.reshape(*inside.shape, len(rim)), inside)[inside]
        found.append((frame, inside, rim, weights.astype(np.float32)))
    return found
