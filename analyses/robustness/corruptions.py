"""Corruptions of images, eleven families at five severities: what cameras, scanners and handling do to them.

Sizes are shares of the shorter side, so that 8 pixels and 224 are treated alike. Random numbers depend on the seed,
the family and the image's row only, not on the severity: a higher one goes further in the same direction, and an
image is corrupted in the same way in any batch.

Source: the families of MNIST-C (Mu & Gilmer 2019, arXiv:1906.02337) and ImageNet-C (Hendrycks & Dietterich 2019,
arXiv:1903.12261) that keep the label of any object; severity 1 is hardly visible.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.blur import blur_images
from workbench.data.objects import background_images, object_masks, plain

from .warping import inside, inverse, resample, shifts, turns, zooms

SEVERITIES = (1, 2, 3, 4, 5)
"""0 is the clean image."""
Draws = Sequence[np.random.Generator]
Change = Callable[["Corruptions", float, Draws], Array]
Moves = Callable[["Corruptions", float, Draws], Array]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One way to corrupt images.

    Attributes:
        name: CLI name.
        title: for people.
        strengths: of severity 1 … 5.
        unit: what a strength means; `{}` stands for it, `{:.0%}` for it in per cent.
        change: makes the images; None where they are only moved.
        moves: the affine maps of the pixels; None where they stay where they are.
    """

    name: str
    title: str
    strengths: tuple[float, float, float, float, float]
    unit: str
    change: Change | None = None
    moves: Moves | None = None

    def words(self, severity: int) -> str:
        """Describe a severity, for example "5° to either side"."""
        return "unchanged" if severity == 0 else self.unit.format(self.strengths[severity - 1]).replace("%", " %")


class Corruptions:
    """A batch of images, and their corruptions.

    Attributes:
        images: `(B, H, W, C)` float32 in [0, 1].
        rows: `(B,)` int, rows of the images, which seed their random numbers.
        seed: for all random numbers.

    Args:
        images: `(B, H, W, C)` float in [0, 1].
        rows: `(B,)` int ≥ 0.
        seed: 0 or more.
    """

    def __init__(self, images: Array, rows: Array, seed: int = 0) -> None:
        if len(rows) != len(images):
            raise WorkbenchError(
                f"`rows` must have one value for each of {plural(len(images), 'image')}. Got {len(rows)}."
            )
        self.images, self.rows, self.seed = np.asarray(images, np.float32), np.asarray(rows), seed

    @property
    def side(self) -> int:
        """The shorter side, in pixels."""
        return int(min(self.images.shape[1:3]))

    @cached_property
    def objects(self) -> Array:
        """`(B, H, W)` bool, where the object is; everywhere if there is no plain background."""
        return object_masks(self.images)

    @cached_property
    def filled(self) -> Array:
        """`(B,)` bool, whether a plain background goes on around the picture."""
        return plain(self.objects)

    @cached_property
    def colours(self) -> Array:
        """`(B, C)` colour of the background, or the mean colour where there is none."""
        return background_images(self.images, self.objects)[:, 0, 0]

    def draws(self, family: str) -> Draws:
        """Return one generator for each image, the same at each call."""
        number = zlib.crc32(family.encode())
        return [np.random.default_rng((self.seed, number, int(row))) for row in self.rows]

    def changed(self, family: str, severity: int) -> Array:
        """Return the images at a severity: `(B, H, W, C)` float32 in [0, 1]; as they are at severity 0.

        Raises:
            WorkbenchError: if there is no such family or severity.
        """
        found, strength = _found(family, severity)
        if severity == 0 or not len(self.images):
            return self.images.copy()
        if found.change is not None:
            made = found.change(self, strength, self.draws(family))
        else:
            made = resample(self.images, self._maps(found, strength), self.colours, self.filled)
        return np.clip(made, 0, 1).astype(np.float32)

    def moved_back(self, maps: Array, family: str, severity: int) -> tuple[Array, Array]:
        """Bring maps of changed images back to where the pixels came from.

        Args:
            maps: `(B, H, W)` float, one for each image.
            family: how the images were changed.
            severity: how much.

        Returns:
            The maps, `(B, H, W)`, and where they are known, `(B, H, W)` bool: what left the frame is not.
        """
        found, strength = _found(family, severity)
        if severity == 0 or found.moves is None or not len(maps):
            return np.array(maps), np.ones(maps.shape, bool)
        back = inverse(self._maps(found, strength))
        return resample(maps[..., None], back, order=1)[..., 0], inside(back, *maps.shape[1:])

    def _maps(self, family: Family, strength: float) -> Array:
        if family.moves is None:
            raise TypeError(f"{family.name} moves nothing.")
        return family.moves(self, strength, self.draws(family.name))


def _found(family: str, severity: int) -> tuple[Family, float]:
    if family not in FAMILIES:
        raise unknown("corruption", family, FAMILIES)
    if severity not in (0, *SEVERITIES):
        raise WorkbenchError(f"`severity` must be 0 … {SEVERITIES[-1]}. Got {severity}.")
    return FAMILIES[family], FAMILIES[family].strengths[max(severity, 1) - 1]


def coverage(low: Array, high: Array, side: int) -> Array:
    """Share of each of `side` pixels that lies between `low` and `high`, `(B,)` each, in pixels: `(B, side)`."""
    left = np.arange(side)[None]
    return np.clip(np.minimum(high[:, None], left + 1) - np.maximum(low[:, None], left), 0, 1)


