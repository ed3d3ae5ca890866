"""Mixtures of rules: every rule that is found stands in one, and each linear map gets the rule of its kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest

from workbench.attribution.composites import COMPOSITES, Name
from workbench.attribution.rules import RULES


def test_every_rule_that_is_found_is_used_and_every_mixture_can_be_named():
    used = {rule for each in COMPOSITES.values() for rule in (each.dense, each.convolution, each.first) if rule}
    assert used == set(RULES.names())
    assert set(get_args(get_args(Name)[0])) == COMPOSITES.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("epsilon-gamma-box", {"dense": "epsilon", "convolution": "gamma", "mixing": "epsilon", "first": "box"}),
        ("epsilon-plus", {"dense": "epsilon", "convolution": "z-plus", "mixing": "epsilon", "first": "z-plus"}),
        ("alpha1-beta0", {"dense": "alpha1-beta0", "convolution": "alpha1-beta0", "mixing": "epsilon"}),
    ],
)
def test_a_linear_map_has_the_rule_of_its_kind_and_means_are_shared_without_epsilon(name, expected):
    rules = COMPOSITES[name].rules(epsilon=0.3, gamma=2.0)
    found = {kind: rules(SimpleNamespace(kind=kind, first=False)) for kind in ("dense", "convolution", "mixing")}
    found["first"] = rules(SimpleNamespace(kind="convolution", first=True))
    assert {kind: found[kind].name for kind in expected} == expected
    assert found["mixing"].epsilon == 0
    assert all(each.epsilon == 0.3 for kind, each in found.items() if kind == "dense" and each.name == "epsilon")
    assert all(each.gamma == 2.0 for each in found.values() if each.name == "gamma")
