"""Whether images, labels and model belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from analyses.sanity_check.permutations import Permutation, permutation
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import counted, listed, percent
from workbench.data.sampling import balanced, worst_first
from workbench.models.input_variants import Convention, conventions
from workbench.models.preprocessing_search import AS_THEY_ARE, compared, recognised
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, interval_bars, new_figure, plain
from workbench.session.analysis import Analysis
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate, wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

JUMP, SURE = 0.1, 1e-4
"""Gain in accuracy and p-value from which another way of giving the images is taken for the right one."""
ONE_CLASS, NOTHING = 0.9, 0.1
"""Share of the images that one class is predicted for, and recall of the others, from which a model has collapsed."""
MOST_CLASSES = 20


class SanityCheckParams(Params):
    """How many images are given to the model in other ways."""

    images: int = Field(1000, ge=20, le=20_000, description="images that are given to the model in each other way")


class SanityCheck(Analysis[SanityCheckParams]):
    """Do images, labels and model belong together?"""

    Params = SanityCheckParams
    needs_model = True
    kinds = ("preprocessing-mismatch", "label-permutation", "constant-prediction", "train-test-shift")
    quick: ClassVar[Mapping[str, Any]] = {"images": 400}

    def compute(self, session: Session, params: SanityCheckParams) -> Result:
        """Try other scalings of the pixels, other assignments of the labels, and see what is predicted at all."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        inputs, findings = _inputs(session, params.images)
        classes = pd.DataFrame(
            {
                "class": list(names),
                "images": counts.sum(axis=1),
                "predicted": counts.sum(axis=0),
                "right": counts.diagonal(),
            }
        )
        collapsed = _collapsed(predictions, counts, names)
        swapped = permutation(counts)
        found = [*findings, *collapsed]
        if swapped is not None and not collapsed:
            found.append(_permuted(session, swapped))
        if not found:
            share = rate(int(predictions.correct.sum()), len(predictions))
            found.append(
                Finding(
                    f"They do: {share} of the images are recognised as they are given, no other way of giving them and "
                    f"no other assignment of the labels does surely better.",
                    severity=Severity.INFO,
                    effect=share,
                )
            )
        return Result({"inputs": inputs, "classes": classes}, findings=tuple(found))

    def draw(self, result: Result) -> Figure:
        """Draw the accuracy of each way to give the images, and how often each class is there and predicted."""
        inputs, classes = result.tables["inputs"], result.tables["classes"]
        shown = classes.iloc[np.argsort(-classes["images"].to_numpy(), kind="stable")[:MOST_CLASSES]]
        said = "Lines: 95 % Wilson intervals. Images are changed after scaling to 0…1, just before the model."
        if len(shown) < len(classes):
            said += f" The {len(shown)} largest of {len(classes)} classes."
        figure = new_figure(
            result, self.question(), width=11, height=0.9 + 0.27 * max(len(inputs), len(shown)), said=said
        )
        left, right = figure.subplots(1, 2, width_ratios=[1, 1])
        _bars(left, inputs)
        places, whole = np.arange(len(shown)), max(int(classes["images"].sum()), 1)
        for column, offset, colour in (("images", -0.19, TRUE_COLOUR), ("predicted", 0.19, PREDICTED_COLOUR)):
            right.barh(places + offset, 100 * shown[column] / whole, height=0.36, color=colour, linewidth=0)
        class_ticks(right, shown["class"].tolist())
        right.set_xlabel("share of the images, %")
        heading(right, "Labelled (teal) and predicted (orange)")
        plain(right, grid="x")
        return figure


def _bars(axes: Axes, inputs: pd.DataFrame) -> None:
    places = np.arange(len(inputs))
    values = (100 * inputs[column].to_numpy() for column in ("accuracy", "low", "high"))
    interval_bars(axes, places, *values, colour=QUIET, height=0.6)
    axes.axvline(100 * inputs["accuracy"][0], color=INK, linewidth=1, linestyle=":")
    class_ticks(axes, inputs["input"].tolist())
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %")
    axes.tick_params(labelsize=SMALL)
    heading(axes, "The same images, given to the model in other ways")
    plain(axes, grid="x")


