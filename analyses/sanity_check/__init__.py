"""Whether images, labels and model fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural, verb
from workbench.data.image_file import AS_STORED
from workbench.data.sampling import balanced_rows, worst_first
from workbench.models.input_variants import Convention, conventions, other_fits, zooms
from workbench.models.preprocessing_search import AS_THEY_ARE, compare_inputs, correct_on, in_order
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, place_bars
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, interval_bars, new_figure, plain
from workbench.session.analysis import Analysis
from workbench.session.spots import class_spot, predicted_spot
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate, wilson

from .part_changed import partly_changed
from .permutations import Permutation, permutation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.core.dataset import Dataset
    from workbench.session.session import Session

JUMP = 0.1
"""Gain in accuracy above which another preprocessing is considered the right one."""
SURE = 1e-4
"""P-value below which it is."""
ONE_CLASS = 0.9
"""A model has collapsed if it predicts one class for this share of the images."""
NOTHING = 0.1
"""It has only if the recall of all other classes is below this."""
MOST_CLASSES = 20
"""Classes in the figure."""


class SanityCheckParams(Params):
    """How many images to test."""

    images: int = Field(1000, ge=20, le=20_000, description="images to test with each preprocessing")


class SanityCheck(Analysis[SanityCheckParams]):
    """Do images, labels and model fit together?"""

    group = "Data"
    title = "Sanity check"
    Params = SanityCheckParams
    needs_model = True
    kinds = ("preprocessing-mismatch", "label-permutation", "constant-prediction", "train-test-shift")
    quick: ClassVar[Mapping[str, Any]] = {"images": 400}

    def compute(self, session: Session, params: SanityCheckParams) -> Result:
        """Try other scalings of the pixels and other assignments of the labels, and look for a collapsed model."""
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
        collapsed = _collapse(predictions, counts, names)
        swapped = permutation(counts)
        if any("fit images in this way" in each.advice for each in findings):
            collapsed = []  # with images of wrong proportions, and not otherwise
        found = [*findings, *collapsed]
        if session.scale.doubt and not findings:
            found.append(_doubted(session.scale.doubt, predictions))
        if swapped is not None and not collapsed:
            found.append(_permutation(session, swapped))
        if not found:
            share = rate(int(predictions.correct.sum()), len(predictions))
            tried = "no other preprocessing or assignment of the labels is significantly better"
            if session.only_predictions:
                tried = "no other assignment of the labels is significantly better (preprocessing: needs the model)"
            found.append(
                Finding(
                    f"Images, labels and model fit together: {share} of the images are classified correctly, and "
                    f"{tried}.",
                    severity=Severity.INFO,
                    effect=share,
                )
            )
        return Result({"inputs": inputs, "classes": classes}, findings=tuple(found))

    def draw(self, result: Result) -> Figure:
        """Draw the accuracy with each preprocessing, and how often each class is labelled and predicted."""
        inputs, classes = result.tables["inputs"], result.tables["classes"]
        shown = classes.iloc[np.argsort(-classes["images"].to_numpy(), kind="stable")[:MOST_CLASSES]]
        said = "Lines: 95 % Wilson intervals. Images are changed after scaling to 0…1, directly before the model."
        if len(shown) < len(classes):
            said += f" The {len(shown)} largest of {plural(len(classes), 'class')}."
        figure = new_figure(
            result, self.question(), width=11, height=0.9 + 0.27 * max(len(inputs), len(shown)), note=said
        )
        left, right = figure.subplots(1, 2, width_ratios=[1, 1])
        _bars(left, inputs)
        places, whole = np.arange(len(shown)), max(int(classes["images"].sum()), 1)
        for column, offset, colour in (("images", -0.19, TRUE_COLOUR), ("predicted", 0.19, PREDICTED_COLOUR)):
            right.barh(places + offset, 100 * shown[column] / whole, height=0.36, color=colour, linewidth=0)
        of = int(classes["images"].sum())
        labelled = [class_spot(row["class"], int(row["images"]), of=of) for _, row in shown.iterrows()]
        claimed = [predicted_spot(row["class"], int(row["predicted"]), of=of) for _, row in shown.iterrows()]
        place_bars(right, places - 0.225, labelled, 0.45)
        place_bars(right, places + 0.225, claimed, 0.45)
        class_ticks(right, shown["class"].tolist())
        right.set_xlabel("share of the images, %")
        heading(right, "Labelled (teal) and predicted (orange)")
        plain(right, grid="x")
        return figure


def _bars(axes: Axes, inputs: pd.DataFrame) -> None:
    of_no_images(axes)
    places = np.arange(len(inputs))
    values = (100 * inputs[column].to_numpy() for column in ("accuracy", "low", "high"))
    interval_bars(axes, places, *values, colour=QUIET, height=0.6)
    axes.axvline(100 * inputs["accuracy"][0], color=INK, linewidth=1, linestyle=":")
    class_ticks(axes, inputs["input"].tolist())
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %")
    axes.tick_params(labelsize=SMALL)
    heading(axes, "The same images with other preprocessing")
    plain(axes, grid="x")


def _inputs(session: Session, most: int) -> tuple[pd.DataFrame, list[Finding]]:
    """Test every preprocessing on a sample, and report one that is significantly better."""
    dataset = session.dataset
    rows = np.sort(balanced_rows(dataset.labels, min(most, len(dataset)), 0))
    if session.only_predictions:  # no other images can be asked about
        return compare_inputs(None, dataset, rows, session.predictions.correct[rows], {})[0], []
    probe = session.probe
    # The fits first: of equal gains, that of a fit is the cause, and a picture that is turned as well an accident.
    turns = conventions(dataset.image_shape, probe.preprocessing)
    ways = {**other_fits(dataset), **turns, **zooms(dataset.image_shape)}
    table, right, losses = compare_inputs(probe, dataset, rows, session.predictions.correct[rows], ways)
    now = right[AS_THEY_ARE]
    best = table.iloc[1:].sort_values("accuracy", ascending=False, kind="stable").iloc[0]
    if ways[str(best["input"])].flag:  # of several scales, the one that is named is not chance's choice
        scales = {name: right[name] for name, way in ways.items() if way.flag}
        best = table[table["input"] == in_order(scales, losses, len(ways))[0]].iloc[0]
    gain = float(best["accuracy"] - table["accuracy"][0])
    if gain <= JUMP or best["p"] * len(ways) >= SURE or best["gained"] < best["lost"]:
        return table, partly_changed(session, right, {n: way for n, way in turns.items() if not way.scales})
    way, name = ways[str(best["input"])], str(best["input"])
    renamed, consistent = _renamed(session.predictions, rows)
    better = best["accuracy"] >= renamed if consistent else best["low"] > renamed  # of both, the larger gain is on top
    if best["low"] <= 1 / len(session.class_names) or not better or not _is_sensible(session, rows, way):
        return table, []
    elsewhere = _training_agrees(session, way)
    both, net = best["gained"] + best["lost"], best["gained"] - best["lost"]
    half = 1.96 * float(np.sqrt(both - net**2 / len(rows)))  # Wald's interval of a paired difference
    interval = (max(gain - half / len(rows), 0.0), min(gain + half / len(rows), 1.0))
    claim = (
        f"The images are not preprocessed as in training: {percent(table['accuracy'][0])} of "
        f"{plural(len(rows), 'image')} {verb(len(rows), 'are')} classified correctly as they are, "
        f"{percent(best['accuracy'])} if they are {way.words}"
    )
    where = {
        True: "; the same holds for the training images.",
        False: "; the training images need no change.",
        None: ".",
    }[elsewhere]
    shifted = elsewhere is False  # else the model would want it of all images
    return table, [
        Finding(
            claim + where,
            severity=Severity.CRITICAL,
            effect=Estimate(gain, *interval, unit="%"),
            evidence=ImageSet(rows[right[name] & ~now]),
            advice=_advice(way, elsewhere) + _turned(dataset, way),
            kind="train-test-shift" if shifted else "preprocessing-mismatch",
            cost=Estimate(gain, *interval, unit="%"),
            confirm="Change all images in this way and evaluate again.",
        )
    ]


def _renamed(predictions: Predictions, rows: Array) -> tuple[float, bool]:
    """Return the accuracy on some images as they are, with the names of the classes that fit the predictions best.

    Of labels that are exchanged hardly any prediction is right, so that whatever shuffles the predictions is better.

    Returns:
        The accuracy, and whether the names are surely exchanged; else the accuracy is what chance allows.
    """
    from scipy.optimize import linear_sum_assignment

    counts = confusion_counts(predictions.labels[rows], predictions.predicted[rows], predictions.logits.shape[1])
    fitting = counts[linear_sum_assignment(counts, maximize=True)].sum()
    return float(fitting / len(rows)), permutation(counts) is not None


def _is_sensible(session: Session, rows: Array, way: Convention) -> bool:
    """Whether changed images get a model that predicts one class for everything to probabilities that fit the labels.

    Large enough values outweigh any bias of the last layer. The class is then often right, but with no more than the
    scale of the values for a reason: errors cost so much that saying nothing, log K nats, is better.
    """
    said = session.predictions.predicted
    if np.bincount(said).max() < ONE_CLASS * len(said):
        return True
    data = way.reread(session.dataset)
    logits = [
        session.probe.logits(way.change(data.floats(part))) for part in np.array_split(rows, -(-len(rows) // 256))
    ]
    loss = Predictions(np.concatenate(logits), session.dataset.labels[rows]).loss
    return bool(np.mean(loss) < np.log(len(session.class_names)))


def _advice(way: Convention, elsewhere: bool | None) -> str:
    """Describe how to give the model the right input; no flag if the training images need no change."""
    if way.reading:
        return f"Open it with {way.reading}, and fit images in this way in use."
    if elsewhere is False:
        return (
            f"The images under study were made in another way than the training images. Make them alike, {way.words}; "
            "or train on images like these, too."
        )
    advice = f"Give the model images that are {way.words}, here and in use; best as a layer of the model."
    return f"Open it with --preprocessing {way.flag}. {advice}" if way.flag else advice


def _turned(dataset: Dataset, way: Convention) -> str:
    """Say that photos were turned upright while they were read, where another picture of them is better."""
    turned = [note for note in dataset.notes if AS_STORED in note]
    if not turned or way.flag or way.scales:
        return ""
    return f" Before that: {turned[0]}, so a model that learned from such a reader saw them otherwise."


def _training_agrees(session: Session, way: Convention) -> bool | None:
    """Return whether the change helps on the training images too; None where they are not available."""
    training = session.training
    if training is None:
        return None
    data = training.dataset
    rows = np.sort(balanced_rows(data.labels, min(400, len(data)), 0))
    now = correct_on(training.probe, data, rows, lambda images: images)
    then = correct_on(training.probe, way.reread(data), rows, way.change)
    return bool(then.mean() > now.mean() + JUMP / 2)


def _doubted(doubt: str, predictions: Predictions) -> Finding:
    """Put the doubt about the pixels' scale before whatever is found under that scale."""
    claim, _, advice = doubt.partition(". ")
    wrong = np.flatnonzero(~predictions.correct)
    return Finding(
        f"{claim}.",
        severity=Severity.SERIOUS,
        effect=rate(int(predictions.correct.sum()), len(predictions)),
        evidence=worst_first(predictions, wrong),
        advice=f"{advice} Until that is settled, take no other finding for the model's.",
        kind="preprocessing-mismatch",
        cost=rate(len(wrong), len(predictions)),
        confirm="Look at how the images were scaled where the model was trained.",
    )


