"""Integrated gradients under several reference images."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.core.attribution import Attribution
from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, percent, plural, probability
from workbench.data.objects import object_masks
from workbench.data.objects import plain as has_plain_background
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import small, thumbnails_of
from workbench.faithfulness.agreement import Agreement, compare
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import (
    FAINT,
    INK,
    QUIET,
    SMALL,
    class_ticks,
    colour_bar,
    colours_for,
    heading,
    new_figure,
    plain,
    text,
)
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.bootstrap import estimate, estimates
from workbench.statistics.rates import capped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

METHOD = "integrated-gradients"
REFERENCES = ("black", "mean", "blurred", "training")
GREY = 212
"""Grey value of pixels with an attribution of exactly 0."""
CELL = 1.06
"""Width of a picture in inches."""
COLUMNS = 1 + 2 * len(REFERENCES)


class ReferenceSensitivityParams(Params):
    """How many images, and how many steps along each path."""

    images: int = Field(24, ge=1, le=2000, description="images to explain, balanced over the classes")
    examples: int = Field(3, ge=1, le=8, description="images to show, most dependent on the reference first")
    steps: int | None = Field(
        None, ge=2, le=500, description="steps between reference and image; auto: what each image needs, 8 to 500"
    )
    seed: Seed = Field(0, description="seed for choosing images and random maps")


class ReferenceSensitivity(Analysis[ReferenceSensitivityParams]):
    """How much do integrated gradients depend on the reference image?"""

    group = "Explanations"
    title = "Sensitivity to the reference"
    Params = ReferenceSensitivityParams
    needs_model = True
    needs_inside = "gradients"

    def compute(self, session: Session, params: ReferenceSensitivityParams) -> Result:
        """Explain the predicted class from each reference, and compare the maps on the object's pixels."""
        import pandas as pd

        dataset, predictions = session.dataset, session.predictions
        rows = balanced_rows(dataset.labels, params.images, params.seed)
        images = dataset.floats(rows)
        found, references = {}, {}
        for place, name in enumerate(REFERENCES):
            found[name] = session.attribute(METHOD, rows, reference=name, steps=params.steps)
            references[name] = _references(session, name, images)
            report("Integrated gradients", place + 1, len(REFERENCES))
        inside = object_masks(images)
        reached = np.any([each.values != 0 for each in found.values()], axis=(0, 1))  # (H, W)
        within = inside & (reached | ~reached.any())
        agreement = compare(list(found.values()), within, magnitudes=False, seed=params.seed)
        by_image = pd.DataFrame({"row": rows, "index": dataset.indices[rows]})
        known = has_plain_background(inside)
        by_image["area"] = np.where(known, 1 - inside.mean(axis=(1, 2)), np.nan)
        for name in REFERENCES:
            for what, values in _measured(found[name], images, references[name], inside).items():
                by_image[f"{what}_{name}"] = values
        one, other = np.triu_indices(len(REFERENCES), 1)
        alike = agreement.spearman[:, one, other]  # (N, pairs)
        with np.errstate(invalid="ignore"):
            by_image["agreement"] = np.nansum(alike, axis=1) / np.isfinite(alike).sum(axis=1)
        order = np.argsort(by_image["agreement"].fillna(2).to_numpy(), kind="stable")
        shown = order[: params.examples]
        tables = {"references": _by_reference(by_image, inside.size), "pairs": _pairs(agreement), "images": by_image}
        arrays = {
            "images": thumbnails_of(dataset, rows[shown]),
            "maps": np.stack([each.values[shown] for each in found.values()]),
        }
        means = np.stack([references[name][:, shown].mean(axis=0) for name in REFERENCES])
        arrays["references"] = small((255 * means).round().astype(np.uint8))
        names, labels, predicted = dataset.class_names, dataset.labels, predictions.predicted
        examples = [
            [names[labels[row]], names[predicted[row]], float(predictions.confidence[row])] for row in rows[shown]
        ]
        changed = np.any([(references[name] != images).any(axis=(0, 1, -1)) for name in REFERENCES], axis=0)  # (H, W)
        unseen = float((changed & ~reached).mean())
        findings = _findings(tables, rows[order].tolist(), unseen)
        return Result(
            tables, arrays=arrays, findings=tuple(findings), notes={"examples": examples, "shown": shown.tolist()}
        )

    def draw(self, result: Result) -> Figure:
        """Draw references and maps of some images, and below them the measurements on all images."""
        pictures = _tiles(result)
        upper, lower = tiles_height(pictures, COLUMNS, CELL) + 0.1, 2.3
        size = "×".join(str(side) for side in result.arrays["maps"].shape[2:])
        said = (
            f"Each map (native size {size}) is next to its reference; training: 5 training images, if available, "
            "shown as their mean. The maps of one image share one scale, with its maximum below the image; grey: "
            "exactly 0. Teal: true class. Orange: predicted class, which is explained. Dots: means over the images "
            "with 95 % intervals. Bars: 95 % range of random maps with the same values and smoothness. Dotted: "
            "background's share of the area."
        )
        figure = new_figure(result, self.question(), width=COLUMNS * CELL + 0.9, height=upper + lower, note=said)
        above, below = figure.subfigures(2, 1, height_ratios=[upper, lower], squeeze=False)[:, 0]
        axes = above.subplots()
        tiles(axes, pictures, columns=COLUMNS, cell=CELL)
        bar = colours_for(signed=True, scale=1)
        unit = "share of the image's maximum" if upper > 2 else "of the maximum"
        colour_bar(above, axes, bar, unit, shrink=min(1, 2.5 / upper), aspect=25, pad=0.01)
        _panels(below, result)
        return figure


