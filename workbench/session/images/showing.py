"""Some images as a table, and as pictures in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from workbench.core.notebook import pictures_html
from workbench.core.types import Array
from workbench.core.wording import bare_percent
from workbench.data.thumbnails import picture_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.images.known import Known
    from workbench.session.study import Study


def images_table(known: Known, rows: Array) -> pd.DataFrame:
    """Return one row an image: its name, what is known of it without computing anything, and what was said about it."""
    import pandas as pd

    columns = {
        name: known.column(name).of(rows).shown()
        for name, field in known.fields.items()
        if field.ready() and field.group != "workspace"
    }
    said = {name: known.column(name).of(rows).shown() for name in ("tag", "note", "edits", "correction")}
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
    more = f", the first {len(some):,} shown" if len(some) < len(rows) else ""
    pictures = (picture_of(data, int(row)) for row in some)
    words = [_said(study, int(row)) for row in some]
    return f"<p>{html.escape(title + more)}</p>{pictures_html(pictures, data.names[some].tolist(), words)}"


def _said(study: Study, row: int) -> str:
    label = study.class_names[int(study.dataset.labels[row])]
    if not study.has_predictions:
        return label
    said = study.predictions
    predicted = study.class_names[int(said.predicted[row])]
    sure = bare_percent(float(said.confidence[row]))
    return f"{label} · {sure} %" if said.correct[row] else f"{label} → {predicted} {sure} %"