def _collapse(predictions: Predictions, counts: Array, names: tuple[str, ...]) -> list[Finding]:
    """Report if (nearly) the same class is predicted for everything, or most classes never."""
    total, taken = int(counts.sum()), counts.sum(axis=0)
    favourite = int(taken.argmax())
    others = np.flatnonzero((np.arange(len(names)) != favourite) & (counts.sum(axis=1) > 0))
    if not len(others):
        return []
    among, hits = int(counts[others].sum()), int(counts.diagonal()[others].sum())
    share = rate(int(taken[favourite]), total)
    if share.value >= ONE_CLASS and wilson(hits, among)[1] < NOTHING:
        what = f"{names[favourite]} is predicted for {taken[favourite]:,} of {plural(total, 'image')}, {share}"
        kept: tuple[int, ...] = (favourite,)
    else:
        never = others[taken[others] == 0]
        of = int(counts[never].sum())
        if len(never) < 2 or 2 * len(never) < len(others) or of < 20:
            return []
        what = (
            f"{len(never)} of {plural(len(others) + 1, 'class')} are never predicted, though they have "
            f"{plural(of, 'image')}"
        )
        kept = tuple(int(c) for c in np.flatnonzero(taken))
        share = rate(of, total)
    rows = np.flatnonzero(~predictions.correct & np.isin(predictions.labels, others))
    return [
        Finding(
            f"The model has collapsed: {what}; only {hits:,} of {plural(among, 'image')} of the other classes "
            f"{verb(hits, 'are')} classified correctly.",
            severity=Severity.CRITICAL,
            effect=share,
            evidence=worst_first(predictions, rows),
            advice="Do not use it. Check its loss curve: too high a learning rate, dead layers and wrongly scaled "
            "inputs lead to this. Retrain.",
            kind="constant-prediction",
            classes=kept,
            cost=rate(len(rows), total),
            confirm="Retrain with a tenth of the learning rate: the predictions spread over the classes.",
        )
    ]


