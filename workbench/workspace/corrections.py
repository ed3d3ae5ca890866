"""Corrections: what is to become of which image, and of which images of a data set it still may.

A correction names its image's key and the label that it replaces. Relabelling and keeping hold for every copy that has
that label; dropping holds for one image, since of two copies one is to stay.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.wording import join_names, plural
from workbench.workspace.holding import Mark, corrections_of, said_of
from workbench.workspace.identities import Identities
from workbench.workspace.journal import Line
from workbench.workspace.marks import CORRECTION, DROP, KEEP, LONGEST_LABEL, RELABEL, correction

if TYPE_CHECKING:
    from workbench.core.types import Array

NAMED = 3
"""How many images a sentence names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Applicable:
    """Which corrections fit a data set as it is now.

    Attributes:
        relabelled: `(r,)` int64 rows that get another label.
        new_labels: `(r,)` names of the classes that they get.
        dropped: `(d,)` int64 rows that are left out.
        kept: `(k,)` int64 rows whose label is said to be right.
        done: how many corrections are in the data already.
        refused: sentences on those that do not fit, and why.
    """

    relabelled: Array
    new_labels: Array
    dropped: Array
    kept: Array
    done: int
    refused: tuple[str, ...]


def new_label(images: Identities, label: str) -> str:
    """Return the class that images are to get, as the data writes it.

    Raises:
        WorkbenchError: if the data has no such class, or it can be none.
    """
    folded = {name.casefold(): name for name in images.class_names}
    if images.class_names and label not in images.class_names:
        if label.casefold() not in folded:
            raise unknown("class", label, images.class_names)
        return folded[label.casefold()]
    if not 0 < len(label) <= LONGEST_LABEL:
        raise WorkbenchError(f"A label must have 1 to {LONGEST_LABEL:,} characters. Got {len(label):,}.")
    return label


def corrected(connection: sqlite3.Connection, images: Identities, action: str, label: str = "") -> Iterator[Line]:
    """Yield what is to be written so that the last word about each image counts.

    Images that have the new label already are kept as they are: that is what it says of them.
    """
    keys = list(images.keys)
    dropped = corrections_of(connection, keys, dropped=True) if action != DROP else {}
    said = said_of(connection, keys) if action == DROP else {}
    becomes = {KEEP: KEEP, DROP: DROP}.get(action, f"{RELABEL} {label}")
    none: dict[str, str] = {}
    for key, name, part, old in images.each():
        if action == DROP:
            yield (CORRECTION, key, old, name, name, part, old, DROP)
            if said and said.get((key, old)) == name:
                yield (CORRECTION, key, old, "", name, part, old, None)
            continue
        yield (CORRECTION, key, old, "", name, part, old, KEEP if label == old else becomes)
        if name in dropped.get((key, old), none):
            yield (CORRECTION, key, old, name, name, part, old, None)


def cleared(connection: sqlite3.Connection, images: Identities) -> Iterator[Line]:
    """Yield what is to be written so that nothing is to become of some images; also where they were renamed since."""
    there = corrections_of(connection, list(images.keys))
    for key, name, part, old in images.each():
        scopes = there.get((key, old), {})
        own = [scope for scope in scopes if scope in ("", name)]
        for scope in own or scopes:
            yield (CORRECTION, key, old, scope, name, part, old, None)


def corrections_for(connection: sqlite3.Connection, images: Identities) -> list[str]:
    """Return what is to become of each image: "relabel <label>", "drop", "keep", or "" for nothing."""
    there = corrections_of(connection, list(images.keys))
    none: dict[str, str] = {}
    found = (there.get(each, none) for each in zip(images.keys, images.labels, strict=True))
    return [scopes.get(name, scopes.get("", "")) for name, scopes in zip(images.names, found, strict=True)]


def applicable(said: Iterable[Mark], images: Identities, *, part: str = "") -> Applicable:
    """Find the images that corrections are about, by key and label.

    Args:
        said: the corrections.
        images: all images of the data set, or of a part of it.
        part: which part `images` are; what was said about images of other parts, and fits none here, is then no matter.
    """
    here: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(images.keys):
        here[key].append(row)
    names, labels = images.names.tolist(), images.labels.tolist()

    def rank(mark: Mark) -> int:
        """Put what is said of one image before what is said of its copies, and a name that is found before others."""
        return 2 if not mark.scope else 0 if mark.scope in [names[row] for row in here.get(mark.key, ())] else 1

    becomes: dict[int, str] = {}
    wrong: dict[str, list[str]] = defaultdict(list)
    done = 0
    for mark in sorted(said, key=rank):
        rows = here.get(mark.key, [])
        elsewhere = bool(part) and mark.part != part
        action, label = correction(mark.value)
        fitting = [row for row in rows if labels[row] == mark.slot]
        if action == DROP:
            named = [row for row in fitting if names[row] == mark.scope]
            # A copy takes the place of an image that has another name now, where nothing is said of the copy itself.
            fitting = (named or [row for row in fitting if row not in becomes and not elsewhere])[:1]
        if fitting and not (action == RELABEL and images.class_names and label not in images.class_names):
            for row in fitting:
                becomes.setdefault(row, mark.value)
        elif rows and action == RELABEL and all(labels[row] == label for row in rows):
            done += 1
        elif fitting or not elsewhere:
            wrong[_why_not(mark, label if fitting else "", sorted({labels[row] for row in rows}))].append(mark.name)
    return _applicable(becomes, done, wrong)


def _why_not(mark: Mark, no_class: str, labels: list[str]) -> str:
    if no_class:
        return f"was to become {no_class!r}, which is no class of the data"
    if not labels:
        return "is not in the data any more"
    if mark.slot in labels:
        return "was to be dropped, and is there under other names only, which were dropped too"
    now = join_names([repr(label) for label in labels], NAMED)
    return f"was labelled {mark.slot!r} when it was corrected, and is labelled {now} now"


def _applicable(becomes: dict[int, str], done: int, wrong: dict[str, list[str]]) -> Applicable:
    found: dict[str, list[int]] = {RELABEL: [], DROP: [], KEEP: []}
    labels = []
    for row, value in sorted(becomes.items()):
        action, label = correction(value)
        found[action].append(row)
        if action == RELABEL:
            labels.append(label)
    rows = {action: np.array(each, np.int64) for action, each in found.items()}
    refused = [
        f"{join_names([repr(name) for name in sorted(names)], NAMED)}: {why if len(names) == 1 else _of_several(why)}."
        for why, names in sorted(wrong.items(), key=lambda each: (-len(each[1]), each))
    ]
    if len(refused) > NAMED:
        rest = sum(len(names) for names in sorted(wrong.values(), key=len, reverse=True)[NAMED:])
        refused = [*refused[:NAMED], f"{plural(rest, 'correction')} more for other reasons."]
    return Applicable(
        relabelled=rows[RELABEL],
        new_labels=np.array(labels, dtype=object),
        dropped=rows[DROP],
        kept=rows[KEEP],
        done=done,
        refused=tuple(refused),
    )


def _of_several(why: str) -> str:
    """Say of several images what is said of one."""
    for one, several in (
        ("is not in", "are not in"),
        ("was ", "were "),
        ("it was", "they were"),
        ("and is", "and are"),
    ):
        why = why.replace(one, several, 1)
    return why
