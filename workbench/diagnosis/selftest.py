"""The self-test: plants known faults, runs the diagnosis, and scores it."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cache import cache_folder, load_result, save_result
from workbench.core.image_set import ImageSet
from workbench.core.locks import sharing
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.provenance import code_digest
from workbench.core.result import Result
from workbench.diagnosis.diagnose import Diagnosis, diagnose
from workbench.diagnosis.faults import fault as fault_called
from workbench.diagnosis.faults import faults
from workbench.diagnosis.planting.fault import Fault, World
from workbench.diagnosis.planting.networks import Networks
from workbench.diagnosis.planting.worlds import WORLDS
from workbench.session.session import Session

if TYPE_CHECKING:
    import pandas as pd

FIRST = 3
"""A fault counts as found if it is among this many first findings."""
ABOVE_MILD = ("serious", "critical")
VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "label-flips": (
        {"share": 0.2, "among": "look"},
        {"share": 0.02},
        {"share": 0.05},
        {"share": 0.1},
        {"share": 0.1, "among": "pair"},
    ),
    "collapse": ({}, {"how": "biased"}),
    "shifted-labels": ({"how": "shifted"}, {"how": "shuffled"}),
}
"""Parameters with which a fault is planted, where the default is not enough."""


@dataclass(frozen=True)
class Case:
    """One fault in one world, from one seed."""

    world: str
    fault: str
    values: Mapping[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """The fault with its parameters, in words."""
        values = ", ".join(f"{key} {value}" for key, value in self.values.items())
        return f"{self.fault} ({values})" if values else self.fault


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a diagnosis reported a planted fault.

    Attributes:
        world, fault, seed: the case.
        expected: the kind that should be found; empty for a control.
        accuracy: of the network on the images that were diagnosed.
        rank: of the first finding of that kind; None if there is none.
        severity: of it.
        classes: whether it names the classes that the fault is about; None where it is about all.
        recall, precision: of its evidence: share of the planted rows that it names, and share of the rows named
            that are planted; None where no rows were planted, or no evidence is given.
        first: kinds of the first findings.
        alarms: kinds above "mild" on a control that must not be.
    """

    world: str
    fault: str
    seed: int
    expected: str
    accuracy: float
    rank: int | None
    severity: str
    classes: bool | None
    recall: float | None
    precision: float | None
    first: tuple[str, ...]
    alarms: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Found among the first, of a fault; no false alarm, of a control."""
        return self.rank is not None and self.rank <= FIRST if self.expected else not self.alarms


def cases(*, quick: bool, seed: int = 0, only: Sequence[str] = (), repeats: int = 3) -> Iterator[Case]:
    """Yield the cases of a self-test.

    Args:
        quick: every fault once, in a world of the smallest images; else in every world, `repeats` times.
        seed: seed for all random numbers.
        only: names of faults; all if empty.
        repeats: seeds of each case.
    """
    chosen = [fault_called(name).name for name in only] or list(faults())
    worlds = ("digits",) if quick else tuple(WORLDS)
    for world in worlds:
        for name in chosen:
            variants = VARIANTS.get(name, ({},))
            for values in variants[-2:] if quick else variants:
                for number in range(1 if quick else repeats):
                    yield Case(world, name, values, seed + number)


def selftest(
    wanted: Sequence[Case], *, quick: bool = True, cache: bool = False, networks: Networks | None = None
) -> list[Score]:
    """Plant each fault, diagnose, and compare.

    Args:
        wanted: the cases.
        quick: whether to run only the quick diagnosis.
        cache: keep each score in the cache folder, so that an interrupted self-test continues.
        networks: what trains the networks; give the same to several calls, and less is compiled.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of one trace for each of many networks
    networks = networks or Networks()
    scores = []
    for place, case in enumerate(wanted):
        report("Self-test", place, len(wanted))
        scores.append(_kept(case, quick, networks) if cache else _score(case, quick, networks))
    report("Self-test", len(wanted), len(wanted))
    return scores


def _kept(case: Case, quick: bool, networks: Networks) -> Score:
    text = repr((case.world, case.fault, sorted(case.values.items()), case.seed, quick, code_digest()))
    path = cache_folder() / "selftest" / f"{zlib.crc32(text.encode()):08x}-{case.fault}.npz"
    with sharing(path, case.name):
        if (stored := load_result(path)) is not None and stored.notes.get("case") == text:
            kept = stored.notes["score"]
            return Score(**{**kept, "first": tuple(kept["first"]), "alarms": tuple(kept["alarms"])})
        score = _score(case, quick, networks)
        save_result(path, Result(notes={"case": text, "score": asdict(score)}))
    return score