def _references(session: Session, name: str, images: Array) -> Array:
    """Return what each image is compared with: `(R, N, H, W, C)` float32."""
    from workbench.attribution.references import reference_images

    if name == "training":
        background = as_floats(session.background)
        return np.broadcast_to(background[:, None], (len(background), *images.shape))
    return session.probe.run(("reference", name), lambda batch: reference_images(name, batch), images)[None]


def _measured(found: Attribution, images: Array, references: Array, inside: Array) -> dict[str, Array]:
    """Measure each map: `(N,)` arrays by name.

    They are the completeness gap, signed; the score's difference to the reference; the share of the map's magnitude
    that lies on the background, NaN where there is no plain background; how many pixels equal the reference;
    and the largest magnitude there.
    """
    size, gap = np.abs(found.values.astype(np.float64)), found.details["completeness gap"].astype(np.float64)
    total, outside = size.sum(axis=(1, 2)), (size * ~inside).sum(axis=(1, 2))
    known = has_plain_background(inside) & (total > 0)
    equal = (images == references).all(axis=(0, -1))
    return {
        "gap": gap,
        "difference": found.values.sum(axis=(1, 2), dtype=np.float64) - gap,
        "background": np.divide(outside, total, out=np.full(len(total), np.nan), where=known),
        "equal": equal.sum(axis=(1, 2)),
        "largest_equal": (size * equal).max(axis=(1, 2)),
    }


def _by_reference(table: pd.DataFrame, pixels: int) -> pd.DataFrame:
    import pandas as pd

    lines = []
    for name in REFERENCES:
        line: dict[str, Any] = {"reference": name}
        for what in ("gap", "difference", "background"):
            values = table[f"{what}_{name}"].to_numpy()
            line |= columns(what, estimates(np.abs(values) if what == "gap" else values))
        equal, largest = int(table[f"equal_{name}"].sum()), float(table[f"largest_equal_{name}"].max())
        lines.append({**line, "pixels": pixels, "equal": equal, "largest_equal": largest})
    return pd.DataFrame(lines)


