"""Do images look like the class that a model takes them for? A second opinion, by the images beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.session.neighbours import pictures, unit
from workbench.statistics.nearest import nearest

if TYPE_CHECKING:
    from workbench.session.session import Session

NEIGHBOURS = 20
"""Other images of the same part that vote."""
COMPARED = 500
"""Right images to compare with, at most."""
LEAST = 20
"""And at least."""
ODD = 0.05
"""Share of right images whose neighbours support their class as little as those of an image that does not look like it.
"""


def alike(session: Session, rows: Array) -> Array:
    """Say which errors look to other studied images like right images of the predicted class.

    (Of all classes, where the class has fewer than `LEAST`.)

    An image of class c with a wrong label is an image of class c: its neighbours have the labels that those of other
    images of c have. One that the model takes for c though it is none, since it is turned, cropped, or of a class that
    was hardly learned, stands among others of its own kind, whose labels are right. Asked are the nearest other studied
    images, by the model's embeddings and by pixels, for an image may be like c to the model alone. It holds whatever
    the views are worth: where neighbours say nothing, they say nothing of right images either.

    Args:
        session: of the studied images.
        rows: `(n,)` int, misclassified images.

    Returns:
        `(n,)` bool; all False where there are fewer than `LEAST` right images to compare with.
    """
    labels, predicted = session.dataset.labels, session.predictions.predicted
    right = np.flatnonzero(session.predictions.correct)
    right = right[evenly(len(right), COMPARED)] if len(right) else right
    if len(right) < LEAST or not len(rows):
        return np.zeros(len(rows), bool)
    asked = np.concatenate([rows, right])
    views = [unit(session.embeddings), *([pictures(session.dataset)] if session.dataset.has_images else [])]
    found = np.ones(len(rows), bool)
    for view in views:
        near = labels[nearest(view[asked], view, NEIGHBOURS, own=asked)[1]]  # (n + m, k)
        for_own = (near == predicted[asked][:, None]).sum(axis=1)
        against = (near[: len(rows)] == labels[rows][:, None]).sum(axis=1)
        support = _share(for_own[: len(rows)], against)
        usual = _share(for_own[len(rows) :], _most_others(near[len(rows) :], labels[right]))
        for c in np.unique(predicted[rows]):
            same = labels[right] == c
            same = same if same.sum() >= LEAST else np.ones(len(right), bool)
            for own, of_right in ((support, usual), (for_own[: len(rows)], for_own[len(rows) :])):
                found &= (own >= np.quantile(of_right[same], ODD)) | (predicted[rows] != c)
    return found


def _share(own: Array, other: Array) -> Array:
    """Share of the votes for either that are for the first; a half where nobody votes for them."""
    return np.asarray((own + 0.5) / (own + other + 1.0))


def _most_others(near: Array, labels: Array) -> Array:
    """Votes of the class that has the most beside the label: `(m,)`."""
    votes = np.zeros((len(near), int(max(near.max(initial=0), labels.max(initial=0))) + 1), np.int64)
    np.add.at(votes, (np.arange(len(near))[:, None], near), 1)
    votes[np.arange(len(near)), labels] = 0
    return votes.max(axis=1)
