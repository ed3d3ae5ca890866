"""Networks to plant faults into: compiled once, and each trained as if it were the only one."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.diagnosis.planting.fault import Fitting
from workbench.diagnosis.planting.networks import MAKES, Networks
from workbench.diagnosis.planting.worlds import digits


@pytest.mark.parametrize("make", MAKES)
def test_what_was_trained_before_makes_no_difference_and_is_compiled_once(make, monkeypatch):
    monkeypatch.setattr("workbench.diagnosis.planting.networks.MAKES", (make,))
    part = digits(np.random.default_rng(0)).train.subset(range(80))
    networks, fitting = Networks(), Fitting(epochs=0.1)

    def trained(seed, images, how=fitting):
        model = networks.train(part.subset(range(images)), 12, how, np.random.default_rng(seed))
        return model, model.get_weights()

    first, before = trained(1, 80)
    compiled = first.train_function
    other, between = trained(2, 70, Fitting(epochs=0.2, unit=255.0))
    again, after = trained(1, 80)
    assert first is other is again
    assert again.train_function is compiled
    assert networks.engine(first) is networks.engine(again)
    for one, same in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(before[-2], between[-2])
    assert trained(1, 80, Fitting(dropout=0.0, epochs=0.1))[0] is not first


@pytest.mark.parametrize("make", ["residual", "dense"])
def test_a_make_is_trained_where_it_is_asked_for_and_may_end_in_logits(make):
    part = digits(np.random.default_rng(0)).train.subset(range(300))
    fitting = Fitting(epochs=1, make=make, logits=True)
    model = Networks().train(part, 8, fitting, np.random.default_rng(0))
    said = np.asarray(model(part.floats()))
    assert model.name == make and (said < 0).any()
    assert (said.argmax(axis=1) == part.labels).mean() > 0.5
