"""A figure is written as matplotlib's `savefig` writes it, and drawn once."""

import io
from unittest import mock

import numpy as np
from matplotlib.figure import Figure

from workbench.core.result import Result
from workbench.plotting.pieces import new_figure
from workbench.plotting.rendering import pixels_of, png_of


def figure():
    made = new_figure(Result(context={"run": "r"}), "What is it, and where does it lie?", height=3)
    axes = made.subplots(1, 2)
    picture = axes[0].imshow(np.arange(12).reshape(3, 4))
    made.colorbar(picture, ax=axes[0], label="score")
    axes[1].plot([0, 1000], [3, 1e-5], label="a line")
    axes[1].set_ylabel("a long label of the axis")
    axes[1].legend()
    return made


def test_it_is_what_savefig_writes_and_drawn_once():
    expected = io.BytesIO()
    figure().savefig(expected, format="png", dpi=110, metadata={"Software": None})
    made = figure()
    before = made.dpi
    with mock.patch.object(Figure, "draw", autospec=True, side_effect=Figure.draw) as draw:
        found = png_of(made, metadata={"Software": None})
    assert found == expected.getvalue()
    assert draw.call_count == 1
    assert made.dpi == before


def test_pixels_are_those_that_savefig_writes():
    expected = io.BytesIO()
    figure().savefig(expected, format="rgba", dpi=40)
    assert pixels_of(figure(), 40) == expected.getvalue()
