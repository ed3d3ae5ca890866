"""Numbers of a column have the same few digits; headings are words."""

import numpy as np
import pandas as pd
import pytest

from workbench.app.page.panes.columns import columns_of, heading_of, writer_of


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0.912345, 0.5, 0.0], ["0.912", "0.500", "0.000"]),
        ([0.912345, 0.00004], ["0.912", "<0.001"]),
        ([-0.912345, -0.00004], ["−0.912", "−<0.001"]),
        ([15.21312, 0.31, 0.02], ["15.21", "0.31", "0.02"]),
        ([1234.5678, 1500.25], ["1,235", "1,500"]),
        ([120.50277, 74.67], ["120.5", "74.7"]),
        ([3.0, 12000.0], ["3", "12,000"]),
        ([1.709e-10, 2.5e-5, 0.0], ["1.7e−10", "2.5e−05", "0"]),
        ([0.0021, 0.0034], ["0.0021", "0.0034"]),
        ([0.5, float("nan"), float("inf"), -float("inf")], ["0.500", "–", "∞", "−∞"]),
        ([-0.0001, 0.9], ["−<0.001", "0.900"]),
    ],
)
def test_numbers_of_a_column_are_written_alike(values, written):
    write = writer_of(np.array(values))
    assert [write(value) for value in values] == written


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("p_wrong_label", "Probability of a wrong label"),
        ("f1", "F1"),
        ("ks", "KS distance"),
        ("training image", "Training image"),
        ("labels_differ", "Labels differ"),
        ("R²", "R²"),
    ],
)
def test_a_heading_is_in_words(name, heading):
    assert heading_of(name) == heading


def test_an_interval_stands_behind_what_it_is_of_and_positions_are_left_out():
    frame = pd.DataFrame(
        {
            "class": ["a"],
            "one_index": [3],
            "object_covers": [0.5],
            "covers_low": [0.25],
            "covers_high": [0.75],
            "lowest": [1],
            "highest": [2],
            "epoch": [2026],
            "images": [2026],
        }
    )
    columns, empty = columns_of(frame)
    assert [(each.heading, each.about) for each in columns] == [
        ("Class", ""),
        ("Object covers", ""),
        ("95 % interval", "Object covers"),
        ("Lowest", ""),
        ("Highest", ""),
        ("Epoch", ""),
        ("Images", ""),
    ]
    assert [each.write(0) for each in columns][1:] == ["0.500", "0.250 to 0.750", "1", "2", "2026", "2,026"]
    assert empty == []
