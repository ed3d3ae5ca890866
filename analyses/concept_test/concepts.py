"""Which images show a concept, and which they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.properties import property_of
from workbench.session.spots import term

if TYPE_CHECKING:
    from workbench.session.session import Session

LEAST = 10
"""Images of a side from which there is something to learn."""
END = 0.25
"""Share of a class at each end of an image property that stands for much and little of it."""
MOSTLY = 0.8
"""Share of one class among the images of a concept from which that is said."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Concept:
    """Images with something, and images without.

    Attributes:
        name: a few words.
        title: how a sentence begins that is about it.
        inside, outside: rows of the studied images.
        within: whether both sides have as many images of each class, as random divisions then have.
        mostly: a sentence where the images are nearly all of one class; else empty.
    """

    name: str
    title: str
    inside: Array
    outside: Array
    within: bool = False
    mostly: str = ""


def concepts_of(session: Session, concept: str | None, against: str | None, most: int, seed: int) -> list[Concept]:
    """Return the concept that two queries name; of no query, every tag, and both ends of every image property.

    Args:
        session: the model and the data.
        concept: query for the images with it, if one is asked about.
        against: query for those without; None for all others.
        most: images of each side.
        seed: for choosing them.

    Raises:
        WorkbenchError: if a query finds too few images, or cannot be read.
    """
    if concept:
        return [_asked(session, concept, against, most, seed)]
    if against:
        raise WorkbenchError("`against` says what a concept is compared with: name the concept too, with `concept`.")
    return [*_tags(session, most, seed), *_properties(session, most, seed)]


def _asked(session: Session, concept: str, against: str | None, most: int, seed: int) -> Concept:
    named = against if against is not None else f"not ({concept})"
    inside = session.images.where(concept, compute=True).rows
    others = (
        session.images.where(against, compute=True).rows if against is not None else np.arange(len(session.dataset))
    )
    outside = np.setdiff1d(others, inside)
    for rows, query in ((inside, concept), (outside, named)):
        if len(rows) < LEAST:
            raise WorkbenchError(
                f"A concept needs at least {LEAST} images of each side. {query!r} finds {plural(len(rows), 'image')}"
                f"{' beside those of the concept' if rows is outside else ''}."
            )
    return _of(session, (concept, f"The concept {concept!r}"), (inside, outside), most, seed)


def _tags(session: Session, most: int, seed: int) -> Iterator[Concept]:
    for tag in session.workspace.tags():
        asked = term("tag", tag)
        inside = session.images.where(asked).rows
        outside = np.setdiff1d(np.arange(len(session.dataset)), inside)
        if min(len(inside), len(outside)) >= LEAST:
            yield _of(session, (asked, f"The tag {tag!r}"), (inside, outside), most, seed)


def _of(session: Session, called: tuple[str, str], sides: tuple[Array, Array], most: int, seed: int) -> Concept:
    """Draw as many images of both sides."""
    inside, outside = sides
    chance = np.random.default_rng(seed)
    labels = session.dataset.labels[inside]
    counts = np.bincount(labels, minlength=len(session.class_names))
    share, top = counts.max() / len(labels), session.class_names[int(counts.argmax())]
    count = min(most, len(inside), len(outside))
    one, other = (np.sort(chance.permutation(rows)[:count]) for rows in (inside, outside))
    said = f"{percent(share)} of its images are of {top}: it may stand for the class." if share >= MOSTLY else ""
    return Concept(name=called[0], title=called[1], inside=one, outside=other, mostly=said)


def _properties(session: Session, most: int, seed: int) -> Iterator[Concept]:
    """Most against least of each image property, in every class alike."""
    table, labels = session.properties, session.dataset.labels
    classes = np.unique(labels)
    for column in table.columns:
        values, high, low = table[column].to_numpy(np.float64), list[int](), list[int]()
        for label in classes:
            rows = np.flatnonzero(labels == label)
            order = rows[np.argsort(values[rows], kind="stable")]
            size = int(END * len(rows))
            if size and values[order[-size]] > values[order[size - 1]]:
                low += order[:size].tolist()
                high += order[-size:].tolist()
        if len(high) < LEAST:
            continue
        chance = np.random.default_rng(seed)
        keep = _alike(labels[high], most, chance), _alike(labels[low], most, chance)
        inside, outside = (np.asarray(rows)[kept] for rows, kept in zip((high, low), keep, strict=True))
        words = property_of(column).words
        yield Concept(name=f"more {words}", title=f"More {words}", inside=inside, outside=outside, within=True)


def _alike(labels: Array, most: int, chance: np.random.Generator) -> Array:
    """Choose at most `most` places, each class in turn, so that both sides get as many of each."""
    order = chance.permutation(len(labels))
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    return np.sort(np.lexsort((labels, turn))[:most])
