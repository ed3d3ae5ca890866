"""Predictions that were made elsewhere, from any framework: an .npz or .csv file of scores, labels and names."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.dataset import Dataset, NoImages
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.arrays import checked_labels

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["", "probabilities", "logits"]
SCORES: Mapping[str, Kind] = {
    "logits": "logits",
    "probabilities": "probabilities",
    "probs": "probabilities",
    "proba": "probabilities",
    "pred_probs": "probabilities",
    "scores": "",
    "outputs": "",
    "predictions": "",
    "y_pred": "",
}
"""Names of an array of scores, and what each says about them; "" where the values have to tell."""
LABELS = ("labels", "label", "y", "y_true", "true", "true_label", "target", "targets", "class", "ground_truth")
NAMES = ("names", "name", "files", "file", "filename", "filenames", "paths", "path", "image", "image_id", "id", "key")
PARTS = ("split", "part", "set", "subset")
DERIVED = ("predicted", "prediction", "pred", "y_pred", "confidence", "correct", "loss", "margin", "entropy", "")
"""Columns that follow from the scores, and the unnamed one that pandas writes."""
PREFIXES: Mapping[str, Kind] = {
    "logit": "logits",
    "probability": "probabilities",
    "prob": "probabilities",
    "proba": "probabilities",
    "p": "probabilities",
    "score": "",
}
JOINTS = ("_", ":", "-", " ", "")
"""What may stand between such a prefix and the class; nothing, where it is all there is."""
SPLITS = {"train": "train", "training": "train", "test": "test", "val": "validation", "valid": "validation"}
SPLITS |= {"validation": "validation", "testing": "test", "dev": "validation"}
ROUNDED = 0.01
"""How far probabilities may be from a sum of 1: float16 of many classes, or three digits in a table."""
LEAST = float(np.finfo(np.float32).tiny)
"""A probability of 0 becomes this, so that its logit is finite."""
NAMED = 5
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
            names=self.names,
            source_fingerprint=source,
            notes=(*self.notes, "no images, only predictions: give the images with --data to see them"),
        )

    def covers(self, dataset: Dataset) -> bool:
        """Whether there are surely scores of every image of another part: told by the parts, or by names."""
        part = self.part(dataset.name.rpartition("/")[2])
        if part is None or (self.parts is None and (self.names is None or dataset.names is None)):
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
        if self.labels is not None and (self.names is None or dataset.names is None):
            same = self._renamed(self.labels, dataset)[rows] == dataset.labels
            if not same.all():
                raise WorkbenchError(
                    f"The labels of {self.source} and of {dataset.name!r} differ in {int((~same).sum()):,} of "
                    f"{len(same):,} rows, first in row {int(np.argmin(same))}: these are not the same images in the "
                    "same order. Add the images' file names (`names`), by which they are matched."
                )
        return self.logits[rows][:, self._columns(dataset)]

    def _matched(self, dataset: Dataset) -> Array:
        if self.names is not None and dataset.names is not None:
            return _rows_by_name(self.names.tolist(), dataset.names.tolist(), self.source)
        if len(self) != len(dataset):
            raise WorkbenchError(
                f"{self.source} has scores of {plural(len(self), 'image')}. {dataset.name!r} has "
                f"{plural(len(dataset), 'image')}: give those of the same part (--split), or add the images' file "
                "names (`names`), by which they are matched."
            )
        return np.arange(len(self))

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


def read_predictions(path: str | Path) -> SavedPredictions:
    """Read scores from a file.

    An .npz file holds `logits`, `probabilities` (or `scores`, whose values tell which they are), `(N, K)`, or `(N,)` of
    class 1 of two; and, as far as they are known, `labels`, `names`, `class_names`, and `split` of each image. A .csv
    file has one row an image: a column for each class, and columns `file`, `label` and `split` where they are known.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it holds no scores, or they are not what they should be.
    """
    path = Path(path)
    if not path.is_file():
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        beside = sorted(file.name for file in there if file.suffix.lower() in (".npz", ".csv"))
        raise Unavailable(f"{unknown('file of predictions', path.name, beside)} Looked in {path.parent.resolve()}.")
    with path.open("rb") as file:
        start = file.read(4)
    found = _from_npz(path) if start.startswith(b"PK") else _from_csv(path)
    return replace(found, source=path.stem)


def saved_predictions(given: SavedPredictions | Predictions | Array | Path | str) -> SavedPredictions:
    """Return what a session is opened with: a file, or scores `(N, K)`, with labels where they are `Predictions`."""
    if isinstance(given, SavedPredictions):
        return given
    if isinstance(given, Predictions):
        return predictions_of(given.logits, given.labels, kind="logits")
    if isinstance(given, str | Path):
        return read_predictions(given)
    return predictions_of(given)


def predictions_of(
    scores: Array, labels: Array | None = None, *, kind: Kind = "", source: str = "predictions", **others: Any
) -> SavedPredictions:
    """Take scores from arrays.

    Args:
        scores: `(N, K)` probabilities or logits; `(N,)` or `(N, 1)` of class 1 of two.
        labels: `(N,)` whole numbers, one-hot rows, or class names.
        kind: "probabilities" or "logits"; the values tell, if not given.
        source: what errors call them.
        others: `names`, `class_names`, `parts`.

    Raises:
        WorkbenchError: if they are not what they should be.
    """
    logits, note = _as_logits(np.asarray(scores), kind, source)
    names, parts = others.get("names"), others.get("parts")
    class_names = others.get("class_names")
    class_names = None if class_names is None else tuple(str(name) for name in class_names)
    if class_names is not None and len(class_names) != logits.shape[1]:
        raise WorkbenchError(f"{source} names {len(class_names)} classes and has {logits.shape[1]} scores per image.")
    known = {"names": names, "split": parts, "labels": labels}
    for what, values in known.items():
        if values is not None and len(values) != len(logits):
            raise WorkbenchError(f"{source}: `{what}` has {len(values):,} values and there are {len(logits):,} scores.")
    found = None if labels is None else _as_labels(np.asarray(labels), class_names, logits.shape[1], source)
    return SavedPredictions(
        logits,
        labels=None if found is None else found[0],
        class_names=class_names if found is None else found[1],
        names=None if names is None else np.array([str(name) for name in names]),
        parts=None if parts is None else _as_parts(parts, source),
        source=source,
        notes=(*([note] if note else []), SCORES_FOR_EMBEDDINGS),
    )


def _from_npz(path: Path) -> SavedPredictions:
    from workbench.data.npz import read_arrays

    arrays = read_arrays(path)
    scored = [name for name in SCORES if name in arrays]
    if not scored:
        raise WorkbenchError(
            f"{path.name} must hold `logits` or `probabilities`, (N, K). It holds {', '.join(arrays) or 'nothing'}."
        )
    if len(scored) > 1 and set(scored[:2]) != {"logits", "probabilities"}:
        raise WorkbenchError(f"{path.name} holds several arrays of scores, {join_names(scored)}: leave one.")
    first = scored[0]
    return predictions_of(
        arrays[first],
        _first(arrays, LABELS),
        kind=SCORES[first],
        source=path.name,
        names=_texts(_first(arrays, NAMES)),
        parts=_texts(_first(arrays, PARTS)),
        class_names=_texts(arrays.get("class_names")),
    )


def _first(arrays: Mapping[str, Array], names: Iterable[str]) -> Array | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _texts(values: Array | None) -> list[str] | None:
    if values is None:
        return None
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in values.tolist()]


def _from_csv(path: Path) -> SavedPredictions:
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
        separator = csv.Sniffer().sniff(first, ",;\t|").delimiter if first.strip() else ","
        frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    except (csv.Error, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise WorkbenchError(f"{path.name} cannot be read as an .npz or .csv file of predictions: {error}.") from None
    frame.columns = frame.columns.str.strip()
    lower = {str(column).casefold(): column for column in reversed(list(frame.columns))}
    own = {
        "names": next((lower[each] for each in NAMES if each in lower), None),
        "labels": next((lower[each] for each in LABELS if each in lower), None),
        "parts": next((lower[each] for each in PARTS if each in lower), None),
    }
    scored = [
        column
        for column in frame.columns
        if column not in own.values() and column.casefold() not in DERIVED and not column.startswith("Unnamed:")
    ]
    if not scored or not len(frame):
        raise WorkbenchError(
            f"{path.name} must have a row for each image and a column of scores for each class. It has "
            f"{plural(len(frame), 'row')} and the columns {join_names(list(frame.columns)[:NAMED])}."
        )
    kind, class_names = _columns_of(scored)
    known = {name: None if column is None else frame[column].tolist() for name, column in own.items()}
    labels = known.pop("labels")
    return predictions_of(
        _numbers(frame, scored, path.name),
        None if labels is None else np.array(labels),
        kind=kind,
        source=path.name,
        class_names=class_names,
        **known,
    )


def _columns_of(columns: Sequence[str]) -> tuple[Kind, tuple[str, ...] | None]:
    """Return what a common prefix says about the scores, and the names of the classes; None where they are numbers."""
    found: Kind = ""
    for prefix, kind in PREFIXES.items():
        ends = [column[len(prefix) :] for column in columns if column.casefold().startswith(prefix)]
        if len(ends) == len(columns) and all(end[:1] in JOINTS for end in ends):
            columns, found = [end[1:] for end in ends], kind
            break
    named = len(columns) > 1 and not all(column.isdecimal() for column in columns)
    return found, tuple(columns) if named else None


def _numbers(frame: pd.DataFrame, columns: Sequence[str], source: str) -> Array:
    try:
        return frame[list(columns)].to_numpy().astype(np.float64)
    except ValueError:
        for column in columns:
            for row, text in enumerate(frame[column].tolist()):
                try:
                    float(text)
                except ValueError:
                    raise WorkbenchError(
                        f"{source}: column {column!r} must hold a score in every row. Row {row} has {text!r}. Columns "
                        f"that are no scores are called {join_names([NAMES[1], LABELS[1], PARTS[0]])}."
                    ) from None
        raise


def _as_logits(scores: Array, kind: Kind, source: str) -> tuple[Array, str]:
    """Return `(N, K)` float32 logits, and a sentence where the values had to tell what they are."""
    if scores.dtype.kind not in "fiu" or scores.ndim not in (1, 2) or not scores.size:
        raise WorkbenchError(
            f"{source} must hold numbers of shape (N, K), one score for each image and class. Got {scores.dtype} of "
            f"shape {scores.shape}. A list of predicted classes is not enough: save the scores."
        )
    if not np.isfinite(scores).all():
        raise WorkbenchError(f"{source} holds NaN or infinity in row {int(np.argwhere(~np.isfinite(scores))[0][0])}.")
    values = scores.astype(np.float64)
    values = values[:, None] if values.ndim == 1 else values
    inside = bool((values >= 0).all() and (values <= 1 + ROUNDED).all())
    if values.shape[1] == 1:
        return _of_two(values[:, 0], kind, inside=inside, source=source)
    sums = values.sum(axis=1)
    if kind != "logits" and inside and np.abs(sums - 1).max() <= ROUNDED:
        note = "" if kind else "scores read as probabilities, since each row adds up to 1"
        return np.log(np.maximum(values, LEAST)).astype(np.float32), note
    if kind != "logits" and (values >= 0).all() and np.abs(sums / 100 - 1).max() <= ROUNDED:
        note = "scores read as per cent, since each row adds up to 100"
        return np.log(np.maximum(values / 100, LEAST)).astype(np.float32), note
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


def _of_two(values: Array, kind: Kind, *, inside: bool, source: str) -> tuple[Array, str]:
    """Return logits (0, z) of two classes from the score of class 1."""
    if kind == "probabilities" and not inside:
        raise WorkbenchError(f"{source}: probabilities must lie in 0…1. Got {values.min():g}…{values.max():g}.")
    probable = kind == "probabilities" or (not kind and inside)
    z = _log_odds(values) if probable else values
    what = "the probability of class 1" if probable else "the logit of class 1"
    note = f"one score per image, read as {what} of two classes"
    return np.stack([np.zeros_like(z), z], axis=1).astype(np.float32), note


def _log_odds(p: Array) -> Array:
    p = np.clip(p, 0, 1)
    return np.asarray(np.log(np.maximum(p, LEAST)) - np.log(np.maximum(1 - p, LEAST)))


def _as_labels(
    labels: Array, class_names: tuple[str, ...] | None, classes: int, source: str
) -> tuple[Array, tuple[str, ...] | None]:
    """Return `(N,)` int64, and the names of the classes where the labels bring them."""
    if labels.dtype.kind in "US":
        texts = np.array(_texts(labels))
        if class_names is None or not set(np.unique(texts).tolist()) <= set(class_names):
            if all(text.strip().lstrip("-").isdecimal() for text in np.unique(texts).tolist()):
                labels = texts.astype(np.int64)
            elif class_names is None and len(np.unique(texts)) == classes:
                class_names = tuple(np.unique(texts).tolist())  # text order, as Keras orders folders
            else:
                other = sorted(set(np.unique(texts).tolist()) - set(class_names or ()))
                named = f"names the classes {join_names(class_names[:NAMED])} …" if class_names else "names no classes"
                raise WorkbenchError(
                    f"{source}: the labels {join_names(other[:NAMED])} are no classes of the scores: it {named} and "
                    f"has {classes} scores per image. Add `class_names`."
                )
        if labels.dtype.kind in "US":
            places = {name: place for place, name in enumerate(class_names or ())}
            return np.array([places[text] for text in texts.tolist()], np.int64), class_names
    found = checked_labels(labels, f"`labels` of {source}")
    if found.max() >= classes:
        begin = " No label is 0: subtract 1." if found.min() == 1 and found.max() == classes else ""
        raise WorkbenchError(
            f"{source} has {classes} scores per image, so labels must lie in 0…{classes - 1}. Got {found.min()}…"
            f"{found.max()}.{begin}"
        )
    return found, class_names


def _as_parts(parts: Sequence[object], source: str) -> Array:
    found = [SPLITS.get(str(part).strip().casefold(), "") for part in parts]
    if "" in found:
        raise WorkbenchError(
            f"{source}: `split` must say train, validation or test for each image. Row {found.index('')} says "
            f"{str(parts[found.index('')])!r}."
        )
    return np.array(found)


def _rows_by_name(saved: list[str], wanted: list[str], source: str) -> Array:
    """Return for each wanted name its row: by the whole path, else by the end of it, as long as that is one file's."""
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
