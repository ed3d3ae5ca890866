"""Do images look like the class that a model takes them for? A second opinion, by the images beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import piece
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.session.neighbours import pictures, unit
from workbench.statistics.nearest import nearest
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    from workbench.session.session import Session

PAIRS = 2_000_000_000
"""Pairs of an image and a voter that are compared; of very many images only some vote."""
NEIGHBOURS = 20
"""Other images of the same part that vote."""
COMPARED = 500
"""Right images to compare with, at most."""
LEAST = 20
"""And at least."""
ODD = 0.05
"""Share of right images whose neighbours support their class as little as those of an image that does not look like it.
"""
MOSTLY = 2 / 3
"""Share of images, surely exceeded, that look less like the predicted class than half of its right images do."""


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
    right = _compared(session)
    if len(right) < LEAST or not len(rows):
        return np.zeros(len(rows), bool)
    found = np.ones(len(rows), bool)
    for supports in _supports(session, rows, right):
        for own, of_right in supports:
            for chosen, same in _of_each_class(session, rows, right):
                found[chosen] &= own[chosen] >= np.quantile(of_right[same], ODD)
    return found


def borderline(session: Session, rows: Array) -> bool:
    """Say whether some errors, together, look less like right images of the predicted class than such images do.

    Half of the images of a class with a wrong label look more like it than half of the others. What a model takes for
    the class by an error of its own may pass for one of its images, but mostly for one at the edge.

    Args:
        session: of the studied images.
        rows: `(n,)` int, misclassified images, each of which is `alike`.
    """
    right = _compared(session)
    if len(right) < LEAST or not len(rows):
        return False
    for (own, of_right), _ in _supports(session, rows, right):
        place = np.zeros(len(rows))  # among right images, those that are equal count half
        for chosen, same in _of_each_class(session, rows, right):
            usual, asked = of_right[same], own[chosen][:, None]
            place[chosen] = (usual < asked).mean(axis=1) + (usual == asked).mean(axis=1) / 2
        if wilson(int((place < 0.5).sum()), len(rows))[0] > MOSTLY:
            return True
    return False


def _compared(session: Session) -> Array:
    """Return the right images to compare with: `(m,)` int."""
    right = np.flatnonzero(session.predictions.correct)
    return right[evenly(len(right), COMPARED)] if len(right) else right


def _supports(session: Session, rows: Array, right: Array) -> Iterator[tuple[tuple[Array, Array], ...]]:
    """Count how far neighbours support the predicted class, by each view: of `rows` (n), and of right images (m).

    Yields:
        Their share of the votes for it or for the label; and the votes for it.
    """
    labels, predicted = session.dataset.labels, session.predictions.predicted
    asked = np.concatenate([rows, right])
    voters = np.arange(len(labels))
    if len(asked) * len(labels) > PAIRS:
        voters = evenly(len(labels), PAIRS // len(asked))
    place = np.searchsorted(voters, asked)
    own_place = np.where(voters[np.minimum(place, len(voters) - 1)] == asked, place, -1)
    needed = np.union1d(asked, voters)
    looked_up, voting = np.searchsorted(needed, asked), np.searchsorted(needed, voters)
    by_embedding = (lambda: unit(session.embeddings[piece(needed)]),)
    some = None if len(needed) == len(labels) else needed
    by_pixels = (lambda: pictures(session.dataset, some),) if session.dataset.has_images else ()
    for see in (*by_embedding, *by_pixels):  # one at a time: of a million images each takes a gigabyte
        view = see()
        base = view if len(voting) == len(view) else view[voting]
        near = labels[voters[nearest(view[looked_up], base, NEIGHBOURS, own=own_place)[1]]]  # (n + m, k)
        for_own = (near == predicted[asked][:, None]).sum(axis=1)
        against = (near[: len(rows)] == labels[rows][:, None]).sum(axis=1)
        share = _share(for_own[: len(rows)], against)
        usual = _share(for_own[len(rows) :], _most_others(near[len(rows) :], labels[right]))
        yield (share, usual), (for_own[: len(rows)], for_own[len(rows) :])


def _of_each_class(session: Session, rows: Array, right: Array) -> Iterator[tuple[Array, Array]]:
    """Give for each predicted class the places of `rows` and those of right images, of all where it has few."""
    predicted, labels = session.predictions.predicted[rows], session.dataset.labels[right]
    for c in np.unique(predicted):
        same = np.flatnonzero(labels == c)
        yield np.flatnonzero(predicted == c), same if len(same) >= LEAST else np.arange(len(right))


def _share(own: Array, other: Array) -> Array:
    """Share of the votes for either that are for the first; a half where nobody votes for them."""
    return np.asarray((own + 0.5) / (own + other + 1.0))


def _most_others(near: Array, labels: Array) -> Array:
    """Votes of the class that has the most beside the label: `(m,)`."""
    votes = np.zeros((len(near), int(max(near.max(initial=0), labels.max(initial=0))) + 1), np.int64)
    np.add.at(votes, (np.arange(len(near))[:, None], near), 1)
    votes[np.arange(len(near)), labels] = 0
    return votes.max(axis=1)
