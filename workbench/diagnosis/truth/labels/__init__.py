"""Wrong labels: which, how many, and how often that is true, on labels that people got wrong and on drawn ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.diagnosis.benchmark import Asked, Benchmark, Claim, Measured
from workbench.statistics.label_quality import LabelQuality, quality

from .drawn_noise import NOISES, held_out, two_trainings
from .human_cells import Cell, cells_of
from .peers import area_under_the_margin, confident_learning, low_self_confidence, scores

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.1, 0.2)
"""Shares of wrong labels that are drawn."""
IMAGES, EPOCHS = (10_000, 3_000), (8, 6)
"""Of Fashion-MNIST's training part, and of each training; in all, and quickly."""
NEAR = 0.02
"""How far a rate may lie from the truth, outside of its interval."""
SAID_OF_CLEAN = 0.005
"""Share of wrong labels that may surely be said of right ones."""
HEATS = {"as it is": 1.0, "over-confident": 3.0, "under-confident": 1 / 3}
"""Powers of the probabilities with which right labels are asked about."""
SILENT = "Labels that people got wrong were left out: name a folder of them with --human-labels."


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What is said of some labels, beside the truth.

    Attributes:
        name: of the labels.
        wrong: `(N,)` bool.
        found: what the workbench says.
        sets: `(N,)` bool by who says that these labels are wrong; "workbench" is one of them.
        ranked: `(N,)` by whose score it is, low is suspicious; "workbench" is one of them.
    """

    name: str
    wrong: Array
    found: LabelQuality
    sets: dict[str, Array]
    ranked: dict[str, Array]

    def f1(self, who: str) -> float:
        """F1 of a set of labels that are called wrong."""
        hits = int((self.sets[who] & self.wrong).sum())
        return 2 * hits / max(int(self.sets[who].sum()) + int(self.wrong.sum()), 1)

    def auroc(self, who: str) -> float:
        """Chance that a wrong label is more suspicious than a right one."""
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(self.wrong, -self.ranked[who]))

    def precision(self, who: str) -> float:
        """Mean precision over the ranks of the wrong labels (area under precision and recall)."""
        from sklearn.metrics import average_precision_score

        return float(average_precision_score(self.wrong, -self.ranked[who]))

    def lift(self, who: str) -> float:
        """How much more often labels are wrong among the worst, as many as there are wrong ones, than among all."""
        worst = np.argsort(self.ranked[who], kind="stable")[: int(self.wrong.sum())]
        return float(self.wrong[worst].mean() / self.wrong.mean())

    @property
    def covered(self) -> bool:
        """Whether the interval holds the true share."""
        return self.found.noise.low <= self.wrong.mean() <= self.found.noise.high

    @property
    def near(self) -> bool:
        """Whether it does, or the rate is within `NEAR` of the truth."""
        return self.covered or abs(self.found.noise.value - self.wrong.mean()) <= NEAR


class Labels(Benchmark):
    """Which labels are wrong, how many are there, and are right ones left alone?

    Labels that people got wrong, in held-out probabilities of a folder that you name; and AQuA's four kinds of noise on
    Fashion-MNIST, judged by a small network's cross-validated probabilities. Beside the workbench: cleanlab's scores
    and issues, and the area under the margin.
    """

    title: ClassVar[str] = "Wrong labels"
    minutes: ClassVar[float] = 1.0

    def measure(self, asked: Asked) -> Measured:
        """Judge human labels, drawn ones and right ones."""
        human = [] if asked.human_labels is None else [judge(cell) for cell in cells_of(asked.human_labels)]
        drawn, clean = _drawn(asked)
        right = [*_right_rows(asked), *clean]
        tables = {"Drawn noise on Fashion-MNIST": _table(drawn)}
        if human:
            tables = {"Labels that people got wrong": _table(human), "Their ranking": _ranking(human)} | tables
        tables["Right labels"] = _of_right(right)
        return Measured(tables=tables, claims=_claims(human, drawn, right), notes=() if human else (SILENT,))


def judge(cell: Cell, *, more: dict[str, Array] | None = None) -> Judged:
    """Ask the workbench and its peers about labels; `more` are sets of other peers."""
    found = quality(cell.said, cell.labels, cell.said.shape[1])
    called = np.zeros(len(cell.labels), bool)
    called[found.issues] = True
    sets = {"workbench": called, "confident learning": confident_learning(cell.said, cell.labels)}
    ranked = {"workbench": found.score} | scores(cell.said, cell.labels)
    return Judged(name=cell.name, wrong=cell.wrong, found=found, sets=sets | (more or {}), ranked=ranked)


def _drawn(asked: Asked) -> tuple[list[Judged], list[tuple[str, LabelQuality]]]:
    """Judge every kind of noise, each share and draw; and the right labels of each draw."""
    from workbench.data import load_dataset

    dataset, count, epochs = load_dataset("fashion-mnist", split="train"), IMAGES[asked.quick], EPOCHS[asked.quick]
    found: list[Judged] = []
    clean: list[tuple[str, LabelQuality]] = []
    for draw in range(asked.seed, asked.seed + asked.draws):
        chance = np.random.default_rng(draw)
        rows = np.sort(chance.choice(len(dataset), min(count, len(dataset)), replace=False))
        images = np.asarray(dataset.images[rows], np.float32).reshape(len(rows), -1) / 255
        right = np.asarray(dataset.labels[rows])
        for share in SHARES:
            for name, noise in NOISES.items():
                labels = noise(right, images, share, chance)
                said = held_out(images, labels, epochs=epochs, seed=draw)
                margins, strangers = two_trainings(images, labels, epochs=epochs, seed=draw)
                more = {
                    "area under the margin": area_under_the_margin(margins, strangers),
                    "self-confidence": low_self_confidence(said, labels),
                }
                cell = Cell(f"{name}, {100 * share:.0f} %", said, labels, labels != right)
                found.append(judge(cell, more=more))
        said = held_out(images, right, epochs=epochs, seed=draw)
        clean += _heated("Fashion-MNIST", said, right)
        weak = held_out(images[:, :: max(images.shape[1] // 8, 1)], right, epochs=1, seed=draw)
        clean.append(("Fashion-MNIST, eight pixels, one epoch", quality(weak, right, weak.shape[1])))
    return found, clean


def _right_rows(asked: Asked) -> Iterator[tuple[str, LabelQuality]]:
    """Judge those human labels that are right."""
    for cell in [] if asked.human_labels is None else cells_of(asked.human_labels):
        yield from _heated(cell.name, cell.said[~cell.wrong], cell.labels[~cell.wrong])


def _heated(name: str, said: Array, labels: Array) -> Iterator[tuple[str, LabelQuality]]:
    for how, power in HEATS.items():
        changed = (said + 1e-9) ** power
        yield f"{name}, {how}", quality(changed / changed.sum(axis=1, keepdims=True), labels, said.shape[1])


def _table(judged: list[Judged]) -> pd.DataFrame:
    """One row a set of labels: the rate and its interval, and F1 of each set that is called wrong."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "labels": each.name,
                "images": len(each.wrong),
                "wrong": each.wrong.mean(),
                "rate": each.found.noise.value,
                "low": each.found.noise.low,
                "high": each.found.noise.high,
                "told apart": each.found.told,
            }
            | {f"F1 {who}": each.f1(who) for who in each.sets}
            for each in judged
        ]
    ).round(4)