def _pairs(agreement: Agreement) -> pd.DataFrame:
    import pandas as pd

    one, other = np.triu_indices(len(REFERENCES), 1)
    names = {"reference": [REFERENCES[k] for k in one], "other": [REFERENCES[k] for k in other]}
    shared, floor = estimates(agreement.spearman[:, one, other]), agreement.floor[0][:, one, other]
    return pd.DataFrame({**names, **columns("spearman", shared), **columns("chance", floor)})


def _findings(tables: dict[str, pd.DataFrame], worst: list[int], unseen: float) -> list[Finding]:
    references, pairs, images = tables["references"].to_dict("records"), tables["pairs"], tables["images"]
    few = capped(Severity.MILD, len(images))
    among, mean = plural(len(images), "image"), estimate(images["agreement"].to_numpy())
    if not np.isfinite(mean.value):
        return [
            Finding(
                "The maps are flat on these images: the score does not change between reference and image.",
                severity=capped(Severity.SERIOUS, len(images)),
            )
        ]
    least = pairs.sort_values("spearman", kind="stable").iloc[0]
    findings = [
        Finding(
            f"On {among}, maps from two of {plural(len(references), 'reference')} have a mean rank "
            f"correlation of {mean} on the "
            f"object's pixels; lowest for {least['reference']} and {least['other']}, "
            f"{Estimate.of(least, 'spearman')}.",
            severity=few if mean.value < 0.5 else Severity.INFO,
            effect=mean,
            evidence=ImageSet(worst),
            advice="State the reference with every map; trust what several references agree on.",
        )
    ]
    findings += [_equal(line, few) for line in references if line["equal"]]
    shares = {line["reference"]: Estimate.of(line, "background") for line in references}
    if np.isfinite(shares["black"].value):
        most = max(shares.values(), key=lambda each: each.value)
        said = (
            f"Share of the attribution on the background ({percent(images['area'].mean())} of the area), by reference: "
            f"{'; '.join(f'{name} {each}' for name, each in shares.items())}."
        )
        findings.append(Finding(said, severity=Severity.INFO, effect=most))
    if unseen:
        each = among if len(images) == 1 else f"each of {among}"
        said = (
            f"{percent(unseen)} of the pixel positions have an attribution of exactly 0 in {each} under every "
            "reference, even where image and reference differ: the score does not depend on them."
        )
        advice = "If these positions matter, pad the convolutions or pool less: the model crops the border."
        findings.append(
            Finding(said, severity=few if unseen > 0.1 else Severity.INFO, effect=Estimate(unseen), advice=advice)
        )
    return [*findings, _gaps(tables, few)]


def _equal(line: Mapping[Hashable, Any], few: Severity) -> Finding:
    """Report the attribution of pixels that equal the reference."""
    share, largest = line["equal"] / line["pixels"], line["largest_equal"]
    given = f"at most {largest:.2g}" if largest else "exactly 0, even if the model uses them"
    said = (
        f"{percent(share)} of the pixels, {line['equal']:,} of {line['pixels']:,}, equal the {line['reference']} "
        f"reference. Their attribution is {given}."
    )
    if share <= 0.1:
        return Finding(said, severity=Severity.INFO, effect=Estimate(share))
    return Finding(
        said, severity=few, effect=Estimate(share), advice="Use another reference to see whether the model uses them."
    )


def _gaps(tables: dict[str, pd.DataFrame], few: Severity) -> Finding:
    """Report how far the maps are from completeness.

    The gap is a share of the differences' mean magnitude, as the method's `tolerance` is of each image's difference:
    images that the reference scores lower and images that it scores higher do not cancel out.
    """
    references = tables["references"].to_dict("records")
    gaps = {line["reference"]: Estimate.of(line, "gap") for line in references}
    worst = max(references, key=lambda line: line["gap"])
    gap, total = gaps[worst["reference"]], tables["images"][f"difference_{worst['reference']}"].abs().mean()
    coarse, share = gap.value > 0.05 * total, percent(gap.value / total if total else 0.0)
    return Finding(
        f"Mean absolute completeness gap in logits: {'; '.join(f'{k} {each}' for k, each in gaps.items())}. The "
        f"largest ({worst['reference']}) is {share} of the mean absolute score difference to the reference.",
        severity=few if coarse else Severity.INFO,
        effect=gap,
        advice="Give more `steps`, 200 or 500: these maps do not add up to the score difference." if coarse else "",
    )


