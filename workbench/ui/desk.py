"""A session as the page uses it: what is there already, what is being worked on, what went wrong.

The page is served before TensorFlow is imported. Once somebody has seen the first view (or after a few
seconds), a thread opens the model, computes what is missing, and makes the maps of one image, so that
the first click finds everything compiled.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import registry
from workbench.contracts import Array
from workbench.errors import WorkbenchError
from workbench.params import make
from workbench.progress import Progress
from workbench.ui.board import Board
from workbench.ui.jobs import Job, Jobs
from workbench.ui.pictures import album

if TYPE_CHECKING:
    from workbench.result import Result
    from workbench.session import Session

PATIENCE = 4.0
"""Seconds after which the model is opened although nobody has looked yet."""
OPENING = "Opening the run and its images …"
LOADING = "The model is being loaded."


class Kept:
    """The answers used last, by key; safe from several threads."""

    def __init__(self, keep: int) -> None:
        self._keep, self._lock = keep, threading.Lock()
        self._items: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the answer, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: Hashable, value: Any) -> Any:
        """Keep and return `value`."""
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            while len(self._items) > self._keep:
                self._items.popitem(last=False)
        return value


class Desk:
    """Everything the page asks for, and whether it can be had by now.

    Args:
        source: a session, or what opens one; that may take its time.
        warm: called in the background with the desk once the model is there, to have the first click compiled.
    """

    def __init__(self, source: Session | Callable[[], Session], warm: Callable[[Desk], None] | None = None) -> None:
        self._source, self._warm = source, warm
        self._session: Session | None = None if callable(source) else source
        self._board: Board | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._drawing = threading.Lock()
        self.jobs = Jobs()
        self.maps, self.own_images, self._figures = Kept(512), Kept(128), Kept(32)
        self.seen = threading.Event()
        self.opening, self.predicting, self.loading = Job(OPENING), Job(LOADING), Job(LOADING)
        if self._session is not None:
            self._open(self._session)

    def _open(self, session: Session) -> None:
        self._session = session
        self.picture = album(session.dataset)
        self.opening.done.set()
        if session.has_predictions:
            self.predicting.run(lambda progress: None)
            
    def start(self) -> None:
        """Begin the work in the background; the second call does nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="workbench-model", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        if callable(self._source):
            self.opening.run(lambda progress: self._open(self._source()))
        session = self._session
        if session is None:
            return
        if session.has_predictions:
            self.seen.wait(PATIENCE)
        self.loading.run(lambda progress: self._load(session))

    def _load(self, session: Session) -> None:
        session.probe  # noqa: B018  imports TensorFlow and opens the model