def _permutation(session: Session, found: Permutation) -> Finding:
    predictions, names = session.predictions, session.class_names
    pairs = [f"{names[true]} is predicted as {names[predicted]}" for true, predicted in found.moves]
    moved = dict(found.moves)
    renamed = np.array([moved.get(int(label), -1) for label in predictions.labels])
    rows = np.flatnonzero(renamed == predictions.predicted)
    total, right = len(predictions), int(predictions.correct.sum())
    low, high = (float(end) for end in wilson(len(rows), total))
    return Finding(
        f"The labels of {join_names([names[true] for true, _ in found.moves], 8)} seem swapped: "
        f"{join_names(pairs, 4)}, "
        f"consistently; with these labels swapped, accuracy is {percent((right + found.gain) / total)} instead of "
        f"{percent(right / total)}.",
        severity=Severity.CRITICAL,
        effect=Estimate(found.gain / total, *_around(found.gain / total, low, high), unit="%"),
        evidence=ImageSet(rows),
        advice="Compare the order of the class names in training with the order here, and correct it.",
        kind="label-permutation",
        classes=tuple(true for true, _ in found.moves),
        cost=Estimate(found.gain / total, *_around(found.gain / total, low, high), unit="%"),
        confirm="Look at the images: the labels are visibly wrong, and the predictions right.",
    )


def _around(value: float, low: float, high: float) -> tuple[float, float]:
    return min(low, value), max(high, value)