def _ranking(judged: list[Judged]) -> pd.DataFrame:
    """One row a set of labels and score: three measures of the ranking."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"labels": each.name, "score": who, "AUROC": each.auroc(who), "AUPRC": each.precision(who)}
            | {"lift": each.lift(who)}
            for each in judged
            for who in each.ranked
        ]
    ).round(4)


def _of_right(right: list[tuple[str, LabelQuality]]) -> pd.DataFrame:
    """One row a set of right labels: what is said of them."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"labels": name, "images": len(found.score), "surely wrong": found.noise.low, "at most": found.noise.high}
            for name, found in right
        ]
    ).round(4)


def _claims(human: list[Judged], drawn: list[Judged], right: list[tuple[str, LabelQuality]]) -> tuple[Claim, ...]:
    """Count how often what is said was true."""
    found = []
    for whose, judged in (("labels that people got wrong", human), ("drawn noise", drawn)):
        if not judged:
            continue
        told = [each for each in judged if each.found.told]
        near, covered = sum(each.near for each in judged), sum(each.covered for each in told)
        found.append(
            Claim(said=f"rate of {whose}: near, or within its interval", right=near, of=len(judged), wanted=0.9)
        )
        if told:
            claim = f"rate of {whose}, where told: within its interval"
            found.append(Claim(said=claim, right=covered, of=len(told)))
        better = sum(each.f1("workbench") >= each.f1("confident learning") for each in judged)
        claim = f"{whose}: F1 at least that of confident learning"
        found.append(Claim(said=claim, right=better, of=len(judged), wanted=0.9))
        first = sum(
            each.auroc("workbench") >= max(each.auroc(who) for who in each.ranked if who != "workbench")
            for each in judged
        )
        found.append(Claim(said=f"{whose}: AUROC at least the best of three scores", right=first, of=len(judged)))
    quiet = sum(each.noise.low <= SAID_OF_CLEAN for _, each in right)
    claim = "right labels: at most 0.5 % are surely wrong"
    return (*found, Claim(said=claim, right=quiet, of=len(right), wanted=0.98))
