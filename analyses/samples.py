"""Labelled samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.result import Result
from workbench.core.wording import join_names, plural
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import TRUE_COLOUR
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session


class SamplesParams(Params):
    """Which images to show."""

    count: int = Field(25, ge=1, le=100, description="images to show, balanced over the classes")
    seed: Seed = Field(0, description="seed for choosing images")


class Samples(Analysis[SamplesParams]):
    """What do the images look like, and do you agree with their labels?"""

    group = "Labels"
    title = "Samples and their labels"
    Params = SamplesParams
    needs_images = True

    def compute(self, session: Session, params: SamplesParams) -> Result:
        """Take one image of each class in turn until there are enough."""
        import pandas as pd

        dataset, names = session.dataset, session.class_names
        rows = balanced_rows(dataset.labels, params.count, params.seed)
        labels = dataset.labels[rows]
        table = pd.DataFrame(
            {"row": rows, "index": dataset.indices[rows], "label": labels, "class": [names[label] for label in labels]}
        )
        shown = len(np.unique(labels))
        findings = [
            Finding(
                f"{plural(len(rows), 'image')} of {len(dataset):,} shown, from {shown} of "
                f"{plural(len(names), 'class')}.",
                effect=Estimate(float(len(rows))),
                evidence=ImageSet(rows),
                advice="Where you would choose another label, the model probably will too.",
            )
        ]
        absent = np.flatnonzero(np.bincount(dataset.labels, minlength=len(names)) == 0)
        if len(absent):
            findings.insert(
                0,
                Finding(
                    f"{plural(len(absent), 'class')} of {len(names)} {'has' if len(absent) == 1 else 'have'} no "
                    f"images here: {join_names([names[c] for c in absent])}.",
                    severity=Severity.MILD,
                    effect=Estimate(float(len(absent))),
                    advice="A class without images cannot be evaluated: add some.",
                ),
            )
        return Result({"samples": table}, arrays={"images": thumbnails_of(dataset, rows)}, findings=tuple(findings))

    def draw(self, result: Result) -> Figure:
        """Draw the images in a square grid, with label and name."""
        table = result.tables["samples"]
        pictures = [
            Tile(
                image, above=[(text(name, 20), TRUE_COLOUR)], below=[image_name(result, row)], spot=spot_of(result, row)
            )
            for image, name, row in zip(result.arrays["images"], table["class"], table["row"], strict=True)
        ]
        columns = int(np.ceil(np.sqrt(len(pictures))))
        cell = min(1.5, 10 / columns)
        width = max(columns * cell + 0.2, 6.0)
        figure = new_figure(
            result, self.question(), width=width, height=tiles_height(pictures, columns, cell), note="Teal: label."
        )
        tiles(figure.subplots(), pictures, columns=columns, cell=cell)
        return figure
