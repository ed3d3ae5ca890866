"""Images of the data set, or a user's, as something to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.subject import Subject
from workbench.core.image_set import Part
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.thumbnails import picture_of

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.study import Study


def of_dataset(desk: Desk, row: int) -> Subject:
    """Return an image of the dataset; needs the predictions, not the model."""
    dataset, board = desk.session.dataset, desk.board
    assert board is not None  # noqa: S101  # the page shows no image before its cell
    label, predicted = board.cell_of(row)
    return Subject(
        key=("row", row),
        title=str(dataset.names[row]),
        pixels=picture_of(dataset, row),
        probabilities=board.probabilities[row],
        predicted=predicted,
        label=label,
    )


def of_part(desk: Desk, study: Study, part: Part, row: int) -> Subject:
    """Return an image of a part; where its predictions are not known, the model is asked for this one."""
    if part == "data":
        return of_dataset(desk, row)
    data = study.dataset
    pixels = picture_of(data, row)
    if study.has_predictions:
        probabilities = study.predictions.probabilities[row]
    else:
        probabilities = of_user(desk, f"{part}-{row}", pixels).probabilities
    return Subject(
        key=(part, row),
        title=str(data.names[row]),
        pixels=pixels,
        probabilities=probabilities,
        predicted=int(probabilities.argmax()),
        label=int(data.labels[row]),
    )


def of_user(desk: Desk, key: str, pixels: Array) -> Subject:
    """Return an image of the user's own; asks the model, once for each image."""
    from scipy.special import softmax

    known = desk.maps.get(("own", key))
    if known is not None:
        return known
    logits = desk.session.probe.logits(as_floats(pixels[None]))[0]
    probabilities = softmax(logits.astype(np.float64))
    subject = Subject(
        key=("own", key),
        title="Your image",
        pixels=pixels,
        probabilities=probabilities,
        predicted=int(probabilities.argmax()),
        label=None,
    )
    return desk.maps.put(("own", key), subject)
