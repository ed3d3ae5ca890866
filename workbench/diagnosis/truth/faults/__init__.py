"""Faults that are planted and controls that are sound: which are diagnosed, and how early."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.finding import Severity
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.diagnosis.benchmark import Asked, Benchmark, Claim, Measured
from workbench.diagnosis.diagnose import Diagnosis, diagnose
from workbench.diagnosis.faults import fault as fault_called
from workbench.diagnosis.planting.networks import Networks
from workbench.diagnosis.selftest import FIRST, Case, score_diagnosis
from workbench.diagnosis.truth.faults.trials import CONTROLS, DRAWS, FAULTS, Trial
from workbench.session.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from workbench.diagnosis.planting.fault import Fault, World


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a diagnosis said in one trial.

    Attributes:
        trial: which.
        expected: kind that was planted; empty for a control.
        accuracy: of the network.
        rank: of the first finding of that kind; None if there is none.
        alarms: kinds above mild.
        errors, blamed: images that the network errs on, and those of them that are called a likely wrong label.
        line: all of it, for the table.
    """

    trial: Trial
    expected: str
    accuracy: float
    rank: int | None
    alarms: tuple[str, ...]
    errors: int = 0
    blamed: int = 0
    line: Mapping[str, Any] = field(default_factory=dict)


class PlantedFaults(Benchmark):
    """Is a fault that was planted named among the first findings, and is a sound model left alone?"""

    title: ClassVar[str] = "Planted faults"
    minutes: ClassVar[float] = 20.0

    def measure(self, asked: Asked) -> Measured:
        """Plant each fault once in a world that is drawn anew, diagnose it, and compare."""
        faults, controls, draws = (FAULTS[:2], CONTROLS[:1], 1) if asked.quick else (FAULTS, CONTROLS, DRAWS)
        wanted = [(trial, draw) for trial in faults for draw in range(asked.draws)]
        wanted += [(trial, draw) for trial in controls for draw in range(draws * asked.draws)]
        networks, told = Networks(), list[Told]()
        for place, (trial, draw) in enumerate(wanted):
            report("Planted faults", place, len(wanted))
            told.append(_told(trial, networks, asked.seed, draw))
        planted = [each for each in told if each.expected]
        sound = [each for each in told if not each.expected]
        early = sum(each.rank is not None and each.rank <= FIRST for each in planted)
        claims: tuple[Claim, ...] = (
            Claim(
                said=f"a planted fault is among the first {FIRST} findings", right=early, of=len(planted), wanted=0.9
            ),
            Claim(
                said="a planted fault is the first finding",
                right=sum(each.rank == 1 for each in planted),
                of=len(planted),
            ),
            Claim(
                said="a sound model has no finding above mild",
                right=sum(not each.alarms for each in sound),
                of=len(sound),
                wanted=1.0,
            ),
        )
        misled = [each for each in planted if each.trial.misled and each.errors]
        if misled:
            errors = sum(each.errors for each in misled)
            spared = errors - sum(each.blamed for each in misled)
            said = "an error of a failing model is not blamed on its right label"
            claims += (Claim(said=said, right=spared, of=errors, wanted=0.95),)
        notes = (
            "Each case is one draw of images, network and fault; the quick diagnosis is asked.",
            "Not planted: one class that is two; `workbench selftest` plants it in other worlds.",
        )
        return Measured(tables={"Planted": _table(planted), "Controls": _table(sound)}, claims=claims, notes=notes)


def _told(trial: Trial, networks: Networks, seed: int, draw: int) -> Told:
    chance = np.random.default_rng([seed, draw, zlib.crc32(trial.name.encode())])
    fault: Fault = make(fault_called(trial.fault), trial.values)
    world: World = fault.before(trial.world(chance), chance)
    fitting = replace(fault.fitting(), **trial.fitting)
    model = networks.train(world.train, trial.epochs, fitting, chance)
    world = fault.after(fault.network(model, world, chance), chance)
    session = Session(
        model, world.test, name="planted", preprocessing="unit", train=world.train, cache=False, engine="tensorflow"
    )
    session.probe.engine = networks.engine(model)
    return told_by(trial, fault, world, diagnose(session, quick=True), session.predictions.correct)


def told_by(trial: Trial, fault: Fault, world: World, diagnosis: Diagnosis, correct: Array) -> Told:
    """Compare a diagnosis with what was planted; `correct` is `(N,)` bool, of the network on the test images."""
    accuracy = float(correct.mean())
    score = score_diagnosis(Case("letters", trial.fault, trial.values, 0), fault, world, diagnosis, accuracy)
    above = [str(each.finding.kind) for each in diagnosis.findings if each.finding.severity > Severity.MILD]
    triage = diagnosis.asked.get("triage")
    blamed = 0 if triage is None else int((triage.tables["errors"]["group"] == "likely wrong label").sum())
    line = {
        "case": trial.name,
        "accuracy": accuracy,
        "expected": score.expected or "nothing above mild",
        "rank": score.rank,
        "severity": score.severity,
        "classes named": score.classes,
        "recall": score.recall,
        "precision": score.precision,
        "errors called wrong labels": blamed,
        "first findings": " > ".join(score.first) or "none",
        "above mild": ", ".join(above) or "none",
    }
    return Told(
        trial=trial,
        expected=score.expected,
        accuracy=accuracy,
        rank=score.rank,
        alarms=tuple(above),
        errors=int((~correct).sum()),
        blamed=blamed,
        line=line,
    )


def _table(told: Sequence[Told]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([each.line for each in told])
