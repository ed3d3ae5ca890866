import keras
import numpy as np
import pytest
from keras import layers

from workbench.training.weight_averaging import Averages


@pytest.fixture
def model():
    made = keras.Sequential([keras.Input((2,)), layers.Dense(1, use_bias=False), layers.BatchNormalization()])
    made.set_weights([np.zeros(each.shape) for each in made.get_weights()])
    return made


def to(model, value):
    model.set_weights([np.full(each.shape, value, np.float32) for each in model.get_weights()])


def means(averages):
    return [float(value.ravel()[0]) for name, value in averages.state().items() if name != "steps"]


def test_the_mean_follows_the_weights_the_statistics_among_them(model):
    averages = Averages(model, 0.15)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 4.0)):
        to(model, value)
        averages.callback().on_train_batch_end(step)
        momentum = min(0.15, (1 + step) / (10 + step))  # 0.1, then 0.15
        expected = momentum * expected + (1 - momentum) * value
        assert means(averages) == pytest.approx([expected] * 5)  # kernel, gamma, beta, mean, variance
    assert expected == pytest.approx(0.15 * (0.15 * 0.9 + 0.85 * 2) + 0.85 * 4)


def test_it_goes_on_where_it_was(model):
    one = Averages(model, 0.9)
    to(model, 1.0)
    one._step()
    other = Averages(model, 0.9, one.state())
    for averages in (one, other):
        averages._step()
    assert means(one) == means(other) == pytest.approx([1 - 0.1 * 2 / 11] * 5)


def test_means_are_lent_for_validation_and_given_back(model):
    averages = Averages(model, 0.9)
    to(model, 1.0)
    averages._step()
    to(model, 5.0)
    with averages.lent():
        assert model.get_weights()[0].ravel().tolist() == pytest.approx([0.9, 0.9])
    assert model.get_weights()[0].ravel().tolist() == [5, 5]
    callback = averages.callback()
    callback.on_test_begin()
    assert model.get_weights()[0][0, 0] == pytest.approx(0.9)
    callback.on_test_end()
    assert model.get_weights()[0][0, 0] == 5
    averages.keep()
    assert model.get_weights()[0][0, 0] == pytest.approx(0.9)
