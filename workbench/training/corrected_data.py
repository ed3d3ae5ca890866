"""Data as corrections make it: which images change is settled before a training, and done when it reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import join_names, plural, verb
from workbench.statistics.copies import find_copies
from workbench.training.corrections import DUPLICATE, LEAK, Corrections, ImageChange
from workbench.training.fitting import Parts
from workbench.workspace.corrections import applicable
from workbench.workspace.holding import Mark
from workbench.workspace.identities import Identities
from workbench.workspace.marks import DROP, RELABEL

Copies = Literal["", "exact", "near"]
"""Which copies a training leaves out: none, those of the same pixels, or near and moved ones too."""
NAMED = 3
"""How many images a sentence names."""


def settle(
    parts: Parts, said: Sequence[Mark], *, source: str = "", copies: Copies = "", words: str = "corrections"
) -> Corrections:
    """Find what corrections change in the training and validation images; the test images are left as they are.

    Args:
        parts: the data as it is.
        said: the corrections, of whatever part.
        source: where they come from, in words.
        copies: which copies leave the training part: of two in it the later one, and all that also are in the
            validation or the test part.
        words: what is to be called missing where nothing changes.

    Raises:
        WorkbenchError: if a correction does not fit the data any more (names the images), or nothing is to be changed.
    """
    changes: list[ImageChange] = []
    refused: list[str] = []
    for part, known in _identities(parts):
        found = applicable(said, known, part=part)
        refused += found.refused
        every = list(known.each())
        changes += [
            ImageChange(key, name, part, label, RELABEL, str(new))
            for (key, name, _, label), new in zip(
                (every[row] for row in found.relabelled.tolist()), found.new_labels.tolist(), strict=True
            )
        ]
        changes += [
            ImageChange(every[row][0], every[row][1], part, every[row][3], DROP) for row in found.dropped.tolist()
        ]
    if refused:
        raise WorkbenchError(
            f"Corrections do not fit the data as it is now: {' '.join(refused)} "
            "Take them back or make them again, then train."
        )
    settled = Corrections(source=source, changes=tuple(changes))
    if copies:
        settled = settled.model_copy(update={"changes": (*changes, *_copies(corrected(parts, settled), copies))})
    if not settled.changes:
        raise WorkbenchError(f"There are no {words} that change the training images of {parts.training.name!r}.")
    return settled


def _identities(parts: Parts) -> list[tuple[str, Identities]]:
    """Name the images of each part that a training reads, but for the test part."""
    training, validation = Identities.of(parts.training), parts.validation
    if validation is None:
        return [("train", training)]
    held_out = Identities.of(validation)
    if parts.own_validation:
        return [("train", training), ("validation", held_out)]
    return [("train", Identities.joined([training, held_out]))]


def _copies(parts: Parts, copies: Copies) -> list[ImageChange]:
    """Find the training images that leave since they are copies."""
    others = [each for each in (parts.validation, parts.test) if each is not None]
    found = find_copies([parts.training, *others], near=copies == "near", moved=copies == "near")
    leaks = np.unique(np.concatenate([np.zeros(0, np.int64), *(found.copied(0, 1 + n) for n in range(len(others)))]))
    twice = np.setdiff1d(found.copied(0, 0), leaks)
    every = list(Identities.of(parts.training).each())
    return [
        ImageChange(every[row][0], every[row][1], "train", every[row][3], action)
        for action, rows in ((LEAK, leaks), (DUPLICATE, twice))
        for row in rows.tolist()
    ]


def corrected(parts: Parts, corrections: Corrections) -> Parts:
    """Return the data with the changes made; which images are held out for validation does not change.

    Raises:
        WorkbenchError: if an image is not there any more, or has another label by now (names it).
    """
    by_part: dict[str, list[ImageChange]] = defaultdict(list)
    for each in corrections.changes:
        by_part[each.part].append(each)
    if parts.own_validation or parts.validation is None:
        pieces = {"train": [parts.training], "validation": [] if parts.validation is None else [parts.validation]}
    else:
        pieces = {"train": [parts.training, parts.validation], "validation": []}
    made = {id(piece): piece for each in pieces.values() for piece in each}
    rows = parts.rows
    for part, changes in by_part.items():
        places = _places(pieces[part], changes)
        for piece in pieces[part]:
            own = {row: change for (number, row), change in places.items() if pieces[part][number] is piece}
            made[id(piece)], kept = _changed(piece, own)
            if piece is parts.training:
                rows = kept
    validation = None if parts.validation is None else made[id(parts.validation)]
    return replace(parts, training=made[id(parts.training)], validation=validation, rows=rows)


def _places(pieces: Sequence[Dataset], changes: Sequence[ImageChange]) -> Mapping[tuple[int, int], ImageChange]:
    """Find the images that are to change: number of the piece and row."""
    known: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        of = Identities.of(piece)
        for row, image in enumerate(zip(of.keys, of.names, strict=True)):
            known[image].append((number, row))
    found: dict[tuple[int, int], ImageChange] = {}
    wrong: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        places = known.get((change.key, change.name), [])
        if not places:
            wrong["not in the data any more"].append(change.name)
            continue
        number, row = places[0]
        piece = pieces[number]
        now = piece.class_names[piece.labels[row]]
        before = found.get((number, row))
        if now != change.label and not (before is not None and before.new_label == change.label):
            wrong[f"labelled {now!r} now, and was {change.label!r} when it was corrected"].append(change.name)
        elif change.new_label and change.new_label not in piece.class_names:
            wrong[f"to become {change.new_label!r}, which is no class of the data"].append(change.name)
        else:
            found[number, row] = change
    if wrong:
        told = [f"{join_names([repr(name) for name in names], NAMED)}: {why}." for why, names in wrong.items()]
        raise WorkbenchError(f"Corrections do not fit the data as it is now: {' '.join(told)}")
    return found


def _changed(data: Dataset, changes: Mapping[int, ImageChange]) -> tuple[Dataset, Array]:
    """Return the images with their new labels, without those that are left out, and the rows that stayed."""
    labels, stays = data.labels.copy(), np.ones(len(data), bool)
    for row, change in changes.items():
        if change.action == RELABEL:
            labels[row] = data.class_names.index(change.new_label)
        else:
            stays[row] = False
    if not stays.any():
        raise WorkbenchError(f"Corrections leave no image of {plural(len(data), 'image')} of {data.name!r}.")
    made = replace(data, labels=labels) if changes else data
    rows = np.flatnonzero(stays)
    return (made if stays.all() else made.subset(rows)), rows


def as_many_at_random(parts: Parts, corrections: Corrections, seed: int = 0) -> Corrections:
    """Return the same changes of other images, drawn: what as much work on images at random would have done.

    For each image that was relabelled or dropped as a correction, another one of the same part and label gets the
    same new label, or is dropped. Copies that are left out stay left out.

    Args:
        parts: the data as it is.
        corrections: what was settled for it.
        seed: of the choice.

    Raises:
        WorkbenchError: if a class has too few other images.
    """
    chance = np.random.default_rng(seed)
    drawn: list[ImageChange] = []
    for part, known in _identities(parts):
        own = [each for each in corrections.changes if each.part == part]
        before = {(each.key, each.name): each.label for each in own if each.action == RELABEL}
        drawn += [
            each._replace(label=before.get((each.key, each.name), each.label))
            for each in own
            if each.action in (DUPLICATE, LEAK)
        ]
        taken = {(each.key, each.name) for each in own}
        free: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, name, _, label in known.each():
            if (key, name) not in taken:
                free[label].append((key, name))
        for label in dict.fromkeys(each.label for each in own):
            wanted = [each for each in own if each.label == label and each.action in (RELABEL, DROP)]
            if len(wanted) > len(free[label]):
                raise WorkbenchError(
                    f"There is no control: {plural(len(wanted), 'image')} labelled {label!r} "
                    f"{verb(len(wanted), 'are')} corrected, and the {part} part has only "
                    f"{plural(len(free[label]), 'other')} of this label to draw."
                )
            places = chance.permutation(len(free[label]))[: len(wanted)]
            drawn += [
                each._replace(key=key, name=name)
                for (key, name), each in zip((free[label][place] for place in places.tolist()), wanted, strict=True)
            ]
    return Corrections(source=f"drawn at random, seed {seed}", changes=tuple(drawn))
