"""Workers that are lent to whatever is asked of a session: an analysis divides its work if somebody is there for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from workbench.core.cache import cache_folder
from workbench.core.checksum import record_checksum
from workbench.core.errors import WorkbenchError
from workbench.core.locks import holding
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.session.passing import passed_by
from workbench.session.session import Session
from workbench.shards.crew import Crew
from workbench.shards.opening import Opener, known_of, some_of
from workbench.shards.predictions import embed
from workbench.shards.running import Work
from workbench.shards.store import Store
from workbench.shards.task import Task

LOG = logging.getLogger("workbench.shards")
S = TypeVar("S", bound=Session)


@dataclass(frozen=True, eq=False)
class Lent:
    """Workers, and what opens elsewhere the session that they are lent to.

    Attributes:
        session: whom they are lent to.
        whole: opens the session of all its images, and with `split` of another part of its data.
        crew: the workers.
        rows: `(n,)` int64, the images of that session that `session` is about; None for all.
    """

    session: Session
    whole: Opener
    crew: Crew
    rows: Array | None = None

    @property
    def opener(self) -> Opener:
        """Opens the session."""
        return self.whole if self.rows is None else partial(some_of, self.whole, self.rows)

    def passed(self, study: object) -> bool:
        """Have images of the session, or its training images, passed through the model; see `session.passing`.

        Raises:
            WorkbenchError: if some cannot be, as this process would.
        """
        if not isinstance(study, Session):
            return False
        opener = self.opener
        if known_of(study) != known_of(self.session):
            training = self.session.training
            if training is None or known_of(study) != known_of(training):
                return False
            opener = partial(self.whole, split="train")
        _, left_out = embed(study, opener, self.crew)
        if left_out:
            row = min(left_out)
            raise WorkbenchError(
                f"{plural(len(left_out), 'image')} of {study.dataset.name} cannot be passed through the model. "
                f"{study.dataset.names[row]}: {left_out[row]}"
            )
        return True


_lent: ContextVar[Lent | None] = ContextVar("lent", default=None)


@contextmanager
def lending(lent: Lent | None) -> Iterator[None]:
    """Lend workers to what is asked inside; None lends none."""
    token = _lent.set(lent)
    try:
        with passed_by(None if lent is None else lent.passed):
            yield
    finally:
        _lent.reset(token)


def lent_to(session: Session) -> Lent | None:
    """Return the workers that are lent to a session, or to another one of the same model and data."""
    lent = _lent.get()
    return lent if lent is not None and known_of(lent.session) == known_of(session) else None


def some(session: S, opener: Opener, crew: Crew, limit: int | None) -> tuple[S, Lent]:
    """Return the session of the first images, all if `limit` is None, and the workers lent to it."""
    if limit is None or limit >= len(session.dataset):
        return session, Lent(session, opener, crew)
    session = session.subset(slice(limit))
    return session, Lent(session, opener, crew, np.arange(limit))


def passed(session: S, opener: Opener, crew: Crew) -> tuple[S, Lent, Mapping[str, str]]:
    """Have predictions and embeddings of the studied and the training images computed by workers, if they are missing.

    Args:
        session: which they are for.
        opener: opens the same session elsewhere; another part of its data with `split`.
        crew: who computes them.

    Returns:
        The session, of the images that have predictions; the workers, lent to it; and by name, why others have none.

    Raises:
        WorkbenchError: if they cannot be computed.
    """
    names = session.dataset.names
    session, without = embed(session, opener, crew)
    left_out = {str(names[row]): why for row, why in sorted(without.items())}
    if session.training is not None and session.training.dataset.fingerprint != session.dataset.fingerprint:
        known = session.training.dataset.names
        _, others = embed(session.training, partial(opener, split="train"), crew)
        left_out |= {str(known[row]): why for row, why in sorted(others.items())}
    rows = np.setdiff1d(np.arange(len(names)), list(without)) if without else None
    return session, Lent(session, opener, crew, rows), left_out


def joined(task: Task, lent: Lent, title: str) -> dict[str, Array]:
    """Have something computed of every image of a task by workers, and hold all of it.

    Args:
        task: opens `lent.opener`, and says so in `About.made`.
        lent: who computes it.
        title: what is done, for people.

    Returns:
        The arrays by name, a row for each image, in order.

    Raises:
        WorkbenchError: if there is an image of which it cannot be computed.
    """
    work = Work(task, lent.crew, title, lambda: known_of(lent.session))
    plan, made = work.plan(), work.about.made
    folder = cache_folder() / "shards" / record_checksum(made)
    with holding(folder, title):
        store = Store.begin(folder, made, work.about.count, len(plan))
        parts = list(work.results(store, plan))
        if left_out := {row: why for part in parts for row, why in part.left_out.items()}:
            for shard, part in zip(plan, parts, strict=True):
                if part.left_out:  # whoever asks again has them tried again
                    store.path(shard).unlink(missing_ok=True)
            row = min(left_out)
            raise WorkbenchError(f"{title}: image {row} of {work.about.count:,} cannot be computed: {left_out[row]}")
        store.remove()
    return {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
