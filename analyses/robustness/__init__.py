"""Effect of image corruptions on predictions and maps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.errors import unknown
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, number, percent, plural, verb
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import small
from workbench.session.analysis import Analysis
from workbench.statistics.bootstrap import estimate
from workbench.statistics.rates import capped, rate

from .corruptions import FAMILIES, SEVERITIES, Corruptions
from .figure import draw_trial
from .fragility import NEVER
from .tables import classes_of, curves_of, drop, families_of, images_of, maps_of, sets_of
from .trial import Trial, run_trial, stability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TOO_MUCH = 0.2
"""Accuracy that the mildest severity must surely cost to be a fault."""
MUCH = 0.1
"""Accuracy that severity 3 must surely cost to be mild."""
MIDDLE = 3
"""Severity at which families and classes are compared."""


class RobustnessParams(Params):
    """Which corruptions, on how many images."""

    families: tuple[str, ...] = Field((), description=f"corruptions to apply; default: all of {', '.join(FAMILIES)}")
    images: int = Field(1000, ge=1, le=100_000, description="images to corrupt, balanced over the classes")
    every: int = Field(1, ge=1, le=4, description="step between severities: 1 tests all five, 2 tests 1, 3 and 5")
    maps: int = Field(32, ge=0, le=2000, description="images whose maps to compare before and after corruption")
    seed: Seed = Field(0, description="seed for choosing images and for the corruptions")


class Robustness(Analysis[RobustnessParams]):
    """How robust is the model to noise, blur, shifts and other corruptions?

    Eleven families of corruptions after MNIST-C at five severities; the first is hardly visible.
    """

    group = "Model"
    title = "Robustness"
    Params = RobustnessParams
    needs_model = True
    needs_inside = "outputs"
    kinds: ClassVar[tuple[Kind, ...]] = ("fragility",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 200, "every": 2, "maps": 8})

    def compute(self, session: Session, params: RobustnessParams) -> Result:
        """Corrupt a balanced sample in every way, and compare predictions and maps with those of the clean images.

        Source: arXiv:1906.02337 (families), arXiv:1903.12261 (corruption error).

        Raises:
            WorkbenchError: if there is no such family.
        """
        for name in params.families:
            if name not in FAMILIES:
                raise unknown("family", name, FAMILIES)
        from workbench.attribution.methods import explainer

        rows = balanced_rows(session.dataset.labels, params.images, params.seed)
        severities = SEVERITIES[:: params.every]
        names = [name for name in FAMILIES if not params.families or name in params.families]
        trial = run_trial(session, rows, names, severities, params.seed)
        maps = stability(session, trial, params.maps, params.seed)
        middle = min((s for s in severities if s >= MIDDLE), default=severities[-1])
        curves, classes = curves_of(trial), classes_of(trial, session.class_names)
        families, images = families_of(trial, curves, maps, middle), images_of(trial, session)
        tables = {"families": families, "curves": curves, "classes": classes, "images": images}
        tables["maps"] = maps_of(trial, maps)
        shown, pairs = _examples(trial, session, params.seed)
        chance = estimate(maps.chance)
        notes = {
            "middle": middle,
            "shown": shown,
            "method": maps.method,
            "title": explainer(maps.method).title,
            "order": families["name"].tolist(),
            "severities": list(severities),
            "chance": chance.value if np.isfinite(chance.value) else None,
        }
        findings = [_fragility(trial, middle), _mean_cost(trial, families)]
        findings += [
            *_most_affected(trial, classes, middle),
            *_flips(trial),
            *_map_stability(families, str(notes["title"]), chance, middle),
        ]
        return Result(
            tables,
            arrays={"flips": trial.flips[0].T, "rows": rows, "pairs": pairs},
            findings=tuple(findings),
            sets=dict(sets_of(trial, maps, middle)),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw a curve for each family, the classes at one severity, the maps, and images that flip."""
        return draw_trial(result, self.question())


