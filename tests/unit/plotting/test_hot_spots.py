"""Where a figure's places are in the picture is read off the drawing: each lies on what was drawn there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from workbench.core.result import Result
from workbench.plotting.hot_spots import (
    SMALLEST,
    Spot,
    hot_spots,
    image_spot,
    place_bars,
    place_cells,
    place_points,
    place_scatter,
    place_spot,
)
from workbench.plotting.pieces import new_figure, table_map
from workbench.plotting.tiles import Tile, tiles

DOTS = 110


def drawn(figure):
    """The picture as an array, and the pixels of each spot."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS)
    picture = np.asarray(Image.open(stream).convert("RGB"))
    height, width = picture.shape[:2]
    return picture, [
        (spot, picture[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)])
        for spot in hot_spots(figure)
        for x, y, w, h in [spot["box"]]
    ]


@pytest.fixture
def figure():
    return new_figure(Result(analysis="made"), "Where is it?", width=6, height=3)


def test_a_tile_s_spot_is_the_tile(figure):
    colours = np.array([[200, 10, 10], [10, 200, 10], [10, 10, 200], [200, 200, 10]], np.uint8)
    pictures = [
        Tile(np.tile(colour, (8, 8, 1)), above=[("a line", "black")], spot=image_spot(row, f"image {row}"))
        for row, colour in enumerate(colours)
    ]
    tiles(figure.subplots(), pictures, columns=3, cell=1.0)
    _, spots = drawn(figure)
    assert [spot["address"] for spot, _ in spots] == [{"image": str(row)} for row in range(4)]
    for (spot, pixels), colour in zip(spots, colours, strict=True):
        assert min(pixels.shape[:2]) > 40
        assert (pixels[2:-2, 2:-2] == colour).all(), spot


def test_pictures_beside_each_other_have_a_spot_each(figure):
    both = np.zeros((8, 16, 3), np.uint8)
    both[:, :8, 0] = both[:, 8:, 2] = 200
    pair = Tile(both, spot=[image_spot(3, "red"), image_spot(1, "blue", "train")])
    tiles(figure.subplots(), [pair], columns=1, cell=3.0)
    _, ((first, red), (second, blue)) = drawn(figure)
    assert (first["address"], second["address"]) == ({"image": "3"}, {"image": "1", "part": "train"})
    assert (red[2:-2, 2:-4] == [200, 0, 0]).all() and (blue[2:-2, 4:-2] == [0, 0, 200]).all()


def test_cells_bars_and_points_lie_where_they_are_drawn(figure):
    left, middle, right = figure.subplots(1, 3)
    table_map(left, np.array([[0.0, 1.0], [0.0, 0.0]]), end=1.0, unit="share")
    place_cells(left, {(0, 1): Spot({"true": "0", "predicted": "1"}, "dark")})
    middle.barh([0, 1], [3, 1], color="#ff0000")
    place_bars(middle, np.array([0, 1]), [Spot({"query": "label:a"}, "long"), None])
    right.scatter([1, 5], [1, 5], s=900, color="#0000ff", linewidth=0)
    place_points(right, [(5, 5)], [image_spot(7, "blue", part="train")])
    _, spots = drawn(figure)
    assert [spot["title"] for spot, _ in spots] == ["dark", "long", "blue"]
    (_, cell), (_, bar), (last, point) = spots
    assert cell[4:-4, 4:-4].max() < 60  # the darkest colour, whole
    assert (bar == [255, 0, 0]).all(axis=-1).mean() > 0.6
    assert (point == [0, 0, 255]).all(axis=-1).mean() > 0.6
    assert last["address"] == {"image": "7", "part": "train"}


def test_a_spot_is_large_enough_to_hit_and_inside_of_the_picture(figure):
    axes = figure.subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    for x, y in ((0, 0), (1, 1), (0.5, 0.5), (-3, 7)):
        place_spot(axes, (x, x, y, y), Spot({}, "point"))
    place_spot(axes, (-np.inf, np.inf, -np.inf, np.inf), Spot({}, "all"))
    picture, spots = drawn(figure)
    for spot, pixels in spots:
        x, y, w, h = spot["box"]
        assert 0 <= x <= x + w <= 1 + 1e-5 and 0 <= y <= y + h <= 1 + 1e-5
        assert min(pixels.shape[:2]) >= SMALLEST - 1
    assert spots[-1][1].size > 0.5 * picture.size


def test_turned_axes_and_no_spots(figure):
    axes = figure.subplots()
    assert hot_spots(figure) == []
    axes.imshow(np.eye(4), interpolation="nearest")  # its y axis points down
    place_spot(axes, (-0.5, 0.5, -0.5, 0.5), Spot({}, "first"))
    place_spot(axes, (2.5, 3.5, 3.5, 2.5), Spot({}, "last"))
    _, ((first, one), (last, other)) = drawn(figure)
    assert first["box"][1] < last["box"][1] and first["box"][0] < last["box"][0]
    yellow = np.array([253, 231, 36])
    assert (one[4:-4, 4:-4] == yellow).all() and (other[4:-4, 4:-4] == yellow).all()


def test_points_of_a_scatter_are_in_the_square_in_which_they_are_drawn_and_none_is_lost(figure):
    axes = figure.subplots()
    chance = np.random.default_rng(0)
    x, y = chance.random(400), chance.random(400) ** 3
    axes.scatter(x, y, s=4, color="#ff0000", linewidth=0)
    place_scatter(axes, x, y, lambda places: Spot({"rows": ",".join(map(str, places.tolist()))}, "some"))
    _, spots = drawn(figure)
    of = {int(row): spot for spot, _ in spots for row in spot["address"]["rows"].split(",")}
    assert sorted(of) == list(range(400)) and len(of) == sum(s["address"]["rows"].count(",") + 1 for s, _ in spots)
    at = axes.transData.transform(np.stack([x, y], axis=1)) / figure.canvas.get_width_height()
    for row, (across, up) in enumerate(at):
        left, top, wide, tall = of[row]["box"]
        assert left - 1e-4 <= across <= left + wide + 1e-4 and top - 1e-4 <= 1 - up <= top + tall + 1e-4
