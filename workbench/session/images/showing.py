"""Some images as a table, and as pictures in a notebook."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.core.wording import bare_percent
from workbench.data.thumbnails import thumbnails_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.images.known import Known
    from workbench.session.study import Study

SIDE = 96
"""Pixels of a picture's longer side in a notebook, at most."""


def images_table(known: Known, rows: Array) -> pd.DataFrame:
    """Return one row an image: its name, what is known of it without computing anything, and what was said about it."""
    import pandas as pd

    columns = {
        name: known.column(name).of(rows).shown()
        for name, field in known.fields.items()
        if field.ready() and field.group != "workspace"
    }
    said = {name: known.column(name).of(rows).shown() for name in ("tag", "note", "correction")}
    return pd.DataFrame({**columns, **{name: values for name, values in said.items() if any(values)}})


def images_html(study: Study, rows: Array, title: str, most: int) -> str:
    """Return the first images as HTML, each with its name, label and prediction.

    Args:
        study: whose images they are.
        rows: `(n,)` which.
        title: what they are.
        most: how many are shown.
    """
    some, data = rows[:most], study.dataset
    cards = [
        _card(picture, str(data.names[row]), _said(study, int(row)))
        for picture, row in zip(thumbnails_of(data, some, SIDE), some, strict=True)
    ]
    more = f", the first {len(some):,} shown" if len(some) < len(rows) else ""
    head = html.escape(title + more)
    grid = "".join(cards)
    return f'<p>{head}</p><div style="display:flex;flex-wrap:wrap;gap:8px">{grid}</div>'


def _said(study: Study, row: int) -> str:
    label = study.class_names[int(study.dataset.labels[row])]
    if not study.has_predictions:
        return label
    said = study.predictions
    predicted = study.class_names[int(said.predicted[row])]
    sure = bare_percent(float(said.confidence[row]))
    return f"{label} · {sure} %" if said.correct[row] else f"{label} → {predicted} {sure} %"


def _card(picture: Array, name: str, said: str) -> str:
    height, width = picture.shape[:2]
    scale = max(SIDE // max(height, width), 1)
    shown = html.escape(name if len(name) <= 40 else "…" + name[-39:])
    image = (
        f'<img src="data:image/png;base64,{png(picture)}" alt="{html.escape(name)}" width="{width * scale}" '
        f'height="{height * scale}" style="image-rendering:pixelated">'
    )
    return (
        f'<figure style="margin:0;width:{SIDE + 16}px;font-size:11px;overflow-wrap:anywhere" '
        f'title="{html.escape(name)}">{image}<figcaption>{shown}<br>{html.escape(said)}</figcaption></figure>'
    )


def png(picture: Array) -> str:
    """Return `(H, W, C)` uint8 as a PNG in base64."""
    from PIL import Image

    stream = io.BytesIO()
    plain = picture[..., 0] if picture.shape[-1] == 1 else picture
    Image.fromarray(np.ascontiguousarray(plain)).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()