def _noise(batch: Corruptions, strength: float, draws: Draws) -> Array:
    return batch.images + strength * np.stack([d.standard_normal(batch.images.shape[1:], np.float32) for d in draws])


def _shot(batch: Corruptions, strength: float, draws: Draws) -> Array:
    """Each pixel counts photons: Poisson with `strength` of them at white."""
    expected = strength * batch.images.astype(np.float64)
    return np.stack([d.poisson(each) for d, each in zip(draws, expected, strict=True)]) / strength


def _impulse(batch: Corruptions, strength: float, draws: Draws) -> Array:
    """Pixels become black or white, in all channels."""
    chances = np.stack([d.random((2, *batch.images.shape[1:3])) for d in draws])
    struck, white = chances[:, 0, ..., None] < strength, chances[:, 1, ..., None] < 0.5
    return np.where(struck, white, batch.images)


def _blur(batch: Corruptions, strength: float, _draws: Draws) -> Array:
    return blur_images(batch.images, strength * batch.side)


def _signs(draws: Draws) -> Array:
    return np.array([1.0 if d.random() < 0.5 else -1.0 for d in draws])


def _brightness(batch: Corruptions, strength: float, draws: Draws) -> Array:
    return batch.images + strength * _signs(draws)[:, None, None, None]


def _contrast(batch: Corruptions, strength: float, _draws: Draws) -> Array:
    mean = batch.images.mean(axis=(1, 2), keepdims=True)
    return (batch.images - mean) * strength + mean


def _occlusion(batch: Corruptions, strength: float, draws: Draws) -> Array:
    """A square about a pixel of the object takes the background's colour; it lies wholly in the picture."""
    size, sides = strength * batch.side, batch.images.shape[1:3]
    middles = np.empty((len(draws), 2))
    for n, (draw, mask) in enumerate(zip(draws, batch.objects, strict=True)):
        places = np.argwhere(mask)
        middles[n] = places[int(draw.random() * len(places))] + 0.5
    low = [np.clip(middles[:, axis] - size / 2, 0, side - size) for axis, side in enumerate(sides)]
    rows, columns = (coverage(each, each + size, side) for each, side in zip(low, sides, strict=True))
    hidden = (rows[:, :, None] * columns[:, None])[..., None]
    return batch.images * (1 - hidden) + batch.colours[:, None, None] * hidden


def _stripe(batch: Corruptions, strength: float, _draws: Draws) -> Array:
    """An upright stripe in the middle is inverted."""
    width = batch.images.shape[2]
    half = np.full(1, strength * batch.side / 2)
    struck = coverage(width / 2 - half, width / 2 + half, width)[:, None, :, None]
    return batch.images * (1 - struck) + (1 - batch.images) * struck


def _shifts(batch: Corruptions, strength: float, draws: Draws) -> Array:
    """Up, down, left or right."""
    way = np.array([((0, 1), (0, -1), (1, 0), (-1, 0))[int(d.random() * 4)] for d in draws], np.float64)
    return shifts(*(strength * batch.side * way.T))


def _turns(_batch: Corruptions, strength: float, draws: Draws) -> Array:
    return turns(strength * _signs(draws))


def _zooms(_batch: Corruptions, strength: float, draws: Draws) -> Array:
    return zooms(strength ** _signs(draws))


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="gaussian-noise",
            title="Gaussian noise",
            strengths=(0.04, 0.06, 0.1, 0.15, 0.25),
            unit="standard deviation {}",
            change=_noise,
        ),
        Family(
            name="shot-noise",
            title="Shot noise",
            strengths=(500, 250, 100, 50, 20),
            unit="{} photons at white",
            change=_shot,
        ),
        Family(
            name="impulse-noise",
            title="Impulse noise",
            strengths=(0.005, 0.01, 0.03, 0.08, 0.16),
            unit="{:.1%} of the pixels",
            change=_impulse,
        ),
        Family(
            name="blur",
            title="Blur",
            strengths=(0.01, 0.02, 0.035, 0.06, 0.1),
            unit="standard deviation {:.1%} of the side",
            change=_blur,
        ),
        Family(
            name="brightness",
            title="Brightness",
            strengths=(0.03, 0.06, 0.1, 0.15, 0.25),
            unit="{} of the full range brighter or darker",
            change=_brightness,
        ),
        Family(
            name="contrast",
            title="Contrast",
            strengths=(0.9, 0.8, 0.65, 0.45, 0.25),
            unit="{:.0%} of the contrast",
            change=_contrast,
        ),
        Family(
            name="occlusion",
            title="Occlusion",
            strengths=(0.1, 0.15, 0.2, 0.3, 0.4),
            unit="a patch of {:.0%} of the side",
            change=_occlusion,
        ),
        Family(
            name="stripe",
            title="Stripe",
            strengths=(0.02, 0.04, 0.08, 0.16, 0.3),
            unit="a stripe of {:.0%} of the side",
            change=_stripe,
        ),
        Family(
            name="shift",
            title="Shift",
            strengths=(1 / 28, 2 / 28, 3 / 28, 4 / 28, 6 / 28),
            unit="{:.1%} of the side",
            moves=_shifts,
        ),
        Family(name="rotate", title="Rotation", strengths=(5, 10, 15, 22, 30), unit="{}° to either side", moves=_turns),
        Family(
            name="scale",
            title="Scale",
            strengths=(1.05, 1.1, 1.2, 1.35, 1.6),
            unit="{} times larger or smaller",
            moves=_zooms,
        ),
    )
}
"""By name: what changes the colours first, then what moves the pixels."""
