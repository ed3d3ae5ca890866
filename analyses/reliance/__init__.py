"""Reliance on object, outline, background, shape, texture, and on marks that occur with one class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet, Part
from workbench.core.params import ChooseFrom, Params
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.objects import object_masks, plain
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import as_rgb, small
from workbench.plotting.colours import PREDICTED_COLOUR
from workbench.plotting.hot_spots import Spot, place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, heading, new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session import contrasts
from workbench.session.analysis import Analysis
from workbench.session.spots import class_spot, set_spot
from workbench.statistics.bootstrap import estimates
from workbench.statistics.rates import rate, wilson

from .cues import CUES, NEED_AN_OBJECT, only, rings
from .evidence_places import COLUMNS as GROUPS
from .evidence_places import map_groups
from .figure import PARTS, accuracies, evidence
from .marks import Mark
from .shortcuts import COLUMNS, Shortcut, find_shortcuts, line, sample, shortcut_finding, untested_row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

EXAMPLES = 6
"""Images with a mark that are shown."""
MARKS = 3
"""Marks that are shown."""
MOST_CLASSES = 20
"""Classes in the figure."""
CELL = 1.1
"""Width of an image in inches."""


class RelianceParams(Params):
    """How to measure the evidence, and how many images to use."""

    method: Annotated[
        str, Field(description="attribution method that locates the evidence"), ChooseFrom("explainers")
    ] = "integrated-gradients"
    steps: int = Field(16, ge=2, le=500, description="steps from the reference image, for methods that have them")
    images: int = Field(300, ge=1, le=20_000, description="images to explain, and to reduce to single cues")
    pasted: int = Field(300, ge=10, le=20_000, description="images of other classes to paste each mark onto")
    maps: int = Field(40, ge=0, le=1000, description="images of each class whose maps are clustered; 0 to skip")
    marks: int = Field(8, ge=1, le=100, description="marks to test, at most, most certain first")


class Reliance(Analysis[RelianceParams]):
    """Does the model use the object and its shape, or shortcuts such as background and marks?

    Marks are patterns at a fixed position that occur with one class in the training images and are not part of an
    object.
    """

    group = "Model"
    title = "Reliance on shortcuts"
    Params = RelianceParams
    needs_model = True
    needs_inside = "outputs"
    kinds: ClassVar[tuple[Kind, ...]] = ("shortcut",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 120, "pasted": 200, "maps": 0})

    def compute(self, session: Session, params: RelianceParams) -> Result:
        """Measure where the evidence lies, the accuracy on single cues, and which marks the model uses."""
        import pandas as pd

        data, names = session.dataset, session.class_names
        params = params.model_copy(update={"method": contrasts.applicable_method(session, params.method)})
        options, looked = _options(session, params), sample(session)
        groups = pd.DataFrame(columns=list(GROUPS))
        of_maps: list[Mark] = []
        if params.maps and options is not None:
            groups, of_maps = map_groups(
                session, looked.images, looked.labels, each=params.maps, method=params.method, options=options
            )
        shortcuts, explained = find_shortcuts(session, looked, params.pasted, params.marks, also=of_maps)
        rows = balanced_rows(data.labels, params.images, seed=0)
        pictures = np.asarray(data.images[rows])
        masks = object_masks(pictures)
        shares, area = _shares(session, params, rows, masks)
        right, examples = _cues(session, pictures, masks, data.labels[rows])
        classes = _by_class(names, data.labels[rows], shares, right)
        cues = _by_cue(right, data.labels[rows])
        part = session.train or data
        whose: Part = "train" if session.train is not None else "data"
        table = pd.DataFrame(
            [line(each, names) for each in shortcuts] + [untested_row(each, names) for each in explained[:5]],
            columns=list(COLUMNS),
        )
        arrays = {"examples": small(examples), **_pictures(shortcuts, part.images)}
        notes = {
            "explained": int(plain(masks).sum()),
            "looked": len(looked),
            "title": contrasts.title(params.method),
            "area": area,
            "tried": len(shortcuts),
            "part": part.name,
            "whose": whose,
            "example": int(rows[_example(masks)]),
        }
        findings = [shortcut_finding(each, names, len(data), whose) for each in shortcuts]
        findings.sort(key=lambda each: (each.severity != Severity.SERIOUS, -each.at_stake))
        findings += _facts(shares, area, cues, len(looked), len(shortcuts))
        return Result(
            {"classes": classes, "cues": cues, "marks": table, "groups": groups},
            arrays=arrays,
            findings=tuple(findings),
            sets={f"mark {n}": ImageSet(each.rows, part=whose) for n, each in enumerate(shortcuts[:MARKS])},
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw evidence and cues above, the marks below."""
        classes, cues, notes = result.tables["classes"], result.tables["cues"], result.notes
        shown = classes if len(classes) <= MOST_CLASSES else classes.head(MOST_CLASSES)
        pictures = _tiles(result)
        above = max(0.9 + 0.28 * len(shown), 0.9 + 0.42 * len(cues), 2.6)
        below = tiles_height(pictures, EXAMPLES + 1, CELL) + 0.4 if pictures else 0.0
        said = (
            f"Evidence: share of the magnitude of {notes['title']} maps on {plural(notes['explained'], 'image')} with "
            "a plain background; the ring is the object's outline. Lines: 95 % intervals. "
            "Cues: images reduced to this cue alone."
        )
        figure = new_figure(result, self.question(), width=11.5, height=above + below, note=said)
        parts = figure.subfigures(
            2 if pictures else 1, 1, height_ratios=[above, below] if pictures else None, squeeze=False
        )[:, 0]
        left, middle, right = parts[0].subplots(1, 3, width_ratios=[4.4, 3.2, 3.4])
        evidence(left, shown, notes["area"])
        place_bars(left, np.arange(len(shown)), [_spot(row) for _, row in shown.iterrows()], 0.9)
        accuracies(middle, cues)
        examples = [
            Tile(image, above=[(name, INK)], framed=True, spot=spot_of(result, result.notes["example"]))
            for name, image in zip(("whole", *cues["cue"][1:]), result.arrays["examples"], strict=True)
        ]
        tiles(right, examples, columns=3, cell=CELL)
        heading(right, "One image, reduced to each cue")
        if pictures:
            axes = parts[1].subplots()
            tiles(axes, pictures, columns=EXAMPLES + 1, cell=CELL)
            heading(axes, f"Marks in {text(notes['part'], 40)}: position (orange), and images that have them")
        return figure


