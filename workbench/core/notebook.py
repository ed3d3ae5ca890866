"""Pictures and facts as HTML for notebooks: small, and with everything from outside escaped."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.core.types import Array

SIDE = 96
"""Pixels of a picture's longer side, at most."""
SHOWN = 12
"""Pictures of one thing, unless more are asked for."""
LONGEST_NAME = 40
FOR, AGAINST, DARK = (0.90, 0.38, 0.0), (0.13, 0.40, 0.67), (0.0, 0.0, 0.0)
"""Colours of what speaks for a class and against it, and of a map without a sign."""


def facts_html(title: str, facts: Mapping[str, object]) -> str:
    """Return a headline with names and values below it."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f"<p><b>{html.escape(title)}</b></p><table>{rows}</table>"


def pictures_html(pictures: Iterable[Array], names: Sequence[str], words: Sequence[str]) -> str:
    """Return pictures beside each other, each with its name and a few words.

    Args:
        pictures: `(H, W, C)` uint8 each; made smaller where they are large.
        names: what each is called; the beginning of a long one is left out.
        words: what is said below each.
    """
    cards = (_card(picture, name, said) for picture, name, said in zip(pictures, names, words, strict=True))
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(cards)}</div>'


def coloured(values: Array, *, signed: bool) -> Array:
    """Colour an `(h, w)` map for the eye, its largest magnitude full: `(h, w, 3)` uint8 on white."""
    largest = float(np.abs(values).max()) or 1.0
    share = np.clip(np.asarray(values, np.float64) / largest, -1, 1)[..., None]
    full = np.where(share >= 0, np.array(FOR if signed else DARK), np.array(AGAINST))
    return np.asarray((255 * (1 - np.abs(share) * (1 - full))).round(), np.uint8)


def _card(picture: Array, name: str, said: str) -> str:
    height, width = picture.shape[:2]
    scale = min(SIDE / max(height, width), 8)
    scale = int(scale) if scale >= 1 else scale
    short = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
    image = (
        f'<img src="data:image/png;base64,{_png(picture)}" alt="{html.escape(name)}" width="{round(width * scale)}" '
        f'height="{round(height * scale)}" style="image-rendering:pixelated">'
    )
    return (
        f'<figure style="margin:0;width:{SIDE + 16}px;font-size:11px;overflow-wrap:anywhere" '
        f'title="{html.escape(name)}">{image}<figcaption>{html.escape(short)}<br>{html.escape(said)}</figcaption>'
        "</figure>"
    )


def _png(picture: Array) -> str:
    """Return `(H, W, C)` uint8 as a PNG in base64, made smaller where it is large."""
    from PIL import Image

    plain: Any = Image.fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[-1] == 1 else picture))
    plain.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    plain.save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()
