"""Steps that are halved where most is lost, and means of as many copies as it takes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.attribution.bisected_steps import middles, trapezoid
from workbench.attribution.methods import explainer
from workbench.attribution.references import quadrature
from workbench.attribution.sure_mean import joined, share_of_map
from workbench.core.errors import WorkbenchError
from workbench.core.params import make
from workbench.models.probe import Probe


def test_the_trapezoid_rule_of_unequal_steps_is_numpy_s():
    chance = np.random.default_rng(0)
    along, slopes = np.sort(chance.random((3, 6))), chance.normal(size=(3, 6, 4, 5))
    values, jumps = trapezoid(tf.constant(along), tf.constant(slopes))
    np.testing.assert_allclose(values, np.trapezoid(slopes, along[:, :, None, None], axis=1))
    expected = np.diff(along) * np.linalg.norm(np.diff(slopes, axis=1), axis=(2, 3))
    np.testing.assert_allclose(jumps, expected)


def test_the_half_of_the_steps_with_the_largest_jumps_is_halved():
    along = tf.constant([[0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.1, 0.2, 0.4, 1.0]])
    found = middles(along, tf.constant([[1.0, 4.0, 2.0, 3.0], [0.0, 5.0, 0.0, 7.0]]))
    np.testing.assert_allclose(np.sort(found), [[0.375, 0.875], [0.15, 0.7]])


def test_points_lie_where_the_score_bends():
    """f = relu(sum x - 0.9 n): on the way from black nothing is felt before 0.9, and halving finds the place."""
    image = keras.Input((4, 4, 1))
    units = keras.layers.Dense(2, activation="relu", name="bend")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Dense(2, kernel_initializer="identity")(units))
    model.get_layer("bend").set_weights([np.ones((16, 2)), np.full(2, -0.9 * 16)])
    white = np.ones((1, 4, 4, 1), np.float32)
    auto = explainer("integrated-gradients")(tolerance=0.01).attribute(Probe(model), white, np.zeros(1, np.int64))
    np.testing.assert_allclose(auto.values, 0.1, rtol=0.02)
    steps = int(auto.details["steps"][0])
    even = explainer("integrated-gradients")(steps=steps).attribute(Probe(model), white, np.zeros(1, np.int64))
    gaps = [abs(float(each.details["completeness gap"][0])) for each in (auto, even)]
    assert gaps[0] < gaps[1] / 3


def test_no_image_has_more_steps_or_copies_than_stated(monkeypatch):
    monkeypatch.setattr("workbench.attribution.bisected_steps.MOST", 40)
    monkeypatch.setattr("workbench.attribution.sure_mean.MOST", 40)
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(40, activation="relu", bias_initializer="random_normal")
    probe = Probe(keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), hidden, keras.layers.Dense(2)]))
    images, target = np.random.default_rng(0).random((3, 4, 4, 1), np.float32), np.zeros(3, np.int64)
    for method, count, most in (
        (explainer("integrated-gradients")(tolerance=0.005), "steps", [27, 40]),  # 8, 12, 18, 27, 40
        (explainer("smooth-grad")(draws="adaptive", tolerance=0.05, noise=1), "samples", [32]),  # 16, 32
    ):
        given = method.attribute(probe, images, target).details[count]
        assert given.max() == most[-1]
        assert given.min() >= most[0]


def test_a_linear_score_takes_the_fewest_steps_and_a_way_of_no_length_none_more():
    model = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    images = np.stack([np.full((3, 3, 1), level, np.float32) for level in (0, 1)])
    given = explainer("integrated-gradients")().attribute(Probe(model), images, np.zeros(2, np.int64))
    assert given.details["steps"].tolist() == [8, 8]
    assert not given.values[0].any() and given.details["relative error"].max() < 1e-6
    np.testing.assert_allclose(given.values[1].ravel(), model.get_weights()[0][:, 0], rtol=1e-5)


@pytest.mark.parametrize("points", [2, 3, 5])
def test_gauss_points_are_exact_for_polynomials_of_twice_their_degree(points):
    places, weights = quadrature(points, "gauss-legendre")
    for degree in range(2 * points):
        assert weights @ places**degree == pytest.approx(1 / (degree + 1))
    assert weights @ places ** (2 * points) != pytest.approx(1 / (2 * points + 1), rel=1e-9)


def test_a_rule_without_a_number_of_steps_is_refused():
    kind = explainer("integrated-gradients")
    with pytest.raises(WorkbenchError, match="`rule` gauss-legendre needs a number of `steps`"):
        make(kind, {"rule": "gauss-legendre"})
    assert make(kind, {"rule": "gauss-legendre", "steps": "8"}).steps == 8


def test_means_and_deviations_are_joined_as_if_all_had_come_at_once():
    each = np.random.default_rng(0).normal(100, 1, (3, 24, 4, 5))
    mean, squares = tf.zeros((3, 4, 5), tf.float64), tf.zeros((3, 4, 5), tf.float64)
    for start in (0, 8, 16):
        count = tf.constant(float(start), tf.float64)
        mean, squares = joined(mean, squares, count, tf.constant(each[:, start : start + 8]))
    np.testing.assert_allclose(mean, each.mean(axis=1))
    np.testing.assert_allclose(squares, each.var(axis=1) * 24)


def test_a_share_of_one_is_noise_alone():
    values = tf.constant([[[3.0, 4.0]], [[3.0, 4.0]], [[3.0, 4.0]], [[0.0, 0.0]]])
    found = share_of_map(tf.constant([3.0, 0.0, 5.0, 0.0]), values)
    np.testing.assert_allclose(found, [0.75, 0, 1, 0])
