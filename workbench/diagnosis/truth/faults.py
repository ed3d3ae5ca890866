"""Faults that are planted and controls that are sound: which are diagnosed, and how early."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.finding import Severity
from workbench.core.params import make
from workbench.core.progress import report
from workbench.diagnosis.benchmark import Asked, Benchmark, Claim, Measured
from workbench.diagnosis.diagnose import Diagnosis, diagnose
from workbench.diagnosis.faults import fault as fault_called
from workbench.diagnosis.planting.letters import Letters
from workbench.diagnosis.planting.networks import Networks
from workbench.diagnosis.planting.worlds import digits, shapes
from workbench.diagnosis.selftest import FIRST, Case, score_diagnosis
from workbench.session.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from workbench.diagnosis.planting.fault import Fault, World

SMALL = Letters(classes=6, side=24, train=1200, test=400)
GREY = Letters(classes=8, side=24, channels=1, train=1600, test=480)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A fault in a world, or none.

    Attributes:
        fault: its name.
        values: its parameters.
        world: what makes the world of a random generator.
        epochs: passes over the images.
        fitting: what else is particular to the training.
        title: what the line is called; the fault, if not given.
    """

    fault: str = "nothing"
    values: Mapping[str, Any] = field(default_factory=dict)
    world: Any = SMALL
    epochs: int = 12
    fitting: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""

    @property
    def name(self) -> str:
        """What its line is called."""
        values = ", ".join(map(str, self.values.values()))
        return self.title or (f"{self.fault} ({values})" if values else self.fault)


def _cues() -> Iterator[Trial]:
    for how in ("cast", "texture", "frame", "jpeg", "blur"):
        yield Trial(fault="soft-cue", values={"how": how}, title=f"shortcut: {how}")


FAULTS: Sequence[Trial] = (
    Trial(fault="shifted-labels", values={"how": "shifted"}),
    Trial(fault="half-turned", world=GREY),
    Trial(fault="strangers", values={"how": "pictures"}),
    *_cues(),
    Trial(fault="changed-copies", world=GREY),
    Trial(fault="blank-images"),
    Trial(fault="other-crop", values={"how": "cropped"}),
    Trial(fault="other-crop", values={"how": "coarse"}, world=GREY),
    Trial(fault="collapse", values={"how": "biased"}),
    Trial(fault="sharp-logits", world=digits),
    Trial(fault="label-flips", values={"share": 0.1, "among": "pair"}, title="a tenth of one class as another"),
    Trial(fault="strangers", values={"how": "noise"}, world=digits),
    Trial(fault="shifted-labels", values={"how": "shuffled"}, world=digits),
)
"""Faults that a trial with fresh worlds saw missed or misnamed."""
CONTROLS: Sequence[Trial] = (
    Trial(world=replace(SMALL, classes=2, train=500, test=200), title="2 classes"),
    Trial(world=digits, title="10 classes, 8 pixels, grey"),
    Trial(world=replace(SMALL, classes=3, train=600, test=240), title="3 classes, colour"),
    Trial(world=replace(GREY, classes=60, train=3000, test=900), title="60 classes, grey"),
    Trial(world=replace(SMALL, classes=4, side=96, train=320, test=160), epochs=6, title="96 pixels, colour"),
    Trial(world=GREY, fitting={"logits": True}, title="logits"),
    Trial(world=shapes, fitting={"make": "residual"}, title="residual"),
    Trial(world=GREY, fitting={"make": "dense"}, epochs=20, title="dense"),
    Trial(world=SMALL, epochs=3, title="under-trained"),
)
"""Sound models of many kinds."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a diagnosis said in one trial.

    Attributes:
        trial: which.
        expected: kind that was planted; empty for a control.
        accuracy: of the network.
        rank: of the first finding of that kind; None if there is none.
        line: all of it, for the table.
        alarms: kinds above mild.
    """

    trial: Trial
    expected: str
    accuracy: float
    rank: int | None
    alarms: tuple[str, ...]
    line: Mapping[str, Any] = field(default_factory=dict)


class PlantedFaults(Benchmark):
    """Is a fault that was planted named among the first findings, and is a sound model left alone?"""

    title: ClassVar[str] = "Planted faults"

    def measure(self, asked: Asked) -> Measured:
        """Plant each fault once in a world that is drawn anew, diagnose it, and compare."""
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of one trace for each of many networks
        faults, controls = (FAULTS[:2], CONTROLS[:1]) if asked.quick else (FAULTS, CONTROLS)
        networks, told = Networks(), list[Told]()
        for place, trial in enumerate((*faults, *controls)):
            report("Planted faults", place, len(faults) + len(controls))
            told.append(_told(trial, networks, asked.seed + place))
        planted = [each for each in told if each.expected]
        sound = [each for each in told if not each.expected]
        early = sum(each.rank is not None and each.rank <= FIRST for each in planted)
        claims = (
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
        note = "Each case is one draw of images, network and fault; the quick diagnosis is asked."
        return Measured(tables={"Planted": _table(planted), "Controls": _table(sound)}, claims=claims, notes=(note,))


def _told(trial: Trial, networks: Networks, seed: int) -> Told:
    chance = np.random.default_rng([seed, len(trial.name)])
    fault: Fault = make(fault_called(trial.fault), trial.values)
    world: World = fault.before(trial.world(chance), chance)
    fitting = replace(fault.fitting(), **trial.fitting)
    model = networks.train(world.train, trial.epochs, fitting, chance)
    world = fault.after(fault.network(model, world, chance), chance)
    session = Session(model, world.test, name="planted", preprocessing="unit", train=world.train, cache=False)
    session.probe.engine = networks.engine(model)
    accuracy = float(session.predictions.correct.mean())
    return told_by(trial, fault, world, diagnose(session, quick=True), accuracy)


def told_by(trial: Trial, fault: Fault, world: World, diagnosis: Diagnosis, accuracy: float) -> Told:
    """Compare a diagnosis with what was planted."""
    case = Case("letters", trial.fault, trial.values, 0)
    score = score_diagnosis(case, fault, world, diagnosis, accuracy)
    above = [str(each.finding.kind) for each in diagnosis.findings if each.finding.severity > Severity.MILD]
    line = {
        "case": trial.name,
        "accuracy": accuracy,
        "expected": score.expected or "nothing above mild",
        "rank": score.rank,
        "severity": score.severity,
        "classes named": score.classes,
        "recall": score.recall,
        "precision": score.precision,
        "first findings": " > ".join(score.first) or "none",
        "above mild": ", ".join(above) or "none",
    }
    return Told(
        trial=trial, expected=score.expected, accuracy=accuracy, rank=score.rank, alarms=tuple(above), line=line
    )


def _table(told: Sequence[Told]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([each.line for each in told])
