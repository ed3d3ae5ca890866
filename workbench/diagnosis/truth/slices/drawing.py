"""Pictures of a few simple objects, drawn as a table of yes-or-no attributes says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array

SIDE = 24
"""Pixels a side: four fields of 12, one for each object, so that none hides another."""
FIELD = SIDE // 2
NOISE = 6.0
"""Standard deviation of every pixel, of 255."""


@dataclass(frozen=True)
class Attribute:
    """One thing about a picture that is of two kinds.

    Attributes:
        layer: what it is of, "background" or an object.
        name: "presence", "colour", "texture", "size" or "place".
        kinds: what one says of a picture where it is 0 and where it is 1.
    """

    layer: str
    name: str
    kinds: tuple[str, str]


def _of(layer: str, **kinds: tuple[str, str]) -> tuple[Attribute, ...]:
    return tuple(Attribute(layer, name, words) for name, words in kinds.items())


def _object(layer: str, **more: tuple[str, str]) -> tuple[Attribute, ...]:
    return _of(
        layer,
        presence=(f"no {layer}", f"{layer}"),
        colour=(f"blue {layer}", f"orange {layer}"),
        texture=(f"plain {layer}", f"striped {layer}"),
        size=(f"small {layer}", f"large {layer}"),
        **more,
    )


ATTRIBUTES = (
    *_of(
        "background",
        colour=("white background", "grey background"),
        texture=("plain background", "speckled background"),
    ),
    *_object("square", place=("square above", "square below")),
    *_object("rectangle", place=("rectangle on the left", "rectangle on the right")),
    *_object("circle"),
    *_of("text", presence=("no text", "text"), colour=("black text", "red text")),
)
"""All A attributes, the columns of a table of pictures."""
OBJECTS = ("square", "rectangle", "circle", "text")
COLUMN = {(each.layer, each.name): place for place, each in enumerate(ATTRIBUTES)}
"""Column of an attribute."""
GROUNDS = np.array([[236, 236, 236], [150, 150, 150]])
COLOURS = np.array([[40, 80, 210], [240, 140, 30]])
INKS = np.array([[20, 20, 20], [200, 20, 40]])
LETTERS = np.array(
    [[1, 1, 1, 0, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 1, 1, 0, 0],
     [0, 1, 0, 0, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0, 1, 0, 1]], bool)  # fmt: skip
"""A text, "TH."."""


def draw(table: Array, chance: np.random.Generator) -> Array:
    """Draw pictures: places within the fields, shades and noise at random.

    Args:
        table: `(N, A)` 0 or 1, columns as in `ATTRIBUTES`.
        chance: for all that no attribute says.

    Returns:
        `(N, SIDE, SIDE, 3)` uint8.
    """
    count = len(table)
    value = {key: table[:, column].astype(np.int64) for key, column in COLUMN.items()}
    pixels = np.repeat(GROUNDS[value["background", "colour"]][:, None, None], SIDE * SIDE, axis=1)
    pixels = pixels.reshape(count, SIDE, SIDE, 3).astype(np.float32)
    speckles = (chance.random((count, SIDE, SIDE)) < 0.12) & (value["background", "texture"] == 1)[:, None, None]
    pixels[speckles] = 70
    rows, columns = np.indices((SIDE, SIDE))
    fields = _fields(value["square", "place"], value["rectangle", "place"], chance)
    for number, name in enumerate(OBJECTS):
        top, left = FIELD * (fields[:, number] // 2), FIELD * (fields[:, number] % 2)
        height, width = _extent(name, value, count)
        top = top + chance.integers(1, np.maximum(FIELD - height, 2))
        left = left + chance.integers(1, np.maximum(FIELD - width, 2))
        y, x = rows - top[:, None, None], columns - left[:, None, None]
        inside = (y >= 0) & (y < height[:, None, None]) & (x >= 0) & (x < width[:, None, None])
        if name == "text":
            inside[inside] = LETTERS[y[inside], x[inside]]
            colour = INKS[value[name, "colour"]].astype(np.float64)
        else:
            colour = COLOURS[value[name, "colour"]] + chance.normal(0, 10, (count, 3))
        if name == "circle":
            middle = (height[:, None, None] - 1) / 2
            inside &= (y - middle) ** 2 + (x - middle) ** 2 <= height[:, None, None] ** 2 / 4
        picture, row, column = np.nonzero(inside & (value[name, "presence"] == 1)[:, None, None])
        shade = colour[picture]
        if name != "text":
            shade[(y[picture, row, 0] % 3 == 1) & (value[name, "texture"][picture] == 1)] *= 0.35
        pixels[picture, row, column] = shade
    pixels += NOISE * chance.standard_normal(pixels.shape, np.float32)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _extent(name: str, value: dict[tuple[str, str], Array], count: int) -> tuple[Array, Array]:
    """Height and width in pixels of one object in each picture."""
    if name == "text":
        return np.full(count, len(LETTERS)), np.full(count, LETTERS.shape[1])
    large = value[name, "size"]
    if name == "rectangle":
        return 4 + large, 7 + 3 * large
    return 6 + 4 * large, 6 + 4 * large


def _fields(square: Array, rectangle: Array, chance: np.random.Generator) -> Array:
    """Field of each object, 0 and 1 above, 0 and 2 on the left: `(N, 4)`, a permutation a row that keeps the places."""
    fields = chance.permuted(np.tile(np.arange(4), (len(square), 1)), axis=1)
    while len(wrong := np.flatnonzero((fields[:, 0] // 2 != square) | (fields[:, 1] % 2 != rectangle))):
        fields[wrong] = chance.permuted(fields[wrong], axis=1)
    return fields
