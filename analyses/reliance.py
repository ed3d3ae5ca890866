"""Reliance on object, border, background, shape, texture, and on marks that go with one class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench import contrasts
from workbench.analysis import Analysis
from workbench.choosing import balanced
from workbench.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.comparison import columns, estimates
from workbench.contracts import Array, Finding, Kind
from workbench.cues import CUES, NEED_AN_OBJECT, only, rings
from workbench.measures import wilson
from workbench.objects import object_masks, plain
from workbench.params import ChooseFrom, Params
from workbench.plotting import INK, QUIET, SMALL, class_ticks, heading, interval_bars, new_figure, text
from workbench.plotting import plain as bare
from workbench.progress import report
from workbench.result import Result
from workbench.shortcuts import COLUMNS, Shortcut, find_shortcuts, line, told, untried
from workbench.tiles import Tile, small, tiles, tiles_height
from workbench.wording import counted, percent, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session import Session

PARTS = {"object": TRUE_COLOUR, "ring": "#b9c2cc", "background": PREDICTED_COLOUR}
EXAMPLES, MOST_CLASSES = 6, 20
CELL = 1.1


class Choice(Params):
    """How the evidence is measured, and how many images are tried."""

    method: Annotated[
        str, Field(description="method whose maps tell where the evidence lies"), ChooseFrom("explainers")
    ] = "integrated-gradients"
    steps: int = Field(16, ge=2, le=500, description="steps from the reference, for a method that takes some")
    images: int = Field(300, ge=1, le=20_000, description="images to explain, and to leave one cue of, balanced")
    pasted: int = Field(300, ge=10, le=20_000, description="images of other classes to paste each mark onto")
    marks: int = Field(8, ge=1, le=100, description="marks to try at most, the surest first")


class Reliance(Analysis[Choice]):
    """Does the model look at the object and its shape, or at what merely comes with a class?

    Marks are patterns at one place that go with one class in the training images and that no object explains.
    """

    Params = Choice
    needs_model = True
    kinds: ClassVar[tuple[Kind, ...]] = ("shortcut",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 120, "pasted": 200})

    def compute(self, session: Session, params: Choice) -> Result:
        """Measure where the evidence lies, what single cues are worth, and which marks the model uses."""
        import pandas as pd

        data, names = session.dataset, session.class_names
        shortcuts, explained, looked = find_shortcuts(session, params.pasted, params.marks)
        rows = balanced(data.labels, params.images, seed=0)
        pictures = np.asarray(data.images[rows])
        masks = object_masks(pictures)
        shares, area = _shares(session, params, rows, masks)
        right, examples = _cues(session, pictures, masks, data.labels[rows])
        classes = _by_class(names, data.labels[rows], shares, right)
        cues = _by_cue(right, data.labels[rows])
        part = session.train or data
        table = pd.DataFrame(
            [line(each, names) for each in shortcuts] + [untried(each, names) for each in explained[:5]],
            columns=list(COLUMNS),
        )
        arrays = {"examples": small(examples), **_pictures(shortcuts, part.images)}
        notes = {
            "explained": int(plain(masks).sum()), "looked": looked, "title": contrasts.title(params.method),
            "area": area, "tried": len(shortcuts), "part": part.name, "carriers": [
                [int(row) for row in each.rows[:EXAMPLES]] for each in shortcuts[:3]],
        }  # fmt: skip
        whose: Literal["data", "train"] = "train" if session.train is not None else "data"
        findings = [told(each, names, len(data), whose) for each in shortcuts]
        findings.sort(key=lambda each: (each.severity != "serious", -each.cost))
        findings += _facts(shares, area, cues, looked, len(shortcuts))
        return Result({"classes": classes, "cues": cues, "marks": table}, arrays, tuple(findings), notes)

    def draw(self, result: Result) -> Figure:
        """Draw evidence and cues above, the marks below."""
        classes, cues, notes = result.tables["classes"], result.tables["cues"], result.notes
        shown = classes if len(classes) <= MOST_CLASSES else classes.head(MOST_CLASSES)
        pictures = _tiles(result)
        above = max(0.9 + 0.28 * len(shown), 0.9 + 0.42 * len(cues), 2.6)
        below = tiles_height(pictures, EXAMPLES + 1, CELL) + 0.4 if pictures else 0.0
        said = (
            f"Evidence: share of the magnitude of {notes['title']} maps on {counted(notes['explained'], 'image')} with "
            "a plain background; the ring is the object's outline. Lines: 95 % intervals. "
            "Cues: pictures of which only that is left."
        )
        figure = new_figure(result, self.question(), width=11.5, height=above + below, said=said)
        parts = figure.subfigures(2 if pictures else 1, 1, height_ratios=[above, below] if pictures else None,
                                  squeeze=False)[:, 0]  # fmt: skip
        left, middle, right = parts[0].subplots(1, 3, width_ratios=[4.4, 3.2, 3.4])
        _evidence(left, shown, notes["area"])
        _accuracies(middle, cues)
        examples = [
            Tile(image, above=[(name, INK)], framed=True)
            for name, image in zip(("whole", *cues["cue"][1:]), result.arrays["examples"], strict=True)
        ]
        tiles(right, examples, columns=3, cell=CELL)
        heading(right, "One image, cue by cue")
        if pictures:
            axes = parts[1].subplots()
            tiles(axes, pictures, columns=EXAMPLES + 1, cell=CELL)
            heading(axes, f"Marks in {text(notes['part'], 40)}: place (orange), and images that carry them")
        return figure


def _shares(session: Session, params: Choice, rows: Array, masks: Array) -> tuple[Array, list[float]]:
    """`(n, 3)` share of each map on object, ring and background, NaN without a plain background; and their areas."""
    from workbench.explainers import explainer

    known = plain(masks)
    shares, area = np.full((len(rows), 3), np.nan), [0.0, 0.0, 0.0]
    kind = explainer(params.method)
    if not known.any() or kind.missing(session.probe) is not None:
        return shares, area
    given: dict[str, Any] = {"reference": "mean", "steps": params.steps}
    options: dict[str, Any] = {name: value for name, value in given.items() if name in kind.model_fields}
    found = session.attribute(params.method, rows[known], target="predicted", **options)
    size = np.abs(contrasts.spread(found))
    ring = rings(masks)[known]
    zones = [masks[known] & ~ring, ring, ~masks[known] & ~ring]
    whole = size.sum(axis=(1, 2))
    inside = np.stack([np.where(zone, size, 0).sum(axis=(1, 2)) for zone in zones], axis=1)
    shares[known] = np.divide(inside, whole[:, None], out=np.full(inside.shape, np.nan), where=whole[:, None] > 0)
    return shares, [float(zone.mean()) for zone in zones]


def _cues(session: Session, pictures: Array, masks: Array, labels: Array) -> tuple[dict[str, Array], Array]:
    """Say what each cue lets the model recognise, `(n,)` 0, 1 or NaN where no object is; and show one image's cues."""
    images, known = pictures.astype(np.float32) / 255, plain(masks)
    right, examples = {}, []
    shown = int(np.argmax(known))
    for number, cue in enumerate(("whole", *CUES)):
        report("Cues", number, len(CUES) + 1)
        changed = images if cue == "whole" else only(cue, images, masks)
        hits = (session.probe.logits(changed).argmax(axis=1) == labels).astype(np.float64)
        right[cue] = np.where(known, hits, np.nan) if cue in NEED_AN_OBJECT else hits
        examples.append((255 * changed[shown]).round().astype(np.uint8))
    return right, np.stack(examples)


