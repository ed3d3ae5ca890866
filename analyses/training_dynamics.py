"""How each training image was learned, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.thumbnails import small
from workbench.plotting.hot_spots import of_no_images, place_scatter, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, new_figure, plain, text
from workbench.plotting.tiles import Tile, tiles
from workbench.session.analysis import Analysis
from workbench.session.held_out import trained_images
from workbench.session.spots import scatter_spot
from workbench.statistics.rates import rate
from workbench.training.dynamics import Dynamics

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

REGIONS = ("easy", "ambiguous", "hard")
COLOURS = {"easy": "#2f6fb3", "ambiguous": "#a16207", "hard": "#b91c1c"}
COLUMNS = 8
"""Pictures of a region in a row."""
CELL = 0.78
"""Width of a picture in inches."""
MOST_POINTS = 6000
"""Points of the map; more would only overlap."""
EASY = 0.75
"""Mean probability of the label from which an image is easy."""
HARD = 0.25
"""Mean probability of the label below which it is hard."""


class TrainingDynamicsParams(Params):
    """How much to show."""

    pictures: int = Field(16, ge=1, le=24, description="images of each region to show")
    listed: int = Field(1000, ge=1, le=100_000, description="training images to list, hardest first")


class TrainingDynamics(Analysis[TrainingDynamicsParams]):
    """Which training images were learned early, late, never, or forgotten again?

    Confidence is the mean probability of the label over the epochs, variability its standard deviation. Easy images
    have a confidence of at least 0.75, hard ones below 0.25; the others are ambiguous.
    """

    group = "Labels"
    title = "Training dynamics"
    Params = TrainingDynamicsParams
    kinds: ClassVar[tuple[Kind, ...]] = ()

    def missing(self, session: Session) -> str | None:
        """Report missing dynamics, or training images that are not those of the run."""
        dynamics = session.dynamics
        if dynamics is None:
            return "This model was trained without recording training dynamics. Retrain it with workbench train."
        train = session.train
        if train is None or len(train) <= dynamics.rows.max(initial=0):
            return "Training dynamics need the images that the run was trained on, and they are not available."
        return None

    def compute(self, session: Session, params: TrainingDynamicsParams) -> Result:
        """Compute confidence and variability of each image, and count images forgotten or never learned."""
        dynamics, train = session.dynamics, session.train
        if dynamics is None or train is None or (self.missing(session)):
            raise WorkbenchError(self.missing(session) or "")
        region = regions(dynamics.confidence)
        trained = trained_images(session)
        labels = (train if trained is None else trained.data).labels[dynamics.rows]  # those that it was trained with
        order = np.lexsort((-dynamics.variability, dynamics.area_under_margin))
        tables = {
            "images": _images(dynamics, region, labels, session.class_names, order[: params.listed]),
            "classes": _classes(dynamics, region, labels, session.class_names),
        }
        chosen = [_shown(dynamics, region, number)[: params.pictures] for number in range(len(REGIONS))]
        drawn = np.sort(np.random.default_rng(0).permutation(len(region))[:MOST_POINTS])
        arrays = {
            "confidence": dynamics.confidence[drawn].astype(np.float32),
            "variability": dynamics.variability[drawn].astype(np.float32),
            "region": region[drawn],
            "rows": dynamics.rows[drawn],
            "learned": np.bincount(dynamics.learned, minlength=dynamics.epochs + 1),
            "forgotten": np.bincount(np.minimum(dynamics.forgotten, 10), minlength=11),
            "curves": np.array([_curve(dynamics, region == number) for number in range(len(REGIONS))]),
            "counts": np.bincount(region, minlength=len(REGIONS)),
        }
        for name, places in zip(REGIONS, chosen, strict=True):
            arrays[f"{name} images"] = _pixels(train, dynamics.rows[places])
            arrays[f"{name} labels"] = labels[places]
            arrays[f"{name} rows"] = dynamics.rows[places]
        notes = {"classes": list(session.class_names), "epochs": dynamics.epochs}
        return Result(
            tables, arrays=arrays, findings=tuple(_findings(dynamics, region, labels, session.class_names)), notes=notes
        )

    def draw(self, result: Result) -> Figure:
        """Draw the map, when images were learned and forgotten, and images of each region."""
        figure = new_figure(
            result,
            self.question(),
            width=12.3,
            height=7.4,
            note="Each dot is a training image, at mean and standard deviation of the probability of its label over "
            f"{plural(result.notes['epochs'], 'epoch')}. Images of a region: easy, most confident first; "
            "ambiguous, most "
            "variable first; hard, smallest area under the margin first. Dashed: share of all images classified "
            "correctly at least once.",
        )
        halves: Any = figure.subfigures(1, 2, width_ratios=[5.4, COLUMNS * CELL + 0.2])
        left, right = halves
        where, when = left.subplots(2, 1, height_ratios=[4.6, 3])
        _map(where, result)
        _epochs(when, result)
        for axes, name, number in zip(right.subplots(3, 1), REGIONS, range(3), strict=True):
            count = int(result.arrays["counts"][number])
            heading(axes, f"{name}: {plural(count, 'image')}", colour=COLOURS[name])
            names = result.notes["classes"]
            pictures = [
                Tile(image, below=[(text(names[label], 11), INK)], framed=True, spot=spot_of(result, row, "train"))
                for image, label, row in zip(
                    *(result.arrays[f"{name} {each}"] for each in ("images", "labels", "rows")), strict=True
                )
            ]
            tiles(axes, pictures, columns=COLUMNS, cell=CELL)
        return figure


def regions(confidence: Array) -> Array:
    """Return for each of `(N,)` mean probabilities of the label its region: 0 easy, 1 ambiguous, 2 hard."""
    return np.where(confidence >= EASY, 0, np.where(confidence < HARD, 2, 1))


def _shown(dynamics: Dynamics, region: Array, number: int) -> Array:
    """Return places of the images of a region, the most typical first."""
    by = (-dynamics.area_under_margin, -dynamics.variability, dynamics.area_under_margin)[number]
    places = np.flatnonzero(region == number)
    return places[np.argsort(by[places], kind="stable")]


def _pixels(train: Dataset, rows: Array) -> Array:
    """Return small pictures; an empty array where there is none."""
    order = np.argsort(rows, kind="stable")
    found = np.empty((len(rows), *train.image_shape), np.uint8)
    if len(rows):
        found[order] = np.asarray(train.images[rows[order]])
    return small(found) if len(rows) else found


def _curve(dynamics: Dynamics, chosen: Array) -> Array:
    """Mean probability of the label after each epoch; NaN where there is no image."""
    if not chosen.any():
        return np.full(dynamics.epochs, np.nan)
    return np.asarray(dynamics.probabilities[chosen].mean(axis=0, dtype=np.float64))


def _images(dynamics: Dynamics, region: Array, labels: Array, names: tuple[str, ...], places: Array) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "train_row": dynamics.rows[places],
            "label": [names[c] for c in labels[places]],
            "region": [REGIONS[number] for number in region[places]],
            "area under margin": dynamics.area_under_margin[places],
            "confidence": dynamics.confidence[places],
            "variability": dynamics.variability[places],
            "forgotten": dynamics.forgotten[places],
            "learned in epoch": dynamics.learned[places],
        }
    )


def _classes(dynamics: Dynamics, region: Array, labels: Array, names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    counts = np.maximum(np.bincount(labels, minlength=len(names)), 1)

    def mean(values: Array) -> Array:
        return np.bincount(labels, weights=values, minlength=len(names)) / counts

    return pd.DataFrame(
        {
            "class": list(names),
            "images": np.bincount(labels, minlength=len(names)),
            **{name: mean(region == number) for number, name in enumerate(REGIONS)},
            "confidence": mean(dynamics.confidence),
            "forgotten": mean(dynamics.forgotten > 0),
            "never learned": mean(dynamics.learned == 0),
        }
    )


def _findings(dynamics: Dynamics, region: Array, labels: Array, names: tuple[str, ...]) -> list[Finding]:
    count = len(region)
    hard = _shown(dynamics, region, 2)
    ambiguous = _shown(dynamics, region, 1)
    never = np.flatnonzero(dynamics.learned == 0)
    never = never[np.argsort(dynamics.area_under_margin[never], kind="stable")]
    again = np.flatnonzero(dynamics.forgotten > 0)
    again = again[np.lexsort((dynamics.area_under_margin[again], -dynamics.forgotten[again]))]

    def rows(places: Array) -> ImageSet:
        return ImageSet(dynamics.rows[places])

    shares = join_names(
        [f"{percent(float((region == number).mean()))} are {name}" for number, name in enumerate(REGIONS)]
    )
    by_class = np.bincount(labels[region == 2], minlength=len(names)) / np.maximum(np.bincount(labels), 1).sum()
    hardest = int(by_class.argmax())
    found = []
    for places, claim in (
        (hard, f"Of {plural(count, 'training image')}, {shares}"),
        (never, "{share} of the training images were never classified correctly after any epoch"),
        (again, "{share} of the training images were learned and forgotten again at least once"),
        (ambiguous, "{share} of the training images are ambiguous; the most variable of them are the most informative"),
    ):
        share = rate(len(places), count)
        more = f"; most hard ones are labelled {names[hardest]}" if places is hard and len(hard) else ""
        found.append(
            Finding(
                claim.format(share=share) + more + ".",
                severity=Severity.INFO,
                effect=share,
                evidence=rows(places),
                part="train",
            )
        )
    return found


def _map(axes: Axes, result: Result) -> None:
    arrays = result.arrays
    for number, name in enumerate(REGIONS):
        chosen = arrays["region"] == number
        share = arrays["counts"][number] / max(int(arrays["counts"].sum()), 1)
        axes.scatter(
            arrays["variability"][chosen],
            arrays["confidence"][chosen],
            s=5,
            color=COLOURS[name],
            alpha=0.35,
            linewidth=0,
            label=f"{name}, {percent(float(share))}",
            rasterized=True,
        )
    rows = arrays["rows"]
    x, y = arrays["variability"], arrays["confidence"]
    place_scatter(axes, x, y, lambda places: scatter_spot(result, rows[places], "train"))
    axes.set(xlim=(-0.01, 0.52), ylim=(-0.02, 1.02))
    axes.set_xlabel("variability: standard deviation of the probability of the label")
    axes.set_ylabel("confidence: its mean")
    legend = axes.legend(frameon=False, fontsize=SMALL + 0.5, loc="lower right", markerscale=3)
    handles: list[Any] = legend.legend_handles
    for handle in handles:
        handle.set_alpha(1)
    heading(axes, "Map of the training images")
    plain(axes, grid="both")


def _epochs(axes: Any, result: Result) -> None:
    of_no_images(axes)
    epochs = np.arange(1, result.notes["epochs"] + 1)
    for number, name in enumerate(REGIONS):
        axes.plot(epochs, result.arrays["curves"][number], color=COLOURS[name], linewidth=1.8, marker="o", markersize=3)
    learned = result.arrays["learned"]
    share = np.cumsum(learned[1:]) / max(int(learned.sum()), 1)
    axes.plot(epochs, share, color=QUIET, linewidth=1.4, linestyle="--")
    axes.set_ylim(-0.02, 1.1)
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean probability of the label")
    axes.xaxis.get_major_locator().set_params(integer=True)
    heading(axes, "Learning of each region")
    plain(axes, grid="both")
