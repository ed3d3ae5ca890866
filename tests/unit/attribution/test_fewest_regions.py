"""The fewest regions that do something: rules whose answer is known, and any rule against all of its sets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attribution.fewest_regions import MOST, backward, fewest, forward, minimal, sets_of


def counted(rule):
    """Let a rule of one set score many, and remember how many it was asked about."""

    def asked(sets):
        asked.sets += len(sets)
        return np.array([rule(frozenset(np.flatnonzero(each).tolist())) for each in sets], np.float64)

    asked.sets = 0
    return asked


def weights(values, threshold):
    return counted(lambda members: math.fsum(values[n] for n in members) - threshold)


def all_of(*needed):
    return counted(lambda members: 1.0 if members >= set(needed) else -1.0)


def any_of(*enough):
    return counted(lambda members: 1.0 if members & set(enough) else -1.0)


@pytest.mark.parametrize("most", [MOST, 0], ids=["all sets", "one by one"])
@pytest.mark.parametrize(
    ("rule", "regions"),
    [
        (all_of(1, 3), (1, 3)),
        (all_of(0, 2, 4, 5), (0, 2, 4, 5)),
        (all_of(), ()),
        (weights([3, 1, 4, 1, 5, 9], 14), (4, 5)),  # 9 + 5: any other set that reaches 14 has more
        (weights([3, 1, 4, 1, 5, 9], 15), (2, 4, 5)),
        (weights([1, 1, 1, 1, 1, 1], 6), (0, 1, 2, 3, 4, 5)),
    ],
)
def test_rules_whose_answer_is_known(rule, regions, most):
    found = fewest(rule, 6, most)
    assert found.regions == regions
    assert found.score >= 0 and all(score < 0 for score in found.without)
    assert found.proved == (most == MOST or not regions)
    assert found.at_least == (len(regions) if found.proved else 0)


def test_of_several_of_a_size_it_is_the_one_with_the_largest_score_and_the_others_are_counted():
    found = fewest(weights([1, 5, 2, 4, 0], 4), 5)
    assert (found.regions, found.score, found.without, found.others) == ((1,), 1, (-4,), 1)
    assert fewest(any_of(0, 2, 3), 5).others == 2


def test_a_smaller_set_is_found_that_no_way_of_single_steps_leads_to():
    """Region 0 alone does it, and no set with it and others; all others together do it, and none without one."""
    others = frozenset(range(1, 6))
    rule = counted(lambda members: 1.0 if members == {0} else 0.5 if members >= others else -1.0 - 0.1 * len(members))
    assert fewest(rule, 6).regions == (0,)
    slow = fewest(rule, 6, most=0)
    assert slow.regions == (0,)  # adding finds it; taking away ends at the others
    assert np.flatnonzero(minimal(rule, backward(rule, 6))).tolist() in ([0], [1, 2, 3, 4, 5])


def test_where_no_set_does_it_that_is_proved_or_only_said():
    never = counted(lambda members: -1.0 - len(members))
    found = fewest(never, 5)
    assert (found.regions, found.proved, found.at_least) == (None, True, 6)
    assert never.sets == 2**5
    few = fewest(never, 5, most=6)
    assert (few.regions, few.proved, few.at_least) == (None, False, 2)
    assert math.isnan(few.score)


def test_all_smaller_sets_prove_what_was_found_one_by_one():
    """Sizes 0 to 2 of 30 regions fit, size 3 does not: at least three are needed, and three were found."""
    rule = all_of(4, 17, 29)
    found = fewest(rule, 30, most=1 + 30 + 435)
    assert (found.regions, found.at_least, found.proved, found.others) == ((4, 17, 29), 3, True, None)


def test_all_sets_of_fourteen_regions_fit():
    rule = counted(lambda members: -1.0)
    assert fewest(rule, 14).proved and rule.sets == MOST


def test_no_region_at_all():
    assert fewest(all_of(), 0).regions == ()
    assert fewest(counted(lambda members: -1.0), 0).proved


def test_sets_of_a_size_are_all_of_them_once():
    sets = [tuple(np.flatnonzero(each).tolist()) for each in sets_of(5, 3)]
    assert sets == list(combinations(range(5), 3))
    assert sets_of(4, 0).tolist() == [[False] * 4]


def test_taking_away_by_hand():
    """Back-select leaves 2 (weight 1), 0 (3), 3 (5), then 1 (6); from the last on, 6 + 5 reach 10."""
    assert backward(weights([3, 6, 1, 5], 10), 4).tolist() == [False, True, False, True]
    assert backward(weights([3, 6, 1, 5], 16), 4) is None
    assert forward(weights([3, 6, 1, 5], 10), 4).tolist() == [False, True, False, True]


rules = st.integers(1, 6).flatmap(
    lambda count: st.lists(st.integers(-9, 9), min_size=2**count, max_size=2**count).map(lambda scores: (count, scores))
)


@given(rules)
def test_any_rule_at_all(given_rule):
    """Trying all sets finds the smallest, as a loop over all of them does; one by one, a set that can spare none."""
    count, scores = given_rule
    rule = counted(lambda members: scores[sum(2**n for n in members)])
    doing = [
        (len(members), -rule_score, members)
        for size in range(count + 1)
        for members in combinations(range(count), size)
        if (rule_score := scores[sum(2**n for n in members)]) >= 0
    ]
    exact, slow = fewest(rule, count), fewest(rule, count, most=0)
    assert exact.proved
    if not doing:
        assert exact.regions is None and slow.regions is None
        return
    size, score, _ = min(doing)
    assert (len(exact.regions), exact.score) == (size, -score)
    assert exact.others == sum(each[0] == size for each in doing) - 1
    for found in filter(lambda each: each.regions is not None, (exact, slow)):
        assert len(found.regions) >= size and found.at_least <= size
        assert found.score == scores[sum(2**n for n in found.regions)] >= 0
        less = [scores[sum(2**n for n in found.regions if n != gone)] for gone in found.regions]
        assert list(found.without) == less and all(each < 0 for each in less)