def _tiles(result: Result) -> list[Tile]:
    """One row an image: the image, and the map next to each of its references."""
    table, arrays, pictures = result.tables["images"], result.arrays, []
    for place, (true, predicted, confidence) in enumerate(result.notes["examples"]):
        row, maps = table.iloc[result.notes["shown"][place]], arrays["maps"][:, place]
        words = [(text(true, 17), TRUE_COLOUR), (f"{text(predicted, 12)} {probability(confidence)}%", PREDICTED_COLOUR)]
        scale = scale_of(maps, signed=True)
        spot = spot_of(result, row["row"])
        pictures.append(Tile(arrays["images"][place], above=words, below=[(f"±{scale:.2g} logit", QUIET)], spot=spot))
        ink = colours_for(signed=True, scale=scale)
        for name, reference, values in zip(REFERENCES, arrays["references"][:, place], maps, strict=True):
            pictures.append(Tile(reference, above=[(name, INK), ("reference", QUIET)]))
            painted = ink.to_rgba(values, bytes=True)[..., :3]
            painted[values == 0] = GREY
            share = row[f"background_{name}"]
            outside = f"background {100 * share:.0f} %" if np.isfinite(share) else ""
            above = [(f"sum {number(row[f'difference_{name}'] + row[f'gap_{name}'], 1)}", QUIET), (outside, QUIET)]
            pictures.append(Tile(small(painted), above=above, spot=spot))
    return pictures


def _panels(figure: Figure, result: Result) -> None:
    """Draw agreement, share on the background, and completeness gap with their intervals."""
    pairs, references = result.tables["pairs"], result.tables["references"]
    panels = figure.subplots(1, 3, width_ratios=[1.4, 1, 1])
    of_no_images(*panels)
    places = np.arange(len(pairs))
    panels[0].barh(
        places, pairs["chance_high"] - pairs["chance_low"], left=pairs["chance_low"], height=0.6, color=FAINT
    )
    _dots(panels[0], pairs, "spearman")
    class_ticks(panels[0], [f"{one} – {other}" for one, other in zip(pairs["reference"], pairs["other"], strict=True)])
    panels[0].set_xlim(np.nanmin([-0.2, *pairs["chance_low"], *pairs["spearman_low"], *pairs["spearman"]]), 1)
    for axes, what in zip(panels[1:], ("background", "gap"), strict=True):
        _dots(axes, references, what)
        class_ticks(axes, list(references["reference"]))
        axes.set_xlim(0, 1.05 * np.nanmax([*references[f"{what}_high"], *references[what], 1e-6]))
    if references["background"].isna().all():
        panels[1].text(0.5, 1.5, "no plain background", ha="center", va="center", fontsize=SMALL, color=QUIET)
    panels[1].axvline(result.tables["images"]["area"].mean(), color=QUIET, linestyle=":", linewidth=1)
    panels[1].set_xlim(-0.02, 1)
    heading(panels[0], "Rank correlation of the maps on the object")
    heading(panels[1], "Attribution on the background")
    heading(panels[2], "Completeness gap, logits")


def _dots(axes: Axes, table: pd.DataFrame, name: str) -> None:
    places = np.arange(len(table))
    axes.hlines(places, table[f"{name}_low"], table[f"{name}_high"], color=INK, linewidth=1.2)
    axes.plot(table[name], places, "o", color=INK, markersize=4, clip_on=False)
    plain(axes, grid="x")