def _examples(trial: Trial, session: Session, seed: int) -> tuple[list[dict[str, Any]], Array]:
    """Choose for each family the correct image that flips at the smallest severity, the most confident one."""
    at, to = trial.flips
    names, shown, pairs = session.class_names, [], []
    for f, family in enumerate(trial.families):
        order = np.where((at[f] != NEVER) & trial.before.correct, at[f], SEVERITIES[-1] + 1)
        n = int(np.lexsort((-trial.before.confidence, order))[0])
        if order[n] > SEVERITIES[-1]:
            continue
        row, severity = int(trial.rows[n]), int(at[f, n])
        batch = Corruptions(session.dataset.floats([row]), np.array([row]), seed)
        changed = (255 * batch.changed(family, severity)).round().astype(np.uint8)
        pairs.append(small(np.concatenate([session.dataset.images[[row]], changed])))
        shown.append(
            {
                "family": FAMILIES[family].title,
                "row": row,
                "severity": severity,
                "to": names[to[f, n]],
                "true": names[trial.before.labels[n]],
                "change": FAMILIES[family].words(severity),
            }
        )
    shape = small(session.dataset.images[:1]).shape[1:]
    return shown, np.stack(pairs) if pairs else np.zeros((0, 2, *shape), np.uint8)


def _points(found: Estimate) -> str:
    value, low, high = (number(100 * each, 1) for each in found)
    return f"{value} points (95 % interval {low} to {high})"


def _change(drop: Estimate) -> str:
    """Say by how much the accuracy is lower, or higher."""
    if drop.value >= 0:
        return f"lowers the accuracy by {_points(drop)}"
    ends = (-drop.high, -drop.low)  # NaN where there is none
    return f"raises the accuracy by {_points(Estimate(-drop.value, *ends))}"


def _fragility(trial: Trial, middle: int) -> Finding:
    """Judge the costliest family: at the mildest severity for a fault, at the middle one else."""
    first, count = trial.severities[0], len(trial.families)
    sure = 1 - 0.05 / count  # Bonferroni over the families
    broken = [f for f in range(count) if drop(trial, f, 1, sure).low > TOO_MUCH]
    place = 1 if broken else 1 + trial.severities.index(middle)
    drops = [drop(trial, f, place).value for f in range(count)]
    worst = max(broken or range(count), key=lambda f: drops[f])
    severity, found = (first if broken else middle), drop(trial, worst, place)
    weak = drop(trial, worst, place, sure).low > MUCH
    family, before = FAMILIES[trial.families[worst]], rate(int(trial.right[worst, 0].sum()), len(trial.rows))
    after = rate(int(trial.right[worst, place].sum()), len(trial.rows))
    claim = (
        f"{family.title} ({family.words(severity)}, severity {severity} of {SEVERITIES[-1]}) {_change(found)}, "
        f"from {percent(before.value)} to {percent(after.value)} on {plural(len(trial.rows), 'image')}"
    )
    if not trial.right[:, 0].any():  # a change can then only find a right class by chance
        return Finding(
            f"None of {plural(len(trial.rows), 'image')} is classified correctly, so there is no accuracy to lose.",
            effect=found,
            kind="fragility",
        )
    others = [FAMILIES[trial.families[f]].title for f in broken if f != worst]
    if others:
        claim += f"; at the same severity {join_names([each.lower() for each in others])} also cost too much"
    elif not weak and count > 1:
        claim += "; no other corruption costs more"
    lost = np.flatnonzero(trial.right[worst, 0] & ~trial.right[worst, place])
    surest = lost[np.argsort(-trial.before.confidence[lost], kind="stable")]
    advice = (
        f"If such images occur in use, train with this corruption as augmentation ({family.name}, at random up to "
        f"severity {middle}), and check that training and evaluation use the same preprocessing."
    )
    return Finding(
        f"{claim}.",
        severity=capped(Severity.SERIOUS if broken else Severity.MILD if weak else Severity.INFO, len(trial.rows)),
        effect=found,
        evidence=ImageSet(trial.rows[surest]),
        advice=advice if broken or weak else "",
        kind="fragility",
        confirm=f"Retrain with random {family.title.lower()}: the model loses less accuracy at severity {severity}."
        if broken or weak
        else "",
    )


