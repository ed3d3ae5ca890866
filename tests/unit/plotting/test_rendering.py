"""A figure is written as matplotlib's `savefig` writes it, and drawn once."""

import io
from unittest import mock

import numpy as np
import pytest
from matplotlib.figure import Figure

from workbench.core.result import Result
from workbench.plotting.pieces import new_figure
from workbench.plotting.rendering import draw_unlettered, pixels_of, png_of


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


def test_what_cannot_be_drawn_fails_without_letters_too_and_they_take_the_same_room():
    lettered, bare = figure(), figure()
    pixels_of(lettered)
    draw_unlettered(bare)
    for one, other in zip(lettered.axes, bare.axes, strict=True):
        np.testing.assert_allclose(one.get_position(), other.get_position())
    bare.axes[1].set_title("$\\frac{1}{$")
    with pytest.raises(ValueError, match="ParseSyntaxException"):
        draw_unlettered(bare)
    crowded = figure()
    crowded.set_size_inches(0.5, 3)
    with pytest.warns(UserWarning, match="constrained_layout not applied"):
        draw_unlettered(crowded)
