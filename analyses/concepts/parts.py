"""The concepts of one class: found, weighed, erased, looked for among errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.concepts.factors import Factors, factorise
from workbench.concepts.mixtures import Mixtures
from workbench.concepts.reading import read_maps
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.crops import crop_around
from workbench.data.thumbnails import small
from workbench.statistics.rates import FEWEST, difference, rate_ratio
from workbench.statistics.significance import discoveries

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

COLUMNS = {
    "concepts": ("concept", "number", "importance", "recognised", "recall_change", "taken_for", "threshold"),
    "errors": (
        "class", "concept", "number", "errors", "showing", "right", "showing_right", "ratio", "ratio_low", "ratio_high",
        "p", "discovered",
    ),
}  # fmt: skip
"""Columns of the tables."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """The concepts of a class, most important first.

    Attributes:
        label: the class.
        layer: whose feature maps were factorised.
        factors: as they were found; `order` sorts them.
        order: `(R,)` numbers of the factors.
        rows: of the images that they were found on.
        places: `(n, h, w, R)` how much of each lies where, sorted.
        importance: `(R,)` mean total Sobol index.
        agreeing: share of the scored images whose prediction the concepts alone keep.
        recognised: images of the class whose prediction without each concept is known.
        without: `(m, R)` predicted class of these.
        presence: of every studied image of a class with errors into it, by row, `(R,)` mean of its places.
        threshold: `(R,)` from which an image shows a concept.
        labels, said: `(N,)` labels and predicted classes of all studied images.
    """

    label: int
    layer: str
    factors: Factors
    order: Array
    rows: Array
    places: Array
    importance: Array
    agreeing: float
    recognised: int
    without: Array
    presence: dict[int, Array]
    threshold: Array
    labels: Array
    said: Array

    def shows(self, rows: Array) -> Array:
        """Whether each of some images shows each concept: `(n, R)` bool."""
        return np.array([self.presence[int(row)] > self.threshold for row in rows]).reshape(len(rows), -1)

    def errors_with(self, label: int, number: int) -> Array:
        """Rows of the errors of a class that show a concept."""
        rows = np.flatnonzero((self.labels == label) & (self.said == self.label))
        return np.asarray(rows[self.shows(rows)[:, number]])

    def typical(self, number: int) -> Array:
        """Rows of the images with most of a concept at one place, the most first."""
        return self.rows[np.argsort(-self.places[..., number].max(axis=(1, 2)), kind="stable")]


def take_apart(
    session: Session, layer: str, label: int, taken: Array, *, count: int, images: int, scored: int, seed: int
) -> Found:
    """Find the concepts of images predicted as a class.

    Args:
        session: model and data.
        layer: whose feature maps are factorised.
        label: the class.
        taken: rows of the images.
        count: concepts.
        images: most images of which they are found.
        scored: most images of which their importance is measured.
        seed: for choosing, and for the factors.
    """
    data, said = session.dataset, session.predictions.predicted
    chance = np.random.default_rng(seed)
    rows = np.sort(chance.permutation(taken)[:images])
    report("Concepts", 0, 4)
    maps = read_maps(session.probe, session.dataset, rows, layer)
    factors = factorise(maps, count, seed=seed)
    places = factors.coefficients(maps)
    report("Concepts", 1, 4)
    weighed = np.sort(chance.permutation(len(rows))[:scored])
    own = np.flatnonzero(data.labels[rows] == label)

    def mixtures(which: Array) -> Mixtures:
        given = {"images": data.floats(rows[which]), "coefficients": places[which]}
        return Mixtures(probe=session.probe, layer=layer, factors=factors, **given)

    some = mixtures(weighed)
    weights = some.total_indices(label, seed=seed).mean(axis=0)
    order = np.argsort(-weights, kind="stable")
    alone = some.scores(np.ones((1, len(factors))), rest=False)[:, 0].argmax(axis=1)
    report("Concepts", 2, 4)
    gone = mixtures(own).scores(1 - np.eye(len(factors)), rest=True).argmax(axis=-1)
    report("Concepts", 3, 4)
    right = rows[own] if len(own) else rows
    others = _others(data.labels, said, label)
    wanted = np.unique(np.concatenate([right, *others])) if others else right
    presence: dict[int, Array] = {}
    for start in range(0, len(wanted), 256):
        part = wanted[start : start + 256]
        means = factors.coefficients(read_maps(session.probe, session.dataset, part, layer)).mean(axis=(1, 2))[:, order]
        presence |= dict(zip(part.tolist(), means, strict=True))
    report("Concepts", 4, 4)
    return Found(
        label=label,
        layer=layer,
        factors=factors,
        order=order,
        rows=rows,
        places=places[..., order],
        importance=weights[order],
        agreeing=float((alone == said[rows[weighed]]).mean()),
        recognised=len(own),
        without=gone[:, order],
        presence=presence,
        threshold=np.median([presence[int(row)] for row in right], axis=0),
        labels=data.labels,
        said=said,
    )


def _others(labels: Array, said: Array, label: int) -> list[Array]:
    """Rows of each other class with enough errors into this one: those errors, and what is recognised of it."""
    counts = np.bincount(labels[(said == label) & (labels != label)], minlength=int(labels.max(initial=0)) + 1)
    return [
        np.flatnonzero((labels == other) & ((said == label) | (said == other)))
        for other in np.flatnonzero(counts >= FEWEST)
    ]


def no_tables() -> dict[str, pd.DataFrame]:
    """Return the tables without a line."""
    import pandas as pd

    return {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()}


def tables_of(session: Session, found: Found) -> dict[str, pd.DataFrame]:
    """Return a line for each concept, and for each class with errors and each concept."""
    import pandas as pd

    names = session.class_names
    concepts = []
    for number, weight in enumerate(found.importance):
        said = found.without[:, number]
        lost = said[said != found.label]
        taken = names[int(np.bincount(lost).argmax())] if len(lost) else "–"
        before = found.recognised
        change = -len(lost) / before if before else 0.0
        concepts.append([_name(number), number, weight, before, change, taken, found.threshold[number]])
    errors: list[list[Any]] = []
    for rows in _others(found.labels, found.said, found.label):
        wrong, right = rows[found.said[rows] == found.label], rows[found.said[rows] != found.label]
        if not len(right):
            continue
        showing, usual = found.shows(wrong).sum(axis=0), found.shows(right).sum(axis=0)
        for number, (some, more) in enumerate(zip(showing, usual, strict=True)):
            counts = int(some), len(wrong), int(more), len(right)
            chance = difference(*counts)[1]
            line = [
                names[int(found.labels[rows[0]])],
                _name(number),
                number,
                len(wrong),
                counts[0],
                len(right),
                counts[2],
            ]
            errors.append([*line, *rate_ratio(*counts), chance, False])
    table = pd.DataFrame(errors, columns=list(COLUMNS["errors"]))
    if len(table):
        table["discovered"] = discoveries(table["p"].to_numpy())
        table = table.sort_values(["discovered", "p"], ascending=[False, True], kind="stable", ignore_index=True)
    return {"concepts": pd.DataFrame(concepts, columns=list(COLUMNS["concepts"])), "errors": table}


def _name(number: int) -> str:
    return f"concept {number + 1}"


def pictures(
    session: Session, found: Found, image: int | None, *, crops: int, whole: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return what the figure shows: crops, images with their concept, and one image with all of them."""
    data, side = session.dataset, found.places.shape[1:3]
    cut, rows, images, maps = [], [], [], []
    for number in range(len(found.importance)):
        typical = np.resize(found.typical(number)[:crops], crops)
        rows.append(typical)
        at = np.searchsorted(found.rows, typical)
        shown = np.asarray(data.images[typical])
        peaks = [divmod(int(found.places[n, ..., number].argmax()), side[1]) for n in at]
        cut.append([crop_around(picture, peak, side) for picture, peak in zip(shown, peaks, strict=True)])
        images.append(small(shown[:whole]))
        maps.append(found.places[at[:whole], ..., number])
    row = _surest(session, found.label) if image is None else int(data.rows([image])[0])
    own = found.factors.coefficients(read_maps(session.probe, session.dataset, np.array([row]), found.layer))[0][
        ..., found.order
    ]
    arrays = {
        "crops": np.array(cut),
        "rows": np.array(rows),
        "images": np.array(images),
        "maps": np.array(maps, np.float32),
        "image": small(np.asarray(data.images[[row]])),
        "own": np.moveaxis(own, -1, 0).astype(np.float32),
    }
    return arrays, {"row": row}


def _surest(session: Session, label: int) -> int:
    """Row of the surest error into a class; of its surest image, where there is none."""
    said = session.predictions
    own = said.predicted == label
    wrong = own & ~said.correct
    return int(np.argmax(np.where(wrong if wrong.any() else own, said.confidence, -1.0)))
