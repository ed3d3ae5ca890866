"""Marks: patterns at one place that many images of one class repeat, and that what stands around does not explain.

Only pixels are looked at. A watermark, a logo, a ruler or a tinted background leaves one of two traces: small windows
whose values repeat from image to image, or a place where all other images are plain. Objects leave them too; but
whether an object covers a place can be told from the pixels around it, and whether a mark does cannot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.core.types import Array
from workbench.statistics.rates import wilson

from .cues import frame
from .mark_traces import LEAST_SHARE, STEP, TOLERANCE, deviants, join_windows, surely_enriched, windows

SIDE = 48
"""Rows and columns that are looked at; of larger images every second, third, … one."""
VALUES = 6_000_000
"""Windows that are compared at most; it bounds the images of each class."""
PER_CLASS = 500
OBJECT = 0.9
"""Area under the curve from which a pattern is part of an object for sure, and not looked at further."""
EXPLAINED = 0.7
"""Area under the curve from which the surroundings explain whether an image carries a pattern."""
ENOUGH = 4
"""Images with a pattern, and without it, that are enough to learn from which have it."""
ENOUGH_SHARE = 0.03
"""The same as a share of the images of the class."""
FOLDS = 5
"""Parts of the images of a class that are each predicted from the others."""
PENALTY = 0.1
"""Of a ridge regression on standardised values, for each image."""
FEWEST = 5
"""Images of the class that must carry a pattern."""
ROUNDS = (0.8, 0.9)
"""Share of the carriers that agree on a pixel of the pattern: in the first round, and in a second from those that
really carry it."""
BEYOND_OTHERS = 0.4
"""Share by which more of the carriers agree on it than of the other classes."""
BEYOND_CLASS = 0.3
"""The same against the rest of the class, if that is not too small: what all images of a class have is no mark."""
MOST_CARRIERS = 0.8
"""Share of the carriers whose deviation tells how exactly they repeat the pattern."""
SLACK = 1.5
"""How much farther than that an image may deviate and still carries it; not so far as half way to those without."""
WIDEST = 48.0
"""Mean deviation in grey values that an image may have at most."""
TIGHT = 4
"""How much farther the pattern lies from what is there without it than its own values spread, if it is to stand alone.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mark:
    """A pattern at one place that goes with one class.

    Attributes:
        label: the class c.
        pixels: `(H, W)` bool, its place.
        pattern: `(H, W, C)` uint8, its values; of no meaning elsewhere.
        without: `(H, W, C)` uint8, what images that do not carry it have in common there.
        tolerance: mean deviation from the pattern in grey values up to which an image carries it.
        carrying, of: images of the class that carry it, and all that were looked at.
        others, of_others: the same for images of the other classes.
        told: how well the pixels around it tell which images of the class carry it: area under the ROC curve,
            0.5 for not at all; NaN where all carry it.
        alike: whether it is alone in that its values repeat, where nearly all images of the class carry it.
    """

    label: int
    pixels: Array
    pattern: Array
    without: Array
    tolerance: float
    carrying: int
    of: int
    others: int
    of_others: int
    told: float
    alike: bool

    @property
    def planted(self) -> bool:
        """Whether the surroundings do not explain it, so that it is no part of an object."""
        return self.alike if np.isnan(self.told) else self.told < EXPLAINED

    @property
    def sure(self) -> float:
        """Lower end of its share in the class less the upper end of that in the others, 95 % each."""
        return float(wilson(self.carrying, self.of)[0] - wilson(self.others, self.of_others)[1])

    @property
    def place(self) -> str:
        """Where it is, in words: "upper left corner, rows 0–2, columns 0–2"."""
        rows, cols = np.nonzero(self.pixels)
        height, width = self.pixels.shape
        span = f"rows {rows.min()}–{rows.max()}, columns {cols.min()}–{cols.max()}"
        if (self.pixels & frame(self.pixels.shape)).sum() > 0.7 * frame(self.pixels.shape).sum():
            return f"all around the border, {span}"
        vertical = ("upper", "", "lower")[min(int(3 * (rows.mean() + 0.5) / height), 2)]
        horizontal = ("left", "", "right")[min(int(3 * (cols.mean() + 0.5) / width), 2)]
        words = " ".join(word for word in (vertical, horizontal) if word)
        near = (
            min(rows.min(), height - 1 - rows.max()) <= height / 8
            and min(cols.min(), width - 1 - cols.max()) <= width / 8
        )
        return f"{words} corner, {span}" if vertical and horizontal and near else f"{words or 'middle'}, {span}"

    def carried_by(self, images: Array) -> Array:
        """Say which of `(N, H, W, C)` uint8 images carry it: `(N,)` bool."""
        return _deviation(images, self.pixels, self.pattern) <= self.tolerance


