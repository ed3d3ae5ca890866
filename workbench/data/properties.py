"""Properties of an image that one can see and name: brightness, contrast, place, shape, edges, noise, colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core import plugins
from workbench.core.discovery import Catalogue
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.provenance import digest_of
from workbench.core.types import Array
from workbench.data.lazy_images import portions
from workbench.data.thumbnails import block_means

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.image_property import ImageProperty

SIDE = 64
"""Larger images are shrunk to at most this many pixels a side first."""
BATCH = 2048
CLEARLY = 0.8
"""Standard deviations by which one sees that images differ, Cohen's "large"."""
LEVELS = 16
"""Grey levels of the entropy."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601: how bright red, green and blue look."""


@dataclass(frozen=True)
class Property:
    """How to speak of a column.

    Attributes:
        words: what it is called.
        unit: of its values.
    """

    words: str
    unit: str


PROPERTIES = {
    "brightness": Property("mean brightness", "of 1"),
    "contrast": Property("contrast", "standard deviation, of 1"),
    "background": Property("brightness of the border", "of 1"),
    "area": Property("area of the object", "of the picture"),
    "aspect": Property("aspect ratio of the object", "ratio"),
    "lean": Property("slant of the object", "−1…1"),
    "symmetry": Property("left-right symmetry", "of 1"),
    "centre_x": Property("horizontal position of the object", "of the width"),
    "centre_y": Property("vertical position of the object", "of the height"),
    "edges": Property("edge density", "per contrast"),
    "horizontal": Property("share of horizontal edges", "of 1"),
    "noise": Property("noise", "per contrast"),
    "entropy": Property("entropy of the grey levels", "bits"),
    "saturation": Property("saturation", "of 1"),
    "red_green": Property("red minus green", "−1…1"),
    "yellow_blue": Property("yellow minus blue", "−1…1"),
}
"""Every column that the workbench itself measures; the last of them only for colour images."""
OF_COLOUR = ("saturation", "red_green", "yellow_blue")
"""These."""
BROUGHT: Catalogue[ImageProperty] = Catalogue(
    "",
    "workbench.data.image_property:ImageProperty",
    "image property",
    room="properties",
    taken=tuple(name.replace("_", "-") for name in PROPERTIES),
)
"""The properties that plug-ins bring, each a column by the name of its module with `_`."""


def property_of(column: str) -> Property:
    """Say how to speak of a column that `image_properties` gives."""
    if column in PROPERTIES:
        return PROPERTIES[column]
    kind = BROUGHT.get(column.replace("_", "-"))
    return Property(kind.words, kind.unit)


def image_properties(images: Any) -> pd.DataFrame:
    """Measure each image.

    The background's colour is the median of the border; w, the weight of a pixel, is how far it lies from that in
    its farthest channel. Brightness is luma in [0, 1].

    - brightness, contrast: mean and standard deviation of the brightness; background: median of the border.
    - area: (Σw)² / (P Σw²), the share of P pixels that an even object of the same weights fills.
    - centre_x, centre_y: centre of w from the left and the top, in [0, 1]; the middle where w is 0 everywhere.
    - aspect: standard deviation of w along x over that along y; lean: 2 cov(x, y) / (var x + var y), in pixels; it is
      positive where the object runs from the upper left to the lower right.
    - symmetry: Σ w w' / Σ w², w' the mirrored w.
    - edges: mean difference of neighbours, over the contrast; horizontal: the share of it between rows.
    - noise: standard deviation of the noise by Immerkær 1996 (doi:10.1006/cviu.1996.0060), over the contrast.
    - entropy: of a histogram of `LEVELS` levels, in bits.
    - saturation: mean of (max − min) / max over the channels; red_green: mean R − G; yellow_blue: (R + G) / 2 − B.

    Args:
        images: `(N, H, W, C)` uint8, an array or what slices like one.

    Returns:
        N rows of float64, the columns of `PROPERTIES` in that order, then those of plug-ins; one that fails is left
        out, which is said.
    """
    import pandas as pd

    count = len(images)
    parts: list[dict[str, Array]] = []
    for part in portions(images, BATCH):
        pixels = block_means(as_floats(images[part]), SIDE)
        parts.append({**_measured(pixels), **_measured_by_plugins(pixels)})
        report("Image properties", part.stop, count)
    every = [*PROPERTIES, *(name.replace("-", "_") for name in BROUGHT.all())]
    columns = [name for name in every if all(name in part for part in parts)]
    return pd.DataFrame({name: np.concatenate([[], *(part[name] for part in parts)]) for name in columns})


