"""Groups that move: what is planted is found, and what differs by chance alone is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.core.predictions import Predictions
from workbench.data.properties import PROPERTIES
from workbench.statistics.moved_groups import groups_table, moved_groups
from workbench.statistics.paired import mcnemar
from workbench.statistics.rates import ENOUGH
from workbench.statistics.slicing import Group, Part, from_properties, halves

COLUMNS = ["brightness", "contrast", "area"]
PAIRS = 60


def said(labels, right):
    """Predictions of two classes that are right where `right` is."""
    logits = np.zeros((len(labels), 2), np.float32)
    logits[np.arange(len(labels)), np.where(right, labels, 1 - labels)] = 2
    return Predictions(logits, labels)


def found_in(properties, labels, right):
    """What is found in a pair of models by trees on properties."""
    both = said(labels, right[0]), said(labels, right[1])
    parts = halves(labels, 0)
    change = right[1].astype(float) - right[0]
    studied = Part(properties, properties, labels)
    groups = from_properties(studied, None, change, parts[0], names=("cat", "dog"), columns=COLUMNS)
    return moved_groups(both, groups, parts), parts


def group(members, rule):
    return Group(members=members, alike=members, learned=None, source="metadata", rule=rule)


def test_a_group_that_breaks_is_found_on_one_half_and_confirmed_on_the_other():
    chance = np.random.default_rng(0)
    assert set(COLUMNS) <= set(PROPERTIES)
    properties, labels = chance.random((1000, 3)), chance.integers(0, 2, 1000)
    right = chance.random((2, 1000)) < 0.9
    bright = properties[:, 0] > 0.8
    right[1][bright] &= chance.random(bright.sum()) < 0.7
    found, (_, confirm) = found_in(properties, labels, right)
    first = found[0]
    assert first.moved
    assert first.name == "mean brightness above 0.817"
    inside = confirm[first.group.members[confirm]]
    assert (first.tested, first.right) == (len(inside), (right[0][inside].sum(), right[1][inside].sum()))
    fixed, broken = (int((right[a][inside] & ~right[b][inside]).sum()) for a, b in ((1, 0), (0, 1)))
    assert (first.fixed, first.broken) == (fixed, broken)
    outside = confirm[~first.group.members[confirm]]
    change = right[1].astype(int) - right[0]
    assert first.rest == pytest.approx(change[outside].mean())
    error = math.sqrt(change[inside].var() / len(inside) + change[outside].var() / len(outside))
    other = math.erfc(abs(change[inside].mean() - change[outside].mean()) / error / math.sqrt(2))
    assert first.p == pytest.approx(max(float(mcnemar(fixed, broken)), other), rel=1e-9)
    table = groups_table(found)
    assert table.loc[0, "difference"] == pytest.approx((fixed - broken) / len(inside))
    assert table["p_adjusted"].tolist() == sorted(table["p_adjusted"])
    assert table.loc[0, "p_adjusted"] == pytest.approx(min(first.p * len(found), 1))


def test_models_that_differ_by_chance_alone_have_no_moved_groups():
    """The promise is at most one in twenty; so many of so few pairs come by chance once in a thousand times."""
    chance = np.random.default_rng(1)
    properties, labels = chance.random((600, 3)), chance.integers(0, 2, 600)
    cried = tested = 0
    for _ in range(PAIRS):
        hard = np.clip(0.75 + 0.4 * (properties[:, 0] - 0.5), 0, 1)  # as hard for the one as for the other
        found, _ = found_in(properties, labels, chance.random((2, 600)) < hard)
        tested += len(found)
        cried += any(each.moved for each in found)
    assert tested > PAIRS // 2  # there was something to be wrong about
    assert cried <= 9


def test_where_all_images_move_alike_no_group_has_moved_and_small_groups_are_not_tested():
    chance = np.random.default_rng(2)
    labels = chance.integers(0, 2, 800)
    parts, half = halves(labels, 0), chance.random(800) < 0.5
    both = said(labels, chance.random(800) < 0.6), said(labels, chance.random(800) < 0.9)
    few = np.zeros(800, bool)
    few[parts[0][:ENOUGH]] = few[parts[1][: ENOUGH - 1]] = True
    worse = said(labels, both[0].correct & ~few)
    assert not any(each.moved for each in moved_groups(both, [group(half, "half")], parts))
    assert moved_groups((both[0], worse), [group(few, "few")], parts) == []
    few[parts[1][ENOUGH - 1]] = True
    worse = said(labels, both[0].correct & ~few)
    (one,) = moved_groups((both[0], worse), [group(few, "few"), group(few, "the same again")], parts)
    assert (one.name, one.tested, one.moved) == ("few", ENOUGH, True)


def test_a_model_compared_with_itself_has_nothing_to_test():
    labels = np.arange(400) % 2
    same = said(labels, np.arange(400) % 3 > 0)
    members = np.arange(400) < 200
    found = moved_groups((same, same), [group(members, "all"), group(~members, "none")], halves(labels, 0))
    assert found == []
    assert list(groups_table(found).columns) == list(groups_table([]).columns)
    assert len(groups_table(found)[groups_table(found)["moved"]].columns) == len(groups_table(found).columns)