def plant(case: Case, networks: Networks) -> tuple[Session, World, Fault]:
    """Make the world of a case, plant its fault, train its network, and open a session on both.

    The session has the network until the next one is trained.
    """
    fault = make(fault_called(case.fault), case.values)
    chance = np.random.default_rng([case.seed, zlib.crc32(f"{case.world} {case.name}".encode())])
    build, epochs = WORLDS[case.world]
    world = fault.before(build(chance), chance)
    model = networks.train(world.train, epochs, fault.fitting(), chance)
    world = fault.after(fault.network(model, world, chance), chance)
    name = f"{case.world}-{case.fault}"
    # What it is given is said, not measured: else a fault of the scale would be mended before it is looked for.
    session = Session(
        model, world.test, name=name, preprocessing="unit", train=world.train, cache=False, engine="tensorflow"
    )
    session.probe.engine = networks.engine(model)
    return session, world, fault


def _score(case: Case, quick: bool, networks: Networks) -> Score:
    session, world, fault = plant(case, networks)
    return score_diagnosis(
        case, fault, world, diagnose(session, quick=quick), float(session.predictions.correct.mean())
    )


def score_diagnosis(case: Case, fault: Fault, world: World, diagnosis: Diagnosis, accuracy: float) -> Score:
    """Compare a diagnosis with what was planted."""
    heads = [each.finding for each in diagnosis.findings]
    first = tuple(f"{each.kind}{'' if each.severity in ABOVE_MILD else ' (mild)'}" for each in heads[:FIRST])
    bare = Score(
        world=case.world,
        fault=case.name,
        seed=case.seed,
        expected=fault.kind or "",
        accuracy=accuracy,
        rank=None,
        severity="",
        classes=None,
        recall=None,
        precision=None,
        first=first,
        alarms=(),
    )
    if fault.kind is None:
        testable = {kind.kind for kind in faults().values()} if fault.denied is None else {fault.denied}
        alarms = sorted({str(each.kind) for each in heads if each.severity in ABOVE_MILD and each.kind in testable})
        return replace(bare, alarms=tuple(alarms))
    found = next((place for place, each in enumerate(heads) if each.kind == fault.kind), None)
    if found is None:
        return bare
    finding = heads[found]
    named = set(world.classes) <= set(finding.classes) if world.classes else None
    recall = precision = None
    if len(world.rows) and finding.evidence and finding.part == world.part:
        hits = finding.evidence.meets(ImageSet(world.rows, part=world.part))
        recall, precision = hits / len(world.rows), hits / len(finding.evidence)
    return replace(bare, rank=found + 1, severity=finding.severity, classes=named, recall=recall, precision=precision)


def scorecard(scores: Sequence[Score]) -> pd.DataFrame:
    """Return a line for each fault in each world: how often it was found, at which rank, and false alarms."""
    import pandas as pd

    groups: dict[tuple[str, str], list[Score]] = {}
    for each in scores:
        groups.setdefault((each.world, each.fault), []).append(each)
    lines = []
    for (world, fault), own in groups.items():
        ranks = [each.rank for each in own if each.rank is not None]
        named = [each.classes for each in own if each.classes is not None]
        recalls = [each.recall for each in own if each.recall is not None]
        precisions = [each.precision for each in own if each.precision is not None]
        lines.append(
            {
                "world": world,
                "fault": fault,
                "expected": own[0].expected or "nothing",
                "cases": len(own),
                "passed": sum(each.passed for each in own),
                "median_rank": float(np.median(ranks)) if ranks else np.nan,
                "classes_named": np.mean(named) if named else np.nan,
                "evidence_recall": np.mean(recalls) if recalls else np.nan,
                "evidence_precision": np.mean(precisions) if precisions else np.nan,
                "false_alarms": ", ".join(sorted({alarm for each in own for alarm in each.alarms})),
                "first_findings": "; ".join(dict.fromkeys(" > ".join(each.first) or "none" for each in own)),
            }
        )
    return pd.DataFrame(lines)