def _by_class(names: tuple[str, ...], labels: Array, shares: Array, right: Mapping[str, Array]) -> pd.DataFrame:
    """One line a class: where its evidence lies, and how many of its images each cue lets the model recognise."""
    import pandas as pd

    lines = []
    for label in np.unique(labels):
        own = labels == label
        line: dict[str, Any] = {"class": names[label], "images": int(own.sum())}
        found = estimates(shares[own])  # (3, 3)
        for number, part in enumerate(PARTS):
            line.update(columns(part, found[:, number]))
        for cue, hits in right.items():
            line[f"accuracy_{cue}"] = float(np.nanmean(hits[own])) if np.isfinite(hits[own]).any() else np.nan
        lines.append(line)
    return pd.DataFrame(lines)


def _by_cue(right: Mapping[str, Array], labels: Array) -> pd.DataFrame:
    import pandas as pd

    lines = []
    for cue, hits in right.items():
        known = np.isfinite(hits)
        low, high = (float(end) for end in wilson(hits[known].sum(), known.sum()))
        commonest = np.bincount(labels[known]).max() / known.sum() if known.any() else np.nan
        lines.append({
            "cue": cue, "images": int(known.sum()), "right": int(hits[known].sum()),
            "accuracy": float(hits[known].mean()) if known.any() else np.nan, "low": low, "high": high,
            "commonest": commonest,
        })  # fmt: skip
    return pd.DataFrame(lines)


