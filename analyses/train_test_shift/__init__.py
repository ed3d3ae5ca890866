"""Whether the evaluated images are distributed like the training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.estimate import columns as estimate_columns
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet, Part
from workbench.core.params import Params, Seed
from workbench.core.pixels import as_floats
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent
from workbench.data.lazy_images import Some
from workbench.data.properties import format_value, image_properties, property_of
from workbench.data.thumbnails import block_means, pixel_rows, small
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, place_spot, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, strips, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.spots import set_spot
from workbench.statistics.rates import difference, rate
from workbench.statistics.slicing import components

from .changes import likely_change
from .two_samples import FARTHEST, TwoSample, matching_rows, priors, shifts, two_sample, without_copies

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

LEAST = 20
"""Fewest images of each part to compare, after matching the classes."""
SIDE = 28
"""Pixels a side whose principal components are compared."""
CELL = 0.72
"""Width of a picture in inches."""
ENDS = (0.1, 0.5, 0.9)
STEPS = range(0, 101, 10)
"""Quantiles of a property whose images are shown."""
FAR = 0.5
"""Shift of a property, in standard deviations, that is large if surely exceeded."""
APART = 0.95
"""Share of the training images that an image outscores which shows the shift."""
SERIOUS_OUTLIERS = 0.2
"""Share of images unlike nearly all training images that is serious if surely exceeded."""
CERTAIN_AUC = 0.9
"""AUC that is serious by itself if surely exceeded."""
SERIOUS_AUC = 0.62
"""AUC that is serious if surely exceeded and a property shifted far."""
MILD_AUC = 0.55
"""AUC that is mild if surely exceeded."""
MILD_OUTLIERS = 0.1
"""Share of images unlike nearly all training images that is mild if surely exceeded."""
SERIOUS_SKEW = 0.3
"""Total variation between class frequencies that is serious."""


class TrainTestShiftParams(Params):
    """How many images to compare, and how many properties to show."""

    images: int = Field(4000, ge=100, le=20_000, description="images of each part to compare, with matched classes")
    shown: int = Field(5, ge=1, le=13, description="properties to show with images, largest shift first")
    seed: Seed = Field(0, description="seed for choosing images and folds")


class TrainTestShift(Analysis[TrainTestShiftParams]):
    """Are the evaluated images distributed like the training images?"""

    group = "Data"
    title = "Train–test shift"
    Params = TrainTestShiftParams
    needs_images = True
    kinds: ClassVar[tuple[Kind, ...]] = ("train-test-shift",)
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({"images": 2000})

    def missing(self, session: Session) -> str | None:
        none = "The training images are not available for comparison."
        return super().missing(session) or (None if session.train is not None else none)

    def compute(self, session: Session, params: TrainTestShiftParams) -> Result:
        """Compare pixels and properties with matched classes, and the class frequencies."""
        import pandas as pd

        train, data, names = session.train, session.dataset, session.class_names
        if train is None:
            raise TypeError("The registry asks `missing` first.")
        label_shift = _priors(session, train)
        classes = _class_table(train, data, names)
        theirs, ours = matching_rows(train.labels, data.labels, params.images, params.seed)
        keep = without_copies(Some(train, theirs), Some(data, ours))
        theirs, ours = theirs[keep[0]], ours[keep[1]]
        seen, here = Some(train, theirs), Some(data, ours)
        if min(len(theirs), len(ours)) < LEAST:
            few = (
                f"Too few images to compare: at least {LEAST} evaluated and {LEAST} training images of the same "
                f"classes are needed, got {len(ours)} and {len(theirs)}."
            )
            columns = ["property", "train", "studied", "difference", "low", "high", "ks", "chance", "significant"]
            tables = {"properties": pd.DataFrame(columns=columns), "classes": classes}
            return Result(tables, arrays={}, findings=(Finding(few), *label_shift))
        before, after = image_properties(seen), image_properties(here)
        table = shifts(before, after)
        both = np.concatenate(
            [pixel_rows(each, lambda part: block_means(as_floats(part), SIDE)) for each in (seen, here)]
        )
        (parts,) = components(both, np.arange(len(both)))
        features = np.hstack([before, parts[: len(seen)]]), np.hstack([after, parts[len(seen) :]])
        test = two_sample(*features, (train.labels[theirs], data.labels[ours]), params.seed)
        finding = _finding(session, test, table, ours)
        if finding.severity > Severity.INFO:
            finding = _with_cause(finding, *likely_change(seen, here))
        shown = table.head(params.shown)["property"].tolist()
        pictures = [
            [
                values.iloc[np.argsort(values, kind="stable")].index[[round(q * (len(values) - 1)) for q in ENDS]]
                for values in (before[name], after[name])
            ]
            for name in shown
        ]
        of_train, of_data = (np.array([pair[side] for pair in pictures], int).ravel() for side in (0, 1))
        arrays = {
            "train_images": small(seen[of_train]),
            "train_rows": theirs[of_train],
            "studied_images": small(here[of_data]),
            "studied_rows": ours[of_data],
            "scores": test.scores,
            "train_scores": test.train_scores,
        }
        order = np.argsort(-test.scores, kind="stable")
        images = pd.DataFrame({"row": ours[order], "outscored": test.scores[order]})
        step = np.clip(np.digitize(100 * test.scores[order], STEPS) - 1, 0, len(STEPS) - 2)
        sets = {f"from {begin}": ImageSet(ours[order[step == n]]) for n, begin in enumerate(STEPS[:-1])}
        table = table.assign(words=[property_of(name).words for name in table["property"]])
        notes = {**estimate_columns("auc", test.auc), "shown": shown}
        return Result(
            {"properties": table, "images": images, "classes": classes},
            arrays=arrays,
            findings=(finding, *label_shift),
            sets=sets,
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw typical images of both parts for the properties with the largest shift, and the scores."""
        if "scores" not in result.arrays:
            return say(new_figure(result, self.question(), height=2.0), "Too few images to compare.")
        shown = result.notes["shown"]
        table = result.tables["properties"].set_index("property").loc[shown]
        count = len(table)
        strip = tiles_height([Tile(result.arrays["train_images"][0])], 1, CELL) if count else 1.0
        how = (
            "Images at the 10th, 50th and 90th percentile of each property, for training (teal) and evaluated (orange) "
            "images with matched classes. Lines: 95 % intervals. AUC: of a classifier that separates the two, on held-"
            "out images; 0.5 is chance."
        )
        height = max((strip + 0.1) * max(count, 1), 2.0) + 0.8
        figure = new_figure(result, self.question(), width=12.0, height=height, note=how)
        bars, left, right, scores = figure.subplots(1, 4, width_ratios=[4.2, 3 * CELL, 3 * CELL, 2.8])
        _bars(bars, table)
        for axes, name, colour, title in (
            (left, "train", TRUE_COLOUR, "Training"),
            (right, "studied", PREDICTED_COLOUR, "Evaluated"),
        ):
            heading(axes, title, colour=colour)
            for place, row in enumerate(strips(axes, max(count, 1))[:count]):
                three = slice(3 * place, 3 * place + 3)
                some = zip(result.arrays[f"{name}_images"][three], result.arrays[f"{name}_rows"][three], strict=True)
                part: Part = "train" if name == "train" else "data"
                made = [Tile(image, framed=True, spot=spot_of(result, at, part)) for image, at in some]
                tiles(row, made, columns=3, cell=CELL)
        _scores(scores, result)
        return figure