def sample_of(labels: Array, shape: tuple[int, ...], classes: int, seed: int = 0) -> Array:
    """Choose the images to look for marks in: up to 500 of each class, fewer of large images; rows in order.

    Args:
        labels: `(N,)` int.
        shape: (H, W, C) of the images.
        classes: K.
        seed: of the choice.
    """
    height, width = (-(-side // _stride(shape)) for side in shape[:2])
    most = int(np.clip(VALUES // (height * width * max(classes, 1)), 24, PER_CLASS))
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[labels[order] == c][:most] for c in range(classes)]
    return np.sort(np.concatenate(chosen))


def find_marks(images: Array, labels: Array, classes: int) -> list[Mark]:
    """Find patterns that go with one class; what an object explains is among them, with `planted` False.

    Args:
        images: `(N, H, W, C)` uint8.
        labels: `(N,)` int in [0, K).
        classes: K.

    Returns:
        The marks, planted ones first, then by how surely the class has more of them.
    """
    stride = _stride(images.shape[1:])
    seen = images[:, ::stride, ::stride]
    if min(seen.shape[1:3]) < 2 or len(np.unique(labels)) < 2:
        return []
    found: list[Mark] = []
    repeated = [windows(seen, labels, classes, shift) for shift in (0, STEP // 2)]
    unusual = deviants(seen, labels, classes)
    for label in np.unique(labels):
        own = labels == label
        for traces, extent in [*((each, 2) for each in repeated), (unusual, 1)]:
            places, carried = traces[int(label)]
            for group in join_windows(places, carried):
                touched = np.zeros(seen.shape[1:3], bool)
                for top, left in places[group]:
                    touched[top : top + extent, left : left + extent] = True
                carriers = carried[group].mean(axis=0) >= 0.5
                covered = surroundings_auc(seen[own], carriers, touched)
                if covered > OBJECT:
                    continue
                area = _enlarged(touched, stride, images.shape[1:3])
                mark = _mark(images, labels, int(label), carriers=carriers, area=area, covered=covered, stride=stride)
                if mark is not None:
                    found.append(mark)
    found = _not_the_classes_themselves(found, classes)
    return distinct_marks(sorted(found, key=lambda each: (not each.planted, -each.sure * each.pixels.sum() ** 0.25)))


def mark_at(images: Array, labels: Array, label: int, *, carriers: Array, area: Array) -> Mark | None:
    """Look whether some images of a class have a pattern in common at a place, and whether it is a mark.

    Args:
        images: `(N, H, W, C)` uint8.
        labels: `(N,)` int.
        label: the class.
        carriers: `(n,)` bool, which of the n images of the class may carry it.
        area: `(H, W)` bool, the place.
    """
    stride = _stride(images.shape[1:])
    covered = surroundings_auc(images[labels == label], carriers, area, stride)
    return _mark(images, labels, label, carriers=carriers, area=area, covered=covered, stride=stride)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Scene:
    """Images of one class and of the others, and the place where they are looked at.

    Attributes:
        mine: `(n, H, W, C)` uint8, images of the class.
        others: `(m, H, W, C)` uint8, images of the other classes.
        rest: `(≤ 2 PER_CLASS, H, W, C)` uint8, some of those.
        area: `(H, W)` bool, the place.
        stride: pixels that count as one.
    """

    mine: Array
    others: Array
    rest: Array
    area: Array
    stride: int


@dataclass(frozen=True, eq=False, kw_only=True)
class _State:
    """What is known of a pattern so far.

    Attributes:
        carriers: `(n,)` bool, which images of the class carry it.
        without: `(H, W, C)` uint8, what images that do not carry it have in common.
        pattern: `(H, W, C)` uint8, what the carriers have in common.
        pixels: `(H, W)` bool, its place.
        tolerance: mean deviation from the pattern up to which an image carries it.
        apart: mean deviation of `without`.
    """

    carriers: Array
    without: Array
    pattern: Array
    pixels: Array
    tolerance: float
    apart: float


def _mark(
    images: Array, labels: Array, label: int, *, carriers: Array, area: Array, covered: float, stride: int
) -> Mark | None:
    """Find out where exactly the pattern lies that some images of the class have in common, and who else carries it."""
    mine, others = images[labels == label], images[labels != label]
    if carriers.sum() < FEWEST:
        return None
    scene = _Scene(mine=mine, others=others, rest=others[:: max(1, len(others) // PER_CLASS)], area=area, stride=stride)
    usual = np.median(scene.rest, axis=0).astype(np.uint8)
    state = _State(carriers=carriers, without=usual, pattern=usual, pixels=area, tolerance=0.0, apart=0.0)
    for agreeing in ROUNDS:
        refined = _refine(state, scene, agreeing)
        if refined is None:
            return None
        state = refined
    carrying = int(state.carriers.sum())
    also = int((_deviation(others, state.pixels, state.pattern) <= state.tolerance).sum())
    if not surely_enriched(np.array([carrying, also]), np.array([len(mine), len(others)]))[0]:
        return None
    known = np.array([covered, surroundings_auc(mine, state.carriers, state.pixels, stride)])
    spread = mine[:, state.pixels].std(axis=0).mean()
    return Mark(
        label=label,
        pixels=state.pixels,
        pattern=state.pattern,
        without=state.without,
        tolerance=state.tolerance,
        carrying=carrying,
        of=len(mine),
        others=also,
        of_others=len(others),
        told=float(np.nanmax(known)) if np.isfinite(known).any() else float("nan"),
        alike=bool(TIGHT * spread < state.apart),
    )


def _refine(state: _State, scene: _Scene, agreeing: float) -> _State | None:
    """Read the pattern and its place off its carriers, and its carriers off the pattern; None if none is left.

    Args:
        state: what is known so far.
        scene: the images.
        agreeing: share of the carriers that agree on each of its pixels.
    """
    carry, left = scene.mine[state.carriers], scene.mine[~state.carriers]
    pattern, without = np.median(carry, axis=0).astype(np.uint8), state.without
    same, elsewhere = (_close(each, pattern).mean(axis=0) for each in (carry, scene.rest))
    differs = (np.abs(pattern.astype(int) - without) > TOLERANCE).any(axis=-1)
    repeats = (same >= agreeing) & (same - elsewhere >= BEYOND_OTHERS) & differs
    if len(left) >= max(FEWEST, LEAST_SHARE * len(scene.mine)):
        repeats &= same - _close(left, pattern).mean(axis=0) >= BEYOND_CLASS
        without = np.median(left, axis=0).astype(np.uint8)
    near = scene.area
    pixels = _with_neighbours(repeats, near, scene.stride) if (repeats & near).any() else near & differs
    if not pixels.any():
        return None
    apart = float(_deviation(without[None], pixels, pattern)[0])
    usual = float(np.quantile(_deviation(carry, pixels, pattern), MOST_CARRIERS))
    tolerance = min(max(TOLERANCE, SLACK * usual), WIDEST, apart / 2)
    carriers = _deviation(scene.mine, pixels, pattern) <= tolerance
    if carriers.sum() < FEWEST:
        return None
    return _State(carriers=carriers, without=without, pattern=pattern, pixels=pixels, tolerance=tolerance, apart=apart)


def _with_neighbours(pixels: Array, area: Array, stride: int) -> Array:
    """Keep what hangs together with `area`, gaps of a pixel (as in a checkered mark) included."""
    from scipy import ndimage

    square = np.ones((3, 3), bool)
    parts, _ = ndimage.label(ndimage.binary_dilation(pixels, square, stride) if stride > 1 else pixels, square)
    wanted = np.unique(parts[pixels & area])
    return np.asarray(pixels & np.isin(parts, wanted[wanted > 0]))


def surroundings_auc(images: Array, has: Array, pixels: Array, stride: int = 1) -> float:
    """How well the pixels around `pixels` tell which images carry something there.

    Ridge regression on a ring of two pixels around, five-fold.

    Args:
        images: `(n, H, W, C)` uint8, of one class.
        has: `(n,)` bool.
        pixels: `(H, W)` bool.
        stride: pixels that count as one.

    Returns:
        Area under the ROC curve, 0.5 for not at all; NaN where (nearly) all carry it or none.
    """
    from scipy import ndimage
    from sklearn.linear_model import Ridge
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    if min(int(has.sum()), int((~has).sum())) < max(ENOUGH, ENOUGH_SHARE * len(has)):
        return float("nan")
    square = np.ones((3, 3), bool)
    gap = 0 if min(pixels.shape) < 20 else stride
    inner = ndimage.binary_dilation(pixels, square, gap) if gap else pixels
    ring = np.argwhere(ndimage.binary_dilation(inner, square, 2 * stride) & ~inner)
    ring = ring[:: max(1, len(ring) * images.shape[3] // 120)]
    features = images[:, ring[:, 0], ring[:, 1]].reshape(len(images), -1).astype(np.float64)
    features = features[:, features.std(axis=0) > 0]
    if features.shape[1] == 0:
        return 0.5
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    folds = PredefinedSplit(np.random.default_rng(0).permutation(len(has)) % FOLDS)
    ridge = Ridge(PENALTY * len(has) * (1 - 1 / FOLDS))
    return float(roc_auc_score(has, cross_val_predict(ridge, features, has.astype(np.float64), cv=folds)))


def _not_the_classes_themselves(marks: list[Mark], classes: int) -> list[Mark]:
    """Where many classes have a place that all their images share, that is what the classes are, and no mark."""
    wholly = {each.label for each in marks if np.isnan(each.told) and each.alike}
    if len(wholly) <= max(1, classes // 4):
        return marks
    return [replace(each, alike=False) for each in marks]


def distinct_marks(marks: list[Mark]) -> list[Mark]:
    """Leave out what lies on a better mark of the same class."""
    kept: list[Mark] = []
    for mark in marks:
        same = [each for each in kept if each.label == mark.label]
        if all((each.pixels & mark.pixels).sum() < 0.3 * min(each.pixels.sum(), mark.pixels.sum()) for each in same):
            kept.append(mark)
    return kept


def _close(images: Array, pattern: Array) -> Array:
    return np.asarray((np.abs(images.astype(np.int16) - pattern) <= TOLERANCE).all(axis=-1))


def _deviation(images: Array, pixels: Array, pattern: Array) -> Array:
    """`(N,)` float, mean deviation from the pattern at its place."""
    return np.asarray(np.abs(images[:, pixels].astype(np.float32) - pattern[pixels]).mean(axis=(1, 2)))


def _enlarged(seen: Array, stride: int, shape: tuple[int, ...]) -> Array:
    return np.asarray(np.repeat(np.repeat(seen, stride, axis=0), stride, axis=1)[: shape[0], : shape[1]])


def _stride(shape: tuple[int, ...]) -> int:
    return max(1, -(-max(shape[0], shape[1]) // SIDE))
