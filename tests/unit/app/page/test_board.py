"""Which images lie in which cell, by hand."""

import numpy as np

from workbench.app.page.board import SHOWN, Board
from workbench.core.predictions import Predictions


def test_cells_rows_and_columns(hand):
    board = Board(hand)
    assert board.counts.tolist() == [[1, 3, 0], [1, 1, 0], [0, 0, 2]]
    assert (board.wrong, board.largest) == (4, (0, 1))
    assert board.rows(0, 1).tolist() == [2, 3, 1]  # confidence follows the logits 3, 2, 1
    assert board.rows(0, 1, "unsure").tolist() == [1, 3, 2]
    assert board.rows(2, 2).tolist() == [6, 7]
    assert board.rows(0, 2).tolist() == []
    assert board.rows(0, -1).tolist() == [2, 3, 1]  # a row holds its errors only
    assert board.rows(-1, 0).tolist() == [5]
    assert board.rows(-1, -1).tolist() == [5, 2, 3, 1]
    assert (board.place(1, 0, 1, "sure"), board.place(5, 0, 1, "sure")) == (2, None)
    assert board.top_cells(9) == [(0, 1), (1, 0)]


def test_a_model_without_errors_opens_its_largest_class():
    labels = np.array([0, 1, 1])
    board = Board(Predictions(np.eye(2, dtype=np.float32)[labels], labels))
    assert (board.largest, board.top_cells(3), board.wrong) == ((1, 1), [], 0)


def test_of_many_classes_those_with_the_most_errors_are_shown_and_the_wanted_ones():
    labels = np.arange(50).repeat(2)
    predicted = labels.copy()
    predicted[[90, 92, 94]] = 3  # classes 45, 46, 47 are taken for 3
    board = Board(Predictions(np.eye(50, dtype=np.float32)[predicted], labels))
    shown = board.shown_classes(49, -1)
    assert len(shown) == SHOWN
    assert {3, 45, 46, 47, 49} <= set(shown)
    assert shown == sorted(shown)