def _class_table(train: Dataset, data: Dataset, names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    counts = [np.bincount(each.labels, minlength=len(names)) for each in (train, data)]
    return pd.DataFrame(
        {
            "class": list(names),
            "train": counts[0],
            "studied": counts[1],
            "train_share": counts[0] / counts[0].sum(),
            "studied_share": counts[1] / counts[1].sum(),
        }
    )


def _priors(session: Session, train: Dataset) -> tuple[Finding, ...]:
    """Report class frequencies that differ from training significantly and enough to matter."""
    names, labels = session.class_names, session.dataset.labels
    away, noise, chance = priors(train.labels, labels, len(names))
    if chance > 0.01 or away - noise < 0.05:
        return ()
    shares = [np.bincount(each, minlength=len(names)) / len(each) for each in (train.labels, labels)]
    known = shares[0] > 0
    balanced = shares[0][known].min() * 2 >= shares[0][known].max()
    farthest = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:2]
    correct = session.predictions.correct
    recalls = np.bincount(labels, correct, len(names)) / np.maximum(np.bincount(labels, minlength=len(names)), 1)
    there = shares[1] > 0
    reweighed = float((shares[0] * recalls)[there].sum() / max(shares[0][there].sum(), 1e-9))
    listing = [f"{names[c]} ({percent(shares[1][c])} instead of {percent(shares[0][c])})" for c in farthest]
    claim = (
        f"The class frequencies differ from training by {percent(away)} (total variation), most for "
        f"{join_names(listing)}. "
        f"With the training frequencies the accuracy would be {percent(reweighed)} instead of "
        f"{percent(correct.mean())}."
    )
    serious = balanced and away - noise > SERIOUS_SKEW
    return (
        Finding(
            claim,
            severity=Severity.SERIOUS if serious else Severity.MILD,
            effect=Estimate(away),
            evidence=ImageSet(np.flatnonzero(np.isin(labels, farthest))),
            advice="Weight the accuracy by the class frequencies expected in use.",
            kind="train-test-shift",
            classes=tuple(sorted(farthest.tolist())),
            cost=Estimate(abs(float(correct.mean()) - reweighed)),
            confirm="Resample the evaluated images with the training class frequencies: the accuracy changes.",
        ),
    )


