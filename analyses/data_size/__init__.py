"""Accuracy as the training part grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images
from workbench.plotting.pieces import BODY, INK, QUIET, SMALL, heading, new_figure, plain, text
from workbench.session.analysis import Analysis
from workbench.session.held_out import studies_training, trained_images
from workbench.statistics.power_law import FEWEST, expected_of_the_last, power_law
from workbench.statistics.rates import ENOUGH
from workbench.statistics.significance import mean_with_interval

from .growth import quick_predictions
from .trained import trained_predictions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TIMES = (2, 4)
"""How many times as many images the law is asked about."""
HELD, BROKEN, UNTOLD = "held", "broken", "untold"
"""Whether the smaller parts foretell what all images give."""
SHOWN = 4
"""Classes in the figure."""


class DataSizeParams(Params):
    """What is trained on the parts."""

    seeds: int = Field(
        0,
        ge=0,
        le=20,
        description="networks of the run's kind to train on each part, with its recipe; 0: fit linear classifiers of "
        "the pixels instead, which is quick, and only a stand-in for the network",
    )


class DataSize(Analysis[DataSizeParams]):
    """Would more training images help?

    Networks, or linear classifiers as a quick stand-in, learn from 5, 10, 25, 50 and 100 % of the training images. The
    error is taken to fall as a power of their number; whether it does is checked by leaving out the last point.
    """

    group = "Training"
    title = "More data"
    Params = DataSizeParams
    needs_images = True

    def missing(self, session: Session) -> str | None:
        """Say so where there is nothing to learn from, or to be asked about."""
        if (lacks := super().missing(session)) is not None:
            return lacks
        if session.train is None:
            return "It needs the training images. They are not known here."
        return None

    def compute(self, session: Session, params: DataSizeParams) -> Result:
        """Learn from each part, measure accuracy and recalls on the studied images, and extrapolate."""
        trained, studied = trained_images(session), session.dataset
        if trained is None:
            raise WorkbenchError(self.missing(session) or "")
        train, rows = trained.data, trained.fitted
        if params.seeds and session.run is None:
            raise WorkbenchError("`seeds` needs a run, whose recipe is known. Leave it out for the quick stand-in.")
        if params.seeds and session.run is not None:
            asked, found = trained_predictions(session.run, train, rows, studied, params.seeds)
            who = f"networks of {session.name}"
        else:
            asked, found = quick_predictions(train, rows, studied)
            who = "a linear classifier of the pixels"
        labels = studied.labels[asked]
        sizes = _sizes(found, labels)
        classes = _classes(found, labels, session.class_names)
        said, law, ahead = _findings(sizes, who, len(asked), stand_in=not params.seeds, seen=studies_training(session))
        tables = {"sizes": sizes, "ahead": ahead, "classes": classes}
        return Result(tables, findings=said, notes={"who": who, **law})

    def draw(self, result: Result) -> Figure:
        """Draw the error over the number of images, with the law, and the recalls that change most."""
        figure = new_figure(
            result,
            self.question(),
            width=10,
            height=3.4,
            note=f"Learned by {result.notes['who']}. Left, on logarithmic axes: the mean of a part's draws, and the "
            "lowest and highest; line: the power law; orange: what it gives for more images, with the 95 % interval of "
            "what would be measured.",
        )
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        of_no_images(left, right)
        heading(left, "Error, %")
        heading(right, "Recall, %: classes that change most")
        for axes in (left, right):
            axes.set_xlabel("training images")
        if result.tables["sizes"].empty:
            for axes in (left, right):
                axes.text(0.5, 0.5, "too few images", ha="center", fontsize=BODY, transform=axes.transAxes)
                plain(axes)
            return figure
        _errors(left, result)
        _recalls(right, result.tables["classes"])
        for axes in (left, right):
            plain(axes, grid="both")
        return figure


def _sizes(found: Mapping[int, list[Array]], labels: Array) -> pd.DataFrame:
    """One row a part: images, draws, mean accuracy with its interval over the studied images, and each draw's."""
    import pandas as pd

    rows = []
    for size, draws in sorted(found.items()):
        right = np.stack([predicted == labels for predicted in draws]).astype(np.float64)
        accuracy = mean_with_interval(right.mean(axis=0), within=(0, 1))
        each = [float(value) for value in right.mean(axis=1)]
        rows.append(
            {
                "images": size,
                "draws": len(draws),
                **columns("accuracy", accuracy),
                "lowest": min(each),
                "highest": max(each),
            }
        )
    names = ["images", "draws", "accuracy", "accuracy_low", "accuracy_high", "lowest", "highest"]
    return pd.DataFrame(rows, columns=names)


def _classes(found: Mapping[int, list[Array]], labels: Array, names: tuple[str, ...]) -> pd.DataFrame:
    """One row a class and part: its recall, mean over the draws."""
    import pandas as pd

    rows = []
    for label in np.unique(labels).tolist():
        inside = labels == label
        for size, draws in sorted(found.items()):
            recall = float(np.mean([(predicted[inside] == label).mean() for predicted in draws]))
            rows.append({"class": names[label], "images": size, "of": int(inside.sum()), "recall": recall})
    return pd.DataFrame(rows, columns=["class", "images", "of", "recall"])


