"""A small trained network, and what is said when channels of it are zeroed, dead or doubled."""

import keras
import numpy as np
import pytest
from keras import layers

from analyses.channels import Channels, ChannelsParams
from analyses.channels.findings import dead_channel_findings, redundant_channel_findings
from workbench.core.dataset import Dataset
from workbench.session.refit import Refit
from workbench.session.session import Session


@pytest.fixture
def ask():
    def build(change=lambda kernel, bias: None, **params):
        keras.utils.set_random_seed(4)
        model = keras.Sequential(
            [
                keras.Input((10, 10, 1)),
                layers.Conv2D(8, 3, name="conv", activation="relu"),
                layers.Flatten(),
                layers.Dense(6, name="dense", activation="tanh"),
                layers.Dense(2, name="scores"),
            ]
        )
        conv = model.get_layer("conv")
        kernel, bias = conv.get_weights()
        bias += 0.5  # all alive
        change(kernel, bias)
        conv.set_weights([kernel, bias])
        images = np.random.default_rng(0).integers(0, 256, (20, 10, 10, 1), np.uint8)
        data = Dataset(images, np.arange(20) % 2, class_names=("ant", "bee"), indices=np.arange(20), name="made/test")
        return Channels().compute(Session(model, data, cache=False), ChannelsParams(**params))

    return build


def faults(result):
    return [each for each in result.findings if each.kind]


def test_a_healthy_model_has_no_fault_and_every_channel_a_line(ask, words):
    result = ask()
    assert faults(result) == []
    assert result.tables["layers"][["layer", "channels", "dead", "zeroed"]].to_numpy().tolist() == [
        ["conv", 8, 0, 0],
        ["dense", 6, 0, 0],
        ["scores", 2, 0, 0],
    ]
    assert result.tables["channels"]["channel"].tolist() == list(range(8))
    assert result.arrays["rows"].shape == (8, 9)  # four channels, by activation and by relevance
    assert "conv, 8" in words(Channels().draw(result))


def test_a_quarter_of_the_kernels_zeroed_is_serious_where_the_cost_is_unknown_and_a_zeroed_bias_is_nothing(ask):
    def zero(kernel, bias):
        kernel[..., :2], bias[:2] = 0, 0

    (fault,) = faults(ask(zero))
    assert fault.cost is None
    assert (fault.severity, fault.kind, fault.effect.value) == ("serious", "dead-channels", 0.25)
    assert fault.claim.startswith("conv: 2 of its 8 channels, 25.0 % (95 % interval 7.1–59.1 %), have only weights")

    def only_bias(kernel, bias):
        bias[:] = 0

    assert [each for each in faults(ask(only_bias)) if each.severity == "serious"] == []


@pytest.mark.parametrize(("right", "before", "severity"), [(90, 60, "serious"), (62, 60, "serious"), (97, 96, "mild")])
def test_zeroed_channels_are_as_bad_as_what_a_last_layer_fitted_anew_can_make_up_for(right, before, severity):
    import pandas as pd

    row = {"layer": "a", "kind": "Conv2D", "channels": 10, "dead": 4, "zeroed": 4, "redundant": 0, "output": False}
    renewed = Refit(np.arange(100) < right, np.arange(100) < before)
    fault, *_ = dead_channel_findings(pd.DataFrame([row]), 50, 50, renewed)
    assert (fault.severity, fault.cost.value) == (severity, pytest.approx((right - before) / 100))
    assert ("60.0 %: 30.0 points" in fault.claim) == (right == 90)


def test_channels_that_are_dead_by_their_bias_cost_nothing_and_are_mild(ask):
    def kill(count):
        def change(kernel, bias):
            bias[:count] = -100

        return change

    assert [each.severity for each in faults(ask(kill(2)))] == ["mild"]
    fault, behind = faults(ask(kill(8)))
    assert (fault.severity, behind.severity) == ("mild", "mild")
    assert (fault.cost.value, fault.cost.low) == (0, 0) and fault.cost.high > 0
    assert behind.claim.startswith("dense: 6 of its 6 channels are dead")
    assert "conv: 8 of its 8 channels are dead, 100 % (95 % interval 67.6–100 %)" in fault.claim


def test_a_doubled_filter_is_redundant_and_its_twin_is_named(ask):
    def double(kernel, bias):
        kernel[..., 5], bias[5] = 2 * kernel[..., 1], bias[1]  # another scale is still the same

    before, result = ask(), ask(double, alike=0.999)
    assert before.tables["layers"]["redundant"][0] == 0 or result.tables["layers"]["redundant"][0] >= 2
    closer = result.tables["channels"].set_index("channel")
    assert (closer["twin"][1], closer["twin"][5]) == (5, 1)
    assert any("or more with another one" in each.claim and "conv" in each.claim for each in result.findings)


def test_the_layer_is_chosen_and_switching_a_needed_channel_off_is_said(ask):
    result = ask(layer="dense")
    assert len(result.tables["channels"]) == 6
    assert any(each.claim.startswith("dense: ") and "switched off" in each.claim for each in result.findings)
    change = result.arrays["change"]
    accuracy = result.tables["channels"]["accuracy_change"]
    np.testing.assert_allclose(change.mean(axis=1), accuracy, atol=1e-9)  # two classes of ten images each


def test_findings_of_a_table_without_a_fault_are_one_fact():
    import pandas as pd

    row = {"layer": "a", "channels": 10, "dead": 0, "zeroed": 0, "redundant": 0, "output": False}
    assert [each.severity for each in dead_channel_findings(pd.DataFrame([row]), 5, 5)] == ["info"]
    assert redundant_channel_findings(pd.DataFrame([row]), 0.9) == []
