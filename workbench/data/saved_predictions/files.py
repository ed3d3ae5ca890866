"""Files of predictions: .npz with arrays, or .csv with a row for each image."""

from __future__ import annotations

import csv
import errno
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.memory import free_memory
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.npz import read_arrays
from workbench.data.regular_file import read_regular
from workbench.data.saved_predictions.record import SavedPredictions, predictions_of
from workbench.data.saved_predictions.scores import NAMED, Kind, adds_up, texts_of

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 512 * 2**20
MOST_COLUMNS = 100_000
LONGEST_LINE = 2**22
PORTION = 2**20
"""Cells of a table that are texts at a time: a text takes some 80 bytes, a number 8."""
CELL = 32
"""Bytes of a cell: its number, what is computed of it, and its logit."""
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
"""Names of an array of scores, and what each says about them."""
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
    try:
        start = read_regular(path, 4, head=True)
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
    if start.lstrip()[:1] in (b"{", b"["):
        raise WorkbenchError(f"{path.name} is JSON. What is taken: an .npz file of arrays, or a .csv table.")
    found = _from_npz(path) if start.startswith(b"PK") else _from_csv(path)
    return replace(found, source=path.stem)


def _from_npz(path: Path) -> SavedPredictions:
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
        names=texts_of(_first(arrays, NAMES)),
        parts=texts_of(_first(arrays, PARTS)),
        class_names=texts_of(arrays.get("class_names")),
    )


def _first(arrays: Mapping[str, Array], names: Iterable[str]) -> Array | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _from_csv(path: Path) -> SavedPredictions:
    import pandas as pd

    content = _bounded(path)
    try:
        first = content[:LONGEST_LINE].decode("utf-8-sig", "replace").splitlines()[0]
        separator = max(",;\t|", key=first.count)
        if first.count(separator) >= MOST_COLUMNS:
            raise WorkbenchError(f"{path.name} must have at most {MOST_COLUMNS:,} columns, one for each class.")
        _refuse_cells(content.count(separator.encode()), path)
        header = next(csv.reader([first], delimiter=separator))
        if twice := sorted(name for name, count in Counter(header).items() if name.strip() and count > 1):
            raise WorkbenchError(f"{path.name} has two columns {join_names(twice[:NAMED])}: name each class once.")
        scored, values, known = _cells_of(content, separator, path.name)
    except WorkbenchError:
        raise
    except (csv.Error, ValueError, OverflowError, IndexError, StopIteration, pd.errors.ParserError) as error:
        said = " ".join(str(error).split()) or "it is empty"
        raise WorkbenchError(f"{path.name} cannot be read as an .npz or .csv file of predictions: {said}.") from None
    labels = known.pop("labels")
    taken = _classes_among(scored, values, labels)
    left = [column for column, is_class in zip(scored, taken, strict=True) if not is_class]
    scored = [column for column, is_class in zip(scored, taken, strict=True) if is_class]
    kind, class_names = _columns_of(scored)
    return predictions_of(
        values if taken.all() else values[:, taken],
        None if labels is None else np.array(labels),
        kind=kind,
        source=path.name,
        class_names=class_names,
        scored=scored[0] if len(scored) == 1 else None,
        notes=(f"no class, and left out: {plural(len(left), 'column')} {join_names(left[:NAMED])}",) if left else (),
        **known,
    )


