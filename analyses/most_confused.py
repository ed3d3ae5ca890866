"""Most-confused pairs of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, probability
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, strips, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.spots import cell_spot, images_spot, term
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import capped, rate, wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session


TWINS = 0.65
"""AUC that two classes which are one surely stay below; classes that are only hard to tell have 0.8 and more."""
CONFUSED = 1 / 3
"""A pair is a fault if surely more than this share of the images of both classes is confused."""
MOST = 10
"""Such pairs that are reported."""
CELL = 0.75
"""Width of an example in inches."""


class MostConfusedParams(Params):
    """How many pairs and pictures."""

    top: int = Field(10, ge=1, le=50, description="pairs to list")
    examples: int = Field(6, ge=1, le=12, description="errors of each pair to show, most confident first")


class MostConfused(Analysis[MostConfusedParams]):
    """Which classes are confused most often, and what do those images look like?"""

    group = "Errors"
    title = "Most confused classes"
    Params = MostConfusedParams
    kinds: ClassVar[tuple[Kind, ...]] = ("confused-pair",)

    def compute(self, session: Session, params: MostConfusedParams) -> Result:
        """Rank pairs by their errors: true to predicted, and both ways together."""
        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        wrong = counts - np.diag(counts.diagonal())
        directed = _ranked(wrong, params.top)
        both = _ranked(np.triu(wrong + wrong.T), params.top)
        of = counts.sum(axis=1)
        tables = {
            "directed": _table(["true", "predicted"], directed, wrong, of[directed[:, 0]], names),
            "symmetric": _table(["one", "other"], both, wrong + wrong.T, of[both].sum(axis=1), names),
        }
        rows = np.full((len(directed), params.examples), -1)
        for place, (true, predicted) in enumerate(directed):
            found = _errors(predictions, [(true, predicted)])[: params.examples]
            rows[place, : len(found)] = found
        shown = rows[rows >= 0]
        arrays = {
            "rows": rows,
            "images": thumbnails_of(session.dataset, shown),
            "confidence": predictions.confidence[shown],
        }
        return Result(tables, arrays=arrays, findings=tuple(_findings(predictions, names, counts)))

    def draw(self, result: Result) -> Figure:
        """Draw the rate of each directed pair beside its errors, and the undirected pairs below."""
        directed, both = result.tables["directed"], result.tables["symmetric"]
        if directed.empty:
            return say(
                new_figure(result, self.question(), height=2.0), "No confusions: every image is classified correctly."
            )
        columns = result.arrays["rows"].shape[1]
        strip = tiles_height([_blank(result)], 1, CELL)
        figure = new_figure(
            result,
            self.question(),
            width=7.8 + columns * CELL,
            height=max(strip * len(directed), 1.6) + 0.9,
            note=(
                "Teal: true class. Orange: predicted class, and its probability under each image. Lines: 95 % "
                "Wilson intervals. Most errors first. Images in a row: the most confident errors of that pair."
            ),
        )
        bars, images, sums = figure.subplots(1, 3, width_ratios=[3.9, columns * CELL, 3.9])
        _bars(bars, directed, "From true to predicted class", PREDICTED_COLOUR, "images of the true class")
        cells = [
            cell_spot(result, row["true"], row["predicted"], int(row["images"]), int(row["of"]))
            for _, row in directed.iterrows()
        ]
        place_bars(bars, np.arange(len(cells)), cells, 0.9)
        heading(images, "Errors of each pair")
        _strips(images, result, len(directed))
        _bars(sums, both, "Both directions together", QUIET, "images of the two classes")
        pairs = [
            images_spot(
                f"{row['one']} ↔ {row['other']}",
                int(row["images"]),
                _either(row["one"], row["other"]),
                of=int(row["of"]),
            )
            for _, row in both.iterrows()
        ]
        place_bars(sums, np.arange(len(pairs)), pairs, 0.9)
        return figure


def _ranked(wrong: Array, top: int) -> Array:
    """Return the `(P, 2)` cells with the most images, P ≤ `top`; ties in the order of the classes."""
    order = np.argsort(-wrong, axis=None, kind="stable")[:top]
    chosen = order[wrong.ravel()[order] > 0]
    return np.stack(np.unravel_index(chosen, wrong.shape), axis=1)


def _table(columns: list[str], pairs: Array, wrong: Array, of: Array, names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    images = wrong[pairs[:, 0], pairs[:, 1]]
    low, high = wilson(images, of)
    return pd.DataFrame(
        {
            columns[0]: [names[c] for c in pairs[:, 0]],
            columns[1]: [names[c] for c in pairs[:, 1]],
            "images": images,
            "of": of,
            "rate": images / np.maximum(of, 1),
            "low": low,
            "high": high,
        }
    )


def _errors(predictions: Predictions, pairs: list[tuple[int, int]]) -> Array:
    """Rows of the errors of some pairs, most confident first."""
    wanted = np.zeros(len(predictions), bool)
    for true, predicted in pairs:
        wanted |= (predictions.labels == true) & (predictions.predicted == predicted)
    rows = np.flatnonzero(wanted)
    return rows[np.argsort(-predictions.confidence[rows], kind="stable")]


def _findings(predictions: Predictions, names: tuple[str, ...], counts: Array) -> list[Finding]:
    total, of = int((~predictions.correct).sum()), counts.sum(axis=1)
    if not total:
        return [
            Finding(f"None of {plural(len(predictions), 'image')} is misclassified.", effect=rate(0, len(predictions)))
        ]
    wrong = counts - np.diag(counts.diagonal())
    both, images = np.triu(wrong + wrong.T), of[:, None] + of[None]
    confused = np.triu(wilson(both, np.maximum(images, both))[0] > CONFUSED, 1)
    if confused.sum() > max(np.count_nonzero(of) // 3, 1):  # then it is not a matter of pairs: everything is confused
        confused[:] = False
    named = np.unique(np.concatenate([_ranked(both, 3), _ranked(both * confused, MOST)]), axis=0)
    named = named[np.argsort(-both[named[:, 0], named[:, 1]], kind="stable")]
    findings = [
        _pair(predictions, names, wrong, int(images[one, other]), (one, other), far=bool(confused[one, other]))
        for one, other in named.tolist()
    ]
    true, predicted = _ranked(wrong, 1)[0].tolist()
    share = rate(int(wrong[true, predicted]), int(of[true]))
    findings.append(
        Finding(
            f"Most common error: {names[true]} predicted as {names[predicted]}, {wrong[true, predicted]:,} of "
            f"{plural(of[true], 'image')}, {share}.",
            severity=Severity.INFO,
            effect=share,
            evidence=ImageSet(_errors(predictions, [(true, predicted)])),
            classes=(true, predicted),
        )
    )
    return findings


def _pair(
    predictions: Predictions, names: tuple[str, ...], wrong: Array, images: int, pair: tuple[int, int], *, far: bool
) -> Finding:
    """Report how often two classes are confused; the more common direction gives their order."""
    one, other = pair
    count = int(wrong[one, other] + wrong[other, one])
    share, cost, part = rate(count, images), rate(count, len(predictions)), count / int(wrong.sum())
    is_large = part >= 0.1 and share.low > 0.02 and count > 1  # one error is an accident
    auc, most = _told_apart(predictions, one, other)
    twins = far and most < TWINS
    claim = (
        f"{names[one]} and {names[other]} are confused {plural(count, 'time')} in {plural(images, 'image')}, {share}; "
        f"that is {percent(part)} of all errors."
    )
    advice = "Check whether people can tell these classes apart; if so, add training images that show how."
    if twins:
        claim += (
            f" Nothing in their scores tells them apart (AUC {auc:.2f}, at most {most:.2f}; 0.5 is chance): they may "
            "be one class under two names."
        )
        advice = "Look at images of both side by side: if people cannot tell them apart, make them one."
    return Finding(
        claim,
        severity=capped(Severity.SERIOUS if far else Severity.MILD if is_large else Severity.INFO, images),
        effect=share,
        evidence=ImageSet(_errors(predictions, [(one, other), (other, one)])),
        advice=advice,
        kind="confused-pair",
        classes=(one, other) if wrong[one, other] >= wrong[other, one] else (other, one),
        cost=cost,
        confirm="Relabel fifty of these errors blind (label and prediction hidden): do you agree with the labels?",
    )


def _told_apart(predictions: Predictions, one: int, other: int) -> tuple[float, float]:
    """How well the scores tell images of one class from those of another: AUC, and the upper end of its 95 % interval.

    The interval is that of no difference, by Mann and Whitney; the end is 1 where there are fewer than 10 of either.
    """
    from sklearn.metrics import roc_auc_score

    rows = np.flatnonzero(np.isin(predictions.labels, (one, other)))
    first = predictions.labels[rows] == one
    counts = int(first.sum()), int((~first).sum())
    if min(counts) < 10:
        return 1.0, 1.0
    auc = float(roc_auc_score(first, predictions.logits[rows, one] - predictions.logits[rows, other]))
    half = 1.96 * np.sqrt((sum(counts) + 1) / (12 * counts[0] * counts[1]))
    return auc, min(auc + float(half), 1.0)


def _either(one: str, other: str) -> str:
    """Write the query that finds the errors of a pair, both ways."""
    ways = ((one, other), (other, one))
    return " or ".join(f"{term('label', true)} {term('predicted', predicted)}" for true, predicted in ways)


def _blank(result: Result) -> Tile:
    return Tile(result.arrays["images"][0], below=[("", QUIET)], blank=True)


def _strips(axes: Axes, result: Result, pairs: int) -> None:
    """Draw one row of images for each pair, level with its bar."""
    rows, images, confidence = (result.arrays[name] for name in ("rows", "images", "confidence"))
    numbers = np.cumsum(rows >= 0).reshape(rows.shape) - 1  # place of each image in `images`
    for place, strip in enumerate(strips(axes, pairs)):
        pictures = [
            Tile(images[n], below=[(f"{probability(confidence[n])}%", PREDICTED_COLOUR)], spot=spot_of(result, row))
            for n, row in zip(numbers[place][rows[place] >= 0], rows[place][rows[place] >= 0], strict=True)
        ]
        tiles(strip, pictures + [_blank(result)] * (rows.shape[1] - len(pictures)), columns=rows.shape[1], cell=CELL)


def _bars(axes: Axes, table: pd.DataFrame, title: str, colour: str, whose: str) -> None:
    first, second = table.columns[:2]
    directed, places = first == "true", np.arange(len(table))
    interval_bars(
        axes, places, *(100 * table[c].to_numpy() for c in ("rate", "low", "high")), colour=colour, height=0.5
    )
    end = 100 * table["high"].max()
    colours = (TRUE_COLOUR, PREDICTED_COLOUR) if directed else (INK, INK)
    for place, (_, row) in enumerate(table.iterrows()):
        axes.text(
            100 * row["high"] + 0.02 * end,
            place,
            f"{100 * row['rate']:.1f} %\n{row['images']:,} of {row['of']:,}",
            fontsize=SMALL,
            color=INK,
            va="center",
            linespacing=1.3,
        )
        for name, ink, offset, before in (
            (row[first], colours[0], -0.13, ""),
            (row[second], colours[1], 0.13, "→ " if directed else "↔ "),
        ):
            axes.text(
                -0.02,
                place + offset,
                before + text(name, 20),
                color=ink,
                fontsize=SMALL + 0.5,
                ha="right",
                va="center",
                transform=axes.get_yaxis_transform(),
            )
    axes.set_yticks([])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlim(0, 1.35 * end)
    axes.set_xlabel(f"share of the {whose}, %")
    heading(axes, title)
    plain(axes, grid="x")
