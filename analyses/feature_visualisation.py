"""Images that classes, channels or neurons respond to most, found by gradient ascent in Fourier coefficients."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.sampling import evenly
from workbench.data.thumbnails import small
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import INK, QUIET, heading, new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

CELL = 0.95
"""Width of a picture in inches."""
MOST = 12
"""Units that are chosen, if none are named."""
PAIRS = 2
"""Units in a row of the figure."""


class FeatureVisualisationParams(Params):
    """What is to respond, and how long to climb."""

    of: Literal["class", "channel", "neuron"] = Field(
        "class",
        description="what is to respond: the logit of a class, a channel on the mean over its places, or a neuron, the "
        "middle place of a channel",
    )
    layer: Annotated[
        str | None,
        Field(
            description="layer of the channels, and in which images of one unit are kept apart; auto: the last spatial"
        ),
        ChooseFrom("layers"),
    ] = None
    units: tuple[int, ...] = Field(
        (), description="numbers of classes or channels; auto: the first classes, or the channels that respond most"
    )
    each: int = Field(3, ge=1, le=8, description="images of each unit, which are to differ")
    diversity: float = Field(1.0, ge=0, le=100, description="weight of the likeness of images of one unit")
    steps: int = Field(128, ge=1, le=4096, description="steps of the ascent")
    moves: float = Field(
        1.0,
        ge=0,
        le=4,
        description="how far images are shifted, turned and resized in each step: 1 is up to a 16th of a side, 8 "
        "degrees and a tenth; 0 for not",
    )
    images: int = Field(512, ge=1, le=20_000, description="images of the data to compare with, evenly spaced")
    seed: Seed = Field(0, description="seed of the noise and of the moves")


class FeatureVisualisation(Analysis[FeatureVisualisationParams]):
    """Which images do classes, channels or neurons respond to most?

    Found by gradient ascent in Fourier coefficients with moves at random; several images of a unit are kept apart. They
    show what raises a response, not what the images of the data have. Source: Olah, Mordvintsev and Schubert 2017,
    doi:10.23915/distill.00007.
    """

    group = "Model"
    title = "Feature visualisation"
    Params = FeatureVisualisationParams
    needs_model = True
    needs_inside = "gradients"
    needs_images = True
    quick: ClassVar[Any] = MappingProxyType({"each": 2, "steps": 32, "images": 128})

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no feature maps, in which images are kept apart."""
        if session.ready and not session.probe.spatial_layers:
            return super().missing(session) or session.probe.no_maps("This analysis")
        return super().missing(session)

    def compute(self, session: Session, params: FeatureVisualisationParams) -> Result:
        """Climb, and compare with the images of the data that each unit responds to most."""
        import pandas as pd

        from workbench.models.ascent import Wanted, climb, responses

        probe, data = session.probe, session.dataset
        layer = probe.spatial_layer(params.layer, method="Feature visualisation")
        rows = evenly(len(data), params.images)
        count = probe.classes if params.of == "class" else _channels(probe, layer)
        every = Wanted(what=params.of, layer=layer, units=tuple(range(count)))
        seen = responses(probe, data.floats(rows), every)
        units = _units(params, count, seen)
        wanted = Wanted(
            what=params.of,
            layer=layer,
            units=tuple(np.repeat(units, params.each).tolist()),
            diversity=params.diversity if params.each > 1 else 0.0,
        )
        found = climb(probe, wanted, steps=params.steps, moves=params.moves, seed=params.seed)
        reached = np.diag(responses(probe, found, wanted))
        best = seen[:, list(units)].argmax(axis=0)
        table = pd.DataFrame(
            {
                "unit": [_called(session, params.of, unit) for unit in units],
                "number": units,
                "found": reached.reshape(len(units), params.each).max(axis=1),
                "best_image": seen[best, list(units)],
                "row": rows[best],
                "class": [data.class_names[c] for c in data.labels[rows[best]]],
            }
        )
        won = int((table["found"] > table["best_image"]).sum())
        share = rate(won, len(units))
        where = "" if params.of == "class" else f" of layer {layer}"
        finding = Finding(
            f"For {won} of {plural(len(units), params.of)}{where}, {share}, an image is found with a larger response "
            f"than any of {plural(len(rows), 'image')} of the data has. Images of a unit are kept apart in layer "
            f"{layer}.",
            effect=share,
            evidence=ImageSet(tuple(dict.fromkeys(rows[best].tolist()))),
        )
        pictures = (255 * found).round().astype(np.uint8).reshape(len(units), params.each, *found.shape[1:])
        return Result(
            {"units": table},
            arrays={"found": small(pictures), "images": small(np.asarray(data.images[rows[best]]))},
            findings=(finding,),
            notes={"layer": layer, "of": params.of},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the images found of each unit, and beside them the image of the data that it responds to most."""
        pictures, each = _tiles(result), result.arrays["found"].shape[1]
        columns = PAIRS * (each + 2)
        note = (
            f"Numbers: the response. Images of a unit are kept apart in layer {text(result.notes['layer'], 40)}. "
            "On the right of them: the image of the data with the largest response."
        )
        height = tiles_height(pictures, columns, CELL) + 0.3
        figure = new_figure(result, self.question(), width=columns * CELL + 0.3, height=height, note=note)
        axes = figure.subplots()
        heading(axes, "Found by gradient ascent, and the nearest that the data has")
        tiles(axes, pictures, columns=columns, cell=CELL)
        return figure


def _channels(probe: Any, layer: str) -> int:
    return int(probe.feature_maps(np.zeros((1, *probe.image_shape), np.float32), layer).shape[-1])


def _units(params: FeatureVisualisationParams, count: int, seen: Array) -> tuple[int, ...]:
    """Numbers of the units: those asked for, or the first classes, or the channels that respond most."""
    if not params.units:
        order = np.arange(count) if params.of == "class" else np.argsort(-seen.max(axis=0), kind="stable")
        return tuple(order[:MOST].tolist())
    if wrong := [unit for unit in params.units if not 0 <= unit < count]:
        raise WorkbenchError(f"`units` must lie in 0…{count - 1}. Got {', '.join(map(str, wrong))}.")
    return tuple(dict.fromkeys(params.units))


def _called(session: Session, what: str, unit: int) -> str:
    return session.class_names[unit] if what == "class" else f"{what} {unit}"


def _tiles(result: Result) -> list[Tile]:
    table, pictures = result.tables["units"], []
    for (_, line), found, image in zip(table.iterrows(), result.arrays["found"], result.arrays["images"], strict=True):
        row = int(line["row"])
        pictures += [
            Tile(
                each,
                above=[(text(line["unit"], 18) if n == 0 else "", INK)],
                below=[(f"{line['found']:.3g}" if n == 0 else "", INK)],
                framed=True,
            )
            for n, each in enumerate(found)
        ]
        pictures.append(
            Tile(
                image,
                above=[image_name(result, row)],
                below=[(f"{line['best_image']:.3g}", QUIET)],
                framed=True,
                spot=spot_of(result, row),
            )
        )
        pictures.append(Tile(image, above=[("", INK)], below=[("", INK)], blank=True))
    return pictures
