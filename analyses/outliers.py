"""Images that are like none of the training images."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.pixels import as_floats
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import p_value, percent, plural, verb
from workbench.data.lazy_images import Some
from workbench.data.properties import image_properties
from workbench.data.sampling import evenly
from workbench.data.thumbnails import cell_means, pixel_rows, small
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import INK, heading, new_figure, plain, say
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.nearest import nearest
from workbench.statistics.rates import capped, rate
from workbench.statistics.significance import discoveries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.core.dataset import Dataset
    from workbench.session.session import Session

NEIGHBOUR = 5
"""The neighbour whose distance counts: a few alike among the outliers do not hide each other."""
SIDE = 8
"""Cells a side of the pictures that are compared."""
LEAST = 100
"""Training images that are enough to say what is usual: no p-value would be below 1 %."""
FALSE = 0.05
"""Share of the named images that may be no outliers (Benjamini and Hochberg)."""
SERIOUS = 0.005
"""Share of outliers, surely exceeded, that makes the accuracy unreliable; as of copies."""
MANY = 0.3
"""Share from which they are no single images any more: the part as a whole looks otherwise."""
COLUMNS = 8
"""Images in a row of the figure."""


class OutliersParams(Params):
    """How many images to compare with, and to show."""

    images: int = Field(4000, ge=100, le=20_000, description="training images to compare with, evenly spaced")
    shown: int = Field(24, ge=1, le=96, description="images to show, least usual first")


class Outliers(Analysis[OutliersParams]):
    """Which images are like none of the training images?

    An image's score is its distance to the fifth nearest training image, in its properties and in its coarse pixels,
    whichever is less usual. Its p-value is the share of training images that lie as far from the others (conformal,
    arXiv:2104.08279); of several images Benjamini and Hochberg's procedure keeps the share of false ones below 5 %.
    """

    group = "Data"
    title = "Outliers"
    Params = OutliersParams
    needs_images = True
    kinds: ClassVar[tuple[Kind, ...]] = ("outliers",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 2000})

    def compute(self, session: Session, params: OutliersParams) -> Result:
        """Score the evaluated images against the training images; against each other, where those are not known."""
        import pandas as pd

        data, own = session.dataset, session.train is None or session.train.fingerprint == session.dataset.fingerprint
        known = data if own or session.train is None else session.train
        rows = np.arange(len(data)) if own else evenly(len(known), params.images)
        here = session.properties.to_numpy(np.float64), _coarse(data.images)
        there = here if own else _features(known, rows)
        names = {"train": "training images", "data": "other images"}
        base = names["data" if own else "train"]
        if len(rows) < LEAST:
            said = f"Too few images to say what is usual: {LEAST} {base} are needed, got {len(rows)}."
            table = pd.DataFrame({"row": np.zeros(0, np.int64), "score": [], "p": [], "outlier": np.zeros(0, bool)})
            return Result({"images": table}, arrays={"images": small(data.images[:0])}, findings=(Finding(said),))
        scores, usual = _scores(here, there, own=own)
        p = (1 + len(usual) - np.searchsorted(np.sort(usual), scores, "left")) / (1 + len(usual))
        found = discoveries(p, FALSE)
        order = np.lexsort((-scores, p))
        table = pd.DataFrame({"row": order, "score": scores[order], "p": p[order], "outlier": found[order]})
        shown = order[: params.shown]
        return Result(
            {"images": table},
            arrays={"images": small(np.asarray(data.images[shown])), "scores": scores, "usual": usual},
            findings=(_finding(order[found[order]], p, base),),
        )

    def draw(self, result: Result) -> Figure:
        """Draw how the scores are distributed, and the least usual images."""
        table, images = result.tables["images"], result.arrays["images"]
        if not len(images):
            return say(new_figure(result, self.question(), height=2.0), "There are too few images to compare with.")
        shown = [
            Tile(
                image,
                above=[image_name(result, int(row["row"]))],
                below=[(f"score {row['score']:.1f}", PREDICTED_COLOUR if row["outlier"] else INK)],
                framed=True,
                spot=spot_of(result, int(row["row"])),
            )
            for image, (_, row) in zip(images, table.head(len(images)).iterrows(), strict=True)
        ]
        low = tiles_height(shown, COLUMNS, 1.25) + 0.4
        said = "Score: deviations (robust) from the median of the training images, of the logarithm of the distance."
        figure = new_figure(result, self.question(), width=11, height=2.4 + low, note=said)
        above, below = figure.subfigures(2, 1, height_ratios=[2.4, low], squeeze=False)[:, 0]
        axes = above.subplots()
        edges = np.histogram_bin_edges(np.concatenate([result.arrays["scores"], result.arrays["usual"]]), 40)
        for name, colour, label in (("usual", TRUE_COLOUR, "compared with"), ("scores", PREDICTED_COLOUR, "evaluated")):
            values = result.arrays[name]
            shares = 100 * np.histogram(values, edges)[0] / len(values)
            axes.stairs(shares, edges, color=colour, label=label)
        axes.set(xlabel="score", ylabel="images, %")
        axes.legend(frameon=False, fontsize=8)
        plain(axes)
        of_no_images(axes)
        axes = below.subplots()
        tiles(axes, shown, columns=COLUMNS, cell=1.25)
        heading(axes, "Least usual first; orange: outliers")
        return figure


def _features(dataset: Dataset, rows: Array) -> tuple[Array, Array]:
    """Properties and coarse pixels of some images: `(n, P)` and `(n, SIDE² C)` float."""
    some = Some(dataset, rows)
    return image_properties(some).to_numpy(np.float64), _coarse(some)


def _coarse(images: Any) -> Array:
    return pixel_rows(images, lambda part: cell_means(as_floats(part), SIDE))


def _scores(here: tuple[Array, ...], there: tuple[Array, ...], *, own: bool) -> tuple[Array, Array]:
    """Score images against others, and these against each other; the larger of the scores of each kind of features.

    Args:
        here: features of the images, each `(n, F)`.
        there: of those that they are compared with, each `(m, F)`.
        own: whether both are the same images.

    Returns:
        `(n,)` and `(m,)` float: robust deviations of the log distance from its median among the others.
    """
    found = []
    for mine, theirs in zip(here, there, strict=True):
        middle = np.median(theirs, axis=0)
        low, high = np.quantile(theirs, [0.1, 0.9], axis=0)
        spread = np.maximum(high - low, 1e-3 + 1e-6 * np.abs(middle))
        one, other = (mine - middle) / spread, (theirs - middle) / spread
        itself = np.arange(len(other))
        usual = nearest(other, other, NEIGHBOUR, own=itself)[0][:, -1]
        scores = usual if own else nearest(one, other, NEIGHBOUR)[0][:, -1]
        logs = np.log(np.maximum(usual, 1e-6))
        wide = max(1.4826 * float(np.median(np.abs(logs - np.median(logs)))), 1e-3)
        found.append([(np.log(np.maximum(each, 1e-6)) - np.median(logs)) / wide for each in (scores, usual)])
    return np.max([each[0] for each in found], axis=0), np.max([each[1] for each in found], axis=0)


def _finding(rows: Array, p: Array, base: str) -> Finding:
    """Say how many images are outliers."""
    count, of = len(rows), len(p)
    share = rate(count, of)
    if not count:
        return Finding(
            f"None of {plural(of, 'image')} is an outlier among the {base} at a false discovery rate of "
            f"{percent(FALSE)}, {share}; the smallest p-value is {p_value(float(p.min()))}.",
            effect=share,
        )
    many = share.value > MANY
    severe = Severity.SERIOUS if share.low > SERIOUS and not many else Severity.MILD
    advice = "Look at them: do they show one of the classes? Leave out what does not, and report the accuracy then."
    if many:
        advice = "So many are no single images: ask `train-test-shift` in what the whole differs."
    return Finding(
        f"{plural(count, 'image')} of {of:,} {verb(count, 'are')} unlike all {base}, {share}: in their properties or "
        f"coarse pixels they lie farther from them than these from each other (false discovery rate {percent(FALSE)}).",
        severity=capped(severe, of),
        effect=share,
        evidence=ImageSet(rows),
        advice=advice,
        kind="outliers",
        cost=share,
        confirm="Look at them beside their nearest training images.",
    )
