"""Everything on one page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural, verb
from workbench.data.sampling import worst_first
from workbench.plotting.colours import TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, place_bars, place_cells, place_spot
from workbench.plotting.pieces import (
    FAINT,
    INK,
    QUIET,
    SMALL,
    class_ticks,
    heading,
    interval_bars,
    new_figure,
    plain,
    table_map,
    text,
)
from workbench.session.analysis import Analysis
from workbench.session.spots import cell_spot, class_spot, finding_spot
from workbench.statistics.calibration import scores
from workbench.statistics.class_order import confusion_order
from workbench.statistics.confusion import confusion_counts, f1, recall
from workbench.statistics.rates import capped, rate, wilson
from workbench.statistics.separation import separate_groups
from workbench.statistics.top_five import TOP, label_rank, top_five
from workbench.training.learning_curves import learning_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TRAINING_COLOUR = "#64748b"
VALIDATION_COLOUR = "#2563eb"
MOST_CLASSES = 20
"""Classes in the figure."""
PAIRS = 3
"""Most frequent confusions that are reported."""


class Overview(Analysis[Params]):
    """How good is the model, where is it weak, and is it well trained?"""

    group = "Model"
    title = "Summary"

    def compute(self, session: Session, params: Params) -> Result:
        """Report accuracy, macro F1, weakest class, top confusions, separable group, curves and calibration."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        right, of = counts.diagonal(), counts.sum(axis=1)
        low, high = wilson(right, of)
        classes = pd.DataFrame(
            {"class": list(names), "images": of, "recall": recall(counts), "low": low, "high": high, "f1": f1(counts)}
        )
        curves = learning_curves(session.history)
        shown = np.argsort(classes["recall"].fillna(2).to_numpy(), kind="stable")[:MOST_CLASSES]
        cards, findings, of_cards = [], [], []
        for card, value, note, finding in (
            _accuracy(predictions),
            *_top_five(predictions),
            _macro(classes),
            _weakest(predictions, names, counts),
            *_confusions(predictions, names, counts),
            *_group(predictions, names, counts),
            *_training(curves),
            _calibration(predictions),
        ):
            findings.append(finding)
            if card:
                of_cards.append(len(findings) - 1)
                cards.append((card, value, note))
        tables = {"cards": pd.DataFrame(cards, columns=["what", "value", "note"]), "classes": classes, "epochs": curves}
        confused = _most_confused(counts)
        return Result(
            tables,
            arrays={"counts": counts[np.ix_(confused, confused)]},
            findings=tuple(findings),
            notes={"shown": np.sort(shown).tolist(), "confused": confused.tolist(), "of_cards": of_cards},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the numbers as cards, the confusion matrix, the recalls and the learning curves."""
        shown, curves = result.notes["shown"], result.tables["epochs"]
        drawable = "accuracy" in curves or "val_accuracy" in curves
        said = "Lines: 95 % Wilson intervals. Matrix: rows true, columns predicted; the diagonal is left out."
        if len(shown) < len(result.tables["classes"]):
            of = plural(len(result.tables["classes"]), "class")
            said += (
                f" Matrix: the {len(result.notes['confused'])} of {of} with the largest confusions, confused ones "
                f"beside each other. Bars: the {len(shown)} with the lowest recall. All are in the tables."
            )
        height = max(3.4, 0.9 + 0.24 * len(shown))
        figure = new_figure(result, self.question(), width=12.3, height=1.2 + height, note=said)
        lower: list[Any] = ["matrix", "recall", "curves"] if drawable else ["matrix", "recall"]
        axes = figure.subplot_mosaic(
            [["cards"] * len(lower), lower], height_ratios=[1.2, height], width_ratios=[4.6, 4, 3.6][: len(lower)]
        )
        _cards(axes["cards"], result.tables["cards"])
        for at, (place, (_, card)) in enumerate(
            zip(result.notes["of_cards"], result.tables["cards"].iterrows(), strict=True)
        ):
            if count := len(result.findings[place].evidence):
                words = f"{card['what']} {card['value']}: {plural(count, 'image')} predicted wrongly"
                place_spot(axes["cards"], (at, at + 0.96, 0, 1), finding_spot(result, place, words))
        _matrix(axes["matrix"], result)
        table = result.tables["classes"].iloc[shown].sort_values("recall", kind="stable")
        values = (100 * table[name].to_numpy() for name in ("recall", "low", "high"))
        interval_bars(axes["recall"], np.arange(len(table)), *values, colour=TRUE_COLOUR, height=0.62)
        class_ticks(axes["recall"], table["class"].tolist(), limit=20)
        spots = [
            class_spot(row["class"], int(row["images"]), more=f"recall {percent(row['recall'])}")
            for _, row in table.iterrows()
        ]
        place_bars(axes["recall"], np.arange(len(table)), spots, 0.9)
        axes["recall"].set_xlim(0, 100)
        axes["recall"].set_xlabel("recall, %")
        heading(axes["recall"], "Recall of each class, lowest first")
        plain(axes["recall"], grid="x")
        if drawable:
            _history(axes["curves"], curves)
        return figure


def _most_confused(counts: Array) -> Array:
    """Return the classes of the matrix: all, or those of the largest confusions, confused ones beside each other."""
    if len(counts) <= MOST_CLASSES:
        return np.arange(len(counts))
    both = np.triu(counts + counts.T, 1)
    pairs = np.stack(
        np.unravel_index(np.argsort(-both, axis=None, kind="stable")[: MOST_CLASSES**2], both.shape), axis=1
    )
    chosen = list(dict.fromkeys(pairs.ravel().tolist()))[:MOST_CLASSES]
    place = np.argsort(confusion_order(counts))
    return np.array(sorted(chosen, key=lambda c: place[c]), np.int64)


Card = tuple[str, str, str, Finding]
"""Title, value and note of a card (an empty title for none), and the finding."""


def _ends(share: Estimate) -> str:
    return f"{percent(share.low).removesuffix(' %')}–{percent(share.high)}"


def _accuracy(predictions: Predictions) -> Card:
    share = rate(int(predictions.correct.sum()), len(predictions))
    count = f"{predictions.correct.sum():,} of {plural(len(predictions), 'image')}"
    claim = f"{count} {verb(len(predictions), 'are')} classified correctly, {share}."
    rows = worst_first(predictions, np.flatnonzero(~predictions.correct))
    finding = Finding(claim, effect=share, evidence=rows)
    return "accuracy", percent(share.value), _ends(share), finding


def _top_five(predictions: Predictions) -> list[Card]:
    if (share := top_five(predictions)) is None:
        return []
    rows = np.flatnonzero(label_rank(predictions) >= TOP)
    claim = f"The label is among the {TOP} classes with the largest scores: top-{TOP} accuracy {share}."
    finding = Finding(claim, effect=share, evidence=worst_first(predictions, rows))
    return [(f"top-{TOP} accuracy", percent(share.value), _ends(share), finding)]


def _macro(classes: pd.DataFrame) -> Card:
    value, known = float(classes["f1"].mean()), int(classes["f1"].notna().sum())
    claim = f"Macro F1, the mean over {plural(known, 'class')}, is {value:.3f}."
    return "macro F1", f"{value:.3f}", f"mean of {known}", Finding(claim, effect=Estimate(value))


def _weakest(predictions: Predictions, names: tuple[str, ...], counts: Array) -> Card:
    of = counts.sum(axis=1)
    known = np.flatnonzero(of)
    c = int(known[np.argmin(counts.diagonal()[known] / of[known])])
    share, whole = rate(int(counts[c, c]), int(of[c])), rate(int(counts.trace()), int(of.sum()))
    sure = share.high < whole.low
    claim = (
        f"The weakest class is {names[c]}: recall {share} on {plural(int(of[c]), 'image')}"
        f"{'' if sure else ', which may be chance'}."
    )
    rows = worst_first(predictions, np.flatnonzero((predictions.labels == c) & ~predictions.correct))
    finding = Finding(
        claim,
        severity=capped(Severity.MILD, int(of[c])) if sure else Severity.INFO,
        effect=share,
        evidence=rows,
        classes=(c,),
    )
    return "weakest class", text(names[c], 16), f"recall {percent(share.value)}", finding


def _confusions(predictions: Predictions, names: tuple[str, ...], counts: Array) -> list[Card]:
    wrong = counts - np.diag(counts.diagonal())
    both, total = np.triu(wrong + wrong.T), int(wrong.sum())
    order = np.argsort(-both, axis=None, kind="stable")[:PAIRS]
    pairs = [(int(cell // len(names)), int(cell % len(names))) for cell in order if both.ravel()[cell]]
    if not pairs:
        return [("", "", "", Finding("No image is misclassified.", effect=Estimate(0.0)))]
    parts = [f"{names[one]} with {names[other]} ({plural(int(both[one, other]), 'time')})" for one, other in pairs]
    together = sum(int(both[pair]) for pair in pairs)
    labels, predicted = predictions.labels, predictions.predicted
    inside = np.zeros(len(predictions), bool)
    for pair in pairs:
        inside |= np.isin(labels, pair) & np.isin(predicted, pair) & ~predictions.correct
    share = rate(together, total)
    of = plural(total, "error")
    claim = f"Most often confused: {join_names(parts, PAIRS)}; together {together:,} of {of}, {share}."
    one, other = pairs[0]
    finding = Finding(
        claim, severity=Severity.INFO, effect=share, evidence=worst_first(predictions, np.flatnonzero(inside))
    )
    name = f"{text(names[one], 11)} ↔ {text(names[other], 11)}"
    return [("most confused", name, f"{both[one, other]:,} of {plural(total, 'error')}", finding)]


def _group(predictions: Predictions, names: tuple[str, ...], counts: Array) -> list[Card]:
    if (group := separate_groups(counts)) is None:
        return []
    inside = np.isin(np.arange(len(names)), group)
    border = inside[predictions.labels] != inside[predictions.predicted]
    touched = inside[predictions.labels] | inside[predictions.predicted]
    share = rate(int(border.sum()), int(touched.sum()))
    claim = (
        f"{join_names([names[c] for c in group], 8)} are best separated from all other classes: "
        f"{plural(int(border.sum()), 'error')} across the boundary in {plural(touched.sum(), 'image')}, {share}."
    )
    rows = worst_first(predictions, np.flatnonzero(border))
    return [
        (
            "",
            "",
            "",
            Finding(claim, severity=Severity.INFO, effect=share, evidence=rows, classes=tuple(map(int, group))),
        )
    ]


def _training(curves: pd.DataFrame) -> list[Card]:
    """Judge over- and underfitting from the curves; `generalisation` measures both on the images."""
    if not {"accuracy", "val_accuracy", "val_loss"} <= set(curves):
        return []
    last, epochs, best = curves.iloc[-1], len(curves), int(np.nanargmin(curves["val_loss"]))
    gap, risen = float(last["accuracy"] - last["val_accuracy"]), float(last["val_loss"] / curves["val_loss"][best] - 1)
    falling = 1 - float(last["val_loss"]) / float(curves["val_loss"].iloc[-2]) if epochs > 1 else 0.0
    if risen >= 0.1:
        state, why = "overfitted", f"the validation loss has risen by {percent(risen)} since epoch {best + 1}"
    elif falling >= 0.05:
        state, why = "not converged", f"the last epoch still lowered the validation loss by {percent(falling)}"
    else:
        state, why = "converged", f"the validation loss is at most {percent(max(risen, 0.0))} above its lowest value"
    claim = (
        f"According to its curves the model is {state} after {plural(epochs, 'epoch')}: training accuracy "
        f"{percent(last['accuracy'])}, validation accuracy {percent(last['val_accuracy'])}, and {why}."
    )
    advice = {"overfitted": f"Stop at epoch {best + 1}, or regularise.", "not converged": "Train longer."}.get(
        state, ""
    )
    finding = Finding(claim, severity=Severity.MILD if advice else Severity.INFO, effect=Estimate(gap), advice=advice)
    return [("training", state, f"{100 * gap:+.1f} points train − validation", finding)]


def _calibration(predictions: Predictions) -> Card:
    ece = scores(predictions, resamples=200)["ece"]
    expected = float(1 - predictions.confidence.mean())
    observed = float(1 - predictions.correct.mean())
    bias = "over-confident" if expected < observed else "under-confident"
    claim = (
        f"The confidence predicts {percent(expected)} errors, {percent(observed)} are observed; expected calibration "
        f"error {replace(ece, unit='%')}."
    )
    finding = Finding(claim, effect=ece)
    return (
        "calibration error",
        percent(ece.value),
        bias if abs(expected - observed) > 0.005 else "right on average",
        finding,
    )


def _cards(axes: Axes, cards: pd.DataFrame) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, len(cards))
    axes.set_ylim(0, 1)
    for place, (_, card) in enumerate(cards.iterrows()):
        axes.fill([place, place + 0.96, place + 0.96, place], [0, 0, 1, 1], color=FAINT, alpha=0.5, linewidth=0)
        size = 17 if len(card["value"]) <= 9 else 12 if len(card["value"]) <= 16 else 9 if len(cards) < 6 else SMALL
        for at, words, points, colour, weight in (
            (0.8, card["what"], SMALL + 1, QUIET, "normal"),
            (0.47, card["value"], size, INK, "bold"),
            (0.14, card["note"], SMALL + 1, INK, "normal"),
        ):
            axes.text(place + 0.05, at, words, fontsize=points, color=colour, fontweight=weight, va="center")


def _matrix(axes: Axes, result: Result) -> None:
    shown, counts = result.notes["confused"], result.arrays["counts"]
    names = [text(result.tables["classes"]["class"][c], 14) for c in shown]
    wrong = counts - np.diag(counts.diagonal())
    known, classes = len(shown) <= 12, result.tables["classes"]["class"]
    of = result.tables["classes"]["images"]
    place_cells(
        axes,
        {
            (row, column): cell_spot(
                result, classes[shown[row]], classes[shown[column]], int(count), int(of[shown[row]])
            )
            for (row, column), count in np.ndenumerate(wrong)
        },
    )
    table_map(
        axes,
        wrong,
        end=max(int(wrong.max()), 1),
        unit="images",
        hidden=np.eye(len(shown), dtype=bool) | ((wrong == 0) & (len(shown) < len(classes))),
        square=True,
        xticklabels=names,
        yticklabels=names,
        annot=np.where(wrong > 0, wrong.astype(str), "") if known else False,
        fmt="",
        annot_kws={"fontsize": SMALL},
    )
    axes.tick_params(length=0, labelsize=SMALL, colors=INK)
    axes.tick_params(axis="x", rotation=90)
    axes.tick_params(axis="y", rotation=0)
    heading(axes, "Confusions")


CURVES = (("accuracy", "training", TRAINING_COLOUR), ("val_accuracy", "validation", VALIDATION_COLOUR))
"""Column of the history, its name and its colour."""


def _history(axes: Axes, curves: pd.DataFrame) -> None:
    of_no_images(axes)
    for name, label, colour in CURVES:
        if name in curves:
            values = 100 * curves[name]
            axes.plot(curves["epoch"], values, color=colour, linewidth=1.8, marker="o", markersize=3.5, label=label)
    axes.legend(frameon=False, fontsize=SMALL + 0.5, loc="lower right")
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    heading(axes, "Accuracy over the epochs, %")
    plain(axes, grid="both")
