"""Lines of a CSV or JSON-lines file that may come from anywhere, as texts by column."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.spreadsheet import as_written
from workbench.core.wording import plural

LARGEST = 512 << 20
"""Bytes of a file that is read."""
LONGEST_CELL = 40_000_000
"""Characters of a cell: the keys of a million images of a saved set."""
MOST_COLUMNS = 1_000
_limit = threading.Lock()

Lines = list[tuple[int, dict[str, str]]]
"""Number of each line, and its texts by column in lower case; lists joined by commas, other JSON as JSON."""


def read_lines(path: Path) -> Lines:
    """Read a file whole.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no such file; says at which line.
    """
    text = _text(path)
    first = text.lstrip()[:1]
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json") or (first == "{" and path.suffix.lower() != ".csv"):
        return list(_json_lines(text, path.name))
    return list(_csv_lines(text, path.name))


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise Unavailable(f"There is no file {str(path)!r}.")
        if path.stat().st_size > LARGEST:
            raise WorkbenchError(f"{path.name} must have at most {LARGEST >> 20} MB. It has more.")
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WorkbenchError(f"{path.name} must be UTF-8. Line {line} is not; save it as UTF-8.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise WorkbenchError(f"{path.name} must be text. Line {line} has a NUL character.")
    if not text.strip():
        raise WorkbenchError(f"{path.name} must have at least a line. It is empty.")
    return text


def _csv_lines(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    with _limit:  # the limit is the module's, for all that reads CSV
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            columns = [as_written(cell).strip().lower() for cell in next(reader)]
            if len(columns) > MOST_COLUMNS or len(set(columns)) < len(columns):
                raise WorkbenchError(f"{name} must have columns of distinct names, at most {MOST_COLUMNS:,}.")
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != len(columns):
                    raise WorkbenchError(
                        f"Line {reader.line_num} of {name} must have {plural(len(columns), 'cell')}, as "
                        "its first line has. "
                        f"It has {len(cells)}."
                    )
                yield reader.line_num, dict(zip(columns, map(as_written, cells), strict=True))
        except csv.Error as error:
            raise WorkbenchError(f"{name} cannot be read as CSV at line {reader.line_num}: {error}.") from None
        finally:
            csv.field_size_limit(before)


def _json_lines(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, Mapping):
            raise WorkbenchError(f"Line {number} of {name} must be a JSON object. It is none.")
        texts = {str(column).strip().lower(): _as_text(value) for column, value in said.items()}
        try:
            whole = "".join((*texts, *texts.values()))
            whole.encode()
        except UnicodeEncodeError:
            raise WorkbenchError(f"Line {number} of {name} must be text. It holds half a character.") from None
        if "\0" in whole:
            raise WorkbenchError(f"{name} must be text. Line {number} has a NUL character.")
        yield number, texts


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) and "," not in each for each in value):
        return ", ".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)
