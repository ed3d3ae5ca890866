"""Scores of images by a model that is not here, and which image each row belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset, NoImages
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.saved_predictions.scores import NAMED, Kind, as_labels, as_logits, as_parts, class_of_score

SCORES_FOR_EMBEDDINGS = "the scores stand in for embeddings, since the model's layers are not here"


@dataclass(frozen=True, eq=False)
class SavedPredictions:
    """Scores of N images by a model that is not here.

    Attributes:
        logits: `(N, K)` float32.
        labels: `(N,)` int64, or None where the file has none.
        names: `(N,)` text, file names of the images as a rule; None where there are none.
        class_names: K names; None where nothing names them.
        parts: `(N,)` text, "train", "validation" or "test"; None where the file tells no parts apart.
        source: what they are called, the file's stem.
        notes: sentences about how the scores were read.
    """

    logits: Array
    _: KW_ONLY
    labels: Array | None = None
    names: Array | None = None
    class_names: tuple[str, ...] | None = None
    parts: Array | None = None
    source: str = "predictions"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any score, name or part."""
        digest = hashlib.sha256(np.ascontiguousarray(self.logits).tobytes())
        for each in (self.names, self.parts):
            digest.update(b"-" if each is None else "\n".join(map(str, each.tolist())).encode())
        return digest.hexdigest()[:16]

    def part(self, split: str) -> SavedPredictions | None:
        """Return those of one part: all where the file tells none apart; None where it has none of this one."""
        if self.parts is None:
            return self
        rows = np.flatnonzero(self.parts == split)
        return self._rows(rows) if len(rows) else None

    def _rows(self, rows: Array) -> SavedPredictions:
        labels, names, parts = (None if each is None else each[rows] for each in (self.labels, self.names, self.parts))
        return replace(self, logits=self.logits[rows], labels=labels, names=names, parts=parts)

    def named(self, class_names: Sequence[str]) -> SavedPredictions:
        """Return the same with names for the classes.

        Raises:
            WorkbenchError: if they are not as many, or the file orders them in another way.
        """
        names = tuple(class_names)
        if len(names) != self.logits.shape[1]:
            raise WorkbenchError(f"{self.source} has {self.logits.shape[1]} classes. Got {len(names)} names.")
        if self.class_names is not None and sorted(self.class_names) == sorted(names) and self.class_names != names:
            raise WorkbenchError(f"{self.source} orders its classes itself: {join_names(self.class_names[:NAMED])} ….")
        return replace(self, class_names=names)

    def dataset(self, split: str) -> Dataset:
        """Return the labels as a dataset without images.

        Raises:
            WorkbenchError: if the file has no labels.
        """
        if self.labels is None:
            raise WorkbenchError(
                f"{self.source} has scores and no labels. Add `labels`, or give the data that has them (--data)."
            )
        if self.names is None:
            source = hashlib.sha256(self.logits.tobytes()).hexdigest()
        else:
            source = hashlib.sha256("\n".join(self.names.tolist()).encode()).hexdigest()
        return Dataset(
            NoImages(len(self)),  # type: ignore[arg-type]
            self.labels,
            class_names=self.class_names or tuple(str(k) for k in range(self.logits.shape[1])),
            indices=np.arange(len(self)),
            name=f"{self.source}/{split}",
            names=self.names,  # type: ignore[arg-type]
            source_fingerprint=source,
            notes=(*self.notes, "no images, only predictions: give the images with --data to see them"),
        )

    def covers(self, dataset: Dataset) -> bool:
        """Whether there are surely scores of every image of another part: told by the parts, or by names."""
        part = self.part(dataset.name.rpartition("/")[2])
        if part is None or (self.parts is None and (self.names is None or not dataset.named)):
            return False
        try:
            part.of(dataset)
        except WorkbenchError:
            return False
        return True

    def of(self, dataset: Dataset) -> Array:
        """Return the scores of a dataset's images in its order, and its classes' order: `(N, K)` float32.

        They are matched by name where both have names, else by position.

        Raises:
            WorkbenchError: if an image has no scores, or the two do not belong together.
        """
        rows = self._matched(dataset)
        if len(rows) and self.labels is not None and (self.names is None or not dataset.named):
            same = self._renamed(self.labels, dataset)[rows] == dataset.labels
            if not same.all():
                raise WorkbenchError(
                    f"The labels of {self.source} and of {dataset.name!r} differ in {int((~same).sum()):,} of "
                    f"{plural(len(same), 'row')}, first in row {int(np.argmin(same))}: these are not the "
                    "same images in the "
                    "same order. Add the images' file names (`names`), by which they are matched."
                )
        return self.logits[rows][:, self._columns(dataset)]

    def predictions(self, dataset: Dataset, split: str) -> Predictions:
        """Return what they say of the images of a part; otherwise as `of`.

        Raises:
            WorkbenchError: if the file has none of this part.
        """
        part = self.part(split)
        if part is None:
            raise WorkbenchError(f"{self.source} has no predictions of the {split} part.")
        return Predictions(part.of(dataset), dataset.labels)

    def matching(self, dataset: Dataset) -> tuple[str, ...]:
        """Say how rows and images were brought together, where that is not beyond doubt; a sentence each."""
        if not dataset.named or not dataset.has_images:
            return ()
        if self.names is None:
            sure = ", and the labels agree" if self.labels is not None else "; add `names` to be sure"
            return (f"scores matched by position, in the order of the file names{sure}",)
        more = len(self) - len(dataset)
        return (f"{plural(more, 'row')} of {self.source} belong to no image of this part",) if more > 0 else ()

    def _matched(self, dataset: Dataset) -> Array:
        if self.names is not None and dataset.named:
            return _rows_by_name(self.names.tolist(), dataset.names.tolist(), self.source)
        if len(self) != len(dataset):
            raise WorkbenchError(
                f"{self.source} has scores of {plural(len(self), 'image')}. {dataset.name!r} has "
                f"{plural(len(dataset), 'image')}: give those of the same part (--split), or add the images' file "
                "names (`names`), by which they are matched."
            )
        rows = np.arange(len(self))
        if not dataset.named or not dataset.has_images:
            return rows
        # A folder's own order is spread over its classes: people save scores in the order of the files, as Keras reads.
        order = np.argsort(dataset.names, kind="stable")
        return np.argsort(order, kind="stable")

    def _columns(self, dataset: Dataset) -> Array:
        """Return for each class of the dataset its column."""
        if self.class_names is None or self.class_names == dataset.class_names:
            if self.logits.shape[1] != len(dataset.class_names):
                raise WorkbenchError(
                    f"{self.source} has {self.logits.shape[1]} scores per image. {dataset.name!r} has "
                    f"{plural(len(dataset.class_names), 'class')}."
                )
            return np.arange(self.logits.shape[1])
        if sorted(self.class_names) != sorted(dataset.class_names):
            raise WorkbenchError(
                f"The classes of {self.source} are {join_names(self.class_names[:NAMED])} …; those of "
                f"{dataset.name!r} are {join_names(dataset.class_names[:NAMED])} …. They must have the same names."
            )
        return np.array([self.class_names.index(name) for name in dataset.class_names])

    def _renamed(self, labels: Array, dataset: Dataset) -> Array:
        """Return labels as numbers of the dataset's classes."""
        return np.argsort(self._columns(dataset))[labels]


