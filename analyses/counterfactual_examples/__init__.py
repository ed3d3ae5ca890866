"""What another class looks like here: the nearest image of it, the cells that decide, and an image in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.data.sampling import errors_and_right, in_turn
from workbench.data.thumbnails import small
from workbench.session.analysis import Analysis
from workbench.session.counterfactual import Counterfactual, counterfactual, swaps_of

from .figure import draw_examples
from .findings import COUNTED, by_group, findings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.attribution.feature_swaps import Swap
    from workbench.session.session import Session


class CounterfactualExamplesParams(Params):
    """Which images, at which layer, and what they are compared with."""

    row: int = Field(-1, ge=-1, description="a single image, by name or row; -1 for errors and right predictions")
    images: int = Field(24, ge=1, le=1000, description="images to look at, half of them errors, evenly spaced")
    layer: Annotated[str | None, ChooseFrom("layers")] = Field(
        None, description="whose feature maps are exchanged; without one, the last with at least 4 x 4 places"
    )
    side: int = Field(7, ge=2, le=14, description="cells along the longer side of the feature maps, at most")
    taken_from: Literal["anywhere", "same-place"] = Field(
        "anywhere", description="where a cell is taken from in the other image: anywhere, as in the paper, or its place"
    )
    draws: int = Field(10, ge=1, le=200, description="random orders of cells that each image is compared with")
    examples: int = Field(5, ge=1, le=20, description="images to show, errors and right predictions in turn")
    seed: Seed = Field(0, description="of random orders and images")


class CounterfactualExamples(Analysis[CounterfactualExamplesParams]):
    """What would an image have to look like for another class, and what could it look like for the same?

    Cells of the feature maps are exchanged for those of the nearest image of the other class (the true class of an
    error), each time the pair that makes that class the most probable, until it is predicted (counterfactual visual
    explanations). A semifactual example lies between both and is still predicted the same.
    """

    group = "Explanations"
    title = "Counterfactual examples"
    Params = CounterfactualExamplesParams
    needs_model = True
    needs_inside = "layers"
    needs_images = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 8, "side": 4})

    def compute(self, session: Session, params: CounterfactualExamplesParams) -> Result:
        """Search both examples of each image, and compare with random cells and a random image of the other class."""
        import pandas as pd

        correct = session.predictions.correct
        rows = session.dataset.rows([params.row]) if params.row >= 0 else errors_and_right(correct, params.images)
        found, lines, refused = list[Counterfactual](), list[dict[str, Any]](), dict[int, str]()
        for place, row in enumerate(rows.tolist()):
            report("Searching counterfactual examples", place, len(rows))
            try:
                each = counterfactual(session, row, layer=params.layer, side=params.side, taken_from=params.taken_from)
            except WorkbenchError as error:
                if not session.probe.spatial_layers:
                    raise
                refused[row] = str(error)
                continue
            found.append(each)
            lines.append(_line(session, each, params))
        images = pd.DataFrame(lines, columns=None if lines else ["row"])
        if not found:
            return Result({"images": images}, findings=findings_of(images, pd.DataFrame(), found, refused))
        steps = [
            {"row": each.row, "class": each.class_names[each.target], **line}
            for each in found
            for line in each.table.to_dict("records")
        ]
        shown = [found[place] for place in in_turn(images["correct"].to_numpy())[: params.examples]]
        tables = {
            "images": images.replace(np.inf, np.nan),
            "groups": by_group(images).replace(np.inf, np.nan),
            "swaps": pd.DataFrame(
                steps, columns=["row", "class", "swap", "cell", "taken_from", "probability", "predicted"]
            ),
            "semifactuals": pd.DataFrame([_between(session, each) for each in found if each.semifactual is not None]),
        }
        return Result(
            tables,
            arrays={
                "pictures": np.stack([_pictures(each) for each in shown]),
                "counts": images[list(COUNTED)].to_numpy(np.float64),
            },
            findings=findings_of(images, tables["semifactuals"], found, refused),
            notes={
                "shown": [each.row for each in shown],
                "semifactuals": [-1 if each.semifactual is None else each.semifactual for each in shown],
                "layer": found[0].layer,
                "cells": found[0].cells,
            },
        )

    def draw(self, result: Result) -> Figure:
        """Draw images with their examples; below, how many images are flipped by how many swaps."""
        return draw_examples(result, self.question())


def _line(session: Session, found: Counterfactual, params: CounterfactualExamplesParams) -> dict[str, Any]:
    """Tell how many swaps flip an image, and how many do with other cells, or with another image."""
    swaps = swaps_of(session, found.row, found.other_row, params.layer, params.side)
    random = float(np.median(swaps.at_random(found.target, params.draws, params.seed)))
    said = session.predictions
    others = np.flatnonzero(said.correct & (said.labels == found.target))
    others = others[(others != found.row) & (others != found.other_row)]
    elsewhere = np.nan
    if len(others):
        drawn = int(others[np.random.default_rng((params.seed, found.row)).integers(len(others))])
        again = swaps_of(session, found.row, drawn, params.layer, params.side)
        elsewhere = _count(again.greedy(found.target, taken_from=params.taken_from), found.target)
    own_place = _count(swaps.greedy(found.target, taken_from="same-place"), found.target)
    return {
        "row": found.row,
        "true": found.class_names[found.label],
        "predicted": found.class_names[found.predicted],
        "correct": found.label == found.predicted,
        "class": found.class_names[found.target],
        "other_row": found.other_row,
        "cells": found.cells,
        "swaps": len(found.swaps) if found.flipped else np.inf,
        "probability_before": found.before[found.target],
        "probability_after": found.after[found.target],
        "swaps_at_their_places": own_place,
        "swaps_at_random": random,
        "swaps_with_a_random_image": elsewhere,
    }


def _count(done: Sequence[Swap], target: int) -> float:
    """How many swaps it took; infinite where a class is not predicted after all of them."""
    return len(done) if not done or done[-1].predicted == target else np.inf


def _between(session: Session, found: Counterfactual) -> dict[str, Any]:
    """Tell how probable the predicted class is of the image, and of the one between."""
    said = session.predictions.probabilities
    return {
        "row": found.row,
        "other_row": found.semifactual,
        "predicted": found.class_names[found.predicted],
        "class": found.class_names[found.target],
        "probability": said[found.row, found.predicted],
        "probability_between": said[found.semifactual, found.predicted],
    }


def _pictures(found: Counterfactual) -> Array:
    """The image, its cells, those of the other image, that image, and the one between: `(5, h, w, C)` uint8."""
    between = np.full_like(found.original, 255) if found.semifactual_pixels is None else found.semifactual_pixels
    return small(np.stack([found.original, *found.pictures, found.other, between]))