def _severity(test: TwoSample, table: pd.DataFrame) -> Severity:
    low = test.auc.low
    far = table["significant"] & (np.maximum(table["low"], -table["high"]) > FAR)
    outliers = low > MILD_AUC and test.unlike.low > SERIOUS_OUTLIERS
    if (low > SERIOUS_AUC and far.any()) or outliers or low > CERTAIN_AUC:
        return Severity.SERIOUS
    return Severity.MILD if low > MILD_AUC or test.unlike.low > MILD_OUTLIERS else Severity.INFO


def _finding(session: Session, test: TwoSample, table: pd.DataFrame, rows: Array) -> Finding:
    severity = _severity(test, table)
    auc, low, high = test.auc
    words = f"AUC {auc:.2f} (95 % interval {low:.2f}–{high:.2f}; 0.5 is chance)"
    order = np.argsort(-test.scores, kind="stable")
    apart = order[: max(int((test.scores >= APART).sum()), 1)]
    if severity == Severity.INFO:
        claim = f"The evaluated images look like the training images: a classifier separates them with {words}."
        return Finding(claim, severity=Severity.INFO, effect=test.auc, kind="train-test-shift")
    where = f"; {percent(test.unlike.value)} of them are outliers with respect to training"
    claim = (
        f"The evaluated images {'' if severity == Severity.SERIOUS else 'slightly '}differ from the training images: "
        f"a classifier separates them with {words}{where}. {_largest_shifts(table)}"
    )
    cost, drop = _cost(session, rows[apart])
    return Finding(
        claim + drop,
        severity=severity,
        effect=test.auc,
        evidence=ImageSet(rows[apart]),
        advice="Find out how the two parts were made: different sources, preprocessing (scale, inversion, cropping) or "
        "conditions? Process them in the same way, or train on images like those expected in use.",
        kind="train-test-shift",
        cost=cost,
        confirm="Pool training and evaluated images, split them at random and retrain: does the accuracy rise?",
    )