def _facts(shares: Array, area: list[float], cues: pd.DataFrame, looked: int, tried: int) -> list[Finding]:
    findings = []
    if not tried:
        findings.append(Finding(
            f"No pattern that goes with one class was found in {counted(looked, 'image')} that the surroundings do not "
            "explain."
        ))  # fmt: skip
    on = estimates(shares)
    if np.isfinite(on[0]).all():
        said = [
            f"{percent(on[0, k])} on {what}" for k, what in enumerate(("the object", "its outline", "the background"))
        ]
        findings.append(Finding(
            f"Of the evidence lies {said[0]}, {said[1]} and {said[2]}, which {percent(area[2])} of the pixels are.",
            "info", float(on[0, 2]), (float(on[1, 2]), float(on[2, 2])) if np.isfinite(on[1, 2]) else None,
        ))  # fmt: skip
    for row in cues.to_dict("records")[1:]:
        if not row["images"]:
            continue
        share = rate(int(row["right"]), int(row["images"]))
        alone = row["cue"] in ("background", "frame") and share.interval[0] > 2 * row["commonest"]
        findings.append(Finding(
            f"Of {counted(int(row['images']), 'image')} {share} are recognised when only the {row['cue']} "
            f"{'are' if row['cue'] == 'edges' else 'is'} left.",
            "mild" if alone else "info", share.value, share.interval,
            advice="See which classes need no object, and why their backgrounds differ." if alone else "",
            kind="shortcut" if alone else None,
        ))  # fmt: skip
    return findings


def _pictures(shortcuts: list[Shortcut], images: Any) -> dict[str, Array]:
    """Images that carry each of the first three marks, and a picture of its place."""
    arrays = {}
    for number, found in enumerate(shortcuts[:3]):
        carriers = np.asarray(images[found.rows[:EXAMPLES]])
        mean = carriers.mean(axis=(0, 3))
        place = np.repeat((0.35 * mean + 150)[..., None], 3, axis=-1)
        place[found.mark.pixels] = (230, 110, 20)
        arrays[f"mark_{number}"] = small(np.concatenate([place[None].astype(np.uint8), _rgb(carriers)]))
    return arrays


def _rgb(images: Array) -> Array:
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def _tiles(result: Result) -> list[Tile]:
    pictures: list[Tile] = []
    table = result.tables["marks"]
    for number, carriers in enumerate(result.notes["carriers"]):
        row, stack = table.iloc[number], result.arrays[f"mark_{number}"]
        flips = "" if np.isnan(row["flips"]) else f"turns {percent(row['flips'])} of others"
        above = [(text(row["class"], 16), INK), (f"{percent(row['carrying'] / row['of'])} carry it", QUIET)]
        pictures.append(Tile(stack[0], above=above, below=[(flips, PREDICTED_COLOUR)], framed=True))
        pictures += [Tile(image, below=[(f"row {at}", QUIET)], framed=True)
                     for image, at in zip(stack[1:], carriers, strict=True)]  # fmt: skip
        blank = Tile(np.full_like(stack[0], 255))
        pictures += [blank] * (EXAMPLES - len(carriers))
    return pictures


def _evidence(axes: Axes, table: pd.DataFrame, area: list[float]) -> None:
    """Draw stacked shares of the evidence, one bar a class."""
    places, start = np.arange(len(table)), np.zeros(len(table))
    for part, colour in PARTS.items():
        values = 100 * np.nan_to_num(table[part].to_numpy(np.float64))
        axes.barh(places, values, left=start, color=colour, height=0.7, linewidth=0, label=part)
        start += values
    middle = 100 * (table["object"] + table["ring"]).to_numpy(np.float64)
    reach = 100 * np.stack([table["background_high"] - table["background"],
                            table["background"] - table["background_low"]]).astype(np.float64)  # fmt: skip
    known = np.isfinite(middle) & np.isfinite(reach).all(axis=0)
    if known.any():
        axes.errorbar(middle[known], places[known], xerr=np.clip(reach[:, known], 0, None), fmt="none", ecolor=INK,
                      elinewidth=1)  # fmt: skip
        axes.axvline(100 * (area[0] + area[1]), color=INK, linewidth=1, linestyle=":")
        axes.legend(ncols=3, frameon=False, fontsize=SMALL, loc="lower left", bbox_to_anchor=(0, 0.99), borderpad=0.1)
    else:
        axes.text(50, (len(table) - 1) / 2, "no plain background,\nso no object is known", ha="center", va="center",
                  color=QUIET, fontsize=SMALL + 1)  # fmt: skip
    class_ticks(axes, table["class"].tolist(), limit=18)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the evidence, % (dotted: of the pixels)")
    axes.set_title("Where the evidence lies\n", loc="left", fontsize=9.5, fontweight="bold", color=INK)
    bare(axes, grid="x")


def _accuracies(axes: Axes, cues: pd.DataFrame) -> None:
    places = np.arange(len(cues))
    values = (100 * cues[name].to_numpy(np.float64) for name in ("accuracy", "low", "high"))
    interval_bars(axes, places, *values, colour=TRUE_COLOUR, height=0.6)
    for place, value in zip(places.tolist(), cues["accuracy"], strict=True):
        if np.isnan(value):
            axes.text(2, place, "no object is known", va="center", fontsize=SMALL, color=QUIET)
    axes.axvline(100 * float(cues["commonest"].iloc[0]), color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(places, cues["cue"])
    axes.set_ylim(len(cues) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, % (dotted: commonest class)")
    heading(axes, "What single cues are worth")
    bare(axes, grid="x")
