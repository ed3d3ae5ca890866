"""Two classes against each other: the maps of f_c - f_c', and their sums over a coarse grid of cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from workbench.core.attribution import half_pixel
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.params import ChooseFrom
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.data.objects import plain

if TYPE_CHECKING:
    from workbench.core.attribution import Attribution
    from workbench.session.session import Session

CELLS = 7
"""Cells along each side of the grid; of a smaller image, as many as it has pixels."""
Method = Annotated[
    str,
    Field(description="attribution method of the maps; it must be signed and depend on the class"),
    ChooseFrom("explainers"),
]
Reference = Annotated[
    Literal["black", "grey", "white", "mean", "blurred", "training"],
    Field(description="reference image, for methods that use one; pixels equal to it get exactly zero"),
]


def contrast(session: Session, method: str, rows: Array, classes: tuple[Any, Any], **params: Any) -> Attribution:
    """Explain f_c - f_c' of some images; parameters that the method does not have are left out.

    Args:
        session: model and data.
        method: CLI name of the method.
        rows: rows of the dataset.
        classes: c and c', as `Session.attribute` takes them.
        params: of the method, for example `reference="mean"`; None stands for the method's own default.

    Raises:
        WorkbenchError: if the method does not separate evidence for one class from evidence for the other.
    """
    from workbench.attribution.methods import explainer, explainers

    kind = explainer(method)
    if not (kind.signed and kind.of_class):
        good = [name for name, each in explainers().items() if each.signed and each.of_class]
        raise WorkbenchError(
            f"A contrast needs a signed method that depends on the class: {', '.join(good)}. Got {method!r}."
        )
    known = {name: value for name, value in params.items() if name in kind.model_fields and value is not None}
    return session.attribute(method, rows, contrast=classes, **known)


def applicable_method(session: Session, method: str) -> str:
    """Return the method; or "occlusion", which asks for predictions alone, where the model gives nothing else."""
    from workbench.attribution.methods import explainer

    closed = session.inference_only and explainer(method).missing(session.probe) is not None
    return "occlusion" if closed else method


def title(method: str) -> str:
    """Return the name of a method as its paper writes it."""
    from workbench.attribution.methods import explainer

    return explainer(method).title


def rivals(predictions: Predictions, rows: Array) -> Array:
    """Return the predicted class of each error, and the second most probable class of each correct prediction."""
    logits = predictions.logits[rows]  # a copy
    logits[np.arange(len(rows)), predictions.labels[rows]] = -np.inf
    return np.asarray(logits.argmax(axis=1))


def margins(predictions: Predictions, rows: Array, one: Array | int, other: Array | int) -> Array:
    """Return f_c - f_c' of some rows: `(n,)` float64."""
    return predictions.logits[rows, one].astype(np.float64) - predictions.logits[rows, other]


def spread_over_pixels(found: Attribution) -> Array:
    """Spread each value over the pixels of its place: `(N, H, W)` float64 with the same sum, bilinear in between."""
    rows, columns = (half_pixel(n, m) for n, m in zip(found.values.shape[1:], found.image_size, strict=True))
    rows, columns = rows / rows.sum(axis=0), columns / columns.sum(axis=0)
    return np.asarray(np.einsum("Hh,nhw,Ww->nHW", rows, found.values.astype(np.float64), columns, optimize=True))


def sum_over_cells(values: Array) -> Array:
    """Sum `(N, H, W)` values over cells: `(N, 7, 7)` float64; the sum of all cells is that of all pixels."""
    rows, columns = (_cells(side) for side in values.shape[1:])
    return np.asarray(np.einsum("aH,nHW,bW->nab", rows, values.astype(np.float64), columns, optimize=True))


def on_object_and_background(values: Array, masks: Array) -> tuple[Array, Array, Array]:
    """Add up maps of f_c - f_c' on the object and on its background.

    Args:
        values: `(N, H, W)` float.
        masks: `(N, H, W)` bool from `object_masks`.

    Returns:
        Three times `(N,)` float64: sum on the object, sum on the background, and the share of what speaks for c' that
        lies on the background, in [0, 1]. The last two are NaN where there is no plain background, and the last one
        also where nothing speaks for c'.
    """
    outside, known, rival = ~masks, plain(masks), np.minimum(values, 0)
    behind, whole = np.where(outside, rival, 0).sum(axis=(1, 2)), rival.sum(axis=(1, 2))
    share = np.divide(behind, whole, out=np.full(len(values), np.nan), where=known & (whole < 0))
    beyond = np.where(outside, values, 0).sum(axis=(1, 2))
    return values.sum(axis=(1, 2)) - beyond, np.where(known, beyond, np.nan), share


def coverage(masks: Array) -> Array:
    """Return the share of each cell that `(N, H, W)` bool masks cover: `(N, 7, 7)` float64."""
    return sum_over_cells(masks) / np.maximum(sum_over_cells(np.ones_like(masks[:1])), 1)


def core(cells: Array) -> tuple[Array, Array, str]:
    """Find the fewest cells that hold half of the magnitude of a map.

    Args:
        cells: `(h, w)` sums of cells.

    Returns:
        Their places in `cells.ravel()`, largest first, `(m,)`; the share of each among them, `(m,)`; and in words
        where they are.
    """
    size = np.abs(cells).ravel()
    order = np.argsort(-size, kind="stable")
    found = order[: int(np.searchsorted(np.cumsum(size[order]), size.sum() / 2)) + 1]
    weights = (size[found] + 1e-12) / (size[found] + 1e-12).sum()
    middle = [float(places @ weights) for places in np.unravel_index(found, cells.shape)]
    return found, weights, place(middle[0], middle[1], cells.shape)


def place(row: float, column: float, shape: tuple[int, ...]) -> str:
    """Say in words where a cell of an `(h, w)` grid is: "top left", "middle", "right"."""
    vertical = ("top", "", "bottom")[min(int(3 * (row + 0.5) / shape[0]), 2)]
    horizontal = ("left", "", "right")[min(int(3 * (column + 0.5) / shape[1]), 2)]
    return " ".join(word for word in (vertical, horizontal) if word) or "middle"


def _cells(side: int) -> Array:
    """`(cells, side)`: 1 where a pixel belongs to a cell."""
    count = min(CELLS, side)
    return np.asarray(np.eye(count)[np.arange(side) * count // side].T)


def in_percent(found: Estimate) -> str:
    """Write an estimated share in percent, with its interval."""
    return str(replace(found, unit="%"))
