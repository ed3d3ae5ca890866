import numpy as np
import pytest
from scipy.stats import mannwhitneyu, ttest_ind

from analyses.layer_story.prediction_depth import compare, depths, linear_side, nearest_votes, neighbours_for, story


def test_the_depth_is_the_first_place_from_which_on_all_agree():
    # Four places; the network says 1 for all. By hand, one image a column.
    probes = np.array([[1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1], [1, 1, 1, 0, 0, 0]])
    assert depths(probes, np.ones(6, int)).tolist() == [0, 1, 2, 4, 4, 4]  # an early agreement that is lost is none


def slow_depth(column, final):
    for start in range(len(column) + 1):
        if all(said == final for said in column[start:]):
            return start
    raise AssertionError


def test_it_is_that_of_the_definition_and_never_grows_when_one_more_probe_agrees():
    chance = np.random.default_rng(0)
    probes, final = chance.integers(0, 2, (6, 300)), chance.integers(0, 2, 300)
    found = depths(probes, final)
    assert found.tolist() == [slow_depth(probes[:, n], final[n]) for n in range(300)]
    for place in range(6):
        better = probes.copy()
        better[place] = final
        assert (depths(better, final) <= found).all()


def test_the_votes_are_those_of_sorted_distances():
    chance = np.random.default_rng(1)
    support, queries = chance.normal(3, 1, (40, 5)), chance.normal(3, 1, (7, 5))
    labels = chance.integers(0, 3, 40)
    votes = nearest_votes(support, labels, queries, 3, 7)
    for query, found in zip(queries, votes, strict=True):
        nearest = sorted(range(40), key=lambda n: sum((query - support[n]) ** 2))[:7]
        counts = [sum(labels[n] == c for n in nearest) for c in range(3)]
        np.testing.assert_allclose(found, np.array(counts) / 7, atol=1e-5)
    np.testing.assert_allclose(votes.sum(axis=1), 1)


def test_of_as_many_votes_the_nearer_class_wins():
    support = np.array([[0.0], [3.0]])
    for place, nearer in ((1.0, 0), (2.0, 1)):
        assert nearest_votes(support, np.array([0, 1]), np.array([[place]]), 2, 2).argmax() == nearer


def test_the_number_of_neighbours_fits_the_classes():
    assert neighbours_for(np.repeat(np.arange(10), 200)) == 30
    assert neighbours_for(np.repeat(np.arange(3), 8)) == 4
    assert neighbours_for(np.array([0, 1, 2])) == 1


def test_a_straight_cut_tells_apart_what_a_line_can_and_nothing_else():
    chance = np.random.default_rng(2)
    points, labels = chance.normal(size=(400, 6)), np.repeat([4, 9], 200)
    points[labels == 9, 0] += 5
    assert (linear_side(points[::2], labels[::2], points[1::2]) == labels[1::2]).mean() > 0.97
    crossed = chance.normal(size=(400, 2))
    own = np.where(crossed.prod(axis=1) > 0, 4, 9)  # exclusive or: no line does it
    assert (linear_side(crossed[::2], own[::2], crossed[1::2]) == own[1::2]).mean() < 0.65
    assert set(linear_side(np.zeros((4, 3)), np.array([4, 4, 4, 9]), np.zeros((2, 3)))) == {4}
    wide = np.concatenate([points, np.zeros((400, 3000))], axis=1)  # more values than images
    assert (linear_side(wide[::40], labels[::40], wide[1::40]) == labels[1::40]).all()


def test_errors_and_right_ones_are_compared_as_scipy_does():
    chance = np.random.default_rng(3)
    depth = np.concatenate([chance.integers(0, 5, 60), chance.integers(2, 7, 25)])
    correct = np.arange(85) < 60
    found = compare(depth, correct)
    one, other = depth[~correct], depth[correct]
    assert found.difference.value == pytest.approx(one.mean() - other.mean())
    ends = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert found.difference.interval == pytest.approx((ends.low, ends.high))
    assert found.chance == pytest.approx(mannwhitneyu(one, other, alternative="two-sided").pvalue)
    deeper = np.mean([(a > b) + (a == b) / 2 for a in one for b in other])
    assert found.deeper == pytest.approx(deeper)


def test_with_one_side_empty_or_all_equal_nothing_is_claimed():
    assert compare(np.array([1, 2]), np.array([True, True])).difference.interval is None
    flat = compare(np.array([2, 2, 2, 2]), np.array([True, True, False, False]))
    assert flat.difference.interval is None and flat.chance == 1 and flat.deeper == 0.5


def test_each_place_has_a_probe_of_its_own():
    near, far = np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([[5.0], [5.1], [0.0], [0.1]])
    said = story([near, far], np.array([0, 0, 1, 1]), [np.array([[0.05]]), np.array([[0.05]])], 2)
    assert said.tolist() == [[0], [1]]
