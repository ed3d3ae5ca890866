"""Blocks of classes that are confused among each other, shuffled, are found again."""

from itertools import pairwise

import numpy as np
import pytest

from tests.patience import at_once
from workbench.statistics.class_order import confusion_groups, confusion_order


def planted(classes, blocks, *, within, seed=0, images=40):
    """Counts of a model that is wrong in 30 % of the images, mostly `within` the block of the label; and the blocks."""
    chance = np.random.default_rng(seed)
    block = chance.permutation(classes) % blocks
    counts = np.zeros((classes, classes), np.int64)
    for true in range(classes):
        wrong = int(chance.binomial(images, 0.3))
        counts[true, true] = images - wrong
        inside = np.flatnonzero((block == block[true]) & (np.arange(classes) != true))
        outside = np.flatnonzero(block != block[true])
        for _ in range(wrong):
            counts[true, chance.choice(inside if chance.random() < within else outside)] += 1
    return counts, block


def near(counts, order, reach):
    """Share of the errors that stand at most `reach` places from the diagonal."""
    errors = counts - np.diag(counts.diagonal())
    place = np.argsort(order)
    return errors[np.abs(place[:, None] - place) <= reach].sum() / errors.sum()


@pytest.mark.parametrize(("classes", "blocks"), [(60, 6), (369, 18)])
def test_shuffled_blocks_stand_together_again_and_their_errors_near_the_diagonal(classes, blocks):
    counts, block = planted(classes, blocks, within=0.9)
    order = confusion_order(counts)
    assert sorted(order.tolist()) == list(range(classes))
    assert (np.diff(block[order]) != 0).sum() == blocks - 1  # each block in one piece
    reach = -(-classes // blocks)
    assert near(counts, order, reach) > 0.9  # what is within a block, and some more
    assert near(counts, np.arange(classes), reach) < 0.36  # as they lay before: a share of the matrix
    groups = confusion_groups(counts)
    assert len(np.unique(np.stack([groups, block], axis=1), axis=0)) == blocks == groups.max() + 1


def test_classes_that_are_confused_in_a_chain_stand_in_its_order():
    chain = [4, 1, 3, 0, 2]
    counts = np.diag([10] * 5)
    for one, other in pairwise(chain):
        counts[one, other] = 3
    order = confusion_order(counts).tolist()
    assert order in (chain, chain[::-1])


def test_errors_that_go_everywhere_alike_make_no_groups():
    counts = np.full((30, 30), 2) + np.diag([20] * 30)
    assert set(confusion_groups(counts).tolist()) == {0}  # all of them are one, and none are apart


@pytest.mark.parametrize(
    "counts", [np.diag([3, 2, 1]), np.array([[1, 2], [0, 3]]), np.array([[4]]), np.zeros((5, 5), int)]
)
def test_where_nothing_is_confused_or_there_are_two_classes_their_own_order_stays(counts):
    assert confusion_order(counts).tolist() == list(range(len(counts)))
    assert confusion_groups(counts).tolist() == list(range(len(counts)))


def test_groups_are_numbered_by_their_first_class_and_no_count_is_changed():
    counts, _ = planted(20, 4, within=1.0)
    before = counts.copy()
    groups = confusion_groups(counts).tolist()
    confusion_order(counts)
    assert list(dict.fromkeys(groups)) == sorted(set(groups))
    assert (counts == before).all()


def test_a_thousand_classes_take_no_time_that_one_waits_for():
    counts, _ = planted(1000, 50, within=0.9, images=10)
    with at_once(2):  # 0.1 s on an idle machine; optimal leaves take 5 s there
        order = confusion_order(counts)
    assert near(counts, order, 20) > 0.6
