"""The cause of each error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_names import ImageNames
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, probability
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import ImageName, Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.images.image_field import ImageField
from workbench.session.spots import finding_spot, images_spot, term
from workbench.statistics.rates import rate, wilson

from .evidence import GROUPS, Evidence, evidence_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.core.predictions import Predictions
    from workbench.session.session import Session

COLUMNS = 7
"""Errors of a group to show."""
CELL = 1.3
"""Width of an image in inches."""
SERIOUS = 0.01
"""Share of wrong labels, surely exceeded, from which accuracy depends on the labels more than on the model."""
EXPLAINED = 0.15
"""Share of the errors, surely exceeded, that they explain then: a model that mostly errs by itself is no judge."""
MILD = 0.002
"""Share of the images, surely exceeded, from which likely wrong labels are more than a fact: any model has a few."""
FEW = 5
"""And so many images; fewer are named among the causes, and say nothing of the labels."""
MEANING = {
    "likely wrong label": "the model and the estimated label noise contradict the label",
    "ambiguous": "label and prediction are both plausible, by probability and neighbours",
    "duplicate conflict": "a copy has another label",
    "outlier": "farther from all other images than correctly classified images are",
    "model error": "the label looks right and the image is typical",
}


class TriageParams(Params):
    """How much evidence to collect."""

    k: int = Field(50, ge=1, le=500, description="nearest neighbours whose labels are compared")
    compared: int = Field(2000, ge=10, le=20_000, description="correct predictions to compare with")


class Triage(Analysis[TriageParams]):
    """What caused each error: a wrong label, an unusual image, or the model?

    Every misclassified image gets the first cause that fits: a copy has another label; it is farther from its nearest
    training image than nearly all correctly classified images (an outlier); its label is likely wrong; label and
    prediction are both plausible; else it is a model error.
    """

    group = "Errors"
    title = "Causes of the errors"
    Params = TriageParams
    needs_model = True
    kinds: ClassVar[tuple[Kind, ...]] = ("label-noise",)
    fields: ClassVar[Mapping[str, ImageField]] = MappingProxyType(
        {"triage": ImageField(title="cause of the error", column="group", kind="category")}
    )
    names_training: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"k": 20, "compared": 500})

    def compute(self, session: Session, params: TriageParams) -> Result:
        """Collect the evidence for every error, and assign its cause."""
        predictions, names = session.predictions, session.class_names
        if predictions.correct.all():
            none = Finding(f"There are no errors in {plural(len(predictions), 'image')}.")
            return Result({"errors": _nothing()}, findings=(none,))
        found = evidence_of(session, params.k, params.compared)
        groups = found.groups()
        order = np.lexsort((_weight(found, groups, predictions), groups))
        table = _table(found, groups, predictions, names, session.image_names).iloc[order].reset_index(drop=True)
        sizes = np.bincount(groups, minlength=len(GROUPS))
        tables = {"errors": table, "groups": _sizes(sizes, len(predictions))}
        rows = {n: table["row"].to_numpy()[table["group"].to_numpy() == name] for n, name in enumerate(GROUPS)}
        findings = [_finding(n, rows[n], found, predictions) for n in np.argsort(-sizes, kind="stable") if sizes[n]]
        if session.dataset.has_images and not found.by_pixels:
            findings.append(
                Finding(
                    f"{plural(len(table), 'error')} among {plural(len(found.witnesses.dataset), 'image')} are too many "
                    "to compare pixels: unusual images are found by embeddings alone, copies by `near-duplicates`."
                )
            )
        if found.silence:
            claim = f"Whether labels are wrong cannot be told, since {found.silence}."
            findings.append(Finding(claim, kind="label-noise"))
        findings.sort(key=lambda each: each.severity not in (Severity.SERIOUS, Severity.CRITICAL))
        shown = np.concatenate([rows[n][:COLUMNS] for n in range(len(GROUPS))])
        arrays = {"images": thumbnails_of(session.dataset, shown), "rows": shown}
        notes = {"shown": [int(min(COLUMNS, size)) for size in sizes], "witnesses": found.witnesses.title}
        return Result(tables, arrays=arrays, findings=tuple(findings), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw how many errors have each cause, and the clearest examples."""
        if "groups" not in result.tables:
            return say(new_figure(result, self.question(), height=2.0), "There are no errors.")
        sizes = result.tables["groups"]
        groups = [n for n, count in enumerate(result.notes["shown"]) if count]
        pictures = _tiles(result)
        tall = tiles_height(pictures, 1, CELL) / len(pictures) + 0.35
        said = (
            "Teal: label; orange: prediction and its probability; below: name, and the deciding evidence. Clearest "
            f"first. Neighbours are {result.notes['witnesses']}. Lines: 95 % Wilson intervals."
        )
        figure = new_figure(
            result, self.question(), width=COLUMNS * CELL + 3.2, height=max(tall * len(groups), 2.4), note=said
        )
        left, right = figure.subfigures(1, 2, width_ratios=[3.0, COLUMNS * CELL], squeeze=False)[0]
        axes = left.subplots()
        _bars(axes, sizes)
        place_bars(axes, np.arange(len(sizes)), _spots(result, sizes), 0.9)
        start = 0
        for axes, n in zip(right.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True):
            count = result.notes["shown"][n]
            blank = Tile(np.full((*pictures[0].image.shape[:2], 3), 255, np.uint8), below=[("", QUIET)], blank=True)
            strip = [*pictures[start : start + count], *[blank] * (COLUMNS - count)]
            tiles(axes, strip, columns=COLUMNS, cell=CELL)
            heading(axes, f"{GROUPS[n][0].upper()}{GROUPS[n][1:]}: {MEANING[GROUPS[n]]}")
            start += count
        return figure


