"""Verdicts on the maps on screen, and the tests behind them, worked on while nobody waits for anything else.

A verdict takes a tenth of a second and comes after the maps. Whether a method depends on the weights at all is tested
once for a method and a model; that takes seconds to minutes, and goes on only while the map is on screen.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.app.page.jobs import STOPPED, Job, Jobs
from workbench.app.page.opinion import Case, Opinion, Weights
from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution, Verdict
from workbench.core.kept import Kept, bytes_held
from workbench.core.params import make
from workbench.core.pixels import as_floats
from workbench.core.progress import Stop, stoppable
from workbench.faithfulness.verdict import judge
from workbench.models.turns import LAST, NEXT, TURNS
from workbench.session.judging import known_randomisation, randomisation_of

if TYPE_CHECKING:
    from workbench.app.page.subject import Subject
    from workbench.attribution.explainer import Explainer
    from workbench.session.session import Session

CASES = 64 * 2**20
"""Bytes of maps on screen, and of their images."""
WANTED = (3.0, 60.0)
"""Seconds after which a verdict, and a test, is dropped that nobody asked for again: its map is not on screen."""


class Judges:
    """The maps on screen, and what is worked on for them, one at a time each."""

    def __init__(self) -> None:
        self.cases: Kept[str, Case] = Kept(CASES, bytes_held, most=256)
        self._verdicts, self._tests = Jobs(workers=1, keep=1024), Jobs(workers=1)
        self._last_asked: Kept[str, float] = Kept(2048)
        self._closed = False

    def put(self, subject: Subject, attribution: Attribution, session: Session | None = None, mark: str = "") -> str:
        """Note a map that is shown now; return the key under which it is asked for.

        Args:
            subject: the image.
            attribution: its map.
            session: whose model was explained; None for the page's own.
            mark: tells maps apart that are otherwise of the same question.
        """
        made = attribution
        what: tuple[object, ...] = (
            subject.key,
            made.method,
            sorted(made.params.items()),
            made.target,
            made.against,
            made.score,
        )
        if session is not None or mark:
            what = (*what, "" if session is None else session.model_fingerprint, mark)
        key = hashlib.sha256(repr(what).encode()).hexdigest()[:20]
        self.cases.put(key, Case(subject.pixels, attribution, session))
        return key

    def opinion(self, session: Session, key: str, *, wait: float = 0.0, test: bool = True) -> Opinion | None:
        """Return what is known about a map, None if nobody knows the map; what is lacking is begun.

        Args:
            session: the page's own, whose model was explained where the map names no other.
            key: from `put`.
            wait: seconds to wait for the verdict.
            test: whether to test the method with other weights, if that was never done.
        """
        case = self.cases.get(key)
        if case is None or self._closed:
            return None
        session = case.session or session
        job = self._start(self._verdicts, key, lambda: _verdict(session, case), rank=NEXT, wait=wait)
        if not job.done.is_set() or job.error == STOPPED:
            return Opinion(None, Weights("waiting"))
        if job.error:
            return Opinion(None, Weights("waiting"), job.error)
        return self._with_weights(session, case, job.value, test=test)

    def _with_weights(self, session: Session, case: Case, verdict: Verdict, *, test: bool) -> Opinion:
        made = case.attribution
        method: Explainer = make(explainer(made.method), made.params)
        known = known_randomisation(session, method)
        if known is not None:
            similarity = known.similarity.value if known.stages else None
            return Opinion(replace(verdict, randomised=similarity, blind=known.blind), Weights("known"))
        if not test:
            return Opinion(verdict, Weights("waiting"))
        whose = "" if case.session is None else case.session.model_fingerprint
        name = f"{method.name} {method.key} {whose}"
        job = self._start(self._tests, name, lambda: randomisation_of(session, method), rank=LAST)
        if job.done.is_set() and job.error not in ("", STOPPED):
            return Opinion(verdict, Weights("failed", job.error))
        return Opinion(verdict, Weights("running", job.what) if job.what else Weights("waiting"))

    def _start(self, jobs: Jobs, key: str, work: Callable[[], Any], *, rank: int, wait: float = 0.0) -> Job:
        self._last_asked.put(key, time.monotonic())

        def go_on() -> None:
            if self._closed or time.monotonic() - (self._last_asked.get(key) or 0) > WANTED[rank - NEXT]:
                raise Stop

        def run() -> Any:
            go_on()
            with stoppable(go_on), TURNS.claimed(rank):
                return work()

        return jobs.start(key, run, wait=wait)

    def close(self) -> None:
        """Start nothing more, and stop what runs before its next step."""
        self._closed = True
        self._verdicts.close()
        self._tests.close()


def _verdict(session: Session, case: Case) -> Verdict:
    return judge(session.probe, as_floats(case.pixels[None]), case.attribution)[0]
