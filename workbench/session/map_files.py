"""Maps of many images, written to a file as they come; stopped at any moment, it goes on where it was."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from workbench.core.checksum import CHECKSUM, check_record, read_record, record_checksum
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_file
from workbench.core.locks import holding
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.provenance import versions
from workbench.core.types import Array, Score
from workbench.data.lazy_images import Some

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.session.session import Class, Session
    from workbench.session.study import Rows


Batch = tuple[Array, Mapping[str, Array]]
"""Maps `(B, h, w)`, and details of each by name."""
LEFT_OUT = ".left-out.json"
"""End of the file beside the maps that says of which images there is none, and why."""
SECONDS = 1.0
"""How often it is noted how far the file is."""


def stream_maps(
    session: Session,
    method: str,
    path: Path | str,
    *,
    rows: Rows = slice(None),
    target: Class = "predicted",
    contrast: tuple[Class, Class] | None = None,
    score: Score = "logit",
    overwrite: bool = False,
    **params: Any,
) -> Path:
    """Explain images and write the maps to a `.npy` file, batch by batch, so that memory does not grow with them.

    Args:
        session: model and data.
        method: CLI name of the method.
        path: of the file; `(n, h, w)` float32, raw. Beside it stand a `.json` with what made it and how far it is,
            a `.names.json` with the name of the image of each map, and, for methods that give details, a
            `.details.npy` of `(n, details)` float32. It can be read by `numpy.load(path, mmap_mode="r")` at any time.
        rows: of the dataset; all, if not given.
        target: as for `Session.attribute`, and so are the next two.
        contrast: two classes, in place of `target`.
        score: "logit" or "probability".
        overwrite: whether to begin anew where the file holds other maps.
        params: the method's parameters.

    Returns:
        The path.

    Raises:
        WorkbenchError: if a name or a value is wrong, or the file holds other maps.
        Unavailable: if the file cannot be written, or another process is at it.
    """
    asked = AskedMaps.of(session, method, rows=rows, target=target, contrast=contrast, score=score, **params)
    names = session.dataset.names[asked.rows].tolist()
    return write_maps(path, asked.made, names, asked.batches, title=asked.kind.title, overwrite=overwrite)


@dataclass(frozen=True, kw_only=True, eq=False)
class AskedMaps:
    """Maps that somebody wants, looked up and checked.

    Attributes:
        session: model and data.
        kind: the method, with its layer.
        rows: `(n,)` int64, images of the dataset.
        classes: `(n,)` int64, what is explained.
        others: `(n,)` int64, the second classes of contrasts; None for none.
        made: what decides about the maps, of JSON types.
    """

    session: Session
    kind: Explainer
    rows: Array
    classes: Array
    others: Array | None
    made: dict[str, Any]

    @classmethod
    def of(
        cls,
        session: Session,
        method: str,
        *,
        rows: Rows = slice(None),
        target: Class = "predicted",
        contrast: tuple[Class, Class] | None = None,
        score: Score = "logit",
        **params: Any,
    ) -> AskedMaps:
        """Look up what is asked for; arguments and errors are those of `stream_maps`."""
        from workbench.attribution.methods import explainer

        chosen = session.dataset.rows(rows)
        first, second = (target, None) if contrast is None else contrast
        classes = session.classes_of(first, chosen)
        others = None if second is None else session.classes_of(second, chosen)
        kind = make(explainer(method), params).at_layer(session.probe)
        made: dict[str, Any] = {
            "method": method,
            "params": kind.model_dump(mode="json"),
            "score": score if others is None else "contrast",
            "model": session.model_fingerprint,
            "data": session.dataset.fingerprint,
            "rows": len(chosen),
            "which": _digest(chosen, classes, others),
            **({"assumed": session.assumed} if session.assumed else {}),
        }
        return cls(session=session, kind=kind, rows=chosen, classes=classes, others=others, made=made)

    @property
    def batch(self) -> int:
        """How many images are explained together."""
        return self.kind.batch(self.session.probe)

    def batches(self, done: int) -> Iterator[Batch]:
        """Yield the maps from the one on whose number is `done`."""
        return self.some(np.arange(done, len(self.rows)))

    def some(self, numbers: Array) -> Iterator[Batch]:
        """Yield the maps of these numbers, `(n,)` int64, of 0 to the number of images asked for."""
        session = self.session
        images: Any = Some(session.dataset, self.rows[numbers])
        return self.kind.batches(
            session.probe,
            images,
            self.classes[numbers],
            against=None if self.others is None else self.others[numbers],
            score=self.made["score"],
            background=session.background if self.kind.needs_background else None,
        )


def write_maps(
    path: Path | str,
    made: Mapping[str, Any],
    names: list[str],
    batches: Callable[[int], Iterable[Batch]],
    *,
    title: str,
    overwrite: bool = False,
    done_with: Callable[[], object] = lambda: None,
) -> Path:
    """Write maps to a file as `stream_maps` does, wherever they come from.

    Args:
        path: of the file.
        made: what decides about the maps, of JSON types; its "rows" are their number.
        names: of the image of each map.
        batches: yields the maps from one on, as many of which are there already.
        title: what progress says.
        overwrite: whether to begin anew where the file holds other maps.
        done_with: called once the file is whole, while no other process can begin to write it.

    Returns:
        The path.

    Raises:
        WorkbenchError: if the file holds other maps.
        Unavailable: if it cannot be written, or another process is at it.
    """
    path = Path(path).with_suffix(".npy")
    with holding(path, str(path)):
        try:
            done = _done(path, made, overwrite=overwrite)
            if not done:
                path.with_suffix(LEFT_OUT).unlink(missing_ok=True)
            write_file(path.with_suffix(".names.json"), f"{json.dumps(names, indent=0, ensure_ascii=False)}\n")
            _write(path, made, done, batches(done), title=title)
            done_with()
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def one_of(path: Path) -> Batch:
    """Return a blank map with its details, of the size that those have of a file that `write_maps` has begun.

    Raises:
        WorkbenchError: if it is damaged.
    """
    with path.open("rb") as file:
        shape = _shape(file)
    if shape is None:
        raise _damaged(path)
    names = read_record(path.with_suffix(".json"))["details"]
    return np.zeros((1, *shape[1:]), np.float32), {name: np.zeros(1, np.float32) for name in names}


def _write(path: Path, made: Mapping[str, Any], done: int, batches: Iterable[Batch], *, title: str) -> None:
    """Write maps as they come, from row `done` on, and how far they are."""
    rows, names = made["rows"], list[str]()
    files: list[_Rows] = []
    noted = 0.0
    try:
        for values, numbers in batches:
            if not files:
                names, new = list(numbers), done == 0
                if new:  # before the file is emptied, which a note of old would call whole
                    _note(path, {**made, "details": names, "done": 0, "versions": versions()}, files)
                files.append(_Rows(path, (rows, *values.shape[1:]), new=new))
                files += [_Rows(_details(path), (rows, len(names)), new=new)] if names else []
            files[0].put(done, values)
            if names:
                files[1].put(done, np.stack([numbers[name] for name in names], axis=1))
            done += len(values)
            if time.monotonic() - noted > SECONDS:
                _note(path, {**made, "details": names, "done": done, "versions": versions()}, files)
                noted = time.monotonic()
            report(f"{title} to {path.name}", done, rows)
    finally:
        try:
            if files:
                _note(path, {**made, "details": names, "done": done, "versions": versions()}, files)
        finally:
            for file in files:
                file.close()


class _Rows:
    """A `.npy` file of float32 that is written row by row and is readable all the time: what is missing is 0.

    Not a memory map, which a full disk would end with a signal that nobody can catch.

    Raises:
        WorkbenchError: if one that is to be gone on with is damaged.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], *, new: bool) -> None:
        self._file = path.open("w+b" if new else "r+b")
        if new:
            np.lib.format.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            self._begin = self._file.tell()
            self._file.truncate(self._begin + 4 * math.prod(shape))
        elif _shape(self._file) == shape:
            self._begin = self._file.tell()
        else:
            self._file.close()
            raise _damaged(path)

    def put(self, row: int, values: Array) -> None:
        """Write some rows, from `row` on."""
        content = np.ascontiguousarray(values, "<f4")
        self._file.seek(self._begin + row * content[:1].nbytes)
        self._file.write(content.tobytes())

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _shape(file: IO[bytes]) -> tuple[int, ...] | None:
    """Return the shape of a file's float32 array, whole and row by row, and stop where it begins; None for another."""
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            return None
        shape, columns, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError:
        return None
    size = os.fstat(file.fileno()).st_size - file.tell()
    return shape if dtype == np.dtype("<f4") and not columns and size == 4 * math.prod(shape) else None