def _nothing() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"row": np.zeros(0, np.int64), "group": []})


def _weight(found: Evidence, groups: Array, predictions: Predictions) -> Array:
    """Return the sort key of the errors of a group, the clearest smallest."""
    sure = -predictions.confidence[found.rows]
    support = -((found.probabilities + found.agreement) / 2).min(axis=1)
    choices = [found.score, support, found.apart[:, 0], found.far.min(axis=1), sure]
    return np.asarray(np.choose(groups, choices))


def _table(
    found: Evidence, groups: Array, predictions: Predictions, names: tuple[str, ...], images: ImageNames
) -> pd.DataFrame:
    """One row an error, with its evidence."""
    import pandas as pd

    rows = found.rows
    labels, predicted = predictions.labels[rows], predictions.predicted[rows]
    return pd.DataFrame(
        {
            "row": rows,
            "group": [GROUPS[n] for n in groups],
            "label": [names[c] for c in labels],
            "predicted": [names[c] for c in predicted],
            "p_label": predictions.probabilities[rows, labels],
            "p_predicted": predictions.confidence[rows],
            "p_wrong_label": found.wrong_label,
            "label_score": found.score,
            "neighbours_with_label": found.agreement[:, 0],
            "neighbours_with_predicted": found.agreement[:, 1],
            "credibility": found.credibility,
            "distance_pixels": found.apart[:, 0],
            "right_as_far_pixels": found.far[:, 0],
            "distance_embedding": found.apart[:, 1],
            "right_as_far_embedding": found.far[:, 1],
            "copy_with_another_label": [
                images.one(row, part) if row >= 0 else ""
                for row, part in zip(found.copy.tolist(), found.copy_part.tolist(), strict=True)
            ],
        }
    )


def _sizes(sizes: Array, of: int) -> pd.DataFrame:
    import pandas as pd

    low, high = wilson(sizes, sizes.sum())
    return pd.DataFrame(
        {
            "group": list(GROUPS),
            "errors": sizes,
            "share_of_errors": sizes / sizes.sum(),
            "low": low,
            "high": high,
            "share_of_images": sizes / of,
        }
    )


