"""What scores, labels and parts say by their values: logits or probabilities, numbers or names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import join_names
from workbench.data.arrays import checked_labels

Kind = Literal["", "probabilities", "logits"]
"""What scores are; "" where their values have to tell."""
SPLITS = {"train": "train", "training": "train", "test": "test", "val": "validation", "valid": "validation"}
SPLITS |= {"validation": "validation", "testing": "test", "dev": "validation"}
ROUNDED = 0.01
"""How far probabilities may be from a sum of 1: float16 of many classes, or three digits in a table."""
CERTAIN = 30
"""A logit that no model reaches: from here on, scores that are never negative are per cent."""
LEAST = float(np.finfo(np.float32).tiny)
"""A probability of 0 becomes this, so that its logit is finite."""
NAMED = 5
"""Names that a sentence gives."""


def texts_of(values: Array | None) -> list[str] | None:
    """Return the texts of an array, also of bytes."""
    if values is None:
        return None
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in values.tolist()]


def as_logits(scores: Array, kind: Kind, source: str) -> tuple[Array, str]:
    """Return `(N, K)` float32 logits, and a sentence where the values had to tell what they are."""
    if scores.dtype.kind not in "fiu" or scores.ndim not in (1, 2) or not scores.size:
        raise WorkbenchError(
            f"{source} must hold numbers of shape (N, K), one score for each image and class. Got {scores.dtype} of "
            f"shape {scores.shape}. A list of predicted classes is not enough: save the scores."
        )
    if not np.isfinite(scores).all():
        raise WorkbenchError(f"{source} holds NaN or infinity in row {int(np.argwhere(~np.isfinite(scores))[0][0])}.")
    values = np.asarray(scores, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    inside = bool((values >= 0).all() and (values <= 1 + ROUNDED).all())
    if values.shape[1] == 1:
        return _of_two(values[:, 0], kind, inside=inside, source=source)
    if kind != "logits" and inside and adds_up(values):
        note = "" if kind else "scores read as probabilities, since each row adds up to 1"
        return _logs(values), note
    if kind != "logits" and (values >= 0).all() and adds_up(values / 100):
        note = "scores read as per cent, since each row adds up to 100"
        return _logs(values / 100), note
    if kind == "probabilities" and not inside:
        raise WorkbenchError(
            f"{source}: probabilities must lie in 0…1. Got {values.min():g}…{values.max():g}; logits are to be called "
            "`logits`."
        )
    if kind != "logits" and inside:
        note = "scores read as one sigmoid per class: they lie in 0…1 and do not add up to 1; the largest counts"
        return _log_odds(values).astype(np.float32), note
    note = "" if kind else "scores read as logits, since they do not lie in 0…1"
    return values.astype(np.float32), note


def _logs(probabilities: Array) -> Array:
    """Return float32 logarithms; of a table of many classes, one copy at a time is enough."""
    found = np.maximum(probabilities, LEAST)
    return np.asarray(np.log(found, out=found), np.float32)


def adds_up(values: Array) -> bool:
    """Whether each row of `(N, K)` adds up to 1, as probabilities do, also when each was rounded to two digits."""
    return bool(np.abs(values.sum(axis=1) - 1).max() <= max(ROUNDED, ROUNDED / 2 * values.shape[1] + 1e-9))


def class_of_score(name: str, labels: Array) -> tuple[tuple[str, str], int] | None:
    """Return the two classes and which of them a single column is called after; None where it is called otherwise."""
    texts = sorted({text.strip() for text in texts_of(np.asarray(labels)) or ()})
    places = [place for place, text in enumerate(texts) if text.casefold() == name.strip().casefold()]
    if len(texts) != 2 or not places or all(text.isdecimal() for text in texts):
        return None
    return (texts[0], texts[1]), places[0]


def _of_two(values: Array, kind: Kind, *, inside: bool, source: str) -> tuple[Array, str]:
    """Return logits (0, z) of two classes from the score of class 1."""
    if kind == "probabilities" and not inside:
        raise WorkbenchError(f"{source}: probabilities must lie in 0…1. Got {values.min():g}…{values.max():g}.")
    cent = not kind and not inside and (values >= 0).all() and CERTAIN < values.max() <= 100 + ROUNDED
    probable = kind == "probabilities" or (not kind and inside) or cent
    z = _log_odds(values / 100 if cent else values) if probable else values
    what = f"the probability of class 1{', in per cent,' if cent else ''}" if probable else "the logit of class 1"
    note = f"one score per image, read as {what} of two classes"
    return np.stack([np.zeros_like(z), z], axis=1).astype(np.float32), note


def _log_odds(p: Array) -> Array:
    p = np.clip(p, 0, 1)
    return np.asarray(np.log(np.maximum(p, LEAST)) - np.log(np.maximum(1 - p, LEAST)))


def as_labels(
    labels: Array, class_names: tuple[str, ...] | None, classes: int, source: str, *, one: bool = False
) -> tuple[Array, tuple[str, ...] | None]:
    """Return `(N,)` int64, and the names of the classes where the labels bring them; `one` column of scores is two."""
    has = "one score per image" if one else f"{classes} scores per image"
    if labels.dtype.kind in "US":
        texts = np.array([text.strip() for text in texts_of(labels) or ()])
        if "" in texts.tolist():
            raise WorkbenchError(f"{source}: row {texts.tolist().index('')} has no label. Leave such rows out.")
        if class_names is not None:
            texts = _as_spelt(texts, class_names)
        if class_names is None or not set(np.unique(texts).tolist()) <= set(class_names):
            if all(_is_whole(text) for text in np.unique(texts).tolist()):
                labels = texts.astype(np.float64).astype(np.int64)
            elif class_names is None and len(np.unique(texts)) == classes:
                class_names = tuple(np.unique(texts).tolist())  # text order, as Keras orders folders
            else:
                other = sorted(set(np.unique(texts).tolist()) - set(class_names or ()))
                named = f"names the classes {join_names(class_names[:NAMED])} …" if class_names else "names no classes"
                add = "" if class_names else " Add `class_names`."
                raise WorkbenchError(
                    f"{source}: {join_names(other[:NAMED])} {'is a label' if len(other) == 1 else 'are labels'} and no "
                    f"class of the scores: it {named} and has {has}.{add}"
                )
        if labels.dtype.kind in "US":
            places = {name: place for place, name in enumerate(class_names or ())}
            return np.array([places[text] for text in texts.tolist()], np.int64), class_names
    found = checked_labels(labels, f"`labels` of {source}")
    if found.max() >= classes:
        begin = " No label is 0: subtract 1." if found.min() == 1 and found.max() == classes else ""
        save = " Save the scores of all classes, not the largest alone." if one else ""
        raise WorkbenchError(
            f"{source} has {has}, so labels must lie in 0…{classes - 1}. Got {found.min()}…{found.max()}.{begin}{save}"
        )
    return found, class_names


def _is_whole(text: str) -> bool:
    head, _, tail = text.removeprefix("-").partition(".")
    return head.isdecimal() and not tail.strip("0")


def _as_spelt(texts: Array, class_names: tuple[str, ...]) -> Array:
    """Return labels as the classes are spelt, where only upper and lower case differ."""
    spelt = {name.casefold(): name for name in class_names}
    if len(spelt) < len(class_names):
        return texts
    return np.array([text if text in class_names else spelt.get(text.casefold(), text) for text in texts.tolist()])


def as_parts(parts: Sequence[object], source: str) -> Array:
    """Return "train", "validation" or "test" for each image, `(N,)` text."""
    found = [SPLITS.get(str(part).strip().casefold(), "") for part in parts]
    if "" in found:
        raise WorkbenchError(
            f"{source}: `split` must say train, validation or test for each image. Row {found.index('')} says "
            f"{str(parts[found.index('')])!r}."
        )
    return np.array(found)
