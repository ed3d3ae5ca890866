"""Finds the analyses, one to a module of `analyses/`, and answers them; the only importer of analyses."""

from __future__ import annotations

import hashlib
import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.cache import load_result, save_result
from workbench.core.discovery import Catalogue
from workbench.core.errors import WorkbenchError
from workbench.core.params import Params, make
from workbench.core.progress import report
from workbench.core.provenance import code_digest, digest_of
from workbench.core.result import Result
from workbench.session.analysis import Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

_answers: OrderedDict[tuple[str, ...], Result] = OrderedDict()  # the 64 answers used last
_locks: dict[tuple[str, ...], threading.Lock] = {}
_guard = threading.Lock()


ANALYSES: Catalogue[Analysis[Any]] = Catalogue("analyses", "workbench.session.analysis:Analysis", "analysis")


def analyses() -> dict[str, type[Analysis[Any]]]:
    """CLI name -> class of every analysis, in alphabetical order."""
    return ANALYSES.all()


def analysis(name: str) -> type[Analysis[Any]]:
    """Return one analysis by its CLI name; see `Catalogue.get`."""
    return ANALYSES.get(name)


def missing(session: Session, name: str) -> str | None:
    """Say in a sentence what the session lacks for an analysis, or None."""
    return analysis(name)().missing(session)


def cached(session: Session, name: str, values: Mapping[str, Any] | None = None) -> Result | None:
    """Return the answer that is already there, from memory or the cache folder, or None."""
    kind = analysis(name)
    params = make(kind.Params, values or {})
    key = _key(session, kind, params)
    with _guard:
        if key in _answers:
            _answers.move_to_end(key)
            return _answers[key]
    stored = load_result(_path(session, name, key)) if session.cache else None
    return None if stored is None else _keep(key, replace(stored, drawer=kind().draw))


def compute(session: Session, name: str, values: Mapping[str, Any] | None = None) -> Result:
    """Answer an analysis, from the cache where it was answered before.

    Progress goes to whoever listens with `workbench.core.progress.reporting`.

    Args:
        session: model and data.
        name: CLI name of the analysis.
        values: its parameters by name; text is read as the parameter's type.

    Raises:
        WorkbenchError: if a name or value is wrong, or the session lacks what the analysis needs.
    """
    kind = analysis(name)
    params = make(kind.Params, values or {})
    key = _key(session, kind, params)
    with _guard:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:  # two who ask the same wait for one answer
        if (known := cached(session, name, values)) is not None:
            return known
        if reason := kind().missing(session):
            raise WorkbenchError(f"{name} cannot be answered here: {reason}")
        report(name, 0, 1)
        started = time.perf_counter()
        answer = kind().compute(session, params)
        seconds = round(time.perf_counter() - started, 3)
        report(name, 1, 1)
        context = {**session.context, "seconds": seconds, **answer.context}
        result = replace(
            answer, analysis=name, params=params.model_dump(mode="json"), context=context, drawer=kind().draw
        )
        if session.cache:
            save_result(_path(session, name, key), result)
        return _keep(key, result)


def draw(result: Result) -> Figure:
    """Draw a result, also one read back from disk."""
    return analysis(result.analysis)().draw(result)


def _keep(key: tuple[str, ...], result: Result) -> Result:
    with _guard:
        _answers[key] = result
        while len(_answers) > 64:
            _answers.popitem(last=False)
    return result


def _key(session: Session, kind: type[Analysis[Any]], params: Params) -> tuple[str, ...]:
    """Everything that an answer depends on; after a change of the code it is made anew."""
    run = "" if session.run is None else session.run.name  # analyses may show the run's curves and manifest
    return (
        kind.name(),
        _source(kind),
        params.key,
        session.model_fingerprint,
        session.dataset.fingerprint,
        run,
        session.name,
    )


@cache
def _source(kind: type[Analysis[Any]]) -> str:
    """Digest of an analysis's own file or folder, and of the rooms that it may use."""
    own = Path(inspect.getfile(kind))
    return digest_of(own.parent.rglob("*.py") if own.name == "__init__.py" else [own]) + code_digest()


def _path(session: Session, name: str, key: tuple[str, ...]) -> Path:
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    return session.cache_path(f"{name}-{digest}.npz")
