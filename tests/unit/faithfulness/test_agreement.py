from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.core.attribution import Attribution
from workbench.faithfulness.agreement import DRAWS, cluster_order, compare, consensus, pairwise


def attribution(values, signed=True):
    """Maps of `(N, h, w)` values at the size of the images."""
    maps = np.asarray(values, np.float32)
    return Attribution(
        maps,
        target=np.zeros(len(maps)),
        score="logit",
        signed=signed,
        method="by-hand",
        params={},
        layer=None,
        image_size=maps.shape[1:],
    )


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(3, 4, 6, 6))


def whole(maps):
    return np.ones(maps.shape[1:], bool)


def test_rank_correlation_is_scipys_also_with_ties():
    values = np.array([[3, 1, 1, 0, -2.0], [0, 0, 5, 1, 2], [1, 2, 3, 4, 5]])
    found = pairwise(values, 0.2)[0]
    for m, k in combinations(range(3), 2):
        assert found[m, k] == pytest.approx(spearmanr(values[m], values[k]).statistic)


def test_overlap_of_tops_is_the_mean_over_all_orders_of_equal_pixels():
    one, other = np.array([3.0, 0, 0, 0]), np.array([1.0, 1, 2, 0])

    def tops(values):
        orders = [sorted(order, key=lambda p: -values[p])[:2] for order in permutations(range(4))]
        return [set(order) for order in orders]

    expected = np.mean([len(a & b) / 2 for a in tops(one) for b in tops(other)])
    assert pairwise(np.stack([one, other]), 0.5)[1, 0, 1] == pytest.approx(expected)


def test_a_flat_map_has_nothing_to_compare():
    found = pairwise(np.array([[1.0, 1, 1], [1, 2, 3]]), 0.3)
    assert np.isnan(found[:, 0, 1]).all()
    assert found[0, 1, 1] == pytest.approx(1)


def test_magnitudes_or_values_are_compared_inside_only(maps):
    inside = whole(maps)
    inside[:, :, 3:] = False
    other = -maps[0]
    other[:, :, 3:] = 7
    both = [attribution(maps[0]), attribution(other)]
    assert compare(both, inside).spearman[:, 0, 1] == pytest.approx(1)
    assert compare(both, inside, magnitudes=False).spearman[:, 0, 1] == pytest.approx(-1)


def test_independent_maps_lie_within_the_floor_and_equal_ones_above(maps):
    found = compare([attribution(each) for each in (maps[0], maps[1], maps[0])], whole(maps), magnitudes=False)
    _, low, high = found.floor[0]
    mean = found.spearman.mean(axis=0)
    assert low[0, 1] < mean[0, 1] < high[0, 1]
    assert mean[0, 2] == pytest.approx(1)
    assert high[0, 2] < 0.5  # the random maps of two equal maps are drawn apart
    assert found.chance.shape == (2, DRAWS, 3, 3)


def test_the_floor_of_smooth_maps_is_wider(maps):
    rough = attribution(maps[0])
    ramp = np.broadcast_to(np.arange(6.0)[:, None], (4, 6, 6))
    widths = [
        np.ptp(compare([each, each], whole(maps), magnitudes=False).floor[0, 1:, 0, 1])
        for each in (rough, attribution(ramp))
    ]
    assert widths[1] > 1.5 * widths[0]


def test_a_method_is_compared_with_itself_only_where_it_was_asked_twice(maps):
    found = compare([attribution(maps[0]), attribution(maps[1])], whole(maps), again={1: attribution(2 * maps[1])})
    assert np.isnan(found.own[:, :, 0]).all()
    assert found.own[:, :, 1] == pytest.approx(1)


def test_ordering_moves_everything(maps):
    found = compare([attribution(each) for each in maps], whole(maps), again={2: attribution(maps[2])})
    turned = found.ordered([2, 0, 1])
    assert turned.spearman[:, 0, 1] == pytest.approx(found.spearman[:, 2, 0])
    assert turned.overlap[:, 1, 2] == pytest.approx(found.overlap[:, 0, 1])
    np.testing.assert_allclose(turned.chance[:, :, 0, 1], found.chance[:, :, 2, 0])
    assert np.isfinite(turned.own[0, :, 0]).all()


def test_consensus_is_the_mean_of_ranks_and_flat_maps_have_no_say():
    inside = np.array([[[True, True, True, False]]])
    maps = np.array([[[[10.0, 20, 30, 99]]], [[[5.0, 2, 1, 0]]], [[[4.0, 4, 4, 4]]]])
    mean, spread = consensus(maps, inside)
    np.testing.assert_allclose(mean[0, 0], [0.5, 0.5, 0.5, np.nan])
    np.testing.assert_allclose(spread[0, 0], [0.5, 0, 0.5, np.nan])


def test_those_alike_stand_together():
    similarity = np.array([[1, 0, 0.9, np.nan], [0, 1, 0, 0.8], [0.9, 0, 1, 0], [np.nan, 0.8, 0, 1]])
    order = cluster_order(similarity)
    assert abs(order.index(0) - order.index(2)) == abs(order.index(1) - order.index(3)) == 1
    assert sorted(order) == [0, 1, 2, 3]
