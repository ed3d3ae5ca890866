"""Which concepts move the scores of which classes (TCAV), tested against random sets of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import p_value, percent, plural
from workbench.data.thumbnails import small
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import INK, QUIET, class_ticks, colour_bar, colours_for, heading, new_figure, say, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate
from workbench.statistics.significance import holm

from .concepts import LEAST, concepts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

    from .testing import Tested

SURE = 0.05
"""Adjusted p-value below which a concept is said to move a class."""
MOST_CLASSES = 20
"""Classes that are tested: of more, those with most errors."""
FINE, MOST_DRAWS = 40, 20_000
"""Random divisions for each test, and at most: the smallest adjusted p-value is their inverse."""
ERASED = 300
"""Images from which the concepts are erased."""
DRAWN, PICTURES = 6, 5
"""Concepts whose images are drawn, and images of each side."""
CELL = 0.78
"""Width of a picture in inches."""


class ConceptTestParams(Params):
    """Which images show the concept, and how closely it is tested."""

    concept: str | None = Field(
        None,
        description="query for the images that show it, such as tag:striped; auto: each tag, and most against least of "
        "each image property",
    )
    against: str | None = Field(None, description="query for the images to compare with; auto: the others")
    layer: Annotated[
        str | None,
        Field(description="layer in whose feature maps the concept is looked for; auto: the last spatial layer"),
        ChooseFrom("layers"),
    ] = None
    images: int = Field(100, ge=10, le=1000, description="most images of each side")
    scored: int = Field(40, ge=5, le=1000, description="most images of each class whose logit is differentiated")
    draws: int = Field(2000, ge=100, le=50_000, description="random divisions of the same images")
    seed: Seed = Field(0, description="seed for choosing images and random divisions")


class ConceptTest(Analysis[ConceptTestParams]):
    """Which concepts move the scores of which classes?

    A concept is a set of images, compared with others. Its vector is the normal of a linear classifier of both in a
    layer's feature maps. The TCAV score of a class is the share of its images whose logit rises along the vector; the
    effect is by how much it rises over the way from held-out images without the concept to those with it. The p-value
    compares the effect with that of random divisions of the same images, and is adjusted for all classes and concepts.
    Source: Kim et al. 2018, arXiv:1711.11279.
    """

    group = "Explanations"
    title = "Concept tests (TCAV)"
    Params = ConceptTestParams
    needs_model = True
    needs_inside = "gradients"
    needs_images = True
    reads_workspace: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 40, "scored": 20, "draws": 500})

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no feature maps."""
        if session.ready and not session.probe.spatial_layers:
            return super().missing(session) or session.probe.no_maps("This analysis")
        return super().missing(session)

    def compute(self, session: Session, params: ConceptTestParams) -> Result:
        """Find the vector of each concept, and what becomes of the scores along it and without it."""
        import pandas as pd

        from . import testing

        layer = session.probe.spatial_layer(params.layer, method="A concept")
        classes = _classes(session)
        concepts = concepts_of(session, params.concept, params.against, params.images, params.seed)
        notes: dict[str, Any] = {"layer": layer}
        if not concepts:
            said = (
                f"There is no concept to test in layer {layer}: no tag has {LEAST} images with it and {LEAST} without, "
                "and no image property differs within the classes."
            )
            empty = {name: pd.DataFrame(columns=columns) for name, columns in testing.COLUMNS.items()}
            return Result(empty, findings=(Finding(said),), notes=notes)
        draws = max(params.draws, min(FINE * len(concepts) * len(classes), MOST_DRAWS))
        gradients = testing.gradients_of(session, layer, classes, params.scored, params.seed)
        found = []
        for place, concept in enumerate(concepts):
            report("Concepts", place, len(concepts))
            found.append(
                testing.tested(session, concept, layer, gradients, draws=draws, seed=params.seed, erased=ERASED)
            )
        report("Concepts", len(concepts), len(concepts))
        tables = testing.tables_of(session, found, classes)
        tables["scores"]["p_adjusted"] = holm(tables["scores"]["p"].to_numpy())
        order = _order(tables["scores"], [each.concept.name for each in found])
        shown = [found[place] for place in order[:DRAWN]]
        rows = np.array([[*each.clearest[:PICTURES], *_some(each.concept.outside)] for each in shown])
        return Result(
            tables,
            arrays={"images": small(np.asarray(session.dataset.images[rows.ravel()])), "rows": rows},
            findings=tuple(_findings(found, tables, order, layer)),
            notes=notes
            | {
                "draws": draws,
                "shown": [each.concept.name for each in shown],
                "classes": [session.class_names[c] for c in classes],
            },
        )

    def draw(self, result: Result) -> Figure:
        """Draw the effect of each concept on each class, and images with and without the concepts."""
        scores, notes = result.tables["scores"], result.notes
        if not len(scores):
            return say(new_figure(result, self.question(), height=2.0), "There is no concept to test.")
        concepts, classes = [*dict.fromkeys(scores["concept"])], notes["classes"]
        pictures = _tiles(result)
        columns = 2 * PICTURES + 1
        upper, lower = 1.5 + 0.28 * len(concepts), tiles_height(pictures, columns, CELL) + 0.4
        note = (
            f"Layer {text(notes['layer'], 40)}. A star: adjusted p-value below {SURE:g}, against {notes['draws']:,} "
            "random divisions of the same images. Below: images with the concept, and those it is compared with."
        )
        figure = new_figure(result, self.question(), width=10, height=upper + lower, note=note)
        above, below = figure.subfigures(2, 1, height_ratios=[upper, lower], squeeze=False)[:, 0]
        _effects(above, result, concepts, classes)
        axes = below.subplots()
        tiles(axes, pictures, columns=columns, cell=CELL)
        heading(axes, "With the concept, and without")
        return figure


