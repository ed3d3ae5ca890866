"""Images beside the training images that help and that harm the most, and training images that harm many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import significant
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import INK, QUIET, heading, new_figure, say, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.influence import BY

from .findings import HOW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.88
"""Width of a picture in inches."""
MOST = 5
"""Helpful and harmful training images of an image to show, at most."""


def draw_influence(result: Result, question: str) -> Figure:
    """Draw a line for each image: itself, what helps, what harms; below, what is harmful for many."""
    if result.tables["images"].empty:
        return say(new_figure(result, question, height=2.0), "No training image changes the loss of these images.")
    pictures, columns = _lines(result)
    upper = tiles_height(pictures, columns, CELL) + 0.1
    several = int(result.notes["asked"]) > 1
    worst = _worst(result)[:columns] if several else []
    lower = tiles_height(worst, columns, CELL) + 0.45 if worst else 0.0
    said = (
        "Teal: true class of the image; orange: predicted class; grey: another class. Under training images: label, "
        f"name, influence ({result.notes['unit']}; positive "
        "where a training step on it lowers the loss of the image's label). "
        f"{result.notes['measured']} {BY[result.notes['layers']]}"
    )
    figure = new_figure(result, question, width=columns * CELL + 0.3, height=upper + lower, note=said)
    if not worst:
        tiles(figure.subplots(), pictures, columns=columns, cell=CELL)
        return figure
    above, below = figure.subfigures(2, 1, height_ratios=[upper, lower], squeeze=False)[:, 0]
    tiles(above.subplots(), pictures, columns=columns, cell=CELL)
    axes = below.subplots()
    empty = _blank(worst[0].image)
    tiles(axes, [*worst, *[empty] * (columns - len(worst))], columns=columns, cell=CELL)
    heading(axes, f"Most often among the {result.notes['top']} most harmful")
    return figure


def _lines(result: Result) -> tuple[list[Tile], int]:
    table, pictures = result.tables["images"], list[Tile]()
    listed = min(MOST, int(table.groupby(["row", "did"], sort=False).size().max()))
    seen = table[table["row"].isin(result.notes["shown"])]
    pixels = dict(zip(seen["train_row"].tolist(), result.arrays["training images"], strict=True))
    for row, image in zip(result.notes["shown"], result.arrays["images"], strict=True):
        own = table[table["row"] == row]
        if own.empty:
            continue
        first = own.iloc[0]
        names = {first["label"]: TRUE_COLOUR, first["predicted"]: PREDICTED_COLOUR}
        wrong = first["label"] != first["predicted"]
        below = [
            (text(first["label"], 14), TRUE_COLOUR),
            (text(first["predicted"], 14) if wrong else "", PREDICTED_COLOUR),
            image_name(result, row),
        ]
        line = [Tile(image, above=[("", INK)], below=below, spot=spot_of(result, row))]
        for how in HOW:
            those = own[own["did"] == how].head(listed)
            for place, (_, each) in enumerate(those.iterrows()):
                colour = TRUE_COLOUR if each["its_label"] == first["label"] else names.get(each["its_label"], QUIET)
                line.append(
                    Tile(
                        pixels[each["train_row"]],
                        above=[(how if place == 0 else "", INK)],
                        below=[
                            (text(each["its_label"], 14), colour),
                            image_name(result, each["train_row"], "train"),
                            (_signed(each["influence"]), QUIET),
                        ],
                        spot=spot_of(result, each["train_row"], "train"),
                    )
                )
            line += [_blank(image)] * (listed - len(those))
        pictures += line
    return pictures, 1 + 2 * listed


def _worst(result: Result) -> list[Tile]:
    table, images = result.tables["training"], result.arrays["worst images"]
    return [
        Tile(
            image,
            below=[
                (text(each["label"], 14), INK if each["label"] == each["predicted"] else PREDICTED_COLOUR),
                image_name(result, each["train_row"], "train"),
                (f"harms {each['images_harmed']:,}", QUIET),
            ],
            spot=spot_of(result, each["train_row"], "train"),
        )
        for image, (_, each) in zip(images, table.head(len(images)).iterrows(), strict=True)
    ]


def _blank(like: Array) -> Tile:
    return Tile(np.full((*like.shape[:2], 3), 255, np.uint8), below=[("", INK)], blank=True)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{significant(value)}"
