"""Answers to several analyses, each computed by one worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.jsonable import jsonable
from workbench.diagnosis import registry
from workbench.shards.lending import Lent
from workbench.shards.opening import Opener, known_of, session_of
from workbench.shards.pieces import Pieces, divided
from workbench.shards.task import Opened, Task

if TYPE_CHECKING:
    from workbench.session.session import Session

Questions = Mapping[str, Mapping[str, Any]]
"""Parameters of analyses, by their names."""
Divide = Callable[["Session", Questions], Mapping[str, str]]
"""Has questions answered by others, so that the answers are kept; returns why some could not be, by name."""


@dataclass(frozen=True, kw_only=True)
class AnswersTask(Task):
    """Answers analyses; what is answered is kept in the cache folder that all share.

    Attributes:
        opener: opens the session.
        questions: what is asked.
    """

    opener: Opener
    questions: Questions

    def open(self) -> Opened:
        """See `Task`."""
        session = session_of(self.opener)

        def answer(name: str) -> None:
            registry.compute(session, name, self.questions[name])

        return Pieces(tuple(self.questions), {"task": "answers", **known_of(session)}, answer)


def answers_by(lent: Lent) -> Divide:
    """Have analyses answered by the workers that are lent to a session."""

    def divide(session: Session, questions: Questions) -> Mapping[str, str]:
        asked = {name: dict(values) for name, values in questions.items()}
        wanted = {
            name: values
            for name, values in asked.items()
            if registry.cached(session, name, values) is None and registry.missing(session, name) is None
        }
        if not wanted:
            return {}
        of = {"task": "answers", **known_of(session), "questions": jsonable(asked)}
        task = AnswersTask(opener=lent.opener, questions=wanted)
        return divided(task, lent.crew, "Analyses", of, lambda: known_of(session))

    return divide
