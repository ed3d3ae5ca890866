import numpy as np
import pytest

from workbench.plotting.colours import CONTRASTING, DIVERGING, SEQUENTIAL, gradient, rgba, scale_of


@pytest.mark.parametrize(
    ("values", "signed", "scale"),
    [
        ([1.0, 3.0, -5.0], True, 5.0),
        ([1.0, 3.0, -5.0], False, 3.0),
        ([0.0, 0.0], True, 0.0),
        ([-1.0, -2.0], False, 0.0),
        ([], True, 0.0),
    ],
)
def test_scale_is_the_largest_magnitude_that_is_shown(values, signed, scale):
    assert scale_of(np.array(values), signed) == scale


def test_alpha_is_the_magnitude():
    painted = rgba(np.array([[0.0, 0.5, 1.0, 4.0, -2.0]]), signed=False, scale=2.0)
    assert painted[0, :, 3].tolist() == [0, 64, 128, 255, 0]  # beyond the scale opaque, below zero transparent
    painted = rgba(np.array([[0.0, 1.0, -2.0]]), signed=True, scale=2.0)
    assert painted[0, :, 3].tolist() == [0, 128, 255]


def test_sign_is_told_by_orange_and_blue():
    orange, blue = rgba(np.array([[1.0, -1.0]]), signed=True, scale=1.0)[0].astype(int)
    assert orange[0] > 200 > orange[2]
    assert blue[2] > 200 > blue[0]
    assert abs(int(orange[1]) - int(blue[1])) < 60  # for those who see no red, blue against yellow remains


def test_nothing_is_transparent_everywhere_and_divides_by_nothing():
    with np.errstate(all="raise"):
        assert not rgba(np.zeros((2, 3)), signed=True, scale=0.0)[..., 3].any()


def test_a_tiny_scale_is_a_scale():
    assert rgba(np.array([[1e-30]]), signed=False, scale=1e-30)[0, 0, 3] == 255


def test_many_maps_are_coloured_as_each_alone():
    maps = np.random.default_rng(0).normal(size=(3, 4, 5))
    together = rgba(maps, signed=True, scale=2.0)
    assert together.shape == (3, 4, 5, 4)
    assert (together[1] == rgba(maps[1], signed=True, scale=2.0)).all()


def test_the_legend_is_the_overlay_on_black():
    painted = rgba(np.array([[0.5]]), signed=False, scale=1.0)[0, 0].astype(float)
    shown = painted[:3] * painted[3] / 255
    stop = SEQUENTIAL[len(SEQUENTIAL) // 2]
    assert [int(stop[i : i + 2], 16) for i in (1, 3, 5)] == pytest.approx(shown, abs=1)


def test_the_sequential_ramp_grows_lighter_and_the_diverging_one_is_dark_in_the_middle():
    def light(colour):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lightness = [light(colour) for colour in SEQUENTIAL]
    assert lightness == sorted(lightness)
    assert len(set(lightness)) == len(SEQUENTIAL)
    assert DIVERGING[1] == "#000000"
    assert gradient(True) == "linear-gradient(90deg, #48a0ff, #000000, #ff7a1a)"


def test_a_contrast_is_teal_for_the_true_class_and_orange_for_the_predicted_one():
    painted = rgba(np.array([[-1.0, 0.5]]), signed=True, scale=1.0, contrast=True)[0]
    assert painted.tolist() == [[255, 122, 26, 255], [45, 212, 191, 128]]
    assert CONTRASTING == ("#ff7a1a", "#000000", "#2dd4bf")
