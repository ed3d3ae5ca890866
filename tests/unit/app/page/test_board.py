"""Which images lie in which cell, by hand."""

import base64
import io

import numpy as np
from PIL import Image

from workbench.app.page.board import Board
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


def test_classes_stand_as_in_the_data_by_errors_or_with_those_that_are_confused_beside_each_other():
    labels = np.arange(6).repeat(4)
    predicted = labels.copy()
    predicted[[0, 1, 16, 17, 18, 8]] = [4, 4, 0, 0, 0, 5]  # 0 and 4 are confused five times, 2 is taken for 5 once
    board = Board(Predictions(np.eye(6, dtype=np.float32)[predicted], labels))
    assert board.order_of("data").tolist() == [0, 1, 2, 3, 4, 5]
    assert board.order_of("errors").tolist() == [0, 4, 2, 5, 1, 3]
    together = board.order_of("confusions").tolist()
    assert sorted(together) == [0, 1, 2, 3, 4, 5]
    assert abs(together.index(0) - together.index(4)) == abs(together.index(2) - together.index(5)) == 1


def test_the_small_picture_has_a_pixel_for_each_error_and_more_than_one_class_may_share_it(monkeypatch):
    monkeypatch.setattr("workbench.app.page.board.SIDE", 3)
    labels = np.arange(6).repeat(2)
    predicted = labels.copy()
    predicted[0], predicted[10] = 5, 4  # class 0 as 5, class 5 as 4
    board = Board(Predictions(np.eye(6, dtype=np.float32)[predicted], labels))
    png = base64.b64decode(board.small("data").partition(",")[2])
    alpha = np.asarray(Image.open(io.BytesIO(png)))[..., 3]
    assert (alpha > 0).tolist() == [[False, False, True], [False, False, False], [False, False, True]]
    assert board.small("data") is board.small("data")
