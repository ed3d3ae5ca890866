"""Colour policy: which colour means what, and how numbers become colour. Pure numpy, used by the page and the figures.

Unsigned maps run through one sequential ramp, signed maps through a diverging one that is symmetric about
zero; both can be told apart by colour-blind readers. An overlay's alpha is its magnitude, so that the image
below shows where there is nothing to say. Nothing is clipped by percentile: `scale` is given, and said.
"""

from __future__ import annotations

from colorsys import hls_to_rgb

import numpy as np

from workbench.core.types import Array

TRUE_COLOUR = "#0f766e"
"""Teal: the true class, everywhere."""
PREDICTED_COLOUR = "#c2410c"
"""Orange: the predicted class, everywhere."""
NO_EVIDENCE_COLOUR = "#9ca3af"
"""Grey: a map without any positive evidence, and whatever is absent."""

VERDICT_COLOURS = {
    "on the evidence": "#15803d",
    "partly on the evidence": "#a16207",
    "beside the evidence": "#b91c1c",
    "cannot be told": "#4b5563",
    "does not depend on the weights": "#b91c1c",
}
"""Green, amber, red and grey; the words always stand beside them."""

# Upper part of matplotlib's inferno; the lower, dark part is what a small alpha leaves.
_SEQUENTIAL_INK = np.array(
    [(120, 28, 109), (165, 44, 96), (207, 68, 70), (237, 105, 37), (251, 155, 6), (247, 209, 61), (252, 255, 164)],
    np.float64,
)
_NEGATIVE_INK = np.array((72, 160, 255), np.float64)
_POSITIVE_INK = np.array((255, 122, 26), np.float64)
# TRUE_COLOUR and PREDICTED_COLOUR, bright enough to lie on a dark image.
_TRUE_INK, _PREDICTED_INK = np.array((45, 212, 191), np.float64), _POSITIVE_INK

_CLASSES = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)
SURENESS = ("#ea580c", "#f59e0b", "#b5a88a", "#6f9bc4", "#2f6fb3")
"""Evenly spaced colours of a confidence from 0 (orange) to 1 (blue), to be seen on white and on black."""


def of_classes(count: int) -> tuple[str, ...]:
    """Return a colour for each of `count` classes, to be seen on white and on black; beyond ten, hues in turn."""
    if count <= len(_CLASSES):
        return _CLASSES[:count]
    # Steps of the golden angle never come back to a hue; three depths tell apart what comes near.
    hues = [(0.61803399 * place % 1, (0.46, 0.6, 0.36)[place % 3]) for place in range(count)]
    found = (hls_to_rgb(hue, light, 0.62) for hue, light in hues)
    return tuple("#{:02x}{:02x}{:02x}".format(*(round(255 * part) for part in each)) for each in found)


def scale_of(values: Array, signed: bool) -> float:
    """Return the largest magnitude of `values`, the end of their colour bar; 0 where there is nothing to show.

    Args:
        values: any shape, finite.
        signed: whether negative values count; an unsigned map has none to show.
    """
    if values.size == 0:
        return 0.0
    return max(float(values.max()), -float(values.min()) if signed else 0.0, 0.0)


def rgba(values: Array, *, signed: bool, scale: float, contrast: bool = False) -> Array:
    """Colour a map as an overlay: hue by sign or size, alpha by magnitude.

    Args:
        values: `(…, h, w)` float, raw.
        signed: blue for negative and orange for positive; else negative values are transparent.
        scale: magnitude drawn opaque, usually `scale_of` of all maps that are compared; beyond it, also opaque.
        contrast: of a signed map, whether positive speaks for the true class (teal) and negative for the predicted
            one (orange), as these two are coloured everywhere.

    Returns:
        `(…, h, w, 4)` uint8, alpha not premultiplied; wholly transparent if `scale` is 0.
    """
    share = (
        np.clip(np.asarray(values, np.float64) / scale, -1 if signed else 0, 1) if scale > 0 else np.zeros(values.shape)
    )
    if signed:
        negative, positive = (_PREDICTED_INK, _TRUE_INK) if contrast else (_NEGATIVE_INK, _POSITIVE_INK)
        ink = np.where(share[..., None] < 0, negative, positive)
    else:
        places = np.linspace(0, 1, len(_SEQUENTIAL_INK))
        ink = np.stack([np.interp(share, places, channel) for channel in _SEQUENTIAL_INK.T], axis=-1)
    return np.concatenate([ink, 255 * np.abs(share[..., None])], axis=-1).round().astype(np.uint8)


def _on_black(signed: bool, stops: int, contrast: bool = False) -> tuple[str, ...]:
    shares = np.linspace(-1 if signed else 0, 1, stops)
    painted = rgba(shares[None], signed=signed, scale=1.0, contrast=contrast)[0].astype(np.float64)
    return tuple("#{:02x}{:02x}{:02x}".format(*(p[:3] * p[3] / 255).round().astype(int)) for p in painted)


SEQUENTIAL = _on_black(signed=False, stops=9)
"""Evenly spaced CSS colours from 0 to `scale`: the overlay on black, hence its legend."""
DIVERGING = _on_black(signed=True, stops=3)
"""Evenly spaced CSS colours from `-scale` over 0 to `scale`."""
CONTRASTING = _on_black(signed=True, stops=3, contrast=True)
"""The same for the true class against the predicted one."""


def gradient(signed: bool) -> str:
    """CSS value for the colour bar of an overlay, smallest value left."""
    return f"linear-gradient(90deg, {', '.join(DIVERGING if signed else SEQUENTIAL)})"
