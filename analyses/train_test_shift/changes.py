"""Which change of the training images makes them look like the evaluated ones: the likely cause of a shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.properties import image_properties
from workbench.data.sampling import evenly
from workbench.data.thumbnails import cell_means, pixel_rows
from workbench.models.input_variants import zoomed

IMAGES = 400
"""Images of each part that are compared."""
SIDE = 6
"""Cells a side of their coarse pixels."""
EXPLAINED = 0.7
"""Share of the difference that a change must explain to be named: what was done explained 84 % and more of it in four
worlds of letters; brightening explains half of what tells uniform noise from them."""

Change = Callable[[Array], Array]


def likely_change(train: Any, evaluated: Any) -> tuple[str, float, int]:
    """Try changes on training images, and see after which they are distributed most like the evaluated ones.

    The difference is the mean Kolmogorov-Smirnov distance of the properties and of the coarse pixels; what two halves
    of the training images differ by is chance, and counts as none.

    Args:
        train: `(m, H, W, C)` uint8, an array or what slices like one.
        evaluated: `(n, H, W, C)` uint8, likewise.

    Returns:
        What was done to the images, in words; the share of the difference that it explains; and how many changes were
        tried. The words are empty where none explains enough.
    """
    seen, here = (np.asarray(each[evenly(len(each), IMAGES)]) for each in (train, evaluated))
    wanted, plain = _features(here), _features(seen)
    chance, whole = _apart(plain[::2], plain[1::2]) / np.sqrt(2), _apart(plain, wanted)
    changes = _changes(seen.shape[1:])
    found = {}
    for done, (name, change) in enumerate(changes.items()):
        report("Likely changes", done, len(changes))
        changed = np.clip(np.rint(255 * change(as_floats(seen))), 0, 255).astype(np.uint8)
        found[name] = _apart(_features(changed), wanted)
    report("Likely changes", len(changes), len(changes))
    best = min(found, key=lambda name: found[name])
    share = (whole - found[best]) / max(whole - chance, 1e-9)
    return (best if share > EXPLAINED else ""), float(min(share, 1.0)), len(changes)


def _features(images: Array) -> Array:
    coarse = pixel_rows(images, lambda part: cell_means(as_floats(part), SIDE))
    return np.hstack([image_properties(images).to_numpy(np.float64), coarse])


def _apart(one: Array, other: Array) -> float:
    """Mean Kolmogorov-Smirnov distance of the columns of `(m, F)` and `(n, F)`."""
    values = np.sort(np.concatenate([one, other]), axis=0)
    distances = []
    for column in range(values.shape[1]):
        shares = [
            np.searchsorted(np.sort(each[:, column]), values[:, column], "right") / len(each) for each in (one, other)
        ]
        distances.append(np.abs(shares[0] - shares[1]).max())
    return float(np.mean(distances))


def _changes(shape: tuple[int, ...]) -> Mapping[str, Change]:
    """Return changes of `(B, H, W, C)` images in [0, 1], by what they do to them."""
    height, width, channels = shape
    found: dict[str, Change] = {}
    for share in (0.65, 0.8):
        found[f"cropped to the middle {100 * share:.0f} % and enlarged"] = partial(zoomed, factor=1 / share)
        found[f"shrunk to {100 * share:.0f} % within a black border"] = partial(_padded, share=share)
        found[f"darkened to {100 * share:.0f} %"] = partial(_dimmed, by=share)
        found[f"brightened by {100 / share - 100:.0f} %"] = partial(_dimmed, by=1 / share)
        found[f"lowered in contrast to {100 * share:.0f} %"] = partial(_dimmed, by=share, around=0.5)
    for share in (0.35, 0.5):
        found[f"reduced to {100 * share:.0f} % of their pixels a side and enlarged"] = partial(_coarse, share=share)
    for noise in (0.08, 0.16):
        found[f"made noisy (deviation {255 * noise:.0f} of 255)"] = partial(_noisy, deviation=noise)
    for by in (0.06, 0.12):
        for axis, words in ((1, ("down", "up")), (2, ("to the right", "to the left"))):
            for sign, word in zip((1, -1), words, strict=True):
                found[f"shifted {word} by {100 * by:.0f} % of the side"] = partial(_shifted, by=sign * by, axis=axis)
    found |= {
        "inverted": lambda x: 1 - x,
        "mirrored": lambda x: x[:, :, ::-1],
        "turned upside down": lambda x: x[:, ::-1],
        "turned by 180°": lambda x: x[:, ::-1, ::-1],
    }
    if height == width:
        found["turned by 90° to the right"] = lambda x: np.rot90(x, -1, axes=(1, 2))
        found["turned by 90° to the left"] = lambda x: np.rot90(x, 1, axes=(1, 2))
    if channels == 3:
        found["given as blue, green, red"] = lambda x: x[..., ::-1]
        found["made grey"] = lambda x: np.repeat(x.mean(axis=-1, keepdims=True), 3, axis=-1)
    return found


def _dimmed(images: Array, by: float, around: float = 0.0) -> Array:
    return np.asarray(around + (images - around) * by)


def _padded(images: Array, share: float) -> Array:
    """Shrink images, and put them before black."""
    inside = zoomed(np.ones_like(images[:1, ..., :1]), 1.0)
    for axis in (1, 2):
        side = images.shape[axis]
        far = np.abs(np.arange(side) - (side - 1) / 2) > share * side / 2
        inside[(slice(None),) * axis + (far,)] = 0
    return np.asarray(zoomed(images, share) * inside)


def _coarse(images: Array, share: float) -> Array:
    """Average cells, and interpolate between them."""
    from scipy.ndimage import zoom

    sides = images.shape[1:3]
    few = cell_means(images, max(2, round(share * max(sides))))
    return np.asarray(
        zoom(few, (1, sides[0] / few.shape[1], sides[1] / few.shape[2], 1), order=1, grid_mode=True, mode="nearest")
    )


def _noisy(images: Array, deviation: float) -> Array:
    return np.asarray(images + np.random.default_rng(0).normal(0, deviation, images.shape))


def _shifted(images: Array, by: float, axis: int) -> Array:
    """Move images, black coming in."""
    steps = round(by * images.shape[axis])
    moved = np.array(np.roll(images, steps, axis))
    new = slice(None, steps) if steps > 0 else slice(steps, None)
    if steps:
        moved[(slice(None),) * axis + (new,)] = 0
    return moved