def property_names(channels: int) -> list[str]:
    """Return the columns that `image_properties` gives for images of so many channels, unless one fails."""
    own = list(PROPERTIES) if channels == 3 else list(PROPERTIES)[: -len(OF_COLOUR)]
    return [*own, *(name.replace("-", "_") for name in BROUGHT.all())]


def properties_digest() -> str:
    """Return 16 hexadecimal digits that change with how images are measured, also by plug-ins."""
    brought = [each.path for each in BROUGHT.brought().values()]
    return digest_of([Path(__file__), Path(__file__).with_name("thumbnails.py"), *brought])[:16]


def format_value(value: float) -> str:
    """Write the value of a property with two decimals, "0.29"."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def unlike(properties: pd.DataFrame, labels: Array, members: Array) -> str:
    """Say in what some images differ from the others of their classes, as far as that can be seen: at most two things.

    Args:
        properties: N rows of `image_properties`.
        labels: `(N,)` int.
        members: `(N,)` bool, one at least.
    """
    counts = np.bincount(labels[members], minlength=int(labels.max()) + 1)
    others = ~members & (counts >= 0.2 * counts.max())[labels]
    if not others.any():
        return "no visible difference from others of their classes"
    inside, outside = properties[members], properties[others]
    spread = np.sqrt((inside.var(ddof=0) + outside.var(ddof=0)) / 2).clip(lower=1e-3)
    away = ((inside.mean() - outside.mean()) / spread).abs().sort_values(ascending=False, kind="stable")
    told = [
        f"{property_of(name).words} {format_value(inside[name].mean())} instead of {format_value(outside[name].mean())}"
        for name in away.index[:2]
        if away[name] > CLEARLY
    ]
    return (
        f"{' and '.join(told)} in others of their classes"
        if told
        else "no visible difference from others of their classes"
    )


def _measured_by_plugins(pixels: Array) -> dict[str, Array]:
    """What plug-ins measure of one batch `(B, H, W, C)` in [0, 1]."""
    measured = {}
    for name, kind in BROUGHT.all().items():
        path = BROUGHT.brought()[name].path
        try:
            values = np.asarray(kind().measure(pixels.copy()), np.float64)  # what it does to the pixels stays with it
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and the others go on
            plugins.leave_out(path, error)
            continue
        if values.shape != (len(pixels),) or not np.isfinite(values).all():
            plugins.leave_out(path, f"measure must give ({len(pixels)},) finite numbers. It gave {values.shape}")
            continue
        measured[name.replace("-", "_")] = values
    return measured


def _measured(pixels: Array) -> dict[str, Array]:
    """Properties of one batch `(B, H, W, C)` in [0, 1]."""
    channels = pixels.shape[-1]
    luma = pixels @ LUMA if channels == 3 else pixels.mean(axis=-1)
    border = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], axis=1)
    colour = np.median(border, axis=1)  # (B, C)
    contrast = luma.std(axis=(1, 2), dtype=np.float64)
    weight = np.abs(pixels - colour[:, None, None]).max(axis=-1)
    measured = {
        "brightness": luma.mean(axis=(1, 2), dtype=np.float64),
        "contrast": contrast,
        "background": colour @ LUMA if channels == 3 else colour.mean(axis=-1),
        **_shape(weight),
        **_texture(luma, contrast),
        "entropy": _entropy(luma),
    }
    if channels == 3:
        top = pixels.max(axis=-1)
        measured["saturation"] = _over(top - pixels.min(axis=-1), top, 0.0).mean(axis=(1, 2))
        red, green, blue = (pixels[..., c].mean(axis=(1, 2)) for c in range(3))
        measured["red_green"], measured["yellow_blue"] = red - green, (red + green) / 2 - blue
    return {name: values.astype(np.float64) for name, values in measured.items()}


def _shape(weight: Array) -> dict[str, Array]:
    """Area, centre, aspect, lean and symmetry of `(B, H, W)` weights."""
    _, height, width = weight.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    rows = weight.sum(axis=2, dtype=np.float64)
    columns = weight.sum(axis=1, dtype=np.float64)
    total, squares = rows.sum(axis=1), np.einsum("bij,bij->b", weight, weight).astype(np.float64)
    centre_x, centre_y = _over(columns @ x, total, width / 2), _over(rows @ y, total, height / 2)
    var_x = _over(columns @ x**2, total, centre_x**2) - centre_x**2
    var_y = _over(rows @ y**2, total, centre_y**2) - centre_y**2
    both = _over((weight @ x.astype(np.float32)) @ y, total, centre_x * centre_y) - centre_x * centre_y
    flat = np.minimum(var_x, var_y) < 1e-3  # a line, a point or nothing: a pixel's own extent is 1/12
    var_x, var_y = np.where(flat, var_x + 1 / 12, var_x), np.where(flat, var_y + 1 / 12, var_y)
    return {
        "area": _over(total**2, squares * height * width, 0.0),
        "aspect": np.sqrt(np.maximum(var_x, 0) / np.maximum(var_y, 1e-9)),
        "lean": _over(2 * both, var_x + var_y, 0.0),
        "symmetry": _over(np.einsum("bij,bij->b", weight, weight[:, :, ::-1]), squares, 1.0),
        "centre_x": centre_x / width,
        "centre_y": centre_y / height,
    }


def _texture(luma: Array, contrast: Array) -> dict[str, Array]:
    """Edges, their direction, and noise of `(B, H, W)` brightness."""
    count = len(luma)
    across = np.abs(np.diff(luma, axis=2)).reshape(count, -1)
    down = np.abs(np.diff(luma, axis=1)).reshape(count, -1)
    sums = across.sum(axis=1, dtype=np.float64), down.sum(axis=1, dtype=np.float64)
    pairs = max(across.shape[1] + down.shape[1], 1)
    rough = np.zeros(count)
    if min(luma.shape[1:]) >= 3:  # the mask is the product of two second differences
        second = np.diff(np.diff(luma, 2, axis=1), 2, axis=2)
        rough = np.abs(second).mean(axis=(1, 2), dtype=np.float64) * np.sqrt(np.pi / 2) / 6
    return {
        "edges": _over((sums[0] + sums[1]) / pairs, contrast, 0.0),
        "horizontal": _over(sums[1], sums[0] + sums[1], 0.5),
        "noise": _over(rough, contrast, 0.0),
    }


def _entropy(luma: Array) -> Array:
    """Entropy in bits of the grey levels of each of `(B, H, W)` pictures."""
    count = len(luma)
    level = np.minimum((luma.reshape(count, -1) * LEVELS).astype(np.int64), LEVELS - 1)
    cells = (level + LEVELS * np.arange(count)[:, None]).ravel()
    share = np.bincount(cells, minlength=LEVELS * count).reshape(count, LEVELS) / level.shape[1]
    return np.asarray((share * -np.log2(np.where(share > 0, share, 1.0))).sum(axis=1))


def _over(part: Array, whole: Array, otherwise: Any) -> Array:
    """Divide, or take `otherwise` where there is nothing to divide by."""
    some = np.abs(whole) > 1e-6
    return np.asarray(np.where(some, part / np.where(some, whole, 1.0), otherwise))
