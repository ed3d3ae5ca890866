"""No cell of a table that is written is a formula."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.spreadsheet import BREAKS, SIGNS, as_csv, as_written, harmless, texts_as_csv


@pytest.mark.parametrize(
    "first", [*sorted(SIGNS), *BREAKS, "\u200b=", "\ufeff+", "\u2060@", " -", "\u00a0\x1f=", "\u202e\u2066="]
)
def test_neither_a_text_nor_a_heading_is_a_formula(first):
    frame = pd.DataFrame([[f"{first}1+1", -1.5], ["plain", -2.5]], columns=[f"{first}x", "number"])
    rows = list(csv.reader(io.StringIO(as_csv(frame), newline="")))
    assert rows == [[f"'{first}x", "number"], [f"'{first}1+1", "-1.5"], ["plain", "-2.5"]]


@pytest.mark.parametrize("text", ["a=1", "'tis", "", "'", " plain", "\u200bplain", "é", "\u0301a", "０-1"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert harmless(text) == text == as_written(text)


@given(st.text("'=+a \u200b\ufeff\r\n,\"＝", max_size=6))
def test_each_text_is_harmless_and_can_be_read_again_through_a_file(text):
    ((cell, other),) = csv.reader(io.StringIO(texts_as_csv([[text, "x"]]), newline=""))
    assert (as_written(cell), other) == (text, "x")
    assert not cell.lstrip(" \u200b\ufeff").startswith(("=", "+", "＝")) and not cell.startswith(BREAKS)


def test_a_carriage_return_ends_no_line_behind_which_a_formula_could_begin():
    frame = pd.DataFrame([["a\r=1+1", 1], ["b\r\n@x", 2]], columns=["te\r=xt", "number"])
    rows = list(csv.reader(io.StringIO(as_csv(frame), newline="")))
    assert rows == [["te\r=xt", "number"], ["a\r=1+1", "1"], ["b\r\n@x", "2"]]


def test_two_columns_of_one_name_keep_what_they_have():
    frame = pd.DataFrame([["=a", "b"], ["c", "@d"]], columns=["x", "x"])
    assert as_csv(frame) == "x,x\n'=a,b\nc,'@d\n"


def test_categories_and_missing_values_stay():
    frame = pd.DataFrame({"kind": pd.Categorical(["+a", None]), "when": pd.to_datetime(["2024-03-01", None])})
    assert as_csv(frame) == "kind,when\n'+a,2024-03-01\n,\n"
