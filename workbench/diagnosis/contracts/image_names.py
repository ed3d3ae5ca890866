"""What people see of an answer names its images."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.core.image_names import INDEX, PART_OF, TITLES
from workbench.core.result import Result
from workbench.diagnosis.contracts.check import hold
from workbench.diagnosis.contracts.sessions import Sessions
from workbench.session.session import Session

NUMBERED = re.compile(r"\b(image|row|index|evaluated|training) \d+\b(?!\.\d)", re.IGNORECASE)
"""An image that is called by its number."""
LIKE_ROWS = re.compile(r"(^|_)(rows?|image)$")
"""Names of columns that look as if they held rows of images."""


def names_images(trial: Sessions, name: str) -> None:
    """People see the names of images, and nowhere their rows: in sentences, tables and figures."""
    result = trial.answer(name)
    for finding in result.findings:
        _unnumbered((finding.claim, finding.advice, finding.confirm), "A finding")
    for table in result.tables:
        _check_table(result, table, trial.usual)
    _unnumbered(trial.drawn(name).texts, "The figure")


def _check_table(result: Result, table: str, session: Session) -> None:
    """See that a table as people see it has the name of each image where the table has its row.

    Raises:
        Broken: if not.
    """
    frame, named = result.tables[table], result.named[table]
    columns = [str(column) for column in frame]
    odd = [c for c in columns if LIKE_ROWS.search(c) and frame[c].dtype.kind in "iu" and c not in PART_OF]
    hold(not odd, f"Table {table!r}: a column of rows of images is called one of {', '.join(PART_OF)}. Got {odd}.")
    rows = [column for column in columns if column in PART_OF]
    shown = {*map(str, named)} & {*rows, *([INDEX] if rows else [])}
    hold(not shown, f"Table {table!r} shows numbers of images: {sorted(shown)}.")
    for column in rows:
        data = session.dataset if PART_OF[column] == "data" else session.train
        known = [] if data is None else data.names.tolist()
        own = [known[int(row)] if 0 <= row < len(known) else "" for row in frame[column].tolist()]
        hold(named[TITLES[column]].tolist() == own, f"Table {table!r}: {column!r} has other names than its images.")
    _unnumbered((value for value in named.to_numpy(object).ravel() if isinstance(value, str)), f"Table {table!r}")


def _unnumbered(said: Iterable[str], where: str) -> None:
    for text in said:
        hold(not NUMBERED.search(text), f"{where} calls an image by its number: {text!r}. Use its name.")