def _options(session: Session, params: RelianceParams) -> dict[str, Any] | None:
    """Return the method's parameters, or None where it does not apply to the model."""
    from workbench.attribution.methods import explainer

    kind = explainer(params.method)
    given: dict[str, Any] = {"reference": "mean", "steps": params.steps}
    if kind.missing(session.probe) is not None:
        return None
    return {name: value for name, value in given.items() if name in kind.model_fields}


def _shares(session: Session, params: RelianceParams, rows: Array, masks: Array) -> tuple[Array, list[float]]:
    """`(n, 3)` share of each map on object, ring and background, NaN without a plain background; and their areas."""
    known, options = plain(masks), _options(session, params)
    shares, area = np.full((len(rows), 3), np.nan), [0.0, 0.0, 0.0]
    if not known.any() or options is None:
        return shares, area
    found = session.attribute(params.method, rows[known], target="predicted", **options)
    size = np.abs(contrasts.spread_over_pixels(found))
    ring = rings(masks)[known]
    zones = [masks[known] & ~ring, ring, ~masks[known] & ~ring]
    whole = size.sum(axis=(1, 2))
    inside = np.stack([np.where(zone, size, 0).sum(axis=(1, 2)) for zone in zones], axis=1)
    shares[known] = np.divide(inside, whole[:, None], out=np.full(inside.shape, np.nan), where=whole[:, None] > 0)
    return shares, [float(zone.mean()) for zone in zones]


def _cues(session: Session, pictures: Array, masks: Array, labels: Array) -> tuple[dict[str, Array], Array]:
    """Return which images are classified correctly from each cue alone, `(n,)` 0, 1 or NaN where no object is known.

    Also returns one image, reduced to each cue.
    """
    images, known = as_floats(pictures), plain(masks)
    right, examples = {}, []
    shown = _example(masks)
    for number, cue in enumerate(("whole", *CUES)):
        report("Cues", number, len(CUES) + 1)
        changed = images if cue == "whole" else only(cue, images, masks)
        hits = (session.probe.logits(changed).argmax(axis=1) == labels).astype(np.float64)
        right[cue] = np.where(known, hits, np.nan) if cue in NEED_AN_OBJECT else hits
        examples.append((255 * changed[shown]).round().astype(np.uint8))
    return right, np.stack(examples)


def _example(masks: Array) -> int:
    """Return which image is shown: the first with a plain background."""
    return int(np.argmax(plain(masks)))


