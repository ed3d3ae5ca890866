"""Finds the analyses, one to a module of `analyses/`, and answers them; the only importer of analyses."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.cache import load_result, save_result
from workbench.core.dataset import Dataset
from workbench.core.discovery import Catalogue
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import LISTED, ROWS, find_image
from workbench.core.kept import Kept
from workbench.core.key_locks import KeyLocks
from workbench.core.locks import sharing
from workbench.core.params import Params, make
from workbench.core.progress import report
from workbench.core.provenance import code_digest, digest_of
from workbench.core.result import Result
from workbench.plotting.short_names import distinct_among
from workbench.session.analysis import GROUPS, Analysis, Group

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

_answers: Kept[tuple[str, ...], Result] = Kept(64)
_asking: KeyLocks[tuple[str, ...]] = KeyLocks()


ANALYSES: Catalogue[Analysis[Any]] = Catalogue(
    "analyses", "workbench.session.analysis:Analysis", "analysis", room="analyses"
)


def analyses() -> dict[str, type[Analysis[Any]]]:
    """CLI name -> class of every analysis, in alphabetical order."""
    return ANALYSES.all()


def grouped() -> dict[Group, dict[str, type[Analysis[Any]]]]:
    """Group -> CLI name -> class: the groups that have an analysis, in their order, each in the order of the titles."""
    kinds = sorted(analyses().items(), key=lambda each: each[1].title.casefold())
    found = {group: {name: kind for name, kind in kinds if kind.group == group} for group in GROUPS}
    return {group: members for group, members in found.items() if members}


def analysis(name: str) -> type[Analysis[Any]]:
    """Return one analysis by its CLI name; see `Catalogue.get`."""
    return ANALYSES.get(name)


class Missing(WorkbenchError):
    """The session lacks what an analysis needs.

    Attributes:
        reason: what that is, a sentence.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be answered here: {reason}")
        self.reason = reason


def missing(session: Session, name: str) -> str | None:
    """Say in a sentence what the session lacks for an analysis, or None."""
    return analysis(name)().missing(session)


def cached(session: Session, name: str, values: Mapping[str, Any] | None = None) -> Result | None:
    """Return the answer that is already there, from memory or the cache folder, or None."""
    question = _Question(session, analysis(name), values or {})
    return None if (known := _known(question)) is None else question.named(known)


def kept_at(session: Session, name: str, values: Mapping[str, Any]) -> Path | None:
    """Return where the answer to a question is kept on disk, or would be; None where nothing is."""
    return _Question(session, analysis(name), values).path


def compute(session: Session, name: str, values: Mapping[str, Any] | None = None) -> Result:
    """Answer an analysis, from the cache where it was answered before.

    Progress goes to whoever listens with `workbench.core.progress.reporting`.

    Args:
        session: model and data; a session without a model answers what looks at images alone.
        name: CLI name of the analysis.
        values: its parameters by name; text is read as the parameter's type.

    Raises:
        WorkbenchError: if a name or value is wrong.
        Missing: if the session lacks what the analysis needs.
    """
    question = _Question(session, analysis(name), values or {})
    with _asking.held(question.key):  # two who ask the same wait for one answer
        if (known := _known(question)) is not None:
            return question.named(known)
        with sharing(question.path, name):
            return question.named(_known(question) or _answers.put(question.key, _answer(question)))


def by_row(dataset: Dataset, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with the row of an image where its name was given; of several, names are split at commas.

    Raises:
        WorkbenchError: if there is no image of that name; the nearest are offered.
    """

    def row_of(value: Any) -> Any:
        named = isinstance(value, str) and not value.strip().lstrip("+-").isdecimal()
        return find_image(dataset.names, value.strip(), dataset.name) if named else value

    def read(name: str, value: Any) -> Any:
        if name == LISTED:
            parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
            return tuple(map(row_of, parts)) if isinstance(parts, list | tuple) else value
        return row_of(value) if name in ROWS["data"] else value

    return {name: read(name, value) for name, value in values.items()}


def draw(result: Result) -> Figure:
    """Draw a result, also one read back from disk."""
    with distinct_among(result.class_names):
        return analysis(result.analysis)().draw(result)


class _Question:
    """An analysis with its parameters, asked of a session; its key is everything that the answer depends on.

    After a change of the code it is another question.
    """

    def __init__(self, session: Session, kind: type[Analysis[Any]], values: Mapping[str, Any]) -> None:
        self.session, self.analysis = session, kind()
        self.params: Params = make(kind.Params, by_row(session.dataset, values))
        train = session.train if kind.names_training else None
        self.key = (
            kind.name(),
            _source(kind, code_digest()),
            self.params.key,
            session.model_fingerprint,
            session.dataset.fingerprint,
            session.dataset.names_digest,  # sentences have names of images
            *(("", "") if train is None else (train.fingerprint, train.names_digest)),
            str(session.workspace.last) if kind.reads_workspace else "",
            session.hierarchy.digest if kind.reads_hierarchy and session.hierarchy is not None else "",
            # Analyses may show the run's curves and manifest, and sum over the weights that it has kept.
            *(("", "") if session.run is None else (session.run.name, session.run.manifest.checksum)),
            session.name,
        )

    def named(self, result: Result) -> Result:
        """Return a result that knows what images are called: what is kept does not, since it holds no session."""
        return replace(result, names=self.session.image_names)

    @property
    def path(self) -> Path | None:
        """Where the answer is kept; None where nothing is."""
        digest = hashlib.sha256("\n".join(self.key).encode()).hexdigest()[:16]
        return self.session.cache_path(f"{self.key[0]}-{digest}.npz") if self.session.cache else None


def _known(question: _Question) -> Result | None:
    if (known := _answers.get(question.key)) is not None:
        return known
    stored = load_result(question.path) if question.path else None
    return None if stored is None else _answers.put(question.key, replace(stored, drawer=draw))


def _answer(question: _Question) -> Result:
    session, name = question.session, question.analysis.name()
    if reason := question.analysis.missing(session):
        raise Missing(name, reason)
    report(name, 0, 1)
    started = time.perf_counter()
    answer = question.analysis.compute(session, question.params)
    seconds = round(time.perf_counter() - started, 3)
    report(name, 1, 1)
    result = replace(
        answer,
        analysis=name,
        params=question.params.model_dump(mode="json"),
        context={**session.context, "seconds": seconds, **answer.context},
        class_names=session.dataset.class_names,
        drawer=draw,
    )
    if question.path:
        save_result(question.path, result)
    return result


@cache
def _source(kind: type[Analysis[Any]], used: str) -> str:
    """Digest of an analysis's own file or folder, and of the rooms and plug-ins that it may use."""
    own = Path(inspect.getfile(kind))
    return digest_of(own.parent.rglob("*.py") if own.name == "__init__.py" else [own]) + used
