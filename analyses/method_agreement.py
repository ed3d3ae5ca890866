"""Agreement of the methods on the same images."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from workbench.attribution.applicable import CONTROL, Methods, left_out, methods_on
from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, number, plural, verb
from workbench.data.objects import object_masks
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import small, thumbnails_of
from workbench.faithfulness.agreement import Agreement, cluster_order, compare, consensus
from workbench.plotting.colours import TRUE_COLOUR
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import FAINT, INK, QUIET, SMALL, colour_bar, colours_for, heading, new_figure, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.bootstrap import estimate, estimates
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    from workbench.core.attribution import Attribution
    from workbench.session.session import Session

EXAMPLES = 4
"""Images in the figure: half of them with the least agreement, half with the most."""
COLUMNS = 6
"""Pictures in a row of the figure."""
CELL = 1.5
"""Width of a picture in inches."""
MOST_NUMBERS = 10
"""Methods up to which each cell has its number written in."""
LABEL = 0.3
"""Space for the last name, in widths of the matrix."""
UNITS = {"spearman": "rank correlation", "overlap": "share of top pixels in common"}
ABOVE, CHANCE, OPPOSED, UNKNOWN = "more than chance", "chance", "less than chance", "a map is flat"


class MethodAgreementParams(Params):
    """Which methods, on which images."""

    methods: Methods = ()
    images: int = Field(16, ge=1, le=2000, description="images to explain, balanced over the classes")
    top: float = Field(0.1, gt=0, le=0.5, description="share of the object's pixels that count as a map's top")
    read: Literal["magnitude", "value"] = Field(
        "magnitude", description="rank pixels by magnitude (for or against the class), or by signed value"
    )
    seed: Seed = Field(0, description="seed for choosing images and random maps")


class MethodAgreement(Analysis[MethodAgreementParams]):
    """Do attribution methods agree on the same images?"""

    group = "Explanations"
    title = "Agreement of the methods"
    Params = MethodAgreementParams
    needs_model = True
    needs_inside = "outputs"

    def compute(self, session: Session, params: MethodAgreementParams) -> Result:
        """Explain the predicted class with every method, sampling methods twice, and compare all pairs."""
        import pandas as pd

        methods, left = methods_on(session.probe, params.methods)
        if not params.methods:
            methods.pop(CONTROL, None)
        methods, _ = methods_on(session.probe, tuple(methods), least=2)
        dataset = session.dataset
        rows = balanced_rows(dataset.labels, params.images, params.seed)
        found, again = _explained(session, methods, rows)
        inside = object_masks(dataset.images[rows]) & _reached(session, rows)
        by_size = params.read == "magnitude"
        agreement = compare(found, inside, again=again, magnitudes=by_size, top=params.top, seed=params.seed)

        order = cluster_order(estimates(agreement.spearman)[0])
        agreement, found = agreement.ordered(order), [found[m] for m in order]
        titles = [[method.title for method in methods.values()][m] for m in order]
        pairs, own = _pairs(titles, agreement), _own(titles, agreement)
        one, other = np.triu_indices(len(found), 1)
        each, overlap = (
            np.ma.masked_invalid(values[:, one, other]).mean(axis=1).filled(np.nan)
            for values in (agreement.spearman, agreement.overlap)
        )
        least_first = np.argsort(np.nan_to_num(each, nan=1), kind="stable")
        ends = np.r_[: min(EXAMPLES // 2, len(rows)), max(len(rows) - EXAMPLES // 2, 0) : len(rows)]
        shown = least_first[np.unique(ends)]
        maps = np.stack([attribution.at_pixels()[shown] for attribution in found])
        mean, spread = consensus(np.abs(maps) if by_size else maps, inside[shown])
        images = pd.DataFrame(
            {
                "row": rows,
                "index": dataset.indices[rows],
                "agreement": each,
                "overlap": overlap,
                "true": [dataset.class_names[c] for c in dataset.labels[rows]],
                "predicted": [dataset.class_names[c] for c in session.predictions.predicted[rows]],
            }
        )
        return Result(
            {"pairs": pairs, "methods": own, "images": images},
            arrays={"shown": shown, "images": thumbnails_of(dataset, rows[shown]), "mean": mean, "spread": spread},
            findings=tuple(_findings(pairs, own, images, rows[least_first].tolist(), params.top)),
            notes={"left": left_out(left)},
        )

    def draw(self, result: Result) -> Figure:
        """Draw both matrices, and where on some images the methods agree."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from seaborn import color_palette

        pictures = _tiles(result)
        upper = max(2.2, 0.2 * len(result.tables["methods"])) + 1.0
        lower = tiles_height(pictures, COLUMNS, CELL) + 0.35
        figure = new_figure(
            result, self.question(), width=COLUMNS * CELL + 1.4, height=upper + lower, note=_said(result)
        )
        above, below = figure.subfigures(2, 1, height_ratios=[upper, lower], squeeze=False)[:, 0]
        left, right = above.subplots(1, 2)
        heading(left, f"Rank correlation of {result.params['read']}s on the object")
        heading(right, f"Overlap of the top {100 * result.params['top']:g} % of its pixels")
        shares = ScalarMappable(Normalize(0, 1), color_palette("rocket_r", as_cmap=True))
        _matrix(above, left, result, "spearman", colours_for(signed=True, scale=1))
        _matrix(above, right, result, "overlap", shares)
        axes = below.subplots()
        heading(axes, "Where the methods agree: least agreement on top, most at the bottom")
        tiles(axes, pictures, columns=COLUMNS, cell=CELL)
        for values, unit in (
            ("spread", "standard deviation of the ranks"),
            ("mean", "consensus: mean rank (1 = most important)"),
        ):
            colour_bar(below, axes, _ink(result, values), unit, shrink=0.9, aspect=30, pad=0.015)
        return figure


