"""Balance of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_bars
from workbench.plotting.pieces import INK, SMALL, class_ticks, new_figure, plain, text
from workbench.session.analysis import Analysis
from workbench.session.spots import class_spot
from workbench.statistics.rates import difference, wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

Part = Literal["data", "train"]
MOST_CLASSES = 40
UNEVEN = 1.5
"""Ratio of the largest class to the smallest from which an imbalance is worth knowing."""
SURE = 0.01
"""p-value of a chi-square test below which an imbalance or a shift is not chance."""


class ClassBalanceParams(Params):
    """When an imbalance matters."""

    serious: float = Field(
        5.0, ge=1, le=1000, description="ratio of the usual class size to a small one's from which it is serious"
    )


class ClassBalance(Analysis[ClassBalanceParams]):
    """Are the classes balanced?"""

    group = "Data"
    title = "Class balance"
    Params = ClassBalanceParams
    kinds: ClassVar[tuple[Kind, ...]] = ("class-imbalance",)

    def compute(self, session: Session, params: ClassBalanceParams) -> Result:
        """Count the labels of the images at hand and, where there are any, of the training images."""
        import pandas as pd

        names = session.class_names
        parts: dict[Part, Array] = {"data": session.dataset.labels}
        part_names: dict[Part, str] = {"data": session.dataset.name}
        train = session.train
        if train is not None and train.name != session.dataset.name:
            parts["train"], part_names["train"] = train.labels, train.name
        counts = {part: np.bincount(labels, minlength=len(names)) for part, labels in parts.items()}
        table = pd.DataFrame({"class": list(names)})
        for part, count in counts.items():
            table[f"{part}_images"], table[f"{part}_share"] = count, count / count.sum()
        evaluates_training = train is not None and "train" not in parts
        findings = [
            _ratio(
                session,
                counts[part],
                part_names[part],
                params,
                part=part,
                learned=part == "train" or evaluates_training,
            )
            for part in counts
        ]
        if "train" in counts:
            findings.append(_shift(counts["data"], counts["train"], part_names))
        return Result({"classes": table}, findings=tuple(findings), notes={"parts": part_names})

    def draw(self, result: Result) -> Figure:
        """Draw the share of each class, the training images behind the others."""
        table, parts = result.tables["classes"], result.notes["parts"]
        said = f"Dotted: equal shares, {percent(1 / len(table))} each."
        if len(table) > MOST_CLASSES:
            order = table["data_images"].to_numpy().argsort(kind="stable")[::-1]
            half = MOST_CLASSES // 2
            of = plural(len(table), "class")
            said += f" Shown: the {half} largest and the {half} smallest of {of}; all are in the table."
            table = table.iloc[[*order[:half], *order[-half:]]].reset_index(drop=True)
        figure = new_figure(result, self.question(), width=8.5, height=0.9 + 0.3 * len(table), note=said)
        axes, places = figure.subplots(), np.arange(len(table))
        styles = {"data": (TRUE_COLOUR, 0.19), "train": (NO_EVIDENCE_COLOUR, -0.19)}
        end = max(table[f"{part}_share"].max() for part in parts)
        for part, name in parts.items():
            colour, offset = styles[part]
            at = places - offset if len(parts) > 1 else places
            share = 100 * table[f"{part}_share"].to_numpy()
            axes.barh(
                at, share, height=0.36 if len(parts) > 1 else 0.7, color=colour, label=f" {text(name, 40)}", linewidth=0
            )
            for place, width, images in zip(at, share, table[f"{part}_images"], strict=True):
                axes.text(width + end * 0.6, place, f"{images:,}", va="center", fontsize=SMALL, color=INK)
            whole = int(result.tables["classes"][f"{part}_images"].sum())
            spots = [
                class_spot(name, int(images), of=whole, part=part)
                for name, images in zip(table["class"], table[f"{part}_images"], strict=True)
            ]
            place_bars(axes, at, spots, 0.36 if len(parts) > 1 else 0.7)
        axes.axvline(100 / len(result.tables["classes"]), color=INK, linewidth=1, linestyle=":")
        class_ticks(axes, table["class"].tolist())
        axes.set_xlim(0, 108 * end)
        axes.set_xlabel("share of the images, % (numbers: images)")
        plain(axes, grid="x")
        if len(parts) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=SMALL + 0.5)
        return figure


def _ratio(
    session: Session, counts: Array, where: str, params: ClassBalanceParams, *, part: Part, learned: bool
) -> Finding:
    """Compare the smallest classes with the usual size of one.

    Args:
        session: whose predictions say what a small class costs, and whose images show it.
        counts: `(K,)` images of each class.
        where: name of the part.
        params: when an imbalance matters.
        part: whose rows the evidence are.
        learned: whether the model was trained on these; what it is only tested on can do less harm.
    """
    from scipy.stats import chisquare

    names = session.class_names
    labels = session.dataset.labels if part == "data" or session.train is None else session.train.labels
    small, large = int(counts.argmin()), int(counts.argmax())
    if counts[small] == 0:
        absent = np.flatnonzero(counts == 0)
        return Finding(
            f"{where}: {len(absent)} of {plural(len(names), 'class')} without images: "
            f"{join_names([names[c] for c in absent])}.",
            severity=Severity.SERIOUS if learned else Severity.MILD,
            effect=Estimate(0.0),
            advice="A class without images is neither learned nor tested: add images or drop the class.",
            kind="class-imbalance",
            classes=tuple(absent.tolist()),
            cost=_cost(session, absent) if learned else None,
        )
    ratio = counts[large] / counts[small]
    if ratio == 1:
        return Finding(
            f"{where}: all {plural(len(names), 'class')} have {plural(int(counts[0]), 'image')} each.",
            effect=Estimate(1.0),
        )
    said = (
        f"{where}: the largest class, {names[large]}, has {plural(counts[large], 'image')}, {ratio:.2f} times as many "
        f"as the smallest, {names[small]}, with {counts[small]:,}"
    )
    if ratio < UNEVEN or chisquare(counts).pvalue > SURE:
        return Finding(f"{said}.", severity=Severity.INFO, effect=Estimate(float(ratio)), classes=(small,))
    usual = _usual(counts, params.serious)
    starved = np.flatnonzero((counts * params.serious <= usual) & (_largest_plausible(counts, usual) < 0.5 * usual))
    chosen = starved if len(starved) else np.flatnonzero(counts * UNEVEN <= usual)
    chosen = chosen[np.argsort(counts[chosen], kind="stable")] if len(chosen) else np.array([small])
    if len(starved):
        said += f"; far below the usual {usual:,}: {join_names([names[c] for c in chosen], 8)}"
    rows = np.flatnonzero(np.isin(labels, chosen))
    return Finding(
        f"{said}.",
        severity=Severity.SERIOUS if len(starved) and learned else Severity.MILD,
        effect=Estimate(float(ratio)),
        evidence=ImageSet(rows[np.argsort(counts[labels[rows]], kind="stable")]),
        advice="Add images of the small classes, or use class weights; read per-class recall, not the accuracy.",
        kind="class-imbalance",
        classes=tuple(chosen.tolist()),
        part=part,
        confirm="Train again with class weights: the recall of the small classes should rise.",
        cost=_cost(session, chosen) if learned else None,
    )


def _usual(counts: Array, far: float) -> int:
    """Return the usual size of a class: the (upper) median, or the largest where that stands far above it."""
    middle, largest = int(np.sort(counts)[len(counts) // 2]), int(counts.max())
    surely_smaller = _largest_plausible(np.array([middle]), largest)[0] < 0.5 * largest
    return largest if largest >= far * middle and surely_smaller else middle


def _largest_plausible(counts: Array, usual: int) -> Array:
    """Return how large classes might be, if as many images of them and of one of `usual` size were drawn again."""
    high = wilson(counts, counts + usual)[1]
    return np.asarray(usual * high / np.maximum(1 - high, 1e-9))


def _cost(session: Session, small: Array) -> Estimate | None:
    """What small classes cost: their errors beyond the error rate of the others, as a share of all images."""
    said = session.predictions
    inside = np.isin(said.labels, small)
    if not inside.any() or inside.all():
        return None
    excess, _ = difference(
        int((~said.correct[inside]).sum()), int(inside.sum()), int((~said.correct[~inside]).sum()), int((~inside).sum())
    )
    return Estimate(*(max(float(inside.mean()) * end, 0.0) for end in excess), unit="%")


def _shift(data: Array, train: Array, part_names: dict[Part, str]) -> Finding:
    """Say how far the shares of the two parts are from each other (total variation distance)."""
    from scipy.stats import chi2_contingency

    distance = float(np.abs(data / data.sum() - train / train.sum()).sum() / 2)
    known = (data + train) > 0
    sure = known.sum() > 1 and chi2_contingency(np.stack([data, train])[:, known])[1] < SURE
    said = f"Class shares in {part_names['data']} and {part_names['train']} differ by {percent(distance)} of the images"
    return Finding(
        f"{said}{'' if sure or not distance else ', which may be chance'}.",
        severity=Severity.MILD if sure and distance >= 0.05 else Severity.INFO,
        effect=Estimate(distance),
        advice="The model was trained on other class shares than it is tested on: correct its prior, or test on the "
        "shares that it will meet."
        if sure and distance >= 0.05
        else "",
    )