def _with_cause(finding: Finding, change: str, share: float, tried: int) -> Finding:
    """Add what made them differ most likely: the change of the training images that comes nearest to them."""
    if not change:
        return finding
    claim = (
        f"{finding.claim} They look most like training images that were {change}: of {tried} changes that were tried "
    )
    claim += f"this one explains {percent(share)} of the difference."
    advice = (
        f"Likely cause: the evaluated images were {change}. Find out where, and process both parts in the same way; "
    )
    advice += "or train on images like those expected in use."
    return replace(finding, claim=claim, advice=advice)


def _largest_shifts(table: pd.DataFrame) -> str:
    """Report which properties shifted most, and in which direction."""
    moves = []
    for _, row in table[table["significant"]].head(3).iterrows():
        away = row["difference"]
        by = (
            f"{abs(away):.1f} standard deviations"
            if abs(away) < FARTHEST
            else "outside the range of the training images"
        )
        moves.append(
            f"{property_of(row['property']).words} ({format_value(row['studied'])} instead of "
            f"{format_value(row['train'])}, "
            f"{'higher' if away > 0 else 'lower'}{' by' if abs(away) < FARTHEST else ','} {by})"
        )
    return f"Largest shifts: {join_names(moves)}." if moves else "No single property shifted much."


def _cost(session: Session, rows: Array) -> tuple[Estimate, str]:
    """Accuracy lost compared with the validation part of the run, which is distributed like the training images.

    Where there is none, the errors among the images that show the shift.
    """
    metrics = {} if session.run is None else session.run.manifest.metrics.get("validation", {})
    if "accuracy" not in metrics:
        return rate(int((~session.predictions.correct[rows]).sum()), len(session.predictions)), ""
    correct, before = session.predictions.correct, metrics["accuracy"]
    count = len(correct)
    (lost, low, high), _ = difference(round(before * count), count, int(correct.sum()), count)
    words = f" The accuracy is {percent(correct.mean())}; on the validation part of training it was {percent(before)}."
    return Estimate(max(lost, 0.0), max(low, 0.0), max(high, 0.0), unit="%"), words


def _bars(axes: Axes, table: pd.DataFrame) -> None:
    of_no_images(axes)
    places = np.arange(len(table))
    values, low, high = (table[name].to_numpy() for name in ("difference", "low", "high"))
    end = max(float(np.abs([low, high]).max(initial=0)), 0.5) * 1.05
    axes.barh(places, values, height=0.4, color=[PREDICTED_COLOUR if each else QUIET for each in table["significant"]])
    axes.errorbar(values, places, xerr=np.stack([values - low, high - values]), fmt="none", ecolor=INK, elinewidth=1)
    for place, (_, row) in enumerate(table.iterrows()):
        words = f"{row['words']}\n{format_value(row['train'])} → {format_value(row['studied'])}"
        axes.text(
            -0.02,
            place,
            words,
            fontsize=SMALL + 0.5,
            color=INK,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
            linespacing=1.4,
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set(xlim=(-end, end), ylim=(max(len(table), 1) - 0.5, -0.5), yticks=[])
    axes.set_xlabel("evaluated − training, standard deviations")
    heading(axes, "Largest shifts")
    plain(axes, grid="x")


def _scores(axes: Axes, result: Result) -> None:
    """Draw how many of the training images each evaluated image outscores; flat without a shift."""
    scores = 100 * result.arrays["scores"]
    axes.hist(
        scores, bins=list(STEPS), weights=np.full(len(scores), 100 / len(scores)), color=PREDICTED_COLOUR, rwidth=0.9
    )
    for step, end in pairwise(STEPS):
        what = f"evaluated images that outscore {step}–{end} % of the training images"
        place_spot(axes, (step, end, -np.inf, np.inf), set_spot(result, f"from {step}", what, of=len(scores)))
    axes.axhline(10, color=INK, linewidth=1, linestyle=":")
    notes = result.notes
    axes.set_xlabel("training images that an evaluated\nimage outscores, %")
    axes.set_ylabel("evaluated images, %")
    axes.set_xlim(0, 100)
    heading(axes, text(f"AUC {notes['auc']:.2f} ({notes['auc_low']:.2f}–{notes['auc_high']:.2f})", 40))
    plain(axes, grid="y")
