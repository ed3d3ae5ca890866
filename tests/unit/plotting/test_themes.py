"""A dark figure can be read: texts and lines stand out, and what was coloured by a value keeps its colour."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text
from PIL import Image

from workbench.core.result import Result
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, VERDICT_COLOURS
from workbench.plotting.pieces import INK, QUIET, heading, interval_bars, new_figure, plain, table_map
from workbench.plotting.themes import DARK_PAPER, contrast, themed
from workbench.plotting.tiles import Tile, tiles


@pytest.fixture
def figure():
    """Bars with intervals, a table of counts with numbers in its cells, pictures with words, points and a legend."""
    made = new_figure(Result(analysis="made", context={"run": "baseline"}), "What is it?", width=9, height=3)
    bars, table, pictures, points = made.subplots(1, 4)
    interval_bars(bars, np.arange(2), np.array([0.4, 0.8]), np.array([0.3, 0.7]), np.array([0.5, 0.9]), colour=QUIET)
    plain(bars, grid="x")
    heading(bars, "Bars", colour=TRUE_COLOUR)
    table_map(table, np.array([[0.0, 5.0], [9.0, 1.0]]), end=9.0, unit="images", annot=True)
    image = np.full((6, 6, 1), 128, np.uint8)
    tiles(
        pictures, [Tile(image, above=[("label", TRUE_COLOUR)], below=[("said", PREDICTED_COLOUR)])], columns=1, cell=1
    )
    points.plot([0, 1], [0, 1], marker="o", color="#00004d", label="nearly black")
    points.scatter([0, 1], [1, 0], c=[0.0, 1.0], cmap="viridis")
    points.legend()
    return made


def cells(figure):
    return [each for each in figure.axes[1].texts if each.get_text().strip()]


def test_text_and_lines_stand_out_from_the_paper(figure):
    in_cells = cells(figure)
    themed(figure, "dark")
    texts = [each for each in figure.findobj(Text) if each.get_text().strip() and each not in in_cells]
    assert len(texts) > 12
    assert [each.get_text() for each in texts if contrast(each.get_color(), DARK_PAPER) < 4.5] == []
    lines = [line for axes in figure.axes for line in axes.lines if line.get_visible() and len(line.get_xdata())]
    assert all(contrast(line.get_color(), DARK_PAPER) >= 3 for line in lines if line.get_linestyle() != "None")


def test_what_was_coloured_by_a_value_keeps_its_colour(figure):
    before = [to_hex(each.get_color()) for each in cells(figure)]
    mesh, scatter = figure.axes[1].collections[0], figure.axes[3].collections[0]
    figure.canvas.draw()
    values = mesh.get_facecolor().copy(), scatter.get_facecolor().copy()
    themed(figure, "dark")
    figure.canvas.draw()
    assert [to_hex(each.get_color()) for each in cells(figure)] == before
    assert (mesh.get_facecolor() == values[0]).all() and (scatter.get_facecolor() == values[1]).all()


def test_words_on_bars_and_pictures_can_be_read():
    made = new_figure(Result(analysis="made"), "What?", width=4, height=2)
    bars, picture = made.subplots(1, 2)
    bars.barh([0, 1], [10, 10], color=[TRUE_COLOUR, "#64748b"], alpha=0.9)
    inside = [bars.text(1, 0, "on teal", color="white"), bars.text(1, 1, "on grey", color="white")]
    outside = bars.text(12, 0, "beside", color=INK)
    values = np.ones((2, 2, 4))
    values[0, 1, 3] = 0  # the paper, upper right
    picture.imshow(values, interpolation="nearest")
    on_white, on_paper = picture.text(0, 0, "1", color=INK), picture.text(1, 0, "2", color=INK)
    themed(made, "dark")
    made.canvas.draw()
    for text, bar in zip(inside, bars.patches, strict=True):
        assert contrast(text.get_color(), bar.get_facecolor()[:3]) >= 4.5
        assert bar.get_edgecolor()[3] == 0  # it had none
    assert contrast(outside.get_color(), DARK_PAPER) >= 4.5
    assert to_hex(on_white.get_color()) == INK
    assert contrast(on_paper.get_color(), DARK_PAPER) >= 4.5


def test_a_table_has_no_white_gaps_and_letters_no_white_border():
    from matplotlib.patheffects import withStroke

    made = new_figure(Result(analysis="made"), "What?", width=3, height=2)
    axes = made.subplots()
    table_map(
        axes, np.ones((2, 2)), end=2.0, unit="images", hidden=np.eye(2, dtype=bool), linewidths=1, linecolor="white"
    )
    axes.set_facecolor("#f8fafc")
    around = withStroke(linewidth=2, foreground="white")
    made.text(0.5, 0.5, "named", path_effects=[around])
    themed(made, "dark")
    assert {to_hex(each) for each in axes.collections[0].get_edgecolor()} == {DARK_PAPER}
    assert max(to_rgb(axes.get_facecolor())) < 0.2
    assert to_hex(around._gc["foreground"]) == DARK_PAPER


def test_a_place_that_stays_free_is_the_paper(figure):
    pictures = [Tile(np.full((6, 6, 1), 90, np.uint8)), Tile(np.full((6, 6, 1), 90, np.uint8), blank=True)]
    axes = figure.axes[2]
    axes.clear()
    tiles(axes, pictures, columns=2, cell=1)
    assert len(axes.get_images()) == 1
    assert axes.get_xlim() == pytest.approx((0, 1.9))


def test_the_paper_is_dark_and_the_picture_is_as_it_was(figure):
    drawn = []
    for theme in ("light", "dark"):
        stream = io.BytesIO()
        themed(figure, theme).savefig(stream, format="png", dpi=100)
        drawn.append(np.asarray(Image.open(stream).convert("RGB")).astype(int))
    light, dark = drawn
    assert light[2, 2].tolist() == [255, 255, 255]
    assert dark[2, 2].tolist() == [round(255 * part) for part in to_rgb(DARK_PAPER)]
    grey = (light == 128).all(axis=-1)
    assert grey.sum() > 500 and (dark[grey] == 128).mean() > 0.99


def test_meaning_keeps_its_hue():
    figure = new_figure(Result(analysis="made"), "Which?", width=4, height=1)
    axes = figure.subplots()
    for place, colour in enumerate((TRUE_COLOUR, PREDICTED_COLOUR, *VERDICT_COLOURS.values(), INK)):
        axes.text(0, place, "word", color=colour)
    themed(figure, "dark")
    said = [to_hex(each.get_color()) for each in axes.texts]
    assert said == ["#2dd4bf", "#fb923c", "#4ade80", "#fbbf24", "#f97066", "#9aa4b4", "#f97066", "#e6e9ef"]


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WCAG's own example of what just fails
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