def _cells_of(content: bytes, separator: str, source: str) -> tuple[list[str], Array, dict[str, list[str] | None]]:
    """Read the cells of a table, a portion at a time, since texts take ten times the memory of numbers.

    Returns:
        The names of the columns of scores; their `(N, columns)` float64; and the texts of the names, labels and parts,
        None where there is no such column.

    Raises:
        WorkbenchError: if there are none, or a score is no number.
    """
    import pandas as pd

    cells = content.count(separator.encode())
    lines = content.count(b"\n") + content.count(b"\r") + 1  # at least as many as rows; what is not used takes nothing
    portions = pd.read_csv(
        io.BytesIO(content),
        sep=separator,
        encoding="utf-8-sig",
        dtype=str,
        keep_default_na=False,
        chunksize=max(1, PORTION * lines // (cells + 1)),
    )
    count, own, scored, known, values = (
        0,
        dict[str, str | None](),
        list[str](),
        dict[str, list[str] | None](),
        np.empty(0),
    )
    for frame in portions:
        frame.columns = frame.columns.str.strip()
        if not own:
            own, scored = _parts_of(list(frame.columns))
            if not scored or not len(frame):
                raise WorkbenchError(
                    f"{source} must have a row for each image and a column of scores for each class. It has "
                    f"{plural(len(frame), 'row')} and the columns {join_names(list(frame.columns)[:NAMED])}."
                )
            known = {what: None if column is None else [] for what, column in own.items()}
            values = np.empty((lines, len(scored)))
        for what, texts in known.items():
            if texts is not None:
                texts.extend(frame[own[what]].tolist())
        values[count : count + len(frame)] = _numbers(frame, scored, source, count)
        count += len(frame)
    return scored, values[:count], known


def _parts_of(columns: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """Return the columns of names, labels and parts, where there are some; and those that may be scores."""
    lower = {column.casefold(): column for column in reversed(columns)}
    own = {
        "names": next((lower[each] for each in NAMES if each in lower), None),
        "labels": next((lower[each] for each in LABELS if each in lower), None),
        "parts": next((lower[each] for each in PARTS if each in lower), None),
    }
    scored = [
        column
        for column in columns
        if column not in own.values() and column.casefold() not in DERIVED and not column.startswith("Unnamed:")
    ]
    return own, scored


def _bounded(path: Path) -> bytes:
    """Read a table whole.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is larger than a table that fits into memory as text.
    """
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise WorkbenchError(f"{path.name} is {error.strerror}: save the scores as an .npz file.") from None
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None


def _refuse_cells(count: int, path: Path) -> None:
    """Refuse more cells than there is memory for."""
    free = free_memory()
    if free is not None and count * CELL > free:
        raise WorkbenchError(
            f"{path.name} has {plural(count, 'cell')}, which need {count * CELL >> 20:,} MB. "
            f"{free >> 20:,} MB are free: save "
            "the scores as an .npz file."
        )


def _classes_among(columns: Sequence[str], values: Array, labels: list[str] | None) -> Array:
    """Return which numeric columns are scores of classes, `(columns,)` bool: told by the labels, and by their values.

    A table may also have an age, a size or an index: what is left without it adds up to 1, or it alone has whole
    numbers, or its name alone is no number.
    """
    every = np.ones(len(columns), bool)
    numbers = np.array([column.isdecimal() for column in columns])
    if numbers.sum() > 1 and not numbers.all():
        return numbers
    whole = np.array([bool((column == np.round(column)).all()) for column in values.T])  # one at a time takes less
    said = set(labels or ())
    labelled = np.array([column in said for column in columns])
    others = ~labelled if labelled.sum() > 1 else whole
    if not others.any() or (~others).sum() < 2 or _adds_up(values):
        return every
    if _adds_up(values[:, ~others]) or (labelled.sum() > 1 and whole[others].all() and not whole[~others].all()):
        return ~others
    return every


def _adds_up(values: Array) -> bool:
    return bool((values >= 0).all()) and (adds_up(values) or adds_up(values / 100))


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


def _numbers(frame: pd.DataFrame, columns: Sequence[str], source: str, first: int) -> Array:
    """Return the cells of columns as numbers; `first` is the number of the first row."""
    try:
        return frame[list(columns)].to_numpy().astype(np.float64)
    except ValueError:
        for column in columns:
            for row, text in enumerate(frame[column].tolist(), start=first):
                try:
                    float(text)
                except ValueError:
                    raise WorkbenchError(
                        f"{source}: column {column!r} must hold a score in every row. Row {row} has {text!r}. Columns "
                        f"that are no scores are called {join_names([NAMES[1], LABELS[1], PARTS[0]])}."
                    ) from None
        raise
