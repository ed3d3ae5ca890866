"""What a worker does, whoever runs it: it opens a task, computes the shards it is given, and writes each of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core import cores
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.shards.plan import Shard, batches
from workbench.shards.store import Part, Store
from workbench.shards.task import About, Opened, Task


@dataclass(frozen=True, kw_only=True)
class Order:
    """A shard to compute, and what is known of it already.

    Attributes:
        store: where it belongs.
        shard: that is wanted.
        batch: images that are computed together.
        marked: whether each step is noted, since a worker died with this shard.
        alone: first images of the batches with which one died: there each image is tried alone first.
        singly: first images of batches that are computed one image after the other, for good.
        left_out: images that are not touched, and why.
        doubt: the worker that could compute none of its images, and why; None for none.
    """

    store: Store
    shard: Shard
    batch: int
    marked: bool = False
    alone: frozenset[int] = frozenset()
    singly: frozenset[int] = frozenset()
    left_out: Mapping[int, str] = field(default_factory=dict)
    doubt: tuple[int, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """A shard that is written.

    Attributes:
        shard: its number.
        images: of it.
        left_out: why there is no result of some, by image.
        where: who did it.
        seconds: that it took.
    """

    shard: int
    images: int
    left_out: Mapping[int, str]
    where: str
    seconds: float


class FullDisk(Unavailable):
    """The disk of one worker takes no more: another one may have room."""


class NotOpen(WorkbenchError):
    """No task is open: this worker is another one than the one that opened it."""


class Fruitless(WorkbenchError):
    """Not one image of a shard could be computed: are they wrong, or the worker?"""


class Worker:
    """Does shards; knows nothing of how many of its kind there are.

    Args:
        threads: of processor that it may use; as many as it likes, if not given.
        environment: variables of whom it works for.
        folder: in which that one works, so that relative paths mean the same; stays where it is, if there is none.
    """

    def __init__(
        self, threads: int | None = None, environment: Mapping[str, str] | None = None, folder: str = ""
    ) -> None:
        os.environ.update(environment or {})
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several may share a GPU
        if threads is not None:
            for name in (cores.VARIABLE, "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
                os.environ[name] = str(threads)
        if folder and Path(folder).is_dir():
            os.chdir(folder)
        self._opened: Opened | None = None
        self.step: Callable[[], None] = lambda: None  # noted before each batch: it does not stand still

    def open(self, task: Task) -> About:
        """Open a task in place of the one before.

        Raises:
            WorkbenchError: if that cannot be done here.
        """
        self._opened = None
        self._opened = task.open()
        return self._opened.about

    def do(self, order: Order) -> Done:
        """Compute a shard and write it.

        Raises:
            FullDisk: if it cannot be written.
            Fruitless: if not one of its images could be computed, and nobody has tried it before.
            NotOpen: if no task is open.
            Unavailable: if the folder is another one here.
        """
        if self._opened is None:
            raise NotOpen("No task is open.")
        began, store, shard = time.monotonic(), order.store, order.shard
        store.see()
        part = self._part(order)
        with _disk(order):
            store.write(shard, part)
        store.unmark(shard)
        seconds = time.monotonic() - began
        return Done(shard=shard.number, images=len(shard), left_out=part.left_out, where=where(), seconds=seconds)

    def _part(self, order: Order) -> Part:
        kept, found, left_out = [], [], {}
        for rows in batches(order.shard, order.batch):
            values, without = self._batch(order, rows)
            left_out.update(without)
            kept += [row for row in rows if row not in without]
            found += [values] if values else []
        if not found and order.doubt is None and set(left_out) - set(order.left_out):
            raise Fruitless(next(why for row, why in left_out.items() if row not in order.left_out))
        arrays = {name: np.concatenate([each[name] for each in found]) for name in (found[0] if found else ())}
        return Part(np.array(kept, np.int64), arrays, left_out)

    def _batch(self, order: Order, rows: range) -> tuple[dict[str, Array], dict[int, str]]:
        """Compute a batch; an image that cannot be is left out, with the reason."""
        without = {row: why for row, why in order.left_out.items() if row in rows}
        if rows.start in order.alone or rows.start in order.singly:
            values = self._singly(order, rows, without)
            if rows.start in order.singly:
                return values, without
        self._mark(order, rows, None)
        try:
            return self._together(rows, without), without
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one image, the others are computed
            if len(rows) == 1:
                return {}, {**without, rows.start: said(error)}
            values = self._singly(order, rows, without)
        self._mark(order, rows, None)
        try:
            return self._together(rows, without), without
        except Exception:  # noqa: BLE001 - not together: then one by one
            return values, without

    def _together(self, rows: range, without: Mapping[int, str]) -> dict[str, Array]:
        """Compute a batch in one piece; in the places of those left out stands another one, so that it has its size."""
        good = np.array([row not in without for row in rows])
        if not good.any():
            return {}
        chosen = np.array(rows, np.int64)
        chosen[~good] = chosen[good][0]
        return {name: values[good] for name, values in self._task.compute(chosen).items()}

    def _singly(self, order: Order, rows: range, without: dict[int, str]) -> dict[str, Array]:
        """Compute a batch one image after the other; notes which cannot be."""
        found: list[dict[str, Array]] = []
        for row in rows:
            if row not in without:
                self._mark(order, rows, row)
                try:
                    found.append(self._task.compute(np.array([row], np.int64)))
                except Exception as error:  # noqa: BLE001 - as above
                    without[row] = said(error)
        return {name: np.concatenate([each[name] for each in found]) for name in (found[0] if found else ())}

    def _mark(self, order: Order, rows: range, row: int | None) -> None:
        self.step()
        if order.marked:
            with _disk(order):
                order.store.mark(order.shard, rows.start, row)

    @property
    def _task(self) -> Opened:
        if self._opened is None:
            raise NotOpen("No task is open.")
        return self._opened


@contextmanager
def _disk(order: Order) -> Iterator[None]:
    """Say in a sentence that the disk takes no more."""
    try:
        yield
    except OSError as error:
        path = order.store.path(order.shard)
        raise FullDisk(f"{path} on {where()} cannot be written: {error.strerror or error}.") from None


def where() -> str:
    """Say which process this is."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def said(error: BaseException) -> str:
    """Return what an error says, in a line."""
    text = " ".join(str(error).split()) or "no reason given"
    return text if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {text}"[:500]


def surroundings() -> dict[str, Any]:
    """Return what a `Worker` elsewhere is to have of this process: our variables, and the folder."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("WORKBENCH_")}
    return {"environment": ours, "folder": str(Path.cwd())}