def _findings(
    sizes: pd.DataFrame, who: str, asked: int, *, stand_in: bool, seen: bool
) -> tuple[tuple[Finding, ...], dict[str, object], pd.DataFrame]:
    """Say what more images would bring, as far as that can be told, with the accuracies that the law gives."""
    import pandas as pd

    none = pd.DataFrame(columns=["images", "accuracy", "accuracy_low", "accuracy_high"])
    counts = sizes["images"].to_numpy(np.float64)
    errors = (1 - sizes["accuracy"].to_numpy(np.float64)) * asked
    smoothed = (errors + 0.5) / (asked + 1)  # no error at all has no logarithm
    expected, law = expected_of_the_last(counts, smoothed), power_law(counts, smoothed)
    nothing: dict[str, object] = {"law": UNTOLD, "scale": 0.0, "exponent": 0.0}
    same = len(sizes) > 1 and float(np.ptp(smoothed)) < 1e-9
    if expected is None or law is None or asked < ENOUGH or seen or same:
        why = (
            "the images under study are the training images"
            if seen
            else f"there are {plural(asked, 'image')} to ask about, and {ENOUGH} are needed"
            if asked < ENOUGH
            else "every part gives the same error"
            if same
            else f"{plural(len(sizes), 'part')} can be learned from, and {FEWEST} are needed"
        )
        return (Finding(f"What more training images would bring cannot be told: {why}."),), nothing, none
    last, now = float(smoothed[-1]), float(sizes["accuracy"].iloc[-1])
    fitted: dict[str, object] = {"scale": law.scale, "exponent": law.exponent}
    check = f"the smaller parts foretell {_as_accuracy(expected)} for all {int(counts[-1]):,}, and it is {percent(now)}"
    if not expected.low <= last <= expected.high:
        claim = (
            f"Accuracy does not grow by a power of the number of images here: {check}. What more images would bring "
            "is not told."
        )
        return (Finding(claim, effect=Estimate(law.exponent)),), {"law": BROKEN, **fitted}, none
    ahead = {times: law.at(times * float(counts[-1])) for times in TIMES}
    told = " and ".join(f"{_as_accuracy(ahead[times])} with {times} times as many" for times in TIMES)
    gain = last - ahead[2].value
    surely = 1 - ahead[2].high > now
    advice = (
        "Collect more images: first of the classes whose recall still grows."
        if surely
        else "More images of the same kind may bring little. Look at labels, recipe and network first."
    )
    if stand_in:
        advice = (
            "This is a stand-in, which learns less than a network: before you decide, train the network itself on the "
            "parts (`--seeds 3`)."
        )
    claim = (
        f"With {plural(int(counts[-1]), 'training image')} {who} "
        f"{'reach' if who.startswith('networks') else 'reaches'} "
        f"{percent(now)}; the law gives {told} (checked: {check})."
    )
    ends = (last - ahead[2].high, last - ahead[2].low)
    table = pd.DataFrame(
        {
            "images": [int(times * counts[-1]) for times in TIMES],
            "accuracy": [1 - ahead[times].value for times in TIMES],
            "accuracy_low": [1 - ahead[times].high for times in TIMES],
            "accuracy_high": [1 - ahead[times].low for times in TIMES],
        }
    )
    return (Finding(claim, effect=Estimate(gain, *ends), advice=advice),), {"law": HELD, **fitted}, table


def _as_accuracy(error: Estimate) -> str:
    """Write an error with its interval as the accuracy that it leaves."""
    return f"{percent(1 - error.value)} (95 % interval {percent(1 - error.high)} to {percent(1 - error.low)})"


def _errors(axes: Axes, result: Result) -> None:
    table, notes = result.tables["sizes"], result.notes
    counts = table["images"].to_numpy(np.float64)
    for end in ("lowest", "highest"):
        axes.plot(counts, 100 * (1 - table[end]).clip(lower=1e-4), "_", color=QUIET, markersize=9)
    axes.plot(counts, 100 * (1 - table["accuracy"]).clip(lower=1e-4), "o", color=INK, markersize=5)
    if notes["law"] != UNTOLD:
        ahead = np.geomspace(counts[0], counts[-1] * (TIMES[-1] if notes["law"] == HELD else 1), 60)
        fell = 100 * np.exp(notes["scale"]) * ahead ** -notes["exponent"]
        axes.plot(ahead, fell.clip(max=100), color=TRUE_COLOUR, linewidth=1.6, zorder=0)
    beyond = result.tables["ahead"]
    for times, (_, row) in zip(TIMES, beyond.iterrows(), strict=False):
        low, value, high = (100 * (1 - row[f"accuracy{end}"]) for end in ("_high", "", "_low"))
        axes.errorbar(
            row["images"],
            value,
            [[value - low], [high - value]],
            fmt="D",
            color=PREDICTED_COLOUR,
            markersize=5,
            capsize=3,
        )
        axes.annotate(
            f"{times}×",
            (row["images"], high),
            (0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=INK,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain_ticks(axes, np.concatenate([counts, beyond["images"].to_numpy(np.float64)]))
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    ticks = [tick for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high and tick > 0]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])


def _recalls(axes: Axes, table: pd.DataFrame) -> None:
    span = table.groupby("class", sort=False)["recall"].agg(lambda recalls: abs(recalls.iloc[-1] - recalls.iloc[0]))
    for name in span.sort_values(ascending=False, kind="stable").index[:SHOWN]:
        own = table[table["class"] == name]
        axes.plot(own["images"], 100 * own["recall"], marker="o", markersize=3.5, linewidth=1.4, label=text(name))
    axes.set_xscale("log")
    _plain_ticks(axes, table["images"].to_numpy(np.float64))
    axes.legend(frameon=False, fontsize=SMALL)


def _plain_ticks(axes: Axes, counts: Array) -> None:
    """Write the sizes of the parts below the axis."""
    shown = np.unique(counts)
    axes.set_xticks(shown, [f"{int(count):,}" for count in shown])
    axes.minorticks_off()
