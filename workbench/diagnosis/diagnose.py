"""What is wrong with this model and its data: all analyses that find faults, merged and ranked."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.wording import plural
from workbench.diagnosis import registry
from workbench.diagnosis.ranking import Diagnosed, rank

if TYPE_CHECKING:
    from workbench.core.result import Result
    from workbench.diagnosis.divided_answers import Divide
    from workbench.session.session import Session

LOG = logging.getLogger("workbench.diagnosis.diagnose")
LISTED, LONGEST = 12, 160
"""Findings of a plain text, and characters of each."""
LATER = "slow: runs without --fast only."


@dataclass(frozen=True, kw_only=True, repr=False)
class Diagnosis:
    """All faults of a model and its data.

    Attributes:
        findings: the worst first.
        asked: name of each analysis that answered, and its answer.
        left_out: name of each that did not, and why.
        context: run, dataset, N and fingerprints.
        quick: whether only what takes seconds was asked.
    """

    findings: tuple[Diagnosed, ...]
    asked: Mapping[str, Result]
    left_out: Mapping[str, str]
    context: Mapping[str, Any]
    quick: bool

    def __repr__(self) -> str:
        worst = [f"{each.rank}. {each.finding.severity}: {_cut(each.finding.claim)}" for each in self.findings[:LISTED]]
        more = len(self.findings) - LISTED
        rest = [f"… and {more} more"] if more > 0 else []
        head = f"Diagnosis of {self.context.get('run')}: {plural(len(self.findings), 'finding')}"
        return "\n".join([head, *worst, *rest])

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{html.escape(each.finding.severity)}</b> {html.escape(each.finding.claim)} "
            f"<i>{html.escape(each.finding.advice)}</i> <code>{html.escape(each.analysis)}</code></li>"
            for each in self.findings
        )
        left = ", ".join(self.left_out)
        said = f"<p>Not asked, or without an answer: {html.escape(left)}</p>" if left else ""
        return f"<p><b>{html.escape(repr(self).partition(chr(10))[0])}</b></p><ol>{items}</ol>{said}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def diagnose(session: Session, *, quick: bool = False, divide: Divide | None = None) -> Diagnosis:
    """Ask every analysis that can find faults, and rank what they find.

    Each answer is kept as it comes, so that a diagnosis that was interrupted goes on where it was.

    Args:
        session: model and data.
        quick: ask only what takes seconds.
        divide: who answers, if it is not this process.
    """
    asked: dict[str, Result] = {}
    left_out: dict[str, str] = {}
    wanted = list(_wanted(quick))
    if divide is not None:
        left_out.update(divide(session, {name: values for name, values in wanted if values is not None}))
    for place, (name, values) in enumerate(wanted):
        report("Diagnosis", place, len(wanted))
        if values is None:
            left_out[name] = LATER
        if name in left_out:
            continue
        try:
            asked[name] = registry.compute(session, name, values)
        except registry.Missing as error:
            left_out[name] = error.reason
        except WorkbenchError as error:
            left_out[name] = str(error)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, MemoryError) as error:
            LOG.warning("%s failed; the others go on.", name, exc_info=True)
            left_out[name] = f"failed with {type(error).__name__}: {error}"
    report("Diagnosis", len(wanted), len(wanted))
    return _merged(session, asked, left_out, quick)


def known_diagnosis(session: Session, *, quick: bool = False, partly: bool = False) -> Diagnosis | None:
    """Return the diagnosis if all of its analyses have been answered before, else None; asks nothing.

    Args:
        session: model and data.
        quick: ask only what takes seconds.
        partly: whether what has been answered by now will do.
    """
    asked, left_out = {}, {}
    for name, values in _wanted(quick):
        if values is None:
            left_out[name] = LATER
        elif (result := registry.cached(session, name, values)) is not None:
            asked[name] = result
        elif reason := registry.missing(session, name):
            left_out[name] = reason
        elif not partly:
            return None
    return _merged(session, asked, left_out, quick)


def _wanted(quick: bool) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Every analysis that can find faults, with its parameters; what needs no model first."""
    kinds = [(name, kind) for name, kind in registry.analyses().items() if kind.kinds]
    for name, kind in sorted(kinds, key=lambda pair: (pair[1].needs_model, pair[0])):
        yield name, kind.quick if quick else {}


def _merged(session: Session, asked: Mapping[str, Result], left_out: Mapping[str, str], quick: bool) -> Diagnosis:
    findings = tuple(rank(asked))
    return Diagnosis(findings=findings, asked=asked, left_out=left_out, context=session.context, quick=quick)