def _classes(session: Session) -> list[int]:
    """Classes that have images; of many, those with most errors."""
    known, counts = np.unique(session.dataset.labels, return_counts=True)
    if len(known) <= MOST_CLASSES:
        return [int(c) for c in known]
    errors = np.array([(~session.predictions.correct[session.dataset.labels == c]).sum() for c in known])
    return sorted(int(known[n]) for n in np.lexsort((-counts, -errors))[:MOST_CLASSES])


def _order(scores: Any, names: Sequence[str]) -> list[int]:
    """Concepts by their smallest p-value, of equal ones those of the larger effect first."""
    best = [
        (float(of["p"].fillna(2).min()), -float(of["effect"].abs().fillna(0).max()))
        for of in (scores[scores["concept"] == name] for name in names)
    ]
    return sorted(range(len(names)), key=best.__getitem__)


def _some(rows: Array) -> Array:
    """`PICTURES` of some rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, PICTURES).round().astype(np.int64)]


def _findings(found: Sequence[Tested], tables: Mapping[str, Any], order: Sequence[int], layer: str) -> list[Finding]:
    scores, findings = tables["scores"], []
    for place in order:
        each = found[place]
        own = scores[scores["concept"] == each.concept.name]
        moved = own[own["p_adjusted"] < SURE]
        if not len(moved):
            continue
        moved = moved.reindex(moved["effect"].abs().sort_values(ascending=False).index)
        said = ", ".join(
            f"{line['class']} by {line['effect']:+.2g} (adjusted {p_value(float(line['p_adjusted']), named=True)})"
            for _, line in moved.head(3).iterrows()
        )
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        top = moved.iloc[0]
        score = rate(int(top["rising"]), int(top["images"]))
        claim = (
            f"{each.concept.title} moves logits along its vector in layer {layer}: {said}{more}. "
            f"{percent(each.accuracy)} of left-out images are told from the others; the TCAV score of {top['class']} "
            f"is {score}."
        )
        if each.concept.mostly:
            claim += f" {each.concept.mostly}"
        findings.append(Finding(claim, effect=score, evidence=ImageSet(each.clearest)))
    if not findings:
        tests = int(np.isfinite(scores["p"]).sum())
        findings.append(
            Finding(
                f"No concept surely moves the logit of a class along its vector in layer {layer}: of "
                f"{plural(tests, 'test')} of {plural(len(found), 'concept')} the smallest adjusted p-value is "
                f"{p_value(float(scores['p_adjusted'].min()))}."
            )
        )
    return findings


def _effects(figure: Any, result: Result, concepts: Sequence[str], classes: Sequence[str]) -> None:
    """Draw a cell for each concept and class."""
    scores = result.tables["scores"].set_index(["concept", "class"])
    values = np.array([[scores.loc[(concept, name), "effect"] for name in classes] for concept in concepts], float)
    sure = np.array([[scores.loc[(concept, name), "p_adjusted"] for name in classes] for concept in concepts]) < SURE
    scale = float(np.nanmax(np.abs(values), initial=0))
    axes = figure.subplots()
    mappable = colours_for(signed=True, scale=scale)
    axes.imshow(mappable.to_rgba(np.nan_to_num(values)), aspect="auto", interpolation="nearest")
    class_ticks(axes, concepts, limit=40)
    axes.set_xticks(range(len(classes)), [text(name, 14) for name in classes], rotation=40, ha="right", fontsize=8)
    for row, column in np.argwhere(sure):
        axes.text(column, row, "★", ha="center", va="center", fontsize=8, color=INK)
    colour_bar(figure, axes, mappable, "change of the logit, from without to with")
    of_no_images(axes)


def _tiles(result: Result) -> list[Tile]:
    images, rows = result.arrays["images"], result.arrays["rows"]
    found: list[Tile] = []
    blank = Tile(images[0], blank=True)
    for place, name in enumerate(result.notes["shown"]):
        line = [
            Tile(
                image,
                above=[(text(name, 40), INK)] if n == 0 else [("without", QUIET)] if n == PICTURES else [("", QUIET)],
                framed=True,
                spot=spot_of(result, int(row)),
            )
            for n, (image, row) in enumerate(
                zip(images[place * 2 * PICTURES : (place + 1) * 2 * PICTURES], rows[place], strict=True)
            )
        ]
        found += [*line[:PICTURES], blank, *line[PICTURES:]]
    return found
