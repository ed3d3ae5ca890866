"""Maps of many images, written to a file as they come; stopped at any moment, it goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_file
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.provenance import versions
from workbench.core.types import Array, Score
from workbench.data.lazy_images import Some

if TYPE_CHECKING:
    from workbench.session.session import Class, Session
    from workbench.session.study import Rows


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
            and, for methods that give details, a `.details.npy` of `(n, details)` float32. It can be read by
            `numpy.load(path, mmap_mode="r")` at any time.
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
        Unavailable: if the file cannot be written.
    """
    from workbench.attribution.methods import explainer

    path = Path(path).with_suffix(".npy")
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
    try:
        done, names = _done(path, made, overwrite=overwrite)
        images: Any = Some(session.dataset, chosen[done:])
        batches = kind.batches(
            session.probe,
            images,
            classes[done:],
            against=None if others is None else others[done:],
            score=made["score"],
            background=session.background if kind.needs_background else None,
        )
        files: list[Any] = []
        noted = 0.0
        try:
            for values, numbers in batches:
                if not files:
                    names = list(numbers)
                    files = [_file(path, (len(chosen), *values.shape[1:]), new=done == 0)]
                    files += [_file(_details(path), (len(chosen), len(names)), new=done == 0)] if names else []
                files[0][done : done + len(values)] = values
                if names:
                    files[1][done : done + len(values)] = np.stack([numbers[name] for name in names], axis=1)
                done += len(values)
                if time.monotonic() - noted > SECONDS:
                    _note(path, {**made, "details": names, "done": done, "versions": versions()}, files)
                    noted = time.monotonic()
                report(f"{kind.title} to {path.name}", done, len(chosen))
        finally:
            if files:
                _note(path, {**made, "details": names, "done": done, "versions": versions()}, files)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def _done(path: Path, made: Mapping[str, Any], *, overwrite: bool) -> tuple[int, list[str]]:
    """Return how many maps are there already, and the names of their details."""
    note = path.with_suffix(".json")
    if overwrite or not (path.exists() and note.exists()):
        if path.exists() and not overwrite:
            raise WorkbenchError(
                f"{path} exists and was not written by the workbench. Choose another file, or overwrite it."
            )
        return 0, []
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        differs = [name for name, value in made.items() if found[name] != value]
        done, names = int(found["done"]), list(found["details"])
    except (ValueError, KeyError, TypeError):
        raise WorkbenchError(f"{note} is unreadable, so the content of {path.name} is unknown: overwrite it.") from None
    if differs:
        raise WorkbenchError(
            f"{path} holds other maps: its {', '.join(differs)} differ from this request. "
            "Choose another file, or overwrite it."
        )
    return done, names


def _file(path: Path, shape: tuple[int, ...], *, new: bool) -> Array:
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, mode="w+" if new else "r+", dtype=np.float32, shape=shape if new else None)


def _details(path: Path) -> Path:
    return path.with_suffix(".details.npy")


def _note(path: Path, note: Mapping[str, Any], files: list[Any]) -> None:
    """Write how far it is, after the maps themselves are on disk."""
    for file in files:
        file.flush()
    write_file(path.with_suffix(".json"), json.dumps(note, indent=2, default=str) + "\n")


def _digest(*arrays: Array | None) -> str:
    import hashlib

    return hashlib.sha256(b"|".join(b"" if each is None else each.tobytes() for each in arrays)).hexdigest()[:16]