def _reached(session: Session, rows: Array) -> Array:
    """`(H, W)` bool, pixels on which the score of some image depends: elsewhere every method correctly gives 0."""
    if session.inference_only:  # no gradients to find them with
        return np.ones(session.dataset.image_shape[:2], bool)
    reached = session.attribute("saliency", rows).values.any(axis=0)
    return np.asarray(reached if reached.any() else ~reached)


def _explained(
    session: Session, methods: Collection[str], rows: Array
) -> tuple[list[Attribution], dict[int, Attribution]]:
    """Explain with every method, and with another seed where it has one."""
    found, again = [], {}
    for place, name in enumerate(methods):
        found.append(session.attribute(name, rows))
        if "seed" in found[-1].params and name != CONTROL:
            again[place] = session.attribute(name, rows, seed=found[-1].params["seed"] + 1)
        report("Maps of the same images", place + 1, len(methods))
    return found, again


def _pairs(titles: list[str], agreement: Agreement) -> pd.DataFrame:
    """One row a pair: what they share, what random maps do, and whether their own noise explains the rest."""
    import pandas as pd

    one, other = np.triu_indices(len(titles), 1)
    table: dict[str, Any] = {"method": [titles[m] for m in one], "other": [titles[m] for m in other]}
    for name, chance in zip(UNITS, agreement.floor, strict=True):
        shared, floor = estimates(getattr(agreement, name)[:, one, other]), chance[:, one, other]
        table |= columns(name, shared) | columns(f"{name}_chance", floor)
        words = np.where(shared[0] > floor[2], ABOVE, np.where(shared[0] < floor[1], OPPOSED, CHANCE))
        table[f"{name}_is"] = np.where(np.isfinite(shared[0]), words, UNKNOWN)
    # A method without random numbers agrees with itself completely.
    selves = np.where(np.isfinite(agreement.own[0]), agreement.own[0], 1)  # (N, M)
    drawn = np.isfinite(agreement.own[0]).any(axis=0)
    beyond = estimates(np.minimum(selves[:, one], selves[:, other]) - agreement.spearman[:, one, other])
    table["sampled"], table["beyond_own_noise"] = drawn[one] | drawn[other], beyond[1] > 0
    return pd.DataFrame(table)


