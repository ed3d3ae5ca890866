"""Attribution maps of many images, by shards, in the file that one process would write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.files import write_file
from workbench.core.types import Array, Score
from workbench.session.map_files import LEFT_OUT, AskedMaps, Batch, one_of, write_maps
from workbench.session.session import Class, Session
from workbench.session.study import Rows
from workbench.shards.crew import Crew
from workbench.shards.opening import ENGINE, Opener, known_of, opener_like, session_of
from workbench.shards.plan import Shard
from workbench.shards.predictions import predict
from workbench.shards.running import Work
from workbench.shards.store import Part, Store
from workbench.shards.task import About, Opened, Task

VALUES, DETAIL = "values", "detail/"


@dataclass(frozen=True, kw_only=True)
class MapsTask(Task):
    """Explains images of a session; its other arguments are those of `stream_maps`."""

    opener: Opener
    method: str
    how: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> Opened:
        """See `Task`."""
        return _Maps(AskedMaps.of(session_of(self.opener), self.method, **self.how))

    def like(self, about: About) -> Task:
        """See `Task`."""
        return replace(self, opener=opener_like(self.opener, about))


class _Maps(Opened):
    def __init__(self, asked: AskedMaps) -> None:
        self._asked = asked

    @cached_property
    def about(self) -> About:
        asked = self._asked
        height, width, _ = asked.session.dataset.image_shape
        made = {"task": "maps", "maps": asked.made, "title": asked.kind.title, **known_of(asked.session)}
        if not asked.kind.differentiates:
            probe = asked.session.probe
            probe.expect(len(asked.rows) * asked.kind.copies(probe))  # so that no engine is chosen halfway
            made[ENGINE] = asked.session.engine
        return About(made=made, count=len(asked.rows), batch=asked.batch, bytes_of_one=4 * height * width)

    def compute(self, rows: Array) -> dict[str, Array]:
        found = list(self._asked.some(rows))
        details = {f"{DETAIL}{name}": np.concatenate([each[name] for _, each in found]) for name in found[0][1]}
        return {VALUES: np.concatenate([values for values, _ in found]), **details}


def stream_by_shards(
    session: Session,
    opener: Opener,
    crew: Crew,
    method: str,
    path: Path | str,
    *,
    rows: Rows = slice(None),
    target: Class = "predicted",
    contrast: tuple[Class, Class] | None = None,
    score: Score = "logit",
    overwrite: bool = False,
    **params: Any,
) -> tuple[Path, Mapping[str, str]]:
    """Do what `stream_maps` does by workers; each of the two goes on with what the other one began.

    Shards lie in a folder beside the file, `.<name>.shards`, until all are there. An image that cannot be explained has
    a map of NaN, and stands with the reason in a `.left-out.json`.

    Args:
        session: model and data; no model is loaded here.
        opener: opens the same session elsewhere.
        crew: who computes the maps.
        method: as for `stream_maps`, and so is everything below.
        path: of the file.
        rows: of the dataset.
        target: class that is explained.
        contrast: two classes, in place of `target`.
        score: "logit" or "probability".
        overwrite: whether to begin anew where the file holds other maps.
        params: the method's parameters.

    Returns:
        The path; and of the images that have no map, by name, why.

    Raises:
        WorkbenchError: if a name or a value is wrong, or the file holds other maps.
        Unavailable: if the file cannot be written, or another process is at it.
    """
    chosen = session.dataset.rows(rows)
    if not len(chosen):
        raise WorkbenchError("There is no image to explain: `rows` chooses none.")
    classes: list[Class] = [target] if contrast is None else list(contrast)
    missing: dict[int, str] = {}
    if "predicted" in [each for each in classes if isinstance(each, str)]:
        predicted, missing = _predicted(session, opener, crew, chosen)
        classes = [predicted if isinstance(each, str) and each == "predicted" else each for each in classes]
    explained = {"target": classes[0]} if contrast is None else {"contrast": tuple(classes)}
    how = {"rows": rows, **explained, "score": score, **params}
    task = MapsTask(opener=opener, method=method, how=how)
    work = Work(task, crew, f"{method} maps", lambda: known_of(session))
    plan, made = work.plan(), work.about.made
    path = Path(path).with_suffix(".npy")
    names = session.dataset.names[chosen].tolist()
    left_out = _LeftOut(path.with_suffix(LEFT_OUT), names)
    folder = path.with_name(f".{path.name}.shards")

    def batches(done: int) -> Iterator[Batch]:
        left_out.read(done)
        todo = [shard for shard in plan if shard.stop > done]
        if todo:
            store = Store.begin(folder, made, work.about.count, len(plan))
            yield from _filled(work.results(store, todo, missing), todo, done, left_out, one_of(path) if done else None)

    rid = Store(folder, "").remove
    write_maps(path, made["maps"], names, batches, title=made["title"], overwrite=overwrite, done_with=rid)
    return path, left_out.by_name


class _LeftOut:
    """The images that have no map, and why, as a file that is never behind the maps.

    Attributes:
        by_name: why, by the name of the image, in their order.
    """

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path, self._names = path, names
        self.by_name: dict[str, str] = {}

    def read(self, done: int) -> None:
        """Read what the file says of the first images, as many as are done."""
        try:
            there = json.loads(self._path.read_text(encoding="utf-8"))
            self.by_name = {name: str(there[name]) for name in self._names[:done] if name in there}
        except (OSError, ValueError, TypeError):
            self.by_name = {}

    def add(self, left_out: Mapping[int, str]) -> None:
        """Note images, by number, in the file."""
        if left_out:
            self.by_name |= {self._names[row]: why for row, why in sorted(left_out.items())}
            write_file(self._path, json.dumps(self.by_name, indent=0, ensure_ascii=False) + "\n")


def _predicted(session: Session, opener: Opener, crew: Crew, chosen: Array) -> tuple[Array, dict[int, str]]:
    """Return the predicted class of each image, `(n,)` int64, 0 where there is none, and of which that is, with why."""
    known, without = predict(session, opener, crew)
    everywhere = np.zeros(len(session.dataset), np.int64)
    everywhere[np.setdiff1d(np.arange(len(session.dataset)), list(without))] = known.predictions.predicted
    return everywhere[chosen], {place: without[row] for place, row in enumerate(chosen.tolist()) if row in without}


def _filled(
    parts: Iterable[Part], shards: Iterable[Shard], done: int, left_out: _LeftOut, one: Batch | None
) -> Iterator[Batch]:
    """Yield the maps of shards from the one on whose number is `done`, NaN for those left out, which are noted.

    Args:
        parts: of the shards.
        shards: whose maps are wanted.
        done: maps that are there.
        left_out: notes who has none.
        one: a blank map of the size of those in the file, with its details; None if there is none yet.
    """
    waiting = 0  # maps of which nothing tells the size yet
    like = {} if one is None else {VALUES: one[0], **{f"{DETAIL}{name}": each for name, each in one[1].items()}}
    for part, shard in zip(parts, shards, strict=True):
        left_out.add(part.left_out)
        like = like or {name: values[:1] for name, values in part.arrays.items()}
        waiting += len(shard)
        if not like:
            continue
        rows = part.kept - shard.stop + waiting
        whole = {name: np.full((waiting, *values.shape[1:]), np.nan, np.float32) for name, values in like.items()}
        for name, values in part.arrays.items():
            whole[name][rows] = values
        skipped, waiting = max(0, done - (shard.stop - waiting)), 0
        details = {name.removeprefix(DETAIL): values[skipped:] for name, values in whole.items() if name != VALUES}
        yield whole[VALUES][skipped:], details
    if waiting:
        raise WorkbenchError(f"No image could be explained. The first one: {next(iter(left_out.by_name.values()))}")
