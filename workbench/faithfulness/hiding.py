"""Where hiding a part of an image costs its score most, and how much of a map lies there.

It is measured once for an image and an explained score, and serves every map of them.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core.kept import Kept, bytes_held
from workbench.core.progress import report
from workbench.core.types import Array, Score
from workbench.data.blur import blur_images
from workbench.faithfulness.imputation import impute

if TYPE_CHECKING:
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
KEPT = 16 * 2**20
"""Bytes of what is kept for each model."""
_kept: WeakKeyDictionary[Probe, Kept[Any, tuple[Array, Array, Array]]] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Effects:
    """What hiding did to the explained scores of N images.

    Attributes:
        where: `(N, H, W)` bool, where hiding costs at least `LEVEL` of what it costs at most, over all fills together.
        drop: `(N,)` float64 ≥ 0, the most that hiding costs at any pixel, mean over the fills, in units of the score.
        agreement: `(N,)` float64, mean correlation of the fills' effects with each other, pixel by pixel; NaN where one
            of them has none.
    """

    where: Array
    drop: Array
    agreement: Array

    def share(self, maps: Array) -> Array:
        """Share of the positive mass of `(N, H, W)` maps that lies `where` hiding costs most: `(N,)` in [0, 1].

        NaN where a map has no positive mass, or hiding costs nothing anywhere.
        """
        positive = np.maximum(maps, 0).astype(np.float64)
        inside, total = (positive * self.where).sum(axis=(1, 2)), positive.sum(axis=(1, 2))
        known = (total > 0) & (self.drop > 0)
        return np.asarray(np.divide(inside, total, out=np.full(len(maps), np.nan), where=known))

    @property
    def area(self) -> Array:
        """`(N,)` share of the pixels `where` hiding costs most: the share of an even map."""
        return np.asarray(self.where.mean(axis=(1, 2)))

    def excess(self, maps: Array) -> Array:
        """How much more of the positive mass of `(N, H, W)` maps lies `where` hiding costs most than of an even map.

        Returns:
            `(N,)` in (-1, 1): the share less the `area`. NaN as in `share`.
        """
        return np.asarray(self.share(maps) - self.area)

    def repeated(self, row: int, count: int) -> Effects:
        """Return what is known of one image, `count` times: for as many maps of it."""
        return Effects(*(np.repeat(each[row][None], count, axis=0) for each in (self.where, self.drop, self.agreement)))


def hiding_effects(
    probe: Probe, images: Array, target: Array, against: Array | None = None, *, score: Score = "logit"
) -> Effects:
    """Hide each window of each image in several ways, and note the drop of the explained score.

    What was measured before of an image and a score is not measured again: it serves every map of them.

    Source: occlusion as in Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2, with the fills of Rong et al. 2022,
    arXiv:2202.00449 (imputed), and Fong and Vedaldi 2017, arXiv:1704.03296 (blur and mean).

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1].
        target: `(N,)` int, the explained class.
        against: `(N,)` int, the class it is contrasted with.
        score: which score is explained; of a probability its log odds are taken, which do not saturate.
    """
    with _lock:
        kept = _kept.setdefault(probe, Kept(KEPT, bytes_held))
    found = []
    for n, image in enumerate(images):
        other = None if against is None else int(against[n])
        digest = hashlib.sha256(np.ascontiguousarray(image).data).digest()
        key = digest, image.shape, int(target[n]), other, score == "probability"
        one = kept.get(key)
        if one is None:
            one = kept.put(key, _hidden(probe, np.asarray(image, np.float32), int(target[n]), other, score))
        found.append(one)
        report("Hiding parts of images", n + 1, len(images))
    if not found:
        return Effects(np.zeros(images.shape[:3], bool), np.zeros(0), np.zeros(0))
    return Effects(*(np.stack(each) for each in zip(*found, strict=True)))


def _hidden(probe: Probe, image: Array, target: int, against: int | None, score: Score) -> tuple[Array, Array, Array]:
    """Return one row of `Effects`."""
    places = windows(*image.shape[:2])
    cover = np.zeros(image.shape[:2])
    for place in places:
        cover[place] += 1
    effects = np.zeros((len(FILLS), *cover.shape))
    own = float(_scores(probe, image[None], target, against, score)[0])
    for number, fill in enumerate(FILLS):
        drops = own - _scores(probe, with_hidden(image, places, fill), target, against, score)
        for drop, place in zip(drops, places, strict=True):
            effects[number][place] += drop
    effects = np.maximum(effects / cover, 0.0)
    together = effects.mean(axis=0)
    most = together.max(initial=0.0)
    return (together >= LEVEL * most) & (most > 0), np.array(most), np.array(agreement(effects))


def agreement(effects: Array) -> float:
    """Mean correlation of `(F, H, W)` effects of F fills with each other, pixel by pixel; NaN where one is even."""
    flat = effects.reshape(len(effects), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1)
    if not (length > 0).all():
        return float("nan")
    one, other = np.triu_indices(len(effects), 1)
    return float(((flat @ flat.T) / np.outer(length, length))[one, other].mean())


def _scores(probe: Probe, images: Array, target: int, against: int | None, score: Score) -> Array:
    logits = probe.logits(images).astype(np.float64)
    own = logits[:, target]
    if against is not None:
        return np.asarray(own - logits[:, against])
    if score == "probability" or probe.one_unit:  # of one unit the other class's logit is 0, this one's may be
        from scipy.special import logsumexp

        return np.asarray(own - logsumexp(np.delete(logits, target, axis=1), axis=1))
    return np.asarray(own)


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
