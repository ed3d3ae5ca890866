"""A first policy for a model, which it meets as it is: to be read, changed, and kept beside the code."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.core.finding import Severity
from workbench.core.wording import percent
from workbench.diagnosis.diagnose import diagnose
from workbench.statistics.calibration import scores
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from workbench.diagnosis.opening import Session

STEP = 200
"""Limits are whole numbers of a two-hundredth: half a point."""


def drafted(session: Session, *, fast: bool = False) -> str:
    """Return a policy as TOML that the model meets, each limit half a point at most beside what was measured.

    Args:
        session: model and data.
        fast: whether the diagnosis asks only what takes seconds.
    """
    return "\n".join(_lines(session, fast)) + "\n"


def _lines(session: Session, fast: bool) -> Iterator[str]:
    said, names = session.predictions, session.class_names
    yield f"# Drafted from {_plain(session.name)} on {_plain(session.dataset.name)}. Read it, change it, and run"
    yield "# `workbench check RUN --policy FILE`: exit code 0 where every rule holds, 3 where one does not."
    yield "# A minimum must be reached by the lower end of the 95 % interval, a maximum by the upper end."
    yield ""
    share = rate(int(said.correct.sum()), len(said))
    yield f"min-accuracy = {_below(share.low)}  # {share}"
    error = scores(said)["ece"]
    end = error.value if math.isnan(error.high) else error.high
    yield f"max-ece = {_above(end)}  # {percent(error.value)}"
    yield ""
    found = diagnose(session, quick=fast)
    worse = {
        finding.kind
        for each in found.findings
        for finding in (each.finding, *(other for _, other in each.also))
        if finding.severity > Severity.MILD and finding.kind is not None
    }
    yield "# No finding of the diagnosis may be worse, but of these kinds."
    yield 'max-severity = "mild"'
    yield f"allowed-kinds = {json.dumps(sorted(worse))}"
    yield f"fast = {str(fast).lower()}  # whether only analyses that take seconds are asked"
    yield ""
    yield "# Fails only where the model is surely less accurate, by more than this, than the one named by --against:"
    yield "# max-drop = 0.005"
    yield ""
    yield '[min-recall]  # "*" = 0.5 would be for all classes that are not named'
    counts = confusion_counts(said.labels, said.predicted, len(names))
    for name, right, of in zip(names, counts.diagonal(), counts.sum(axis=1), strict=True):
        if of:
            recall = rate(int(right), int(of))
            yield f"{_quoted(name)} = {_below(recall.low)}  # {recall}"
    yield ""
    yield "# Images by a query, as `workbench images --where` takes it: also of metadata, camera:phone."
    yield "# [[slices]]"
    yield '# name = "dark images"'
    yield "# where = 'brightness<0.2'"
    yield "# min-accuracy = 0.8"


def _below(value: float) -> float:
    return math.floor(value * STEP) / STEP


def _above(value: float) -> float:
    return min(math.ceil(value * STEP) / STEP, 1.0)


def _plain(text: str) -> str:
    """Return a name that stands in a comment: on its line."""
    return "".join(each if each.isprintable() else " " for each in text)


def _quoted(name: str) -> str:
    """Write a text as TOML does: as JSON, but that it takes no half of a letter, and no DEL as it is."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")
