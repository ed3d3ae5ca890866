"""Whether corrections helped: a run trained again with several seeds, before and after, on the same test images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.jsonable import records
from workbench.core.notebook import facts_html
from workbench.core.progress import silent
from workbench.core.wording import apart, join_names, number, plural, verb
from workbench.training.corrected_data import Copies, as_many_at_random, settle
from workbench.training.corrections import DUPLICATE, LEAK, Corrections
from workbench.training.recipe_comparison import HELPED, HURT, compare
from workbench.training.retraining import Said, corrections_of
from workbench.training.runs import Run, checked_name, open_run
from workbench.training.several_trainings import Divide, RecipeRun, Told, train_each
from workbench.training.trainer import read_parts
from workbench.workspace.marks import DROP, RELABEL

if TYPE_CHECKING:
    import pandas as pd

BEFORE, AFTER, CONTROL = "before", "after", "control"
QUESTION = "Did the corrections help?"
FEWEST_SEEDS = 2
"""Of fewer there is no interval over seeds."""
DIGITS = 8
"""Digits of the corrections' digest in the names of runs."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Proof:
    """What came of training with corrections and without, each with the same seeds.

    Attributes:
        run: name of the run whose recipe it is.
        corrections: what was changed in the training and validation images.
        seeds: of the trainings.
        trained: "before", "after" and perhaps "control", of each seed.
        runs: names of the runs that were trained, by the same words.
    """

    run: str
    corrections: Corrections
    seeds: tuple[int, ...]
    trained: Sequence[RecipeRun]
    runs: dict[str, list[str]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """All kinds beside each other, as `recipe_comparison.compare` gives it; for the figure."""
        return compare(self.trained)

    def gain(self, of: str = AFTER, over: str = BEFORE) -> tuple[Estimate, str]:
        """Return the difference of accuracy between two of "before", "after" and "control", and the verdict.

        Its interval is the wider one of both sources of chance, seeds and test images: it excludes zero where both do.
        """
        table = compare([each for kind in (over, of) for each in self.trained if each.recipe == kind])
        row = table.iloc[1]
        low, high = (
            float(edge(row[f"seeds_{end}"], row[f"images_{end}"])) for edge, end in ((min, "low"), (max, "high"))
        )
        value, verdict = float(row["difference"]), str(row["verdict"])
        return (Estimate(value, low, high) if high > low else Estimate(value)), verdict

    @property
    def verdict(self) -> str:
        """One of "helped", "hurt" and "inconclusive"."""
        return self.gain()[1]

    @property
    def sentence(self) -> str:
        """The answer, in one sentence."""
        gain, verdict = self.gain()
        what, seeds = _what(self.corrections), f"{plural(len(self.seeds), 'seed')} each"
        if verdict in (HELPED, HURT):
            sign, word = (1, "raised") if verdict == HELPED else (-1, "lowered")
            value, low, high = _points(gain, sign)
            return (
                f"{what} {word} accuracy on the untouched test set by {value} points (95 % interval {low} to {high}; "
                f"{seeds})."
            )
        if gain.interval is None:
            return f"{what} changed nothing on the untouched test set: as many images are right as before ({seeds})."
        value, low, high = _points(gain)
        return (
            f"{what} did not change accuracy on the untouched test set beyond chance: {value} points (95 % interval "
            f"{low} to {high}; {seeds})."
        )

    @property
    def control_sentence(self) -> str:
        """What as many corrections at random did; empty without a control."""
        if CONTROL not in self.runs:
            return ""
        (value, low, high), (more, least, most) = (
            _points(self.gain(*each)[0]) for each in ((CONTROL,), (AFTER, CONTROL))
        )
        surely = {HELPED: "surely better", HURT: "surely worse"}.get(self.gain(AFTER, CONTROL)[1], "not surely better")
        return (
            f"As many corrections of images drawn at random: {value} points ({low} to {high}). These corrections are "
            f"{surely} than those: {more} points ({least} to {most})."
        )

    @property
    def record(self) -> dict[str, Any]:
        """All of it, for other programs."""
        kinds = [each for each in ((AFTER, BEFORE), (CONTROL, BEFORE), (AFTER, CONTROL)) if set(each) <= set(self.runs)]
        gains = {f"{of} less {over}": self.gain(of, over) for of, over in kinds}
        return {
            "question": QUESTION,
            "run": self.run,
            "sentence": self.sentence,
            "verdict": self.verdict,
            "control": self.control_sentence,
            "corrections": self.corrections.record.model_dump(),
            "seeds": list(self.seeds),
            "test_images": len(self.trained[0].correct),
            "differences": {name: {"difference": gain, "verdict": said} for name, (gain, said) in gains.items()},
            "table": records(self.table),
            "runs": self.runs,
        }

    def __repr__(self) -> str:
        return f"Proof({self.run!r}: {self.sentence})"

    def _repr_html_(self) -> str:
        control = {} if CONTROL not in self.runs else {"control": self.control_sentence}
        return facts_html(self.sentence, {"seeds": ", ".join(map(str, self.seeds)), **control})


def _points(gain: Estimate, sign: int = 1) -> tuple[str, str, str]:
    """Write a difference of accuracies and both ends of its interval in points."""
    low, high = sorted(100 * sign * each for each in gain.interval or (gain.value, gain.value))

    def written(points: float, decimals: int = 1) -> str:
        return number(points, decimals)

    value, below, above = apart(written, 100 * sign * gain.value, low, high)
    return value, below, above


def _what(corrections: Corrections) -> str:
    """Say what was done: "Correcting 312 training labels and leaving out 4 images"."""
    counts = corrections.counts
    done = []
    if count := counts.get(RELABEL, 0):
        done.append(f"correcting {plural(count, 'training label')}")
    if count := counts.get(DROP, 0):
        done.append(f"leaving out {plural(count, 'image')}")
    if count := counts.get(DUPLICATE, 0) + counts.get(LEAK, 0):
        done.append(f"leaving out {count:,} {'copy' if count == 1 else 'copies'}")
    said = join_names(done)
    return said[:1].upper() + said[1:]


def prove(
    run: Run | str | Path,
    *,
    corrections: Said = None,
    copies: Copies = "",
    seeds: int = 3,
    first_seed: int = 0,
    control: bool = False,
    deterministic: bool = False,
    data_dir: str | None = None,
    folder: str | Path | None = None,
    divide: Divide | None = None,
    **told: Unpack[Told],
) -> Proof:
    """Train a run again with several seeds, with corrections and without, and compare on the untouched test images.

    Each training is a run of its own, called `<run>-before-<seed>`, `<run>-after-<digest>-<seed>` and
    `<run>-control-<digest>-<seed>`. Those that are there are reused and one that was stopped is resumed, so the same
    call goes on where it was killed; other corrections have another digest and are trained anew.

    Args:
        run: a run, its name or its folder: its recipe, network and data.
        corrections: a workspace, the path of one, or of a table; the data's workspace, if not given.
        copies: which copies are left out too, as `retrain` takes it.
        seeds: trainings of each kind, at least 2.
        first_seed: the seeds count up from it.
        control: whether as many corrections of images drawn at random are trained with, too.
        deterministic: whether each training is the same bit for bit.
        data_dir: folder of the Fashion-MNIST files, if they are not where they are usually found.
        folder: where runs are kept.
        divide: who trains, if it is not this process.
        told: who is told what, as `several_trainings.train_each` takes it.

    Returns:
        What came of the seeds from which each kind could be trained.

    Raises:
        WorkbenchError: if a correction does not fit the data any more (names the images), nothing would change, the
            data has no test part, or trainings failed and too few are left.
        Unavailable: if data or corrections are not there, or the disk cannot be written.
    """
    if seeds < FEWEST_SEEDS:
        raise WorkbenchError(f"A proof needs at least {FEWEST_SEEDS} seeds: one tells nothing of chance. Got {seeds}.")
    progress = told.get("progress", silent)
    opened = run if isinstance(run, Run) else open_run(run, folder)
    plain = opened.manifest.job().model_copy(update={"deterministic": deterministic, "data_dir": data_dir})
    marks, source = corrections_of(plain, corrections, progress)
    parts = read_parts(plain, progress)
    if parts.test is None:
        raise WorkbenchError(f"A proof needs test images, and {plain.dataset!r} has no test part.")
    settled = settle(parts, marks, source=source, copies=copies)
    jobs = {BEFORE: plain, AFTER: plain.model_copy(update={"corrections": settled})}
    if control:
        jobs[CONTROL] = plain.model_copy(update={"corrections": as_many_at_random(parts, settled)})
    short = settled.digest[:DIGITS]
    names = {BEFORE: f"{opened.name}-before", **{kind: f"{opened.name}-{kind}-{short}" for kind in (AFTER, CONTROL)}}
    own = range(first_seed, first_seed + seeds)
    for kind in jobs:
        checked_name(f"{names[kind]}-{own[-1]}")
    fingerprints = {"train": parts.fingerprint, "test": parts.test.fingerprint}
    del parts  # each training reads its own
    trained = train_each(
        jobs,
        own,
        called=lambda kind, seed: f"{names[kind]}-{seed}",
        fingerprints=fingerprints,
        folder=folder,
        divide=divide,
        **told,
    )
    counts = Counter(each.seed for each in trained)
    whole = tuple(seed for seed in own if counts[seed] == len(jobs))
    if len(whole) < FEWEST_SEEDS:
        raise WorkbenchError(
            f"A proof needs at least {FEWEST_SEEDS} seeds. Of {len(own)}, {plural(len(whole), 'seed')} "
            f"{verb(len(whole), 'were')} trained both with the corrections and without: the other trainings failed."
        )
    return Proof(
        run=opened.name,
        corrections=settled,
        seeds=whole,
        trained=[each for each in trained if each.seed in whole],
        runs={kind: [f"{names[kind]}-{seed}" for seed in whole] for kind in jobs},
    )