def _own(titles: list[str], agreement: Agreement) -> pd.DataFrame:
    """One row a method: how far it agrees with itself under another seed; NaN for a method without random numbers."""
    import pandas as pd

    table: dict[str, Any] = {"method": titles}
    for name, values in zip(UNITS, agreement.own, strict=True):
        table |= columns(f"own_{name}", estimates(values))
    return pd.DataFrame(table)


def _findings(
    pairs: pd.DataFrame, own: pd.DataFrame, images: pd.DataFrame, evidence: list[int], top: float
) -> list[Finding]:
    few = capped(Severity.MILD, len(images))
    mean, overlap = (estimate(images[name].to_numpy()) for name in ("agreement", "overlap"))
    if not np.isfinite(mean.value):
        return [
            Finding(
                "The maps of these methods are flat on these images, so there is nothing to compare.",
                severity=capped(Severity.SERIOUS, len(images)),
            )
        ]
    among, methods = plural(len(images), "image"), plural(len(own), "method")
    chance = [number(pairs[f"{name}_chance"].mean()) for name in UNITS]
    findings = [
        Finding(
            f"On {among}, the maps of two of {methods} have a mean rank correlation of {mean} on the object's pixels "
            f"and share {overlap} of their top {100 * top:g} % of pixels; for random maps with the same values and "
            f"smoothness the means are {chance[0]} and {chance[1]}.",
            severity=few if mean.value < 0.5 else Severity.INFO,
            effect=mean,
            evidence=ImageSet(evidence),
            advice="Compare several methods before trusting one; faithfulness-table shows which are faithful."
            if mean.value < 0.5
            else "",
        )
    ]
    known = pairs[np.isfinite(pairs["spearman"])].sort_values("spearman", kind="stable")
    ends = (("most alike", known.iloc[-1]), ("least alike", known.iloc[0])) if len(known) > 1 else ()
    for words, row in ends:
        found, tops = (Estimate.of(row, name) for name in UNITS)
        said = f"{row['method']} and {row['other']} are {words}: rank correlation {found}, top-pixel overlap {tops}."
        findings.append(Finding(said, severity=Severity.INFO, effect=found))
    same = known[known["spearman_is"] != ABOVE]
    share = rate(len(same), len(known))
    some = "; ".join(f"{a} with {b}" for a, b in zip(same["method"][:4], same["other"][:4], strict=True))
    findings.append(
        Finding(
            f"{len(same)} of {plural(len(known), 'pair')} of methods {verb(len(same), 'agree')} no better than random "
            "maps with the same values and smoothness"
            f"{f': {some}' if some else ''}{' and others' if len(same) > 4 else ''}.",
            severity=few if len(same) else Severity.INFO,
            effect=Estimate(share.value),
        )
    )
    return findings + _noise(known, own, few)


def _noise(pairs: pd.DataFrame, own: pd.DataFrame, few: Severity) -> list[Finding]:
    """Report how well sampling methods agree with themselves, and whether that explains their disagreement."""
    drawn = own[np.isfinite(own["own_spearman"])].sort_values("own_spearman", kind="stable")
    if drawn.empty:
        return []
    sampled = pairs[pairs["sampled"]]
    selves = [Estimate.of(row, "own_spearman") for row in drawn.to_dict("records")]
    said = join_names([f"{name} {self}" for name, self in zip(drawn["method"], selves, strict=True)], 8)
    beyond = int(sampled["beyond_own_noise"].sum())
    return [
        Finding(
            f"Rank correlation of a method with itself under another seed: {said}. {beyond} of "
            f"{plural(len(sampled), 'pair')} with such a method disagree by more than this sampling noise.",
            severity=few if selves[0].value < 0.8 else Severity.INFO,
            effect=selves[0],
            advice=f"{drawn['method'].iloc[0]} needs more samples." if selves[0].value < 0.8 else "",
        )
    ]


