"""Which images of which part, in which order: kept small, and compared like the rows they are."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from workbench.core.cache import load_result, save_result
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.result import Result


def test_it_is_a_sequence_of_rows_in_their_order():
    found = ImageSet(np.array([7, 3, 5]), part="train", title="copies")
    assert list(found) == [7, 3, 5] and found == (7, 3, 5) and found == [7, 3, 5]
    assert (len(found), found[0], found[-1]) == (3, 7, 5)
    assert all(type(row) is int for row in found)
    assert 3 in found and np.int64(5) in found and 4 not in found and "3" not in found
    assert found[1:] == ImageSet([3, 5], part="train") and found[1:].title == "copies"
    assert found.rows.dtype == np.int64
    assert not ImageSet() and ImageSet() == ()


def test_two_are_equal_where_they_hold_the_same_rows_of_the_same_part():
    assert ImageSet([1, 2]) == ImageSet(range(1, 3)) and hash(ImageSet([1, 2])) == hash((1, 2))
    assert ImageSet([1, 2]) != ImageSet([2, 1])
    assert ImageSet([1, 2]) != ImageSet([1, 2], part="train")
    assert copy.deepcopy(ImageSet([1, 2], part="train")) == ImageSet([1, 2], part="train")


def test_what_it_is_narrowed_to_keeps_order_part_and_words():
    found = ImageSet([9, 1, 4], part="train", title="errors").narrowed(np.array([True, False, True]))
    assert (found, found.part, found.title) == (ImageSet([9, 4], part="train"), "train", "errors")


def test_images_of_two_sets_are_counted_in_one_part_only():
    assert ImageSet([1, 2, 3]).meets(ImageSet([3, 4, 1])) == 2
    assert ImageSet([1, 2, 3]).meets(ImageSet([1], part="train")) == 0


def test_nobody_changes_one_that_others_hold():
    given = np.arange(3, dtype=np.int32)
    found = ImageSet(given)
    given[0] = 9
    found.rows[0] = 9
    assert found == (0, 1, 2)
    with pytest.raises(AttributeError):
        found.more = 1


def test_a_million_take_four_bytes_each():
    assert ImageSet(np.arange(10**6))._rows.nbytes == 4 * 10**6
    assert list(ImageSet([2**40])) == [2**40]


def test_a_finding_takes_rows_of_any_kind_and_keeps_them_whole_through_a_file(tmp_path):
    rows = np.random.default_rng(0).permutation(5_000)
    shown = Finding("Five thousand.", evidence=tuple(rows.tolist()), part="train")
    assert shown.evidence == ImageSet(rows, part="train")
    save_result(tmp_path / "a.npz", Result(findings=(shown, Finding("None."))))
    assert load_result(tmp_path / "a.npz").findings == (shown, Finding("None."))
    assert (tmp_path / "a.npz").stat().st_size < 5_000 * 8 + 5_000
