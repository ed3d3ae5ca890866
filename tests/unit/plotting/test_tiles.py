import numpy as np
import pytest
from matplotlib.figure import Figure

from workbench.core.image_names import ImageNames
from workbench.core.result import Result
from workbench.plotting.colours import rgba
from workbench.plotting.tiles import Tile, fitted, image_name, strips, tiles, tiles_height

GREY = np.array([[0, 255]], np.uint8)[..., None]


def drawn(*pictures, columns=2):
    axes = Figure().subplots()
    tiles(axes, pictures, columns=columns, cell=1.0)
    return axes


def test_pictures_flow_in_rows_nearest_neighbour():
    axes = drawn(*[Tile(GREY)] * 3)
    images = axes.get_images()
    assert [image.get_interpolation() for image in images] == ["nearest"] * 3
    assert [image.get_extent()[0] for image in images] == [0, 1, 0]
    tops = [image.get_extent()[3] for image in images]
    assert tops[0] == tops[1] < tops[2]
    assert images[0].get_array()[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_texts_stand_in_their_colours():
    axes = drawn(Tile(GREY, above=[("true", "#0f766e"), ("predicted", "#c2410c")], below=[("row 1", "#000000")]))
    assert [(each.get_text(), each.get_color()) for each in axes.texts] == [
        ("true", "#0f766e"),
        ("predicted", "#c2410c"),
        ("row 1", "#000000"),
    ]
    heights = [each.get_position()[1] for each in axes.texts]
    assert heights == sorted(heights)  # downwards


@pytest.mark.parametrize("cell", [0.6, 0.95, 1.6])
@pytest.mark.parametrize(
    "name",
    [
        "test/4143",
        "val/coat/IMG_0412.jpg",
        f"{'m' * 80}.jpg",
        "größe/äußerst schöner Mantel Nr. 7.png",
        "a$b$c/$x_1$.png",
    ],
)
def test_the_name_of_an_image_is_as_wide_as_its_picture_and_keeps_its_end(name, cell):
    result = Result(names=ImageNames(np.array(["another", name])))
    figure = Figure(figsize=(4 * cell, 4), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    tiles(axes, [Tile(GREY, below=[image_name(result, 1)])] * 4, columns=4, cell=cell)
    figure.canvas.draw()
    for words in axes.texts:
        assert words.get_window_extent().width <= 0.9 * cell * 100 * 1.02
        shown = words.get_text().replace(r"\$", "$")
        assert name.endswith(shown.removeprefix("…").removeprefix("/")) and len(shown) > 5


def test_folders_go_before_letters_do():
    assert fitted("val/coat/IMG_0412.jpg", 2.0) == "val/coat/IMG_0412.jpg"
    assert fitted("val/coat/IMG_0412.jpg", 1.15) == "…/coat/IMG_0412.jpg"
    assert fitted("val/coat/IMG_0412.jpg", 1.0) == "…/IMG_0412.jpg"
    assert fitted("val/coat/IMG_0412.jpg", 0.6) == "…0412.jpg"
    assert fitted("a\nb.png", 2.0) == "a b.png"


def test_an_overlay_is_painted_by_the_shared_scale():
    overlay = np.array([[0.0, 1.0]])
    painted = drawn(Tile(GREY, overlay=overlay, scale=2.0)).get_images()[1].get_array()
    assert (painted == rgba(overlay, signed=False, scale=2.0)).all()


@pytest.mark.parametrize(("overlay", "scale"), [(np.zeros((1, 2)), 2.0), (np.zeros((1, 2)), 0.0)])
def test_a_map_without_evidence_is_grey_and_says_so(overlay, scale):
    axes = drawn(Tile(GREY, overlay=overlay, scale=scale))
    assert [each.get_text() for each in axes.texts] == ["no positive\nevidence"]
    assert axes.patches[0].get_facecolor()[:3] == pytest.approx((0.612, 0.639, 0.686), abs=0.01)


def test_height_counts_rows_and_lines():
    one = tiles_height([Tile(GREY)], 2, 1.0)
    assert tiles_height([Tile(GREY)] * 3, 2, 1.0) == pytest.approx(2 * one)
    assert tiles_height([Tile(GREY, above=[("a", "black")])], 2, 1.0) > one
    assert tiles_height([Tile(GREY)], 2, 2.0) == pytest.approx(2 * one)


def test_nothing_draws_nothing():
    assert drawn().get_images() == []


def test_strips_are_level_with_bars():
    axes = Figure().subplots()
    assert len(strips(axes, 3)) == 3
    assert axes.get_ylim() == (2.5, -0.5)
