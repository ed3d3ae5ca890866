"""Images that stand for a class, and images of it that these do not stand for: MMD-critic on embeddings."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.core.estimate import columns
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.data.thumbnails import thumbnails_of
from workbench.session.analysis import Analysis
from workbench.statistics.mmd_critic import criticisms, gaussian, prototypes, witness
from workbench.statistics.rates import rate

from .figure import draw_prototypes
from .findings import KINDS, REST, findings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

DRAWS = 200
"""Random choices of images that the prototypes are compared with."""


class PrototypesParams(Params):
    """How many, of how many images, and what counts as near."""

    prototypes: int = Field(10, ge=1, le=100, description="prototypes of each class")
    criticisms: int = Field(20, ge=1, le=200, description="criticisms of each class")
    images: int = Field(1000, ge=10, le=4000, description="images of each class to choose from, evenly spaced")
    width: float = Field(1.0, gt=0.01, le=100, description="width of the kernel, in median distances of the class")
    diversity: float = Field(
        1.0, ge=0, le=1000, description="how far criticisms have to differ; 0 takes the worst represented images alone"
    )
    classes: int = Field(10, ge=1, le=30, description="classes to show, those with the lowest recall first")
    shown: int = Field(7, ge=1, le=12, description="prototypes and criticisms of each class to show")


class Prototypes(Analysis[PrototypesParams]):
    """Which images stand for each class, and which images of it do these not stand for?

    Prototypes are chosen one by one so that their embeddings lie as those of the whole class do (least maximum mean
    discrepancy); criticisms where the prototypes are too dense or too thin, and different from each other (MMD-critic).
    """

    group = "Explanations"
    title = "Prototypes and criticisms"
    Params = PrototypesParams
    needs_model = True

    def compute(self, session: Session, params: PrototypesParams) -> Result:
        """Choose both for each class, and compare how often the model is wrong on them and on the rest."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        present = [c for c in range(len(names)) if (predictions.labels == c).any()]
        lines, classes, curves = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
        sets: dict[str, list[Array]] = {kind: [] for kind in (*KINDS, REST)}
        for place, c in enumerate(present):
            report("Choosing prototypes", place, len(present))
            own = np.flatnonzero(predictions.labels == c)
            rows = own[evenly(len(own), params.images)]
            kernel = gaussian(session.embeddings[rows], params.width)
            first, curve = prototypes(kernel, params.prototypes)
            second = criticisms(kernel, first, params.criticisms, diversity=params.diversity)
            known, chance = witness(kernel, first), at_random(kernel, len(first))
            for kind, chosen in zip(KINDS, (first, second), strict=True):
                sets[kind].append(rows[chosen])
                lines += [
                    {
                        "class": names[c],
                        "kind": kind,
                        "rank": rank,
                        "row": rows[at],
                        "predicted": names[predictions.predicted[rows[at]]],
                        "correct": bool(predictions.correct[rows[at]]),
                        "witness": known[at],
                    }
                    for rank, at in enumerate(chosen, 1)
                ]
            sets[REST].append(np.delete(rows, np.concatenate([first, second])))
            curves += [
                {"class": names[c], "prototypes": size, "discrepancy": found, "at_random": float(usual)}
                for size, (found, usual) in enumerate(zip(curve, np.median(chance, axis=0), strict=True), 1)
            ]
            classes.append(_line(c, names[c], predictions.correct, [sets[kind][-1] for kind in (*KINDS, REST)]))
        examples = pd.DataFrame(lines)
        tables = {"examples": examples, "classes": pd.DataFrame(classes), "curve": pd.DataFrame(curves)}
        recall = [float(predictions.correct[predictions.labels == c].mean()) for c in present]
        shown = [names[present[place]] for place in np.argsort(recall, kind="stable")[: params.classes]]
        seen = examples[examples["class"].isin(shown) & (examples["rank"] <= params.shown)]
        return Result(
            tables,
            arrays={"images": thumbnails_of(session.dataset, seen["row"].to_numpy()), "rows": seen["row"].to_numpy()},
            findings=tuple(findings_of(tables, sets, predictions)),
            sets={kind: ImageSet(np.concatenate(rows)) for kind, rows in sets.items()},
            notes={
                "classes": shown,
                "shown": params.shown,
                "sampled": sum(map(len, chain(*sets.values()))) < len(predictions),
            },
        )

    def draw(self, result: Result) -> Figure:
        """Draw both of each class beside each other; below, how near they come, and how often the model is wrong."""
        return draw_prototypes(result, self.question())


def at_random(kernel: Array, count: int, seed: int = 0) -> Array:
    """Squared MMD of random choices of 1 … `count` of n values: `(DRAWS, count)`."""
    chance, means, sizes = np.random.default_rng(seed), kernel.mean(axis=0), np.arange(1, count + 1)
    found = []
    for _ in range(DRAWS):
        chosen = chance.permutation(len(kernel))[:count]
        pairs = np.diagonal(kernel[np.ix_(chosen, chosen)].cumsum(axis=0).cumsum(axis=1))
        found.append(means.mean() - 2 * means[chosen].cumsum() / sizes + pairs / sizes**2)
    return np.maximum(found, 0.0)


def _line(number: int, name: str, correct: Array, parts: list[Array]) -> dict[str, Any]:
    """Count images and errors of a class: prototypes, criticisms, and the rest."""
    line: dict[str, Any] = {"number": number, "class": name}
    for kind, rows in zip((*KINDS, REST), parts, strict=True):
        wrong = int((~correct[rows]).sum())
        line |= {f"{kind}_images": len(rows), f"{kind}_errors": wrong}
        line |= columns(f"{kind}_error_rate", rate(wrong, len(rows)) if len(rows) else [np.nan] * 3)
    return line
