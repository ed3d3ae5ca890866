"""Parameters tried one after the other, with what they are worth known."""

from types import SimpleNamespace

import numpy as np

from workbench.attribution.methods import explainer
from workbench.core.params import describe
from workbench.diagnosis.advice.measuring import OutOfTime
from workbench.diagnosis.advice.tuning import tune, values_of

PROBE = SimpleNamespace(spatial_layers=[f"conv{n}" for n in range(9)], default_layer="conv8")
DEFAULT = np.zeros((2, 20))
NEVER = float("inf")


def tried(method, name):
    kind = explainer(method)
    return [*values_of(next(each for each in describe(kind) if each.name == name), kind, PROBE)]


def test_numbers_are_tried_at_half_and_twice_options_all_and_layers_the_last():
    assert tried("smooth-grad", "samples") == [25, 100]
    assert tried("smooth-grad", "noise") == [0.075, 0.3]
    assert tried("guided-ig", "fraction") == [0.125, 0.5]
    assert "black" not in tried("integrated-gradients", "reference")
    assert {"mean", "blurred"} <= {*tried("integrated-gradients", "reference")}
    assert tried("grad-cam", "layer") == [f"conv{n}" for n in range(3, 8)]


def test_seeds_lists_and_what_has_no_effect_are_not_tried_nor_is_what_is_out_of_bounds():
    assert tried("smooth-grad", "seed") == []
    assert tried("layer-cam", "fuse") == []
    assert tried("lrp", "gamma") == []  # only with another composite
    assert 1000 not in tried("integrated-gradients", "steps")
    assert tried("occlusion", "size") == []  # auto: half of it is not known here


def test_each_parameter_keeps_its_best_while_the_next_is_tried():
    asked = []

    def measure(method):
        asked.append((method.samples, method.noise))
        return DEFAULT + (method.samples == 100) + 2 * (method.noise == 0.3) - (method.samples == 25)

    found = tune(explainer("square-grad"), PROBE, DEFAULT, measure, until=NEVER)
    assert asked == [(25, 0.15), (100, 0.15), (100, 0.075), (100, 0.3), *[(100, 0.15)] * 2]  # two kinds of draws
    assert found.values == {"samples": 100}  # a comparison is won by any difference, so more noise wins no more
    assert (found.won, found.tried, found.cut) == (1.0, 6, False)


def test_what_is_no_better_leaves_the_default():
    found = tune(explainer("square-grad"), PROBE, DEFAULT, lambda _: DEFAULT - 1, until=NEVER)
    assert (found.values, found.won, found.tried) == ({}, 0.5, 6)


def test_it_ends_with_the_time():
    assert tune(explainer("square-grad"), PROBE, DEFAULT, lambda _: DEFAULT, until=0).cut

    def late(method):
        if method.samples == 100:
            raise OutOfTime
        return DEFAULT + 1

    found = tune(explainer("square-grad"), PROBE, DEFAULT, late, until=NEVER)
    assert (found.values, found.tried, found.cut) == ({"samples": 25}, 1, True)
