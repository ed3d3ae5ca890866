"""A session as the page uses it: what is there already, what is being worked on, what went wrong.

The page is served before TensorFlow is imported. Once somebody has seen the first view (or after a few
seconds), a thread opens the model, computes what is missing, and makes the maps of one image, so that
the first click finds everything compiled.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from workbench.app.drawn_figure import DrawnFigure, drawn, keep_figure, kept_figure, size_of
from workbench.app.page.board import Board
from workbench.app.page.comparing import Compared, Comparing
from workbench.app.page.diagnosing import Diagnosing
from workbench.app.page.jobs import Job, Jobs
from workbench.app.page.judges import Judges
from workbench.app.page.owners import Owner, Visits
from workbench.app.page.panes.tables import Opens
from workbench.app.page.panes.verdict import answer
from workbench.app.pictures import Part, album
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import CALLED
from workbench.core.image_set import Part as Name
from workbench.core.kept import Kept, bytes_held
from workbench.core.params import make
from workbench.core.progress import Stop, report
from workbench.diagnosis import registry
from workbench.models.turns import NEXT, TURNS
from workbench.plotting.themes import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.core.result import Result
    from workbench.session.session import Session

LOG = logging.getLogger("workbench.app.page")
FIGURES = 8 * 2**20
"""Bytes of figures that are kept in memory; all of them are on disk."""
IMAGES, FOUND = 64 * 2**20, 128 * 2**20
"""Bytes of maps, and of images that were sent, that are kept; and of rows that views have found."""
WAITING = 0.5
"""Seconds that the size of a figure is worth while another one is drawn."""
PATIENCE = 4.0
"""Seconds after which the model is opened although nobody has looked yet."""
OPENING = "Opening the run and its images …"
PREDICTING = "The model is loading; then it predicts every image."
LOADING = "The model is loading; this takes a few seconds."
LISTING = "Seeing which analyses there are"


class Desk:
    """Everything the page asks for, and whether it can be had by now.

    Attributes:
        board: the predictions by cell; None until they are there.
        opening, predicting, loading: the three steps of the start, in this order; each is done or has failed.
        seen: set when the first view was served.
        begun: set when all that is done in the background at the start is done.
        closed: whether the page is going down.
        maps, own_images: what was computed and sent last, by key.
        judges: verdicts on the maps on screen.
        visits: the pages that are open in browsers.
        diagnosing: what is wrong with the model and its data, and how far the search is.
        comparing: the comparisons with other runs.
        found: images as they were found for the pages that show them, see `images.found`.

    Args:
        source: a session, or what opens one; that may take its time.
        warm: called in the background once the model is there, to have the first click compiled.
    """

    def __init__(self, source: Session | Callable[[], Session], warm: Callable[[Desk], None] | None = None) -> None:
        self._source, self._warm = source, warm
        self._session: Session | None = None
        self._thread: threading.Thread | None = None
        self._lock, self._drawing = threading.Lock(), threading.Lock()
        self._figures: Kept[tuple[str, Theme], DrawnFigure] = Kept(FIGURES, lambda figure: len(figure.png))
        self._begun: tuple[str, Figure] | None = None
        self._sizes: WeakKeyDictionary[Result, tuple[int, int]] = WeakKeyDictionary()
        self._lacking: dict[tuple[str, bool], str | None] = {}
        self._saved = False
        self.closed = False
        self.board: Board | None = None
        self.jobs, self.judges, self.diagnosing = Jobs(), Judges(), Diagnosing()
        self.comparing = Comparing(self.jobs)
        self._parts: dict[str, Part] = {}
        self.maps: Kept[Any, Any] = Kept(IMAGES, bytes_held, most=512)
        self.own_images: Kept[str, Any] = Kept(IMAGES, bytes_held, most=128)
        self.found: Kept[str, Any] = Kept(FOUND, bytes_held, most=32)
        self.seen, self.begun = threading.Event(), threading.Event()
        self.opening, self.predicting, self.loading, self._listing = Job(), Job(), Job(), Job()
        self.visits, self._explaining = Visits(), Kept[str, Job](256)
        if not callable(source):
            self.opening.run(lambda: self._open(source))

    def _open(self, session: Session) -> None:
        self.picture = album(session.dataset)
        self._saved = session.has_predictions
        self._session = session
        if self._saved:
            self.predicting.run(lambda: self._predict(session))

    def _predict(self, session: Session) -> None:
        self.board = Board(session.predictions, lambda: session.class_tree)

    def _load(self, session: Session) -> None:
        if session.only_predictions:
            return  # there is no model to be opened
        session.probe  # noqa: B018  # imports TensorFlow and opens the model

    @property
    def session(self) -> Session:
        """The open session.

        Raises:
            WorkbenchError: if it is not open (yet).
        """
        if self._session is None:
            raise WorkbenchError(self.opening.error or OPENING)
        return self._session

    @property
    def opened(self) -> bool:
        """Whether the session is there."""
        return self._session is not None

    @property
    def assumed(self) -> str:
        """What is assumed about the model's input, a sentence; empty if nothing is, or as yet."""
        return self._session.assumed if self._session is not None and self._session.settled else ""

    @property
    def ready(self) -> bool:
        """Whether there is a model, and it can be asked without waiting."""
        loaded = self.loading.done.is_set() and not self.loading.error
        return loaded and self.opened and not self.session.only_predictions

    def lacks(self, name: str) -> str | None:
        """Say what the session lacks for an analysis, a sentence, or None; None too while it is not open."""
        if not self.opened:
            return None
        key = name, self.session.ready
        if key not in self._lacking:  # some read a file of the run to tell, and the list of analyses asks for all
            self._lacking[key] = registry.missing(self.session, name)
        return self._lacking[key]

    def pending(self, *, model: bool = False) -> tuple[str, Job, str] | None:
        """Return the step that has to end first (key, job, words), or None if nothing stands in the way.

        Args:
            model: whether the model itself is needed, or only its predictions.
        """
        steps = [("opening", self.opening, OPENING), ("predicting", self.predicting, PREDICTING)]
        if model:
            steps.append(("loading", self.loading, LOADING))
        return next((step for step in steps if not step[1].done.is_set() or step[1].error), None)

    def start(self) -> None:
        """Begin the work in the background; the second call does nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="workbench-model", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        try:
            self._begin()
        finally:
            self.begun.set()

    def _begin(self) -> None:
        source = self._source
        if callable(source):
            self.opening.run(lambda: self._open(source()))
        session = self._session
        if session is None:
            return
        if self._saved:
            self._listing.run(self._see_what_lacks)
            self.seen.wait(PATIENCE)
        if self.closed:
            return
        self.loading.run(lambda: self._load(session))
        if self.loading.error:
            if not self._saved:
                self.predicting.fail(self.loading.error)
        elif not self._saved:
            self.predicting.run(lambda: self._predict(session))
        if self.ready and self._warm is not None and not self.predicting.error:
            Job().run(partial(self._warm, self))

    def _see_what_lacks(self) -> None:
        """Ask each analysis, since every view lists them, and some look at the training images to tell."""
        for name in registry.analyses():
            report(LISTING, 0, 0)  # here it ends, where the page goes down
            self.lacks(name)

    def part(self, name: Name) -> Part | None:
        """Return the images of a part; those that are not under study are loaded when they are first asked for."""
        if name == "data":
            return Part(self.session.dataset, self.picture)
        with self._lock:
            if name not in self._parts:
                try:
                    images = self.session.data_of(name)
                except WorkbenchError:  # nothing of the page depends on them
                    LOG.warning("The %s cannot be shown.", CALLED[name], exc_info=True)
                    return None
                if images is None:
                    return None
                self._parts[name] = Part(images, album(images), explored=False)
            return self._parts[name]

    def at_hand(self, name: Name) -> Part | None:
        """Return the images of a part that need not be loaded: those under study, and what was asked for already."""
        return self.part("data") if name == "data" else self._parts.get(name)

    def analysis_key(self, name: str, values: Mapping[str, str]) -> str:
        """Return the key of an answer; equal parameters give equal keys.

        Raises:
            WorkbenchError: if a parameter is unknown or its value does not fit.
        """
        known = registry.by_row(self.session.dataset, values) if self.opened else values
        params = make(registry.analysis(name).Params, known)
        return hashlib.sha256(f"{name} {params.key}".encode()).hexdigest()[:20]

    def answer(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        wait: float = 0.0,
        owner: Owner | None = None,
        session: Session | None = None,
    ) -> tuple[str, Job]:
        """Return the key and the job of an analysis, started if need be; `job.value` is the `Result`.

        Args:
            name: of the analysis.
            values: its parameters.
            wait: seconds to give a quick one.
            owner: who wants it.
            session: of another model that is asked in place of the page's, on the same images.
        """
        key = self.analysis_key(name, values)
        if session is not None:
            key = f"{key}-of-{session.model_fingerprint[:20]}"
        session = session or self.session

        def work() -> Result:
            if not registry.analysis(name).needs_model:
                return registry.compute(session, name, values)
            with TURNS.claimed(NEXT):  # somebody may click meanwhile
                return registry.compute(session, name, values)

        return key, self.jobs.start(key, work, wait=wait, owner=owner)

    def result(self, key: str) -> Result | None:
        """Return a finished answer by its key; of a comparison its tables."""
        job = self.jobs.get(key)
        value = job.value if job is not None and job.done.is_set() else None
        return value.result if isinstance(value, Compared) else value

    def opens(self, key: str) -> Opens | None:
        """Return what the numbers of an answer's tables open, where it says so."""
        job = self.jobs.get(key)
        return job.value.opens if job is not None and isinstance(job.value, Compared) else None

    def figure(self, key: str, theme: Theme = "light") -> DrawnFigure | None:
        """Return the figure of a finished answer, drawn unless it is kept; None if there is no such answer."""
        result = self.result(key)
        if result is None:
            return None
        with self._drawing:  # matplotlib keeps its fonts in one place for all threads
            known = self._kept(key, result, theme)
            if known is None:
                begun, self._begun = self._begun, None
                figure = begun[1] if begun is not None and begun[0] == key else registry.draw(result)
                known = self._figures.put((key, theme), drawn(figure, theme))
                keep_figure(self.session, result, theme, known)
        return known

    def figure_size(self, key: str) -> tuple[int, int] | None:
        """Return the width and height that an answer's figure has or will have; None where that takes too long."""
        result = self.result(key)
        if result is None:
            return None
        if (size := self._sizes.get(result)) is not None:
            return size
        if not self._drawing.acquire(timeout=WAITING):
            return None
        try:
            if (known := self._kept(key, result, "light")) is not None:
                return self._sizes.setdefault(result, known.size)
            self._begun = key, registry.draw(result)
            return self._sizes.setdefault(result, size_of(self._begun[1]))
        except Exception:  # whoever asks for the picture is told
            LOG.debug("%s cannot be drawn", result.analysis, exc_info=True)
            return None
        finally:
            self._drawing.release()

    def _kept(self, key: str, result: Result, theme: Theme) -> DrawnFigure | None:
        """Return a figure that was drawn before."""
        known = self._figures.get((key, theme))
        if known is None and (stored := kept_figure(self.session, result, theme)) is not None:
            known = self._figures.put((key, theme), stored)
        return known

    def verdict(self, key: str) -> dict[str, object] | None:
        """Return what stands beside a map by now, as HTML, and whether more will be known; None if nobody knows it."""
        case = self.judges.cases.get(key)
        opinion = self.judges.opinion(self.session, key, wait=0.5) if case is not None else None
        return None if opinion is None or case is None else answer(opinion, case.attribution)

    def progress_of(self, key: str) -> Job | None:
        """Return the step of the start, or the job, of this key."""
        steps = {"opening": self.opening, "predicting": self.predicting, "loading": self.loading}
        if key.startswith("maps-"):
            return self.explaining(key.removeprefix("maps-"))
        return steps.get(key) or self.jobs.get(key) or self.diagnosing.jobs.get(key)

    def explaining(self, page: str) -> Job:
        """Return how far the maps are that are being made for a page."""
        return self._explaining.get(page) or self._explaining.put(page, Job())

    def go_on(self) -> None:
        """Raise `Stop` if the page is going down."""
        if self.closed:
            raise Stop

    def close(self) -> None:
        """Start nothing more, and let what runs end: a process that leaves while TensorFlow works is aborted."""
        self.closed = True
        for job in (self.opening, self.predicting, self.loading, self._listing):
            job.stop.set()
        self.seen.set()
        self.jobs.close()
        self.diagnosing.jobs.close()
        self.judges.close()
        if self._thread is not None:
            self._thread.join(60)
