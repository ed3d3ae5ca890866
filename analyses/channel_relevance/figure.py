"""What each channel carries: its share, its map on the image, and the images in which it carries most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.plotting.hot_spots import Spot, spot_of
from workbench.plotting.pieces import INK, QUIET, heading, new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.82
"""Width of a picture in inches."""


def draw_channels(result: Result, question: str, others: int) -> Figure:
    """Draw the image with all of its relevance, and a line for each channel."""
    notes = result.notes
    pictures = _pictures(result)
    columns = 3 + others
    height = tiles_height(pictures, columns, CELL) + 0.35
    note = (
        f"Layer {text(notes['layer'], 40)}; relevance for {text(notes['class'])}, by {result.params['composite']}. "
        "Each row: the relevance that passes through this channel alone (scale of its own); crops around "
        f"the places where the channel has most relevance in {plural(notes['images'], 'image')} of all classes, and "
        "what passes through it there. Counted: what the nine images with most are predicted as."
    )
    figure = new_figure(result, question, width=columns * CELL + 0.4, height=height + 0.3, note=note)
    axes = figure.subplots()
    tiles(axes, pictures, columns=columns, cell=CELL)
    heading(axes, f"Relevance for {text(notes['class'])}: through all channels, and through each of those with most")
    return figure


def _pictures(result: Result) -> list[Tile]:
    table, arrays, row = result.tables["channels"], result.arrays, int(result.notes["row"])
    image, spot = arrays["image"][0], spot_of(result, row)
    whole_map = arrays["maps"][0]
    found: list[Tile] = []
    for place, (_, line) in enumerate(table.iterrows()):
        every = _mapped(image, whole_map, [image_name(result, row), ("all channels", QUIET)], spot)
        words = [(f"channel {line['channel']}", INK), (f"{percent(line['share'])} of it", QUIET)]
        found += [
            every if place == 0 else Tile(image, blank=True),
            _mapped(image, arrays["maps"][1 + place], words, spot),
        ]
        empty, others = Tile(image, blank=True), [int(other) for other in arrays["rows"][place]]
        for n, (crop, other) in enumerate(zip(arrays["crops"][place], others, strict=True)):
            words = [("where it has most", INK), (text(line["its_images"], 44), QUIET)] if n == 0 else []
            found.append(Tile(crop, above=words, framed=True, spot=spot_of(result, other)) if other >= 0 else empty)
        found.append(empty)
        for one, values, other in zip(arrays["images"][place], arrays["others"][place], others, strict=False):
            named = [image_name(result, other)] if other >= 0 else []
            found.append(_mapped(one, values, named, spot_of(result, other)) if other >= 0 else empty)
    return found


def _mapped(image: Array, values: Array, words: Sequence[tuple[str, str]], spot: Spot) -> Tile:
    """Lay relevance over an image, on a scale of its own."""
    scale = float(np.abs(values).max(initial=0))
    return Tile(image, above=words, overlay=values, signed=True, scale=scale, framed=True, spot=spot)