def predictions_of(
    scores: Array, labels: Array | None = None, *, kind: Kind = "", source: str = "predictions", **others: Any
) -> SavedPredictions:
    """Take scores from arrays.

    Args:
        scores: `(N, K)` probabilities or logits; `(N,)` or `(N, 1)` of class 1 of two.
        labels: `(N,)` whole numbers, one-hot rows, or class names.
        kind: "probabilities" or "logits"; the values tell, if not given.
        source: what errors call them.
        others: `names`, `class_names`, `parts`; `scored`, the class that a single column is called after; and `notes`.

    Raises:
        WorkbenchError: if they are not what they should be.
    """
    logits, note = as_logits(np.asarray(scores), kind, source)
    names, parts = others.get("names"), others.get("parts")
    one = np.ndim(scores) == 1 or np.shape(scores)[1] == 1
    if one and labels is not None and others.get("scored") is not None:
        classes = class_of_score(str(others["scored"]), labels)
        if classes is not None:
            logits, note = (logits, note) if classes[1] else (-logits, note.replace("class 1", "class 0"))
            note, others = f"{note}: {others['scored']!r}", {**others, "class_names": classes[0]}
    class_names = others.get("class_names")
    class_names = None if class_names is None else tuple(str(name) for name in class_names)
    if class_names is not None and len(class_names) != logits.shape[1]:
        raise WorkbenchError(
            f"{source} names {plural(len(class_names), 'class')} and has {logits.shape[1]} scores per image."
        )
    known = {"names": names, "split": parts, "labels": labels}
    for what, values in known.items():
        if values is not None and len(values) != len(logits):
            raise WorkbenchError(
                f"{source}: `{what}` has {plural(len(values), 'value')} and there are {len(logits):,} scores."
            )
    found = None if labels is None else as_labels(np.asarray(labels), class_names, logits.shape[1], source, one=one)
    return SavedPredictions(
        logits,
        labels=None if found is None else found[0],
        class_names=class_names if found is None else found[1],
        names=None if names is None else np.array([str(name) for name in names]),
        parts=None if parts is None else as_parts(parts, source),
        source=source,
        notes=(*others.get("notes", ()), *([note] if note else []), SCORES_FOR_EMBEDDINGS),
    )


def _rows_by_name(saved: list[str], wanted: list[str], source: str) -> Array:
    """Return for each wanted name its row: by the whole path, else by the end of it, as long as that is one file's."""
    if saved == wanted:
        return np.arange(len(saved))
    saved, wanted = ([name.replace("\\", "/").removeprefix("./") for name in names] for names in (saved, wanted))
    rows = {name: row for row, name in enumerate(saved)}
    if len(rows) < len(saved):
        twice = next(name for row, name in enumerate(saved) if rows[name] != row)
        raise WorkbenchError(f"{source} has two rows for {twice!r}.")
    found = [rows.get(name, -1) for name in wanted]
    if min(found) < 0:
        for depth in (3, 2, 1):
            ends: dict[str, int] = {}
            for name, row in rows.items():
                end = "/".join(name.split("/")[-depth:])
                ends[end] = -1 if end in ends else row
            found = [
                row if row >= 0 else ends.get("/".join(name.split("/")[-depth:]), -1)
                for row, name in zip(found, wanted, strict=True)
            ]
    missing = [name for name, row in zip(wanted, found, strict=True) if row < 0]
    if missing:
        raise WorkbenchError(
            f"{source} has no scores of {len(missing):,} of {plural(len(wanted), 'image')} "
            f"({percent(len(missing) / len(wanted))}): {', '.join(missing[:NAMED])}. The names must be the files' "
            "paths, or their last part."
        )
    if len(set(found)) < len(found):
        raise WorkbenchError(f"{source}: one row fits several images by the end of its path. Give whole paths.")
    return np.array(found)
