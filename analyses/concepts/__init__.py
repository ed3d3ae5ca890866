"""The parts of which a class's feature maps are made, how much they matter, and by which errors they speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.result import Result
from workbench.core.wording import percent, plural, verb
from workbench.plotting.colours import PREDICTED_COLOUR
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import INK, QUIET, class_ticks, heading, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import FEWEST, rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

    from .parts import Found

CROPS, MAPS = 5, 3
"""Crops and whole images of each concept that are drawn."""
SAID = 6
"""Classes of whose errors a finding speaks: one concept each, the surest."""
CELL = 0.85
"""Width of a picture in inches."""


class ConceptsParams(Params):
    """Of which class, in which layer, and how many."""

    predicted: Annotated[
        str | None,
        Field(description="class whose images are taken apart, those predicted as it; auto: that of most errors"),
        ChooseFrom("classes"),
    ] = None
    layer: Annotated[
        str | None,
        Field(description="layer whose feature maps are factorised; auto: the last spatial layer"),
        ChooseFrom("layers"),
    ] = None
    count: int = Field(8, ge=2, le=64, description="concepts to find in the feature maps")
    images: int = Field(300, ge=2, le=5000, description="images of the class of which concepts are found")
    scored: int = Field(24, ge=1, le=500, description="images of which the importance is measured")
    image: int | None = Field(None, ge=0, description="row of an image to show the concepts on; auto: an error")
    seed: Seed = Field(0, description="seed for choosing images, and for the factors")


class Concepts(Analysis[ConceptsParams]):
    """Of which concepts does the model build a class, and by which errors do they speak?

    The feature maps of images predicted as the class are factorised into non-negative parts, the concepts. Importance
    is the total Sobol index of each for the logit of the class. An image shows a concept if it has more of it, on the
    mean over its places, than half of the images of the class that are recognised. Source: CRAFT, Fel et al. 2023,
    arXiv:2211.10154; factors of all places, as in Zhang et al. 2021, arXiv:2006.15417.
    """

    group = "Explanations"
    title = "Concepts of a class"
    Params = ConceptsParams
    needs_model = True
    needs_inside = "layers"
    needs_images = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 100, "scored": 8})

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no feature maps."""
        if session.ready and not session.probe.spatial_layers:
            return super().missing(session) or session.probe.no_maps("This analysis")
        return super().missing(session)

    def compute(self, session: Session, params: ConceptsParams) -> Result:
        """Factorise, weigh, erase, and count how often errors show each concept."""
        from . import parts

        layer = session.probe.spatial_layer(params.layer, method="A concept")
        label = _class(session, params.predicted)
        name = session.class_names[label]
        taken = np.flatnonzero(session.predictions.predicted == label)
        notes: dict[str, Any] = {"layer": layer, "class": name}
        if len(taken) < 2:
            said = f"Only {plural(len(taken), 'image')} {'is' if len(taken) == 1 else 'are'} predicted as {name}: "
            said += "there is nothing to take apart."
            return Result(parts.no_tables(), findings=(Finding(said),), notes=notes)
        asked = params.model_dump(include={"count", "images", "scored", "seed"})
        found = parts.take_apart(session, layer, label, taken, **asked)
        tables = parts.tables_of(session, found)
        arrays, drawn = parts.pictures(session, found, params.image, crops=CROPS, whole=MAPS)
        return Result(
            tables,
            arrays=arrays,
            findings=tuple(_findings(found, tables, session.class_names, layer)),
            notes=notes | drawn | {"unexplained": found.factors.unexplained, "agreeing": found.agreeing},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the importance of each concept, its most typical crops and images, and one image in its concepts."""
        table, notes = result.tables["concepts"], result.notes
        if not len(table):
            return say(new_figure(result, self.question(), height=2.0), "There is nothing to take apart.")
        pictures = _tiles(result)
        columns = CROPS + MAPS + 1
        lower = tiles_height(pictures, columns, CELL) + 0.3
        upper = 1.0 + 0.24 * len(table)
        own = _own_tiles(result)
        wide = min(len(own), columns)
        last = tiles_height(own, wide, CELL) + 0.35
        note = (
            f"Layer {text(notes['layer'], 40)}. Concepts explain {percent(1 - notes['unexplained'])} of the squared "
            f"feature maps; of them alone {percent(notes['agreeing'])} of images keep their prediction. Each row: "
            "crops around the places with most of it, and where it lies on their images (one scale a concept)."
        )
        figure = new_figure(result, self.question(), width=9, height=upper + lower + last, note=note)
        panels = figure.subfigures(3, 1, height_ratios=[upper, lower, last], squeeze=False)[:, 0]
        _bars(panels[0].subplots(), table, notes["class"])
        axes = panels[1].subplots()
        tiles(axes, pictures, columns=columns, cell=CELL)
        heading(axes, f"Concepts of {text(notes['class'])}, most important first")
        axes = panels[2].subplots()
        tiles(axes, own, columns=wide, cell=CELL)
        heading(axes, "One image in its concepts (one scale)")
        return figure


def _class(session: Session, wanted: str | None) -> int:
    """The class asked for, or the one that most errors are taken for; without errors that of most images."""
    if wanted is not None:
        return session.class_index(wanted)
    said = session.predictions
    of = said.predicted if said.correct.all() else said.predicted[~said.correct]
    return int(np.bincount(of, minlength=len(session.class_names)).argmax())


def _findings(found: Found, tables: Mapping[str, Any], names: tuple[str, ...], layer: str) -> list[Finding]:
    concepts, errors, name = tables["concepts"], tables["errors"], names[found.label]
    top = concepts.iloc[0]
    findings = []
    more = errors[errors["discovered"].astype(bool) & (errors["ratio"] > 1)]
    for _, line in more.drop_duplicates("class").head(SAID).iterrows():
        ratio = Estimate.of(line, "ratio")
        findings.append(
            Finding(
                f"Images of {line['class']} taken for {name} show {line['concept']} {ratio.value:.2g} times as often "
                f"as those that are recognised ({int(line['showing'])} of {plural(int(line['errors']), 'error')} "
                f"against {int(line['showing_right'])} of {int(line['right']):,}; ratio {ratio}).",
                effect=ratio,
                evidence=ImageSet(found.errors_with(names.index(line["class"]), int(line["number"]))),
            )
        )
    share = f"{percent(1 - found.factors.unexplained)} of their squared values"
    findings.append(
        Finding(
            f"{plural(len(concepts), 'concept')} {verb(len(concepts), 'explain')} {share} in layer {layer} for "
            f"{plural(len(found.rows), 'image')} predicted as {name}. The first matters most: total Sobol index "
            f"{top['importance']:.2f} for the logit.",
            evidence=ImageSet(found.typical(int(top["number"]))),
        )
    )
    lost = concepts.iloc[int(concepts["recall_change"].argmin())]
    if lost["recall_change"] < 0 and lost["recognised"] >= FEWEST:
        gone = rate(round(-lost["recall_change"] * lost["recognised"]), int(lost["recognised"]))
        findings.append(
            Finding(
                f"Without {lost['concept']} the model loses {gone} of {plural(int(lost['recognised']), 'image')} of "
                f"{name} that it recognises; most are taken for {lost['taken_for']}.",
                effect=gone,
            )
        )
    return findings


def _bars(axes: Any, table: Any, name: str) -> None:
    places = np.arange(len(table))
    axes.barh(places, table["importance"], color=PREDICTED_COLOUR, height=0.6)
    class_ticks(axes, list(table["concept"]))
    axes.set_xlabel(f"total Sobol index for the logit of {text(name)}")
    plain(axes, grid="x")
    of_no_images(axes)


def _tiles(result: Result) -> list[Tile]:
    """Crops and images of each concept; a row each."""
    crops, images, maps = (result.arrays[name] for name in ("crops", "images", "maps"))
    rows, names = result.arrays["rows"], list(result.tables["concepts"]["concept"])
    found: list[Tile] = []
    for place, name in enumerate(names):
        scale = float(maps[place].max(initial=0))
        found += [
            Tile(crop, above=[(name, INK) if n == 0 else ("", INK)], framed=True, spot=spot_of(result, int(row)))
            for n, (crop, row) in enumerate(zip(crops[place], rows[place], strict=True))
        ]
        found.append(Tile(crops[place][0], blank=True))
        found += [
            Tile(image, above=[("", INK)], overlay=overlay, scale=scale, framed=True, spot=spot_of(result, int(row)))
            for image, overlay, row in zip(images[place], maps[place], rows[place], strict=False)
        ]
    return found


def _own_tiles(result: Result) -> list[Tile]:
    """The chosen image, as it is and with each concept."""
    image, maps, row = result.arrays["image"][0], result.arrays["own"], int(result.notes["row"])
    scale = float(maps.max(initial=0))
    names: Sequence[str] = list(result.tables["concepts"]["concept"])
    first = Tile(image, above=[image_name(result, row)], framed=True, spot=spot_of(result, row))
    rest = [
        Tile(image, above=[(name, QUIET)], overlay=each, scale=scale, framed=True, spot=spot_of(result, row))
        for name, each in zip(names, maps, strict=True)
    ]
    return [first, *rest]
