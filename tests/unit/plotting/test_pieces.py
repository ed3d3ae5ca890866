import numpy as np
import pytest
from matplotlib import cbook
from matplotlib.figure import Figure

from workbench.core.result import Result
from workbench.plotting.pieces import (
    caption,
    class_ticks,
    colours_for,
    interval_bars,
    montage,
    new_figure,
    show_map,
    text,
)


@pytest.mark.parametrize(
    ("name", "limit", "drawn"),
    [
        ("Shirt", 24, "Shirt"),
        ("abcdefghijkl", 7, "abc…jkl"),
        ("abcdefghijkl", 6, "abc…kl"),
        ("two\nlines\tand\x1b[31m", 24, "two lines and [31m"),
        ("\u202eright to left", 24, "right to left"),
        ("", 24, "(no name)"),
        ("a$b$", 24, r"a\$b\$"),
        (7, 24, "7"),
    ],
)
def test_text_is_one_line_of_plain_characters(name, limit, drawn):
    assert text(name, limit) == drawn


@pytest.mark.parametrize("name", ["$x$", "$$", r"\$x$", r"$\frac{1}{0}$", "50 $", "$a$ and $b$", "\\\\$x$"])
def test_no_name_is_mathtext(name):
    drawn = text(name, 60)
    assert not cbook.is_math_text(drawn)
    assert drawn.replace(r"\$", "$") == name  # what matplotlib shows of text that is no mathtext


def test_the_caption_says_where_it_comes_from():
    context = {"run": "baseline", "dataset": "fashion-mnist/test", "images": 10_000, "classes": 3, "seconds": 3}
    result = Result(params={"classes": 30, "layer": None, "seed_of": 2}, context=context)
    data, settings = (
        "baseline · fashion-mnist/test · 10,000 images · 3 classes",
        "classes=30 · layer=default · seed_of=2",
    )
    assert caption(result) == f"run {data} · {settings}"
    assert caption(Result()) == ""
    context["engine"] = "tensorflow 2.21.0"  # as ever
    assert caption(result) == f"run {data} · {settings}"
    context["engine"] = "onnxruntime 1.22.0"
    assert caption(result) == f"run {data} · engine onnxruntime 1.22.0 · {settings}"


def test_title_and_caption_are_on_the_figure_and_it_has_no_pyplot():
    result = Result(context={"run": "$a$", "images": 1})
    figure = new_figure(result, "Is it so?", height=2, note="How to read it.")
    assert figure.get_suptitle() == "Is it so?"
    assert figure.get_supxlabel() == "How to read it.\nrun \\$a\\$ · 1 image"
    assert getattr(figure, "number", None) is None


def test_a_montage_keeps_rows_and_leaves_gaps():
    pictures = np.arange(3)[:, None, None] * np.ones((1, 1, 2))
    canvas = montage(pictures, 2)
    assert canvas.shape == (3, 5)
    assert canvas[0].tolist()[:2] == [0, 0]
    assert np.isnan(canvas[0, 2])
    assert canvas[0, 3:].tolist() == [1, 1]
    assert canvas[2, :2].tolist() == [2, 2]
    assert np.isnan(canvas[1]).all()
    assert np.isnan(canvas[2, 2:]).all()


def test_signed_maps_are_symmetric_about_zero_and_unsigned_ones_begin_there():
    assert colours_for(signed=True, scale=3.0).get_clim() == (-3, 3)
    assert colours_for(signed=False, scale=3.0).get_clim() == (0, 3)
    assert colours_for(signed=True, scale=0.0).get_clim() == (-1, 1)
    middle = colours_for(signed=True, scale=3.0).to_rgba(np.array([0.0]))
    assert middle[0, :3] == pytest.approx([1, 1, 1], abs=0.01)


def test_a_map_is_drawn_nearest_neighbour_and_nan_is_the_gap():
    axes = Figure().subplots()
    show_map(axes, np.array([[1.0, np.nan]]), colours_for(signed=False, scale=1.0), gap=0.5)
    (image,) = axes.get_images()
    assert image.get_interpolation() == "nearest"
    assert image.get_array()[0, 1, :3].tolist() == [0.5, 0.5, 0.5]


def test_bars_reach_their_values_and_intervals_their_ends():
    axes = Figure().subplots()
    values, low, high = np.array([0.5, np.nan]), np.array([0.2, 0.0]), np.array([0.9, 1.0])
    interval_bars(axes, np.arange(2), values, low, high, colour="red")
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.0]
    (whisker,) = axes.collections[0].get_segments()  # one: a value that is not known has no interval
    assert whisker[:, 0].tolist() == pytest.approx([0.2, 0.9])


def test_class_names_stand_at_their_places_first_on_top():
    axes = Figure().subplots()
    class_ticks(axes, ["$a$", "_b"])
    assert [label.get_text() for label in axes.get_yticklabels()] == [r"\$a\$", "_b"]
    assert axes.get_ylim() == (1.5, -0.5)
