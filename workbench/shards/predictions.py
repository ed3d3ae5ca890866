"""Predictions and embeddings of many images, by shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from workbench.core.cache import cache_folder
from workbench.core.checksum import record_checksum
from workbench.core.errors import WorkbenchError
from workbench.core.locks import holding
from workbench.core.types import Array
from workbench.session.model_on_images import PASS
from workbench.session.session import Session
from workbench.shards.crew import Crew
from workbench.shards.opening import ENGINE, Opener, known_of, opener_like, session_of
from workbench.shards.running import Work
from workbench.shards.store import Part, Store
from workbench.shards.task import About, Opened, Task

TITLE = "Predictions"
S = TypeVar("S", bound=Session)


@dataclass(frozen=True)
class PredictionsTask(Task):
    """Passes the images of a session through its model."""

    opener: Opener

    def open(self) -> Opened:
        """See `Task`."""
        return _Predictions(session_of(self.opener))

    def like(self, about: About) -> Task:
        """See `Task`."""
        return replace(self, opener=opener_like(self.opener, about))


class _Predictions(Opened):
    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def about(self) -> About:
        session, data = self._session, self._session.dataset
        session.probe.expect(len(data))  # so that no engine is chosen halfway
        made = {"task": "predictions", **known_of(session), "reading": session.probe.reading, ENGINE: session.engine}
        blank = np.zeros((1, *data.image_shape), np.float32)  # whatever is wrong with an image of the data
        kept = 4 * (session.probe.logits_and_embeddings(blank)[1].shape[1] + len(session.class_names))
        return About(made=made, count=len(data), batch=data.together(PASS), bytes_of_one=kept)

    def compute(self, rows: Array) -> dict[str, Array]:
        logits, embeddings = self._session.probe.logits_and_embeddings(self._session.dataset.floats(rows))
        if not np.isfinite(logits).all():
            raise WorkbenchError("the model gave NaN or infinity")
        return {"logits": logits, "embeddings": embeddings}


def predict(session: S, opener: Opener, crew: Crew) -> tuple[S, Mapping[int, str]]:
    """Have the predictions and embeddings of a session computed by workers, unless its predictions are there.

    They are kept as if they were computed here, and equal what one process computes with as many threads.

    Args:
        session: which the predictions are for.
        opener: opens the same session elsewhere.
        crew: who computes them.

    Returns:
        A session with predictions, of the images that have some; and of the others, by number, why they have none.

    Raises:
        WorkbenchError: if they cannot be computed.
    """
    return (session, {}) if session.has_predictions else embed(session, opener, crew)


def embed(session: S, opener: Opener, crew: Crew) -> tuple[S, Mapping[int, str]]:
    """Do the same unless its embeddings are there: predictions may be a run's, which keeps no embeddings."""
    if session.has_predictions and session.has_embeddings:
        return session, {}
    work = Work(PredictionsTask(opener), crew, TITLE, lambda: known_of(session))
    plan, made = work.plan(), work.about.made
    folder = cache_folder() / "shards" / record_checksum(made)
    with holding(folder, "Predictions"):
        store = Store.begin(folder, made, work.about.count, len(plan))
        left_out = {row: why for part in work.results(store, plan) for row, why in part.left_out.items()}
        if len(left_out) == work.about.count:
            raise WorkbenchError(f"No image could be predicted. The first one: {left_out[0]}")
        if left_out:
            session = session.subset(np.setdiff1d(np.arange(work.about.count), list(left_out)))
        engine = str(made[ENGINE])
        by = "" if engine.startswith("tensorflow") else engine
        parts = work.results(store, plan, left_out)  # they are there, and read once more rather than held
        session.keep(map(_outputs, filter(_some, parts)), lambda: (str(made["reading"]), by))
        store.remove()
    return session, left_out


def _some(part: Part) -> bool:
    return len(part.kept) > 0


def _outputs(part: Part) -> tuple[Array, Array]:
    return part.arrays["logits"], part.arrays["embeddings"]