def _finding(group: int, rows: Array, found: Evidence, predictions: Predictions) -> Finding:
    """Report how many errors have one cause, and what to do about them."""
    name, count, errors, of = GROUPS[group], len(rows), len(found.rows), len(predictions)
    share = rate(count, errors)
    claim = f"{name[0].upper()}{name[1:]}: {count:,} of {plural(errors, 'error')}, {share}"
    evidence = ImageSet(rows)
    if group or count < FEW:
        advice = (
            "Look at these labels.",
            "Ask a second annotator; if people disagree too, more data of these two classes will not help.",
            "Choose one label for all copies.",
            "Do these images belong to the task? If so, collect more like them.",
            "",
        )[group]
        return Finding(
            f"{claim}; {MEANING[name]}.", severity=Severity.INFO, effect=share, evidence=evidence, advice=advice
        )
    own = np.isin(found.rows, rows)
    sure, spread = float(found.wrong_label[own].mean()), int(found.spread[own].sum())
    whole, better = rate(count, of), (of - errors + count) / of
    claim += f", with a mean probability of {percent(sure)}"
    least = float(wilson(spread, of)[0])
    severity = Severity.INFO if whole.low <= MILD else Severity.MILD
    if found.sure and least > SERIOUS and float(wilson(spread, errors)[0]) > EXPLAINED:
        severity = Severity.SERIOUS
        claim += (
            f"; if all of them are wrong, the accuracy is {percent(better)} instead of {percent((of - errors) / of)}"
        )
    return Finding(
        f"{claim}.",
        severity=severity,
        effect=share,
        evidence=evidence,
        advice="Review these labels, correct them, and evaluate again.",
        kind="label-noise",
        cost=whole,
        confirm="Have people relabel these images blind: they choose the predicted class.",
    )


def _tiles(result: Result) -> list[Tile]:
    made, lines = [], result.tables["errors"].set_index("row")
    for image, row in zip(result.arrays["images"], result.arrays["rows"].tolist(), strict=True):
        each = lines.loc[row]
        decides = {
            GROUPS[0]: f"p(wrong) {probability(each['p_wrong_label'])} %",
            GROUPS[1]: f"neighbours {each['neighbours_with_label']:.0%} : {each['neighbours_with_predicted']:.0%}",
            GROUPS[2]: ImageName(each["copy_with_another_label"]),
            GROUPS[3]: f"correct as far: {min(each['right_as_far_pixels'], each['right_as_far_embedding']):.1%}",
            GROUPS[4]: f"p(label) {probability(each['p_label'], 1)} %",
        }[each["group"]]
        sure = f"{text(each['predicted'], 12)} {probability(each['p_predicted'])} %"
        lines_below = [
            (text(each["label"], 16), TRUE_COLOUR),
            (sure, PREDICTED_COLOUR),
            image_name(result, row),
            (decides, INK),
        ]
        made.append(Tile(image, below=lines_below, spot=spot_of(result, row)))
    return made


def _spots(result: Result, sizes: pd.DataFrame) -> list[Spot | None]:
    """Return the spot of each group: a query, unless it was asked with other parameters than queries ask it with."""
    spots: list[Spot | None] = []
    for name, count in zip(sizes["group"], sizes["errors"].tolist(), strict=True):
        errors = int(sizes["errors"].sum())
        more = f"{percent(count / errors)} of {plural(errors, 'error')}"
        spot = images_spot(name, count, term("triage", name), more=more)
        if spot is not None and result.params != TriageParams().model_dump(mode="json"):
            claim = f"{name[0].upper()}{name[1:]}: "
            place = next(at for at, each in enumerate(result.findings) if each.claim.startswith(claim))
            spot = finding_spot(result, place, spot.title)
        spots.append(spot)
    return spots


def _bars(axes: Axes, sizes: pd.DataFrame) -> None:
    """Draw the share of each cause."""
    values = (100 * sizes[column].to_numpy() for column in ("share_of_errors", "low", "high"))
    interval_bars(axes, np.arange(len(sizes)), *values, colour=PREDICTED_COLOUR, height=0.4)
    for place, (_, each) in enumerate(sizes.iterrows()):
        axes.text(0, place - 0.3, f"{each['group']}: {each['errors']:,}", fontsize=8, color=INK)
    axes.set_yticks([])
    axes.set_ylim(len(sizes) - 0.5, -0.6)
    axes.set_xlim(0, 1.05 * 100 * float(sizes["high"].max()))
    axes.set_xlabel("share of the errors, %")
    heading(axes, "Errors")
    plain(axes, grid="x")
