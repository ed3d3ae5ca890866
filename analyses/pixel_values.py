"""Pixel values of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural, verb
from workbench.data.lazy_images import Some, portions
from workbench.data.sampling import evenly
from workbench.data.thumbnails import small
from workbench.plotting.colours import NO_EVIDENCE_COLOUR
from workbench.plotting.hot_spots import place_bars
from workbench.plotting.pieces import INK, SMALL, class_ticks, heading, new_figure, plain, table_map
from workbench.plotting.tiles import Tile, strips, tiles
from workbench.session.analysis import Analysis
from workbench.session.spots import class_spot
from workbench.statistics.bootstrap import FEWEST
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

NOTHING = 4
"""Grey values of 0…255 between the darkest and the brightest of an image that shows nothing: a blank one as JPEG."""
SERIOUS = 0.005
"""Share of such images, surely exceeded, that makes the accuracy unreliable; as of copies."""
BINS = 16
"""Columns of the distribution, of 16 values each."""


class PixelValuesParams(Params):
    """How much to read and draw."""

    images: int = Field(10_000, ge=1, le=1_000_000, description="images to read, evenly spaced over the dataset")
    classes: int = Field(20, ge=2, le=60, description="classes to draw, at most; the brightest and the darkest")


class PixelValues(Analysis[PixelValuesParams]):
    """How bright are the images of each class, and how much of them is empty (0)?"""

    group = "Data"
    title = "Pixel values"
    Params = PixelValuesParams
    needs_images = True
    kinds: ClassVar[tuple[Kind, ...]] = ("blank-images",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({})

    def compute(self, session: Session, params: PixelValuesParams) -> Result:
        """Count every pixel value of every class exactly, and average the images of each class."""
        import pandas as pd

        dataset, names = session.dataset, session.class_names
        rows = evenly(len(dataset), params.images)
        counts, empty, flat = _count(dataset, rows)
        pixels = counts.sum(axis=1)
        whole = np.maximum(pixels, 1)
        values = np.arange(256)
        mean = counts @ values / whole
        spread = np.sqrt(np.maximum(counts @ values**2 / whole - mean**2, 0))
        table = pd.DataFrame(
            {
                "class": list(names),
                "images": np.bincount(dataset.labels[rows], minlength=len(names)),
                "mean": mean,
                "standard_deviation": spread,
                "zero_share": counts[:, 0] / whole,
                "full_share": counts[:, 255] / whole,
            }
        )
        table.loc[pixels == 0, table.columns[2:]] = np.nan
        present = np.flatnonzero(pixels)
        order = present[np.argsort(-mean[present], kind="stable")]
        if len(order) > params.classes:
            order = np.concatenate([order[: params.classes - params.classes // 2], order[-(params.classes // 2) :]])
        arrays = {
            "of_class": np.bincount(dataset.labels, minlength=len(names))[order],
            "means": np.stack([_mean_image(dataset, rows[dataset.labels[rows] == c]) for c in order]),
            "histogram": counts[order].reshape(len(order), BINS, -1).sum(axis=2)
            - counts[order, :1] * np.eye(1, BINS, dtype=int),
        }
        findings = _findings(dataset, table, rows, empty, flat)
        return Result(
            {"classes": table},
            arrays=arrays,
            findings=tuple(findings),
            notes={"order": order.tolist(), "bin": 256 // BINS},
        )

    def draw(self, result: Result) -> Figure:
        """Draw for each class: mean image, share of empty pixels, and distribution of the others."""
        whole, order = result.tables["classes"], result.notes["order"]
        table, rows = whole.iloc[order], len(order)
        said = "Brightest class on top. The distribution leaves out pixels of value 0; all rows share one scale."
        if rows < int((whole["images"] > 0).sum()):
            said += f" The {rows} brightest and darkest of {plural(len(whole), 'class')}."
        figure = new_figure(result, self.question(), width=11, height=max(0.62 * rows, 1.9) + 0.8, note=said)
        names, pictures, bars, heat = figure.subplots(1, 4, width_ratios=[0.02, 0.7, 2.6, 6])
        names.spines[:].set_visible(False)
        names.tick_params(length=0, labelsize=SMALL + 1, labelbottom=False, bottom=False)
        class_ticks(names, [f"{name}" for name in table["class"]])
        heading(pictures, "Mean")
        spots = [
            class_spot(row["class"], int(images), more=f"mean {row['mean']:.0f} of 255, {percent(row['zero_share'])} 0")
            for images, (_, row) in zip(result.arrays["of_class"], table.iterrows(), strict=True)
        ]
        for axes, image, spot in zip(strips(pictures, rows), result.arrays["means"], spots, strict=True):
            tiles(axes, [Tile(image, spot=spot)], columns=1, cell=0.6)
        for axes in (bars, heat):
            place_bars(axes, np.arange(rows) + (0.5 if axes is heat else 0), spots, 0.9)
        _bars(bars, table)
        _heat(heat, result.arrays["histogram"], result.notes["bin"])
        return figure


def _count(dataset: Dataset, rows: Array) -> tuple[Array, Array, Array]:
    """Count values by class, `(K, 256)`; the share of zeros in each image; and whether it shows nothing."""
    counts = np.zeros((len(dataset.class_names), 256), np.int64)
    empty, flat = np.zeros(len(rows)), np.zeros(len(rows), bool)
    some = Some(dataset, rows)
    for place in portions(some, 1024):
        part = rows[place]
        pixels = some[place].reshape(len(part), -1)
        codes = dataset.labels[part][:, None] * 256 + pixels
        counts += np.bincount(codes.ravel(), minlength=counts.size).reshape(counts.shape)
        empty[place] = (pixels == 0).mean(axis=1)
        flat[place] = np.ptp(pixels, axis=1) <= NOTHING
    return counts, empty, flat


def _mean_image(dataset: Dataset, rows: Array) -> Array:
    total = np.zeros(dataset.image_shape)
    some = Some(dataset, rows)
    for place in portions(some, 1024):
        total += some[place].sum(axis=0, dtype=np.float64)
    return small((total / len(rows)).round().astype(np.uint8))


def _findings(dataset: Dataset, table: pd.DataFrame, rows: Array, empty: Array, flat: Array) -> list[Finding]:
    names, present = dataset.class_names, table[table["images"] > 0]
    bright, dark = (int(present.index[int(at)]) for at in (present["mean"].argmax(), present["mean"].argmin()))
    findings = []
    if bright != dark:
        of_dark = rows[dataset.labels[rows] == dark]
        findings.append(
            Finding(
                f"{names[bright]} is the brightest class (mean pixel value {table['mean'][bright]:.0f} of 255), "
                f"{names[dark]} the darkest ({table['mean'][dark]:.0f}).",
                effect=Estimate(float(table["mean"][bright] - table["mean"][dark])),
                evidence=ImageSet(of_dark),
            )
        )
    alike = len(empty) < FEWEST or np.ptp(empty) == 0
    draws = np.random.default_rng(0).choice(empty, (1000, len(empty))).mean(axis=1) if len(empty) <= 1000 else None
    if draws is None:  # the mean of many is normal: no need to draw 1,000 times from 10,000 images
        half = 1.96 * empty.std() / np.sqrt(len(empty))
        low, high = empty.mean() - half, empty.mean() + half
    else:
        low, high = np.quantile(draws, [0.025, 0.975])
    low, high = float(max(low, 0)), float(min(high, 1))
    between = f" (95 % interval over images {100 * low:.1f}–{100 * high:.1f} %)"
    if alike:  # one image, or equal ones: the interval would have no width
        between = f" in each of {plural(len(empty), 'image')}"
    findings.append(
        Finding(
            f"{percent(float(empty.mean()))} of the pixel values are 0{between}.",
            effect=Estimate(float(empty.mean()), *((math.nan, math.nan) if alike else (low, high))),
            evidence=ImageSet(rows[np.argsort(-empty, kind="stable")]),
            advice="A method with a black reference image gives these pixels no attribution."
            if empty.mean() > 0.2
            else "",
        )
    )
    if flat.any():
        findings.insert(0, _blank(dataset, rows, flat))
    return findings


def _blank(dataset: Dataset, rows: Array, flat: Array) -> Finding:
    """Report images that show nothing, of one grey value (nearly) everywhere."""
    count, share = int(flat.sum()), rate(int(flat.sum()), len(rows))
    labels = [dataset.class_names[c] for c in np.unique(dataset.labels[rows[flat]])]
    return Finding(
        f"{plural(count, 'image')} of {len(rows):,} {verb(count, 'are')} blank (pixel values within {NOTHING} of 255), "
        f"{share}, labelled {join_names(labels, 6)}.",
        severity=capped(Severity.SERIOUS if share.low > SERIOUS else Severity.MILD, len(rows)),
        effect=share,
        evidence=ImageSet(rows[flat]),
        advice="They contain nothing to recognise: find out why (files that could not be read, an empty channel), and "
        "remove them.",
        kind="blank-images",
        cost=share,
        confirm="Look at them: they are one grey.",
    )


def _bars(axes: Axes, table: pd.DataFrame) -> None:
    places, share = np.arange(len(table)), 100 * table["zero_share"].to_numpy()
    axes.barh(places, share, height=0.55, color=NO_EVIDENCE_COLOUR, linewidth=0)
    end = max(1.8 * float(share.max()), 1.0)
    for place, value, mean in zip(places, share, table["mean"], strict=True):
        axes.text(
            value + 0.02 * end,
            float(place),
            f"{percent(value / 100)}, mean {mean:.0f}",
            va="center",
            fontsize=SMALL + 0.5,
            color=INK,
        )
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0, end)
    axes.set_xticks([at for at in axes.get_xticks() if 0 <= at <= 100])
    axes.set_xlabel("pixels of value 0, %")
    heading(axes, "Empty pixels (0), and mean")
    plain(axes, grid="x")


def _heat(axes: Axes, histogram: Array, width: int) -> None:
    shares = 100 * histogram / np.maximum(histogram.sum(axis=1, keepdims=True), 1)
    end = max(float(shares.max()), 1.0)
    unit = "share of the class, %"
    table_map(axes, shares, end=end, unit=unit, linewidths=0.5, yticklabels=False, xticklabels=False)
    axes.set_xticks(range(0, BINS + 1, 4), [str(min(width * at, 255)) for at in range(0, BINS + 1, 4)], rotation=0)
    axes.set_xlabel("pixel value (0–255)")
    heading(axes, "Distribution of non-zero pixels")
    plain(axes)
