"""The user's cache folder: results and arrays by key, lost without harm."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.array_file import UnreadableArrays, map_array, read_arrays, write_arrays
from workbench.core.cache_room import Room, touch
from workbench.core.estimate import Estimate
from workbench.core.files import replacing
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.result import Result
from workbench.core.types import Array

LOG = logging.getLogger("workbench.core.cache")
_told: set[tuple[str, int | None]] = set()
"""Which folders take or give no file, and why: said once, since everything that is computed would say it."""


def cache_folder() -> Path:
    """Return the folder of everything that can be computed or fetched again; `WORKBENCH_CACHE` names another."""
    if named := os.environ.get("WORKBENCH_CACHE"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("classifier-workbench")


TIDIED = ("results", "properties", "engines", "trials", "known-evidence", "selftest", "folders", "records")
"""Folders of what takes seconds or minutes to compute; what was trained, which takes hours, is left."""
ROOM = Room("WORKBENCH_CACHE_SIZE", lambda: [cache_folder() / each for each in TIDIED])


def save_arrays(path: Path, arrays: Mapping[str, Array], beside: Collection[Path] = ()) -> None:
    """Write arrays as one compressed npz, whole or not at all; a disk that takes no more costs only the cache.

    Args:
        path: of the file.
        arrays: by name.
        beside: files that were written before it and that it names: room is made for all of them, not of one of them.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            write_arrays(part, arrays)
        written = [path, *beside]
        ROOM.wrote(sum(each.stat().st_size for each in written), written)
    except OSError as error:
        _tell_once("Not cached, so computed anew next time: %s", error)


def map_kept(path: Path, checksum: int) -> Array | None:
    """Return an array that lies beside what `save_arrays` wrote, as a memory map; None where it is not there whole."""
    try:
        found = map_array(path, checksum)
        touch(path)
        return found
    except FileNotFoundError:
        return None
    except UnreadableArrays as error:
        _set_aside(path, error)
        return None


def _tell_once(sentence: str, error: OSError) -> None:
    """Say what is wrong with the cache folder, not with each of its files."""
    known = (str(cache_folder()), error.errno)
    LOG.log(logging.DEBUG if known in _told else logging.WARNING, sentence, error)
    _told.add(known)


def load_arrays(path: Path) -> dict[str, Array] | None:
    """Read what `save_arrays` wrote; None where there is nothing, or it is damaged, and then set aside."""
    try:
        found = read_arrays(path, sealed=True)
        touch(path)
        return found
    except FileNotFoundError:
        return None
    except UnreadableArrays as error:
        if isinstance(error.__cause__, OSError):  # it may be as good as new
            _tell_once("The cache cannot be read, so that all is computed anew: %s", error.__cause__)
        else:
            _set_aside(path, error)
        return None


def _set_aside(path: Path, why: Exception) -> None:
    """Keep a damaged file for who wants to look at it, where nothing reads it; one of a name."""
    with contextlib.suppress(OSError):
        path.replace(path.with_name(f"{path.name}.damaged"))
    LOG.warning("A damaged file of the cache is set aside, and what it held computed anew: %s (%s)", path, why)


def save_result(path: Path, result: Result) -> None:
    """Write a result without its drawer."""
    meta: dict[str, Any] = {
        "findings": [{**asdict(finding), "evidence": None} for finding in result.findings],
        "notes": result.notes,
        "analysis": result.analysis,
        "params": result.params,
        "context": result.context,
        "class_names": result.class_names,
        "sets": [{"name": name, "part": each.part, "title": each.title} for name, each in result.sets.items()],
        "tables": {},
    }
    arrays = {f"array/{name}": values for name, values in result.arrays.items()}
    arrays |= {f"evidence/{number}": finding.evidence.rows for number, finding in enumerate(result.findings)}
    arrays |= {f"set/{number}": each.rows for number, each in enumerate(result.sets.values())}
    for table, frame in result.tables.items():
        meta["tables"][table] = columns = []
        for number, column in enumerate(frame.columns):
            values = frame[column].to_numpy()
            numeric = values.dtype.kind in "biuf"
            columns.append({"name": column, "values": None if numeric else values.tolist()})
            if numeric:
                arrays[f"table/{table}/{number}"] = values
    save_arrays(path, {**arrays, "meta": np.frombuffer(json.dumps(meta, default=_plain).encode(), np.uint8)})


def load_result(path: Path) -> Result | None:
    """Read what `save_result` wrote; None where there is nothing, or it is damaged or another version's."""
    stored = load_arrays(path)
    if stored is None or "meta" not in stored:
        return None
    try:
        return _result(stored)
    except Exception as error:  # noqa: BLE001 - its JSON may hold anything
        _set_aside(path, error)
        return None


def _result(stored: dict[str, Array]) -> Result:
    """Build a result from its arrays."""
    import pandas as pd

    meta = json.load(io.BytesIO(stored["meta"].tobytes()))
    tables = {
        table: pd.DataFrame(
            {
                column["name"]: stored[f"table/{table}/{number}"] if column["values"] is None else column["values"]
                for number, column in enumerate(columns)
            }
        )
        for table, columns in meta.pop("tables").items()
    }
    arrays = {name.removeprefix("array/"): values for name, values in stored.items() if name.startswith("array/")}
    findings = tuple(
        _finding({**each, "evidence": stored[f"evidence/{number}"]}) for number, each in enumerate(meta.pop("findings"))
    )
    sets = {each.pop("name"): ImageSet(stored[f"set/{number}"], **each) for number, each in enumerate(meta.pop("sets"))}
    class_names = tuple(meta.pop("class_names"))
    return Result(tables=tables, arrays=arrays, findings=findings, sets=sets, class_names=class_names, **meta)


def _finding(stored: dict[str, Any]) -> Finding:
    values: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in stored.items()}
    for name in ("effect", "cost"):
        values[name] = None if values[name] is None else Estimate(**values[name])
    return Finding(**{**values, "severity": Severity(values["severity"])})


def _plain(value: Any) -> Any:
    """JSON of numpy's scalars and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be kept in a result's notes.")
