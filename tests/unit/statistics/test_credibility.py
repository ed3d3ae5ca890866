"""Agreement and credibility against the papers' sums, image by image."""

import numpy as np
import pytest

from workbench.statistics.credibility import agreement, credibility, offered


def test_by_hand():
    held_out = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    labels = np.array([0, 0, 1, 0])  # 0, 1, 1 and 2 neighbours with another label
    near = np.array([[0, 0, 0], [1, 1, 0]])
    assert agreement(near, np.array([0, 1])).tolist() == [1.0, 2 / 3]
    assert credibility(near, np.array([0, 1]), held_out, labels).tolist() == [1.0, 0.75]
    assert credibility(near, np.array([1, 0]), held_out, labels).tolist() == [0.0, 0.25]


def test_the_equations_of_the_paper_slowly():
    chance = np.random.default_rng(0)
    near, labels = chance.integers(0, 4, (30, 7)), chance.integers(0, 4, 30)
    classes = chance.integers(0, 4, (30, 2))

    def strange(row, label):
        return sum(1 for other in near[row] if other != label)

    def expected(row, label, rows):
        return sum(1 for other in rows if strange(other, labels[other]) >= strange(row, label)) / len(rows)

    everyone = range(30)
    found = credibility(near, classes, near, labels)
    assert found.tolist() == [[expected(row, label, everyone) for label in classes[row]] for row in everyone]
    found = credibility(near, classes, near, labels, inside=True)
    others = [[n for n in everyone if n != row] for row in everyone]
    assert found.tolist() == [[expected(row, label, others[row]) for label in classes[row]] for row in everyone]


def test_one_image_has_nothing_to_be_compared_with():
    one = np.array([[1]])
    assert credibility(one, np.array([0]), one, np.array([1]), inside=True).tolist() == [1.0]


def test_no_more_neighbours_count_than_a_class_has():
    """Three images of class 0 offer two others: the third neighbour is of another class, whatever the model sees."""
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    near = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]])
    most = offered(labels, labels, np.ones(7, bool))
    assert most.tolist() == [2, 2, 2, 3, 3, 3, 3]
    assert agreement(near, labels).tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1, 1, 1, 2 / 3])
    assert agreement(near, labels, most).tolist() == pytest.approx([1, 1, 1, 1, 1, 1, 2 / 3])
    assert offered(labels, np.array([2]), np.zeros(1, bool)).tolist() == [1]  # the nearest always counts
    usual = credibility(near, labels, near, labels, inside=True, most=most, held_most=most)
    assert usual.tolist() == pytest.approx([1, 1, 1, 1, 1, 1, 0])
