"""Comparisons of the page's model with runs of the place: made in the background, kept, and opened by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode

from workbench.app.page.jobs import Job, Jobs
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.estimate import Estimate, columns
from workbench.core.image_set import ImageSet
from workbench.core.kept import Kept
from workbench.core.result import Result
from workbench.diagnosis.changed_findings import FindingChange
from workbench.diagnosis.comparison import OUTCOMES, Comparison, compare
from workbench.diagnosis.opening import cannot_see, open_on
from workbench.models.turns import NEXT, TURNS
from workbench.training.runs import Run, list_runs

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.page.owners import Owner
    from workbench.session.session import Session

SIDES = ("A", "B")
"""The page's model, and the one that it is compared with."""
KIND = "compare"
"""What the address of a set of a comparison begins with."""
ALL = "all"
"""In an address, in place of an outcome: all images that were compared."""
GROUPS = "Groups that changed otherwise than the rest"
"""Title of a table."""
MEASURES = {
    "ece": "expected calibration error",
    "adaptive_ece": "the same, in bins of equally many images",
    "brier": "Brier score",
    "nll": "negative log-likelihood, nats",
    "confidence_of_errors": "mean confidence when wrong",
}
"""Rows of the table of calibration: columns of `Comparison.confidence` in words."""
PATIENCE = 0.3
"""Seconds that quick work gets before the page says that it is being done."""