def _damaged(path: Path) -> WorkbenchError:
    return WorkbenchError(f"{path} is damaged: it is not the array that was begun. Write it anew (--overwrite).")


def _done(path: Path, made: Mapping[str, Any], *, overwrite: bool) -> int:
    """Return how many maps are there already."""
    note = path.with_suffix(".json")
    if overwrite or not (path.exists() and note.exists()):
        if path.exists() and not overwrite:
            raise WorkbenchError(
                f"{path} exists and was not written by the workbench. Choose another file, or overwrite it."
            )
        return 0
    try:
        found = read_record(note)
        check_record(found, note, needed=False, remedy=f"or else write {path.name} anew (--overwrite)")
        differs = [name for name, value in made.items() if found[name] != value]
        done, files = int(found["done"]), [path, *([_details(path)] if found["details"] else [])]
        if not differs and not 0 <= done <= made["rows"]:
            raise ValueError(done)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, WorkbenchError):
            raise
        raise WorkbenchError(f"{note} is unreadable, so the content of {path.name} is unknown: overwrite it.") from None
    if differs:
        raise WorkbenchError(
            f"{path} holds other maps: its {', '.join(differs)} differ from this request. "
            "Choose another file, or overwrite it."
        )
    for file in files if done else ():
        with file.open("rb") as opened:
            if (_shape(opened) or (None,))[0] != made["rows"]:
                raise _damaged(file)
    return done


def _details(path: Path) -> Path:
    return path.with_suffix(".details.npy")


def _note(path: Path, note: Mapping[str, Any], files: list[_Rows]) -> None:
    """Write how far it is, after the maps themselves are on disk."""
    for file in files:
        file.sync()
    record = json.loads(json.dumps(note, default=str))
    write_file(path.with_suffix(".json"), json.dumps({**record, CHECKSUM: record_checksum(record)}, indent=2) + "\n")


def _digest(*arrays: Array | None) -> str:
    import hashlib

    return hashlib.sha256(b"|".join(b"" if each is None else each.tobytes() for each in arrays)).hexdigest()[:16]