def _by_class(names: tuple[str, ...], labels: Array, shares: Array, right: Mapping[str, Array]) -> pd.DataFrame:
    """One row a class: where its evidence lies, and the accuracy on each cue alone."""
    import pandas as pd

    lines = []
    for label in np.unique(labels):
        own = labels == label
        line: dict[str, Any] = {"class": names[label], "images": int(own.sum())}
        found = estimates(shares[own], within=(0, 1))  # (3, 3)
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
        lines.append(
            {
                "cue": cue,
                "images": int(known.sum()),
                "right": int(hits[known].sum()),
                "accuracy": float(hits[known].mean()) if known.any() else np.nan,
                "low": low,
                "high": high,
                "commonest": commonest,
            }
        )
    return pd.DataFrame(lines)


def _facts(shares: Array, area: list[float], cues: pd.DataFrame, looked: int, tried: int) -> list[Finding]:
    findings = []
    if not tried:
        findings.append(
            Finding(
                f"No mark was found in {plural(looked, 'image')}: no pattern at a fixed position occurs with one "
                "class and is not explained by its surroundings."
            )
        )
    on = estimates(shares, within=(0, 1))
    if np.isfinite(on[0]).all():
        parts = [
            f"{percent(on[0, k])} on {what}" for k, what in enumerate(("the object", "its outline", "the background"))
        ]
        findings.append(
            Finding(
                f"Evidence: {parts[0]}, {parts[1]} and {parts[2]} (which covers {percent(area[2])} of the pixels).",
                severity=Severity.INFO,
                effect=Estimate(*on[:, 2].tolist(), unit="%"),
            )
        )
    for row in cues.to_dict("records")[1:]:
        if not row["images"]:
            continue
        share = rate(int(row["right"]), int(row["images"]))
        alone = row["cue"] in ("background", "frame") and share.low > 2 * row["commonest"]
        findings.append(
            Finding(
                f"With only the {row['cue']} visible, {share} of {plural(int(row['images']), 'image')} "
                f"{verb(int(row['images']), 'are')} classified correctly.",
                severity=Severity.MILD if alone else Severity.INFO,
                effect=share,
                advice="Check which classes need no object, and why their backgrounds differ." if alone else "",
                kind="shortcut" if alone else None,
            )
        )
    return findings


def _pictures(shortcuts: list[Shortcut], images: Any) -> dict[str, Array]:
    """Images that have each of the first marks, and a picture of its position."""
    arrays = {}
    for number, found in enumerate(shortcuts[:MARKS]):
        carriers = np.asarray(images[found.rows[:EXAMPLES]])
        mean = carriers.mean(axis=(0, 3))
        place = np.repeat((0.35 * mean + 150)[..., None], 3, axis=-1)
        place[found.mark.pixels] = (230, 110, 20)
        arrays[f"carriers_{number}"] = np.array(found.rows[:EXAMPLES], np.int64)
        arrays[f"mark_{number}"] = small(np.concatenate([place[None].astype(np.uint8), as_rgb(carriers)]))
    return arrays


def _spot(row: pd.Series) -> Spot | None:
    """Return the spot of a class; that of its images are in the sample."""
    known = [f"{percent(row[part])} on the {part}" for part in PARTS if np.isfinite(row[part])]
    of = f"in {plural(int(row['images']), 'image')} examined, evidence" if known else "no object found"
    return class_spot(row["class"], None, more=f"{of} {', '.join(known)}".strip())


def _tiles(result: Result) -> list[Tile]:
    pictures: list[Tile] = []
    table = result.tables["marks"]
    for number in range(sum(name.startswith("mark_") for name in result.arrays)):
        carriers = result.arrays[f"carriers_{number}"].tolist()
        row, stack = table.iloc[number], result.arrays[f"mark_{number}"]
        flips = "" if np.isnan(row["flips"]) else f"flips {percent(row['flips'])} of others"
        above = [(text(row["class"], 16), INK), (f"in {percent(row['carrying'] / row['of'])} of its images", QUIET)]
        spot = set_spot(result, f"mark {number}", f"mark of {row['class']}", more=flips)
        pictures.append(Tile(stack[0], above=above, below=[(flips, PREDICTED_COLOUR)], framed=True, spot=spot))
        pictures += [
            Tile(
                image,
                below=[image_name(result, at, result.notes["whose"])],
                framed=True,
                spot=spot_of(result, at, result.notes["whose"]),
            )
            for image, at in zip(stack[1:], carriers, strict=True)
        ]
        blank = Tile(stack[0], blank=True)
        pictures += [blank] * (EXAMPLES - len(carriers))
    return pictures
