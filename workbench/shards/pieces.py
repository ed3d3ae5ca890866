"""Work that is cut by its nature: pieces that are done one at a time, each of which leaves something of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.core.cache import cache_folder
from workbench.core.checksum import record_checksum
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.locks import Taken, holding
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.shards.crew import Crew
from workbench.shards.plan import BYTES
from workbench.shards.running import Known, Work, nothing
from workbench.shards.store import Store
from workbench.shards.task import About, Opened, Task

SAID = "said"
PIECES = "pieces"
PATIENCE = 60.0
"""Seconds in which the lock of a worker that has died is gone."""


class Pieces(Opened):
    """Pieces of some work, whose results lie elsewhere than in shards: a run, a file of logits, an answer.

    An error of the work itself, which another worker would have too, is what became of that piece. Whatever else is
    wrong may be this worker, and another one tries the piece.

    Args:
        names: of those that are to be done.
        made: what has to be the same in every worker, of JSON types.
        do: does one, goes on with what is there of it, and leaves its result in its place.
    """

    def __init__(self, names: tuple[str, ...], made: Mapping[str, Any], do: Callable[[str], object]) -> None:
        self._names, self._made, self._do = names, made, do

    @property
    def about(self) -> About:
        """See `Opened`."""
        made = {**self._made, PIECES: list(self._names)}
        return About(made=made, count=len(self._names), batch=1, bytes_of_one=BYTES)

    def compute(self, rows: Array) -> dict[str, Array]:
        """See `Opened`."""
        return {SAID: np.array([self._said(self._names[row]) for row in rows.tolist()])}

    def _said(self, name: str) -> str:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._do(name)
            except Taken:  # perhaps by a worker that has just died
                if time.monotonic() > until:
                    raise
                time.sleep(1.0)
            except Unavailable:
                raise
            except WorkbenchError as error:
                return str(error) or "no reason given"
            else:
                return ""


def divided(task: Task, crew: Crew, title: str, of: Mapping[str, Any], known: Known = nothing) -> dict[str, str]:
    """Have pieces done by workers.

    What is done is known by what it leaves, so nothing is kept here of work that was stopped: the caller asks for what
    is missing.

    Args:
        task: opens `Pieces`.
        crew: who does them.
        title: what is done, for people.
        of: what all of the work is, also what is done of it: two processes that are at the same are told so.
        known: as for `Work`.

    Returns:
        Why some could not be done, by name.

    Raises:
        Taken: if another process is at it.
        WorkbenchError: if a worker is needed and none is left, or nothing could be done at all.
    """
    folder = cache_folder() / "shards" / record_checksum(of)
    with holding(folder, f"The record of {title[:1].lower()}{title[1:]}"):
        work = Work(task, crew, title, known, tell=report)
        plan, names = work.plan(), work.about.made[PIECES]
        Store(folder, "").remove()
        store = Store.begin(folder, work.about.made, work.about.count, len(plan))
        failed: dict[str, str] = {}
        for part in work.results(store, plan):
            failed |= {names[row]: why for row, why in part.left_out.items()}
            said = part.arrays.get(SAID, ())
            failed |= {names[row]: str(why) for row, why in zip(part.kept.tolist(), said, strict=True) if why}
        store.remove()
    return failed