class NotCompared(Unavailable):
    """The comparison that a set comes from was not made yet."""

    def __init__(self, against: str) -> None:
        super().__init__(f"This set is part of the comparison with {against}, which is not computed here.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """A comparison as the page shows it.

    Attributes:
        against: name of the run that the page's model is compared with.
        run: the run.
        found: the comparison; its groups are there.
    """

    against: str
    run: Run
    found: Comparison

    @property
    def other(self) -> Session:
        """The session of the run, on the page's images."""
        return self.found.second

    @cached_property
    def places(self) -> Mapping[int, int]:
        """Where an image, by its row, stands among those that are compared."""
        return {int(row): place for place, row in enumerate(self.found.rows[:, 0])}

    @cached_property
    def result(self) -> Result:
        """The tables, so that they are sorted and written to files as those of an analysis are.

        Columns of the page's model end with A, those of the run with B.
        """
        short = {"recall_first": "recall A", "recall_second": "recall B", "errors_first": "errors A"}
        short |= {"errors_second": "errors B", "accuracy_first": "accuracy A", "accuracy_second": "accuracy B"}
        groups = self.found.groups
        tables = {
            "By class": self.found.classes.drop(columns="p"),
            "By confused pair": self.found.pairs.drop(columns="p"),
            GROUPS: groups[groups["moved"]].drop(columns=["p", "moved"]),
            "Calibration": _turned(self.found.confidence),
        }
        named = {name: table.rename(columns=short) for name, table in tables.items()}
        return Result(named, analysis=KIND, class_names=self.found.first.class_names)

    def opens(self, table: str, column: str, row: int) -> str:
        """Return the address of the images that a number of a table counts; empty where it counts none."""
        counts = {"recall A": "errors_first", "recall B": "errors_second", "images": ALL, "class": ALL}
        if table == "By class":
            what = counts.get(column, column if column in OUTCOMES else "")
            return self.address(what, label=str(self.found.classes["class"].iloc[row])) if what else ""
        if table == "By confused pair":
            words = {"errors A": "first", "errors B": "second", "gone": "gone", "come": "come"}
            true, predicted = (str(self.found.pairs[each].iloc[row]) for each in ("true", "predicted"))
            return self.address(words[column], true=true, predicted=predicted) if column in words else ""
        if table == GROUPS:
            what = {"group": ALL, "images": ALL}.get(column, column if column in ("fixed", "broken") else "")
            return self.address(what, group=str(row)) if what else ""
        return ""

    def address(self, what: str, **narrowed: str) -> str:
        """Return the address of a set: an outcome, or images of a confusion, of a class or a group where named."""
        return address_of(self.against, what, **narrowed)

    def images(self, what: str, narrowed: Mapping[str, str]) -> ImageSet:
        """Return the images at an address.

        Raises:
            WorkbenchError: if there is no such set.
        """
        if "true" in narrowed:
            return self.found.confused(narrowed["true"], narrowed.get("predicted", ""), what)
        group = narrowed.get("group")
        if group is not None and not (group.isascii() and group.isdigit() and len(group) < 6):
            raise WorkbenchError(f"A group is named by its number. Got {group[:20]!r}.")
        outcome = "" if what == ALL else what
        place = None if group is None else int(group)
        return self.found.images(outcome, label=narrowed.get("label"), group=place)


def _turned(confidence: pd.DataFrame) -> pd.DataFrame:
    """One row a measure, with both models beside each other."""
    import pandas as pd

    rows = []
    for name, words in MEASURES.items():
        line: dict[str, object] = {"measure": words}
        for side, row in zip("AB", range(len(confidence)), strict=True):
            line |= columns(side, Estimate.of(confidence.iloc[row], name))
        rows.append(line)
    return pd.DataFrame(rows)


class Comparing:
    """What the page's model was compared with.

    Args:
        jobs: does what takes long.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._made: Kept[str, Compared] = Kept(4)
        self._findings: Kept[Compared, tuple[FindingChange, ...]] = Kept(4)

    def runs(self, session: Session) -> dict[str, tuple[Run, str]]:
        """Return the runs of the place by name, each with a sentence on why it cannot be compared; empty if it can."""
        return {run.name: (run, cannot_see(run.manifest, session.dataset)) for run in list_runs()}

    def known(self, against: str) -> Compared | None:
        """Return a comparison that was made."""
        return self._made.get(against)

    def start(self, session: Session, against: str, owner: Owner | None) -> tuple[str, Job]:
        """Return the key and the job of a comparison, begun if need be.

        Raises:
            WorkbenchError: if there is no such run here.
        """
        # Only names of runs of the place: an address must not open any file of the machine.
        run, why = self.runs(session).get(against, (None, ""))
        if run is None:
            raise WorkbenchError(f"There is no run {against!r} here that {session.name} can be compared with.")
        if why:
            raise WorkbenchError(f"{against} cannot be compared with {session.name} here: {why}")
        made = self._made.get(against)
        there = made is not None and made.run.manifest == run.manifest  # else it was trained anew meanwhile

        def work() -> Compared:
            other = open_on(session, against)
            if not other.has_predictions:
                with TURNS.claimed(NEXT):  # somebody may click meanwhile
                    other.predictions  # noqa: B018  # computed now
            found = compare(session, other)
            found.moved  # noqa: B018  # found now
            return self._made.put(against, Compared(against=against, run=run, found=found))

        key = f"compare-{against}"
        before = self._jobs.get(key)
        again = not there and before is not None and not before.error
        return key, self._jobs.start(key, work, wait=PATIENCE, owner=owner, again=again)

    def findings(self, compared: Compared) -> tuple[FindingChange, ...] | None:
        """Return the findings that went, stayed and came, where both models were diagnosed; asks nothing."""
        known = self._findings.get(compared)
        if known is None and (found := compared.found.findings()) is not None:
            known = self._findings.put(compared, found)
        return known

    def diagnose(self, compared: Compared, owner: Owner | None) -> tuple[str, Job]:
        """Return the key and the job of diagnosing both models, begun if need be."""

        def work() -> None:
            with TURNS.claimed(NEXT):
                compared.found.findings(ask=True)

        key = f"compare-findings-{compared.against}"
        return key, self._jobs.start(key, work, wait=PATIENCE, owner=owner)

    def load(self, compared: Compared, owner: Owner | None) -> tuple[str, Job]:
        """Return the key and the job of loading the run's model, for its maps."""
        key = f"compare-model-{compared.against}"
        return key, self._jobs.start(key, lambda: compared.other.probe.note, wait=PATIENCE, owner=owner)


def address_of(against: str, what: str, **narrowed: str) -> str:
    """Return the address of a set of a comparison."""
    return f"{KIND}/{quote(against, safe='')}/{what}" + (f"?{urlencode(narrowed)}" if narrowed else "")


def side_address(against: str, side: str, inner: str) -> str:
    """Return the address of a set of either model, which its own page would have at `inner`."""
    return f"{KIND}/{quote(against, safe='')}/{side}/{inner}"


def read_side(address: str) -> tuple[str, str, str] | None:
    """Return what `side_address` wrote: what is compared with, whose set it is, and its address there."""
    kind, _, rest = address.partition("/")
    against, _, rest = rest.partition("/")
    side, _, inner = rest.partition("/")
    return (unquote(against), side, inner) if kind == KIND and inner and side in SIDES else None


def read_address(address: str) -> tuple[str, str, dict[str, str]] | None:
    """Return what an address is compared with, what it names and what narrows that; None for any other address."""
    kind, _, rest = address.partition("/")
    path, _, query = rest.partition("?")
    against, _, what = path.partition("/")
    return (unquote(against), what, dict(parse_qsl(query))) if kind == KIND and against else None