def _mean_cost(trial: Trial, families: pd.DataFrame) -> Finding:
    """Report what all families cost on average, and compared with a simple reference."""
    mean, error = float(families["mean_drop"].mean()), families["corruption_error"].mean()
    claim = (
        f"Averaged over {plural(len(families), 'kind')} of corruption and "
        f"{plural(len(trial.severities), 'severity level')}, the accuracy {'falls' if mean >= 0 else 'rises'} by "
        f"{100 * abs(mean):.1f} points"
    )
    if np.isfinite(error):
        claim += f"; the mean corruption error is {error:.2f} times that of a linear classifier on the pixels"
    return Finding(f"{claim}.", effect=Estimate(mean))


def _most_affected(trial: Trial, classes: pd.DataFrame, middle: int) -> list[Finding]:
    """Report the class and family with the largest loss, where there is more than one class."""
    own = classes[classes["severity"] == middle]
    if own["class"].nunique() < 2:
        return []
    row = own.iloc[int(own["drop"].to_numpy().argmax())]
    if row["drop"] <= 0:
        return []
    f = [FAMILIES[name].title for name in trial.families].index(row["family"])
    place = 1 + trial.severities.index(middle)
    lost = (trial.before.labels == row["number"]) & trial.right[f, 0] & ~trial.right[f, place]
    share = rate(int(row["right"]), int(row["images"]))
    return [
        Finding(
            f"Most affected: {row['class']} under {row['family'].lower()}; at severity {middle} {share} of "
            f"{plural(int(row['images']), 'image')} {verb(int(row['images']), 'are')} still classified correctly, "
            f"{100 * row['drop']:.1f} points less.",
            severity=Severity.INFO,
            effect=share,
            evidence=ImageSet(trial.rows[lost]),
            classes=(int(row["number"]),),
        )
    ]


def _flips(trial: Trial) -> list[Finding]:
    """Report how many correct predictions a hardly visible change flips."""
    right = np.flatnonzero(trial.before.correct)
    if not len(right):
        return [Finding("No image of the sample is classified correctly, so corruptions cannot cost accuracy.")]
    first, at = trial.severities[0], trial.flips[0][:, right]
    turned = (at == first).sum(axis=0)
    share = rate(int((turned > 0).sum()), len(right))
    often = np.argsort(-turned, kind="stable")
    rows = trial.rows[right[often[: int((turned > 0).sum())]]]
    return [
        Finding(
            f"{share} of {plural(len(right), 'correct prediction')} {verb(len(right), 'flip')} under at least one "
            f"corruption of severity {first}; {percent(float((at == NEVER).all(axis=0).mean()))} withstand every "
            "corruption tested.",
            severity=Severity.INFO,
            effect=share,
            evidence=ImageSet(rows),
        )
    ]


def _map_stability(families: pd.DataFrame, method: str, chance: Estimate, middle: int) -> list[Finding]:
    """Report how stable the maps are where the predictions stay correct."""
    known = families[families["maps_compared"] >= 2].sort_values("map_stability", kind="stable")
    if known.empty:
        return []
    least = known.iloc[0]
    own = Estimate.of(least, "map_stability")
    claim = (
        f"Where the prediction stays correct, the {method} map changes most under {least['family'].lower()}: rank "
        f"correlation {own} with the map of the clean image, on the object at severity {middle}, over "
        f"{plural(int(least['maps_compared']), 'image')}"
    )
    if np.isfinite(chance.value):
        claim += f"; for the maps of two different images it is {number(chance.value)}"
    return [Finding(f"{claim}.", severity=Severity.INFO, effect=own)]
