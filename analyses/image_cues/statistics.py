"""Statistics of an image that have no place or values of their own, and how another image is given them.

Each leaves what the picture shows as it is: colours are shifted as a whole, the amplitudes of the frequencies are
changed and their phases kept, the outermost pixels are shifted, and the picture is saved anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.jpeg import recompressed

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BANDS = (0.06, 0.125, 0.19, 0.3, 0.71)
"""Edges of the bands of frequencies, in cycles a pixel."""
DIRECTIONS = 4
LEAST_SIDE = 16
"""Pixels a side from which corners and borders are not the object's. Of 8 pixels a digit fills them: its strokes were a
texture and its foot a frame."""
MOST_GAIN = 6.0
"""By how much an amplitude is raised at most."""
PEAK = 8.0
"""How many times the power of other images a frequency has in images of a class to belong to a texture of it."""
LARGEST = 1 / 3
"""Share of the picture that a mark covers at most."""
SHARPER = 2.0
"""How many times as sharp as that of any other class the mean image of a class must be to show what lies over it."""
QUALITIES = (5, 10, 20, 35, 60)
"""Of JPEG."""


class Statistic(ABC):
    """One kind of statistics of `(B, H, W, C)` float images in [0, 1].

    Attributes:
        words: what it is, for "the … of an image".
    """

    words: ClassVar[str]
    everywhere: ClassVar[bool] = True
    """Whether the corners must tell the class, too: else it may be the object's own."""

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether images of `shape`, (H, W, C), have it."""
        return min(shape[:2]) >= LEAST_SIDE

    @abstractmethod
    def measure(self, images: Array) -> Array:
        """`(B, F)` float."""

    @abstractmethod
    def give(self, images: Array, donors: Array) -> Array:
        """Return images with the statistics of `donors`, `(B, H, W, C)` each."""


class Colour(Statistic):
    """The mean colour, its brightness left out."""

    words = "colour cast"

    def fits(self, shape: tuple[int, ...]) -> bool:
        return min(shape[:2]) >= 8 and shape[2] == 3

    def measure(self, images: Array) -> Array:
        means = images.mean(axis=(1, 2))
        return np.asarray((means - (means @ LUMA)[:, None])[:, :2])

    def give(self, images: Array, donors: Array) -> Array:
        means, wanted = (each.mean(axis=(1, 2)) for each in (images, donors))
        cast = (wanted - (wanted @ LUMA)[:, None]) - (means - (means @ LUMA)[:, None])
        return np.asarray(images + cast[:, None, None])


class Spectrum(Statistic):
    """How much there is of each frequency and direction: sharpness, grain, regular textures."""

    words = "spectrum (sharpness, texture)"

    def measure(self, images: Array) -> Array:
        return np.log(self._power(images))

    def give(self, images: Array, donors: Array) -> Array:
        bins = _bins(images.shape[1:3])
        gain = np.clip(np.sqrt(self._power(donors) / self._power(images)), 1 / MOST_GAIN, MOST_GAIN)
        gains = np.concatenate([gain, np.ones((len(gain), 1))], axis=1)[:, bins][..., None]  # -1: as it is
        changed = np.fft.ifft2(np.fft.fft2(images, axes=(1, 2)) * gains, axes=(1, 2)).real
        return np.asarray(changed)

    def _power(self, images: Array) -> Array:
        bins = _bins(images.shape[1:3])
        power = np.abs(np.fft.fft2(images.mean(axis=-1), axes=(1, 2))) ** 2 / bins.size
        count = np.bincount(bins[bins >= 0], minlength=bins.max() + 1)
        flat = power[:, bins >= 0]
        sums = np.stack([np.bincount(bins[bins >= 0], row, bins.max() + 1) for row in flat])
        return np.asarray(sums / np.maximum(count, 1) + 1e-6)


def _bins(shape: tuple[int, ...]) -> Array:
    """`(H, W)` int, the band and direction of each frequency; -1 for the lowest."""
    rows, columns = np.meshgrid(*(np.fft.fftfreq(side) for side in shape), indexing="ij")
    band = np.digitize(np.hypot(rows, columns), BANDS) - 1
    angle = np.arctan2(rows, columns) % np.pi
    direction = ((angle + np.pi / DIRECTIONS / 2) % np.pi // (np.pi / DIRECTIONS)).astype(np.int64)
    return np.where((band >= 0) & (band < len(BANDS) - 1), DIRECTIONS * band + direction, -1)


@dataclass(frozen=True, eq=False)
class Texture(Statistic):
    """Single frequencies of which images of a class have far more than others: stripes, grids, weaves.

    Attributes:
        peaks: `(H, W)` bool, the frequencies.
    """

    words = "regular texture"

    peaks: Array

    def measure(self, images: Array) -> Array:
        power = np.abs(np.fft.fft2(images.mean(axis=-1), axes=(1, 2))[:, self.peaks]) ** 2
        return np.asarray(np.log(power.mean(axis=1, keepdims=True) + 1e-6))

    def give(self, images: Array, donors: Array) -> Array:
        mine, theirs = (np.fft.fft2(each, axes=(1, 2)) for each in (images, donors))
        mine[:, self.peaks] = theirs[:, self.peaks]
        return np.asarray(np.fft.ifft2(mine, axes=(1, 2)).real)

    @classmethod
    def of(cls, images: Array, own: Array) -> Texture | None:
        """Return the frequencies of a class; None where it has no such.

        Args:
            images: `(N, H, W, C)` float in [0, 1].
            own: `(N,)` bool, images of the class.
        """
        power = np.abs(np.fft.fft2(images.mean(axis=-1), axes=(1, 2))) ** 2
        rows, columns = np.meshgrid(*(np.fft.fftfreq(side) for side in images.shape[1:3]), indexing="ij")
        peaks = np.median(power[own], axis=0) > PEAK * (np.median(power[~own], axis=0) + 1e-6)
        peaks &= np.hypot(rows, columns) > BANDS[1]
        return cls(peaks) if peaks.any() else None


@dataclass(frozen=True, eq=False)
class Overlay(Statistic):
    """Something faint that lies over one place of the images of a class, as a half-transparent mark does.

    Objects that move about leave no sharp edges in the mean of their images; what always lies at one place does.

    Attributes:
        pattern: `(H, W, C)` float, by how much it changes an image; 0 elsewhere.
        apart: by how much more of it the images of its class have than others, as `measure` has it; 1 unless content
            of the class has edges there, too.
    """

    words = "half-transparent mark"
    everywhere = False

    pattern: Array
    apart: float = 1.0

    def measure(self, images: Array) -> Array:
        edges = _edges(self.pattern[None])[0]
        return np.asarray((_edges(images) * edges).sum(axis=(1, 2, 3))[:, None] / (edges**2).sum())

    def give(self, images: Array, donors: Array) -> Array:
        more = np.median(self.measure(donors)) - np.median(self.measure(images))  # of one image it says little
        return np.asarray(images + more / self.apart * self.pattern)

    @classmethod
    def of(cls, images: Array, labels: Array) -> tuple[int, Overlay] | None:
        """Return the class whose mean image has sharp edges as no other class's has, and what makes them.

        Args:
            images: `(N, H, W, C)` float in [0, 1].
            labels: `(N,)` int.
        """
        edges, classes = _edges(images), np.unique(labels)
        z = np.stack([_difference(edges, labels == c) for c in classes])  # (K, H, W)
        sharp = np.sort(z.reshape(len(z), -1), axis=1)[:, -max(z[0].size // 50, 4) :].mean(axis=1)
        order = np.argsort(-sharp)
        if len(classes) < 3 or sharp[order[0]] < SHARPER * sharp[order[1]]:
            return None
        own = labels == classes[order[0]]
        where = _hull(z[order[0]] > sharp[order[0]] / 2)
        if where is None or where.mean() > LARGEST:
            return None
        pattern = (images[own].mean(axis=0) - images[~own].mean(axis=0)) * where[..., None]
        found = cls(pattern)
        apart = float(np.median(found.measure(images[own])) - np.median(found.measure(images[~own])))
        return (int(classes[order[0]]), replace(found, apart=apart)) if apart > 0 else None


def _edges(images: Array) -> Array:
    """What 3×3 pixels around each do not explain: `(B, H, W, C)`."""
    from scipy.ndimage import uniform_filter

    return np.asarray(images - uniform_filter(images, (1, 3, 3, 1)))


def _hull(points: Array) -> Array | None:
    """Return the pixels within the convex hull of some pixels, `(H, W)` bool; None where they lie on a line."""
    from scipy.spatial import ConvexHull, QhullError

    places = np.argwhere(points)
    if len(places) < 3:
        return None
    try:
        sides = ConvexHull(places).equations  # (sides, 3): normal and offset, negative within
    except QhullError:
        return None
    grid = np.indices(points.shape).reshape(2, -1)
    return np.asarray((sides[:, :2] @ grid + sides[:, 2:] <= 1e-9).all(axis=0).reshape(points.shape))


def _difference(values: Array, own: Array) -> Array:
    """`(H, W)` float, how many standard errors the means of a class and of the others are apart, over the channels."""
    spread = values[own].var(axis=0) / own.sum() + values[~own].var(axis=0) / (~own).sum()
    apart = (values[own].mean(axis=0) - values[~own].mean(axis=0)) / np.sqrt(spread + 1e-9)
    return np.asarray(np.sqrt((apart**2).mean(axis=-1)))


@dataclass(frozen=True)
class Frame(Statistic):
    """How much the outermost pixels differ from those within."""

    words = "outermost pixels"
    everywhere = False

    wide: bool = False

    def measure(self, images: Array) -> Array:
        outer, inner = self._rings(images.shape)
        return np.asarray(images[:, outer].mean(axis=1) - images[:, inner].mean(axis=1))

    def give(self, images: Array, donors: Array) -> Array:
        outer, _ = self._rings(images.shape)
        changed = np.array(images)
        changed[:, outer] += (self.measure(donors) - self.measure(images))[:, None]
        return changed

    def _rings(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        height, width = shape[1:3]
        by = max(2, min(height, width) // 14) if self.wide else 1
        rows, columns = np.indices((height, width))
        depth = np.minimum.reduce([rows, columns, height - 1 - rows, width - 1 - columns])
        return depth < by, (depth >= by) & (depth < 2 * by)


class Compression(Statistic):
    """Traces of JPEG: how little an image changes when it is saved anew at one quality more than at the others.

    Source: Farid 2009, doi:10.1109/TIFS.2008.2012215: what was saved at a quality before hardly changes at it.
    """

    words = "traces of compression"
    everywhere = False

    def measure(self, images: Array) -> Array:
        changes = [np.abs(_saved(images, quality) - images).mean(axis=(1, 2, 3)) for quality in QUALITIES]
        logs = np.log(np.stack(changes, axis=1) + 1e-3)
        return np.asarray(logs - logs.mean(axis=1, keepdims=True))  # not how much there is to lose

    def give(self, images: Array, donors: Array) -> Array:
        wanted = self.measure(donors)
        tried = [_saved(images, quality) for quality in QUALITIES] + [images]
        far = np.stack([np.abs(self.measure(each) - wanted).sum(axis=1) for each in tried])
        return np.asarray(np.stack(tried)[far.argmin(axis=0), np.arange(len(images))])


def _saved(images: Array, quality: int) -> Array:
    return as_floats(recompressed(np.clip(np.rint(255 * images), 0, 255).astype(np.uint8), quality))


STATISTICS: tuple[Statistic, ...] = (Colour(), Spectrum(), Frame(), Frame(wide=True), Compression())
"""All of them."""


def corners(images: Array) -> Array:
    """Return of each image, `(N, H, W, C)`, the corner whose brightness varies least: most likely without an object.

    A third of each side. What was done to a whole picture, a blur or a cast, is seen there, too; the spectrum of an
    object that may stand anywhere is not.
    """
    tall, wide = (side // 3 for side in images.shape[1:3])
    parts = np.stack([images[:, rows, columns] for rows, columns in _quarters(tall, wide)])  # (4, N, h, w, C)
    calmest = parts.mean(axis=-1).std(axis=(2, 3)).argmin(axis=0)
    return np.asarray(parts[calmest, np.arange(len(images))])


def _quarters(tall: int, wide: int) -> list[tuple[slice, slice]]:
    ends = [(slice(by), slice(-by, None)) for by in (tall, wide)]
    return [(rows, columns) for rows in ends[0] for columns in ends[1]]


def telling(values: Array, labels: Array, classes: int) -> Array:
    """How well statistics tell each class from the others, on the half of the images that they were not fitted to.

    Args:
        values: `(N, F)` float.
        labels: `(N,)` int in [0, K).
        classes: K.

    Returns:
        `(K, N)` float, a score for each class and image, higher where it is like the class: Fisher's discriminant with
        the covariance within classes, each half scored by the other. NaN for classes of fewer than 10 images.
    """
    scores = np.full((classes, len(labels)), np.nan)
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
    half = np.random.default_rng(0).permutation(len(labels)) % 2 == 0
    for fit in (half, ~half):
        counts = np.bincount(labels[fit], minlength=classes)
        means = np.stack(
            [values[fit & (labels == c)].mean(axis=0) if counts[c] else values[0] * 0 for c in range(classes)]
        )
        within = values[fit] - means[labels[fit]]
        inverse = np.linalg.inv(within.T @ within / max(len(within), 1) + 0.01 * np.eye(values.shape[1]))
        whole = values[fit].sum(axis=0)
        for label in np.flatnonzero(counts >= 5):
            rest = (whole - counts[label] * means[label]) / max(len(within) - counts[label], 1)
            axis = inverse @ (means[label] - rest)
            scores[label, ~fit] = (values[~fit] - (means[label] + rest) / 2) @ axis / np.sqrt(axis @ axis + 1e-12)
    return scores