def _said(result: Result) -> str:
    size = "×".join(str(side) for side in result.arrays["mean"].shape[1:])
    return (
        "Each method's name is at the end of its row and above its column. ×: no better than random maps with the same "
        "values and smoothness. Diagonal: the method itself under another seed; grey: no random numbers. Consensus: "
        f"ranks of each map's {result.params['read']}s, 0 … 1, mean over the methods; spread: their standard "
        "deviation, 0.29 for random ranks. Compared on the object's pixels that the score depends on, after upsampling "
        f"the maps to {size}; all images share both scales. {result.notes['left']}"
    ).rstrip()


def _matrix(figure: Figure, axes: Axes, result: Result, name: str, mappable: ScalarMappable) -> None:
    """Draw the lower triangle of one measure, with the names along the diagonal."""
    from matplotlib.colors import to_rgba

    table, methods = result.tables["pairs"], result.tables["methods"]
    count = len(methods)
    values = np.full((count, count), np.nan)
    rows, columns = np.triu_indices(count, 1)[::-1]
    values[rows, columns] = table[name]
    np.fill_diagonal(values, methods[f"own_{name}"])
    painted = mappable.to_rgba(np.ma.masked_invalid(values))
    painted[np.isnan(values)] = to_rgba(FAINT)
    painted[np.triu_indices(count, 1)] = (1, 1, 1, 0)  # the paper
    axes.imshow(painted, interpolation="nearest", aspect="auto")
    chance = set(zip(rows[table[f"{name}_is"] == CHANCE], columns[table[f"{name}_is"] == CHANCE], strict=True))
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if sum(painted[row, column, :3]) < 1.5 else INK
        shown = "×" if (row, column) in chance else number(value) if count <= MOST_NUMBERS else ""
        if np.isfinite(value):
            axes.text(column, row, shown, ha="center", va="center", fontsize=SMALL, color=ink)
    for place, title in enumerate(methods["method"]):
        axes.text(place + 0.65, place, text(title, 24), ha="left", va="center", fontsize=SMALL + 0.5, color=INK)
    axes.set_xlim(-0.5, count - 0.5 + count * LABEL)
    axes.set_axis_off()
    where = {"location": "bottom", "shrink": 0.5, "aspect": 30, "pad": 0.02, "anchor": (0.0, 1.0)}
    colour_bar(figure, axes, mappable, UNITS[name], **where)


def _ink(result: Result, name: str) -> ScalarMappable:
    """Colours of the consensus, or of the spread, which ends at its own largest value."""
    values = result.arrays[name]
    end = 1.0 if name == "mean" else float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    return colours_for(signed=False, scale=end)


def _tiles(result: Result) -> list[Tile]:
    """Image, consensus and spread of each image shown."""
    table, pictures = result.tables["images"], []
    inks = [_ink(result, name) for name in ("mean", "spread")]
    for place, row in enumerate(result.arrays["shown"].tolist()):
        above = [(text(table["true"][row]), TRUE_COLOUR), (f"agreement {number(table['agreement'][row])}", QUIET)]
        spot = spot_of(result, table["row"][row])
        pictures.append(Tile(result.arrays["images"][place], above=above, spot=spot))
        for name, ink, words in zip(("mean", "spread"), inks, ("consensus", "spread"), strict=True):
            values = result.arrays[name][place]
            painted = ink.to_rgba(np.ma.masked_invalid(values), bytes=True)[..., :3]
            painted[np.isnan(values)] = 229
            pictures.append(Tile(small(painted), above=[("", QUIET), (words, INK)], spot=spot))
    return pictures