def _inputs(session: Session, most: int) -> tuple[pd.DataFrame, list[Finding]]:
    """Give a sample to the model in every way, and say so if one is surely the right one."""
    dataset, probe = session.dataset, session.probe
    rows = np.sort(balanced(dataset.labels, min(most, len(dataset)), 0))
    ways = conventions(dataset.image_shape, probe.preprocessing)
    table, right = compared(probe, dataset, rows, session.predictions.correct[rows], ways)
    now = right[AS_THEY_ARE]
    best = table.iloc[1:].sort_values("accuracy", ascending=False, kind="stable").iloc[0]
    gain = float(best["accuracy"] - table["accuracy"][0])
    if gain <= JUMP or best["p"] * len(ways) >= SURE or best["gained"] < best["lost"]:
        return table, []
    way, name = ways[str(best["input"])], str(best["input"])
    elsewhere = _training_agrees(session, way.change)
    both, net = best["gained"] + best["lost"], best["gained"] - best["lost"]
    half = 1.96 * float(np.sqrt(both - net**2 / len(rows)))  # Wald's interval of a paired difference
    interval = (max(gain - half / len(rows), 0.0), min(gain + half / len(rows), 1.0))
    claim = (
        f"The model is given its images in another way than it learned: {percent(table['accuracy'][0])} of "
        f"{counted(len(rows), 'image')} are recognised as they are, {percent(best['accuracy'])} if they are "
        f"{way.words}"
    )
    where = {
        True: "; the same holds for the training images.",
        False: "; the training images are right as they are.",
        None: ".",
    }[elsewhere]
    shifted = elsewhere is False and not way.scales
    return table, [
        Finding(
            claim + where,
            severity=Severity.CRITICAL,
            effect=Estimate(gain, *interval),
            evidence=tuple(rows[right[name] & ~now].tolist()),
            advice=_advice(way, elsewhere),
            kind="train-test-shift" if shifted else "preprocessing-mismatch",
            cost=Estimate(gain, *interval),
            confirm="Evaluate on all images that were changed in this way.",
        )
    ]


def _advice(way: Convention, elsewhere: bool | None) -> str:
    """Say how the model is given what it wants; training images that are right as they are need no flag."""
    said = f"Give the model images that are {way.words}, here and wherever it is used; best as a layer of the model."
    return f"Open it with --preprocessing {way.flag}. {said}" if way.flag and elsewhere is not False else said


def _training_agrees(session: Session, change: Callable[[Array], Array]) -> bool | None:
    """Say whether the training images too are recognised better when changed; None where they are not known."""
    training = session.training
    if training is None:
        return None
    data = training.dataset
    rows = np.sort(balanced(data.labels, min(400, len(data)), 0))
    now, then = (recognised(training.probe, data, rows, each) for each in (lambda images: images, change))
    return bool(then.mean() > now.mean() + JUMP / 2)


def _collapsed(predictions: Predictions, counts: Array, names: tuple[str, ...]) -> list[Finding]:
    """Say so if (nearly) the same class is predicted for everything, or most classes never."""
    total, taken = int(counts.sum()), counts.sum(axis=0)
    favourite = int(taken.argmax())
    others = np.flatnonzero((np.arange(len(names)) != favourite) & (counts.sum(axis=1) > 0))
    if not len(others):
        return []
    among, hits = int(counts[others].sum()), int(counts.diagonal()[others].sum())
    share = rate(int(taken[favourite]), total)
    if share.value >= ONE_CLASS and wilson(hits, among)[1] < NOTHING:
        said = f"{names[favourite]} is predicted for {taken[favourite]:,} of {counted(total, 'image')}, {share}"
        kept: tuple[int, ...] = (favourite,)
    else:
        never = others[taken[others] == 0]
        of = int(counts[never].sum())
        if len(never) < 2 or 2 * len(never) < len(others) or of < 20:
            return []
        said = f"{len(never)} of {len(others) + 1} classes are never predicted, though {of:,} images are of them"
        kept = tuple(int(c) for c in np.flatnonzero(taken))
        share = rate(of, total)
    rows = np.flatnonzero(~predictions.correct & np.isin(predictions.labels, others))
    return [
        Finding(
            f"The model has collapsed: {said}; of the other classes {hits:,} of {among:,} images are recognised.",
            severity=Severity.CRITICAL,
            effect=share,
            evidence=worst_first(predictions, rows),
            advice="Do not use it. Look at its loss curve: a learning rate that is too high, dead layers "
            "and wrongly scaled "
            "inputs end like this. Train again.",
            kind="constant-prediction",
            classes=kept,
            cost=rate(len(rows), total),
            confirm="Train again with a tenth of the learning rate; the predictions should spread over the classes.",
        )
    ]


def _permuted(session: Session, found: Permutation) -> Finding:
    predictions, names = session.predictions, session.class_names
    pairs = [f"{names[true]} is predicted as {names[predicted]}" for true, predicted in found.moves]
    moved = dict(found.moves)
    renamed = np.array([moved.get(int(label), -1) for label in predictions.labels])
    rows = np.flatnonzero(renamed == predictions.predicted)
    total, right = len(predictions), int(predictions.correct.sum())
    low, high = (float(end) for end in wilson(len(rows), total))
    return Finding(
        f"The labels of {listed([names[true] for true, _ in found.moves], 8)} seem exchanged: {listed(pairs, 4)}, "
        f"consistently; with these names exchanged, accuracy is {percent((right + found.gain) / total)} in place of "
        f"{percent(right / total)}.",
        severity=Severity.CRITICAL,
        effect=Estimate(found.gain / total, *_around(found.gain / total, low, high)),
        evidence=tuple(rows[:200].tolist()),
        advice="Compare the order of the class names in training with that of the labels here, and correct it.",
        kind="label-permutation",
        classes=tuple(true for true, _ in found.moves),
        cost=Estimate(found.gain / total, *_around(found.gain / total, low, high)),
        confirm="Look at the images: their labels should be wrong to the eye, and the predictions right.",
    )


def _around(value: float, low: float, high: float) -> tuple[float, float]:
    return min(low, value), max(high, value)
