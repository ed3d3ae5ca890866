"""The view is what stands in the address, whatever stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.page.board import Board
from workbench.app.page.view import ANY, SECTIONS, View, read, settle

ANALYSES = ("most-confused", "samples")
KEYS = (
    "section",
    "true",
    "predicted",
    "image",
    "gallery_page",
    "order",
    "cells",
    "explain",
    "methods",
    "layer",
    "scale",
    "grid",
    "own",
    "start",
    "invert",
    "whole",
    "where",
    "part",
    "sort",
    "set",
    "compute",
    "against",
    "add",
    "_region",
    "_colour",
    "__theme",
    "<b>",
)
VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(-3, 12).map(str),
    st.sampled_from(
        [
            "errors",
            "own",
            "images",
            "train",
            "label:Coat",
            "samples",
            "any",
            "true",
            "difference",
            "shares",
            "unsure",
            "shared",
            "native",
            "grad-cam,occlusion",
            "conv2/relu",
            "1",
            "9" * 30,
            "0.1,2,-3e-7,4",
            "nan,0,1,2",
            "confidence",
        ]
    ),
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_query_is_a_view_that_equals_its_own_query(raw):
    view = read(raw, ANALYSES)
    assert read(view.query(), ANALYSES) == view


@pytest.mark.parametrize("raw", [None, [], "x", 3, {"image": None}, {"true": {"a": 1}}, {3: 4}])
def test_what_is_no_query_is_the_first_view_or_the_errors(raw):
    assert read(raw, ANALYSES).section in ("start", "errors")


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_settling_any_view_gives_an_image_that_exists_and_is_stable(raw):
    board = _board()
    view = settle(read({**raw, "section": "errors"}), board)
    assert view.true is not None
    assert view.predicted is not None
    if view.image is not None:
        assert view.image in board.rows(view.true, view.predicted, view.order)
    assert settle(read(view.query()), board) == view


def test_a_bare_image_opens_its_cell_and_page():
    view = settle(read({"image": "5"}), _board())
    assert (view.section, view.true, view.predicted, view.image, view.gallery_page) == ("errors", 1, 0, 5, 0)


def test_the_cell_decides_where_image_and_cell_contradict():
    view = settle(read({"section": "errors", "true": "0", "predicted": "1", "image": "5"}), _board())
    assert (view.true, view.predicted, view.image) == (0, 1, 2)


def test_class_zero_is_a_class_and_any_is_none():
    board = _board()
    assert settle(read({"section": "errors", "true": "0", "predicted": "0"}), board).image == 0
    column = settle(read({"section": "errors", "true": "any", "predicted": "0"}), board)
    assert (column.true, column.predicted, column.image) == (ANY, 0, 5)
    assert column.query() == {"section": "errors", "true": "any", "predicted": "0", "image": "5"}


def test_what_is_the_default_stays_out_of_the_address():
    assert View().query() == {"section": "start"}
    assert read({"section": "samples", "count": "3", "seed": "", "__theme": "dark"}, ANALYSES).query() == {
        "section": "samples",
        "count": "3",
    }


def _board() -> Board:
    import numpy as np

    from workbench.core.predictions import Predictions

    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    logits = np.zeros((8, 3), np.float32)
    logits[np.arange(8), [0, 1, 1, 1, 1, 0, 2, 2]] = [5, 1, 3, 2, 4, 6, 40, 0.5]
    return Board(Predictions(logits, labels))


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0,1,2,3", (0, 1, 2, 3)),
        ("2,3,0,1", (0, 1, 2, 3)),
        ("-1.23456789,0,1e3,2", (-1.23457, 0, 1000, 2)),
        ("0,1,2", ()),
        ("0,1,2,3,4", ()),
        ("0,1,2,x", ()),
        ("nan,1,2,3", ()),
        ("inf,1,2,3", ()),
        ("1e10,1,2,3", ()),
        ("", ()),
        ("<b>", ()),
    ],
)
def test_a_region_is_four_finite_numbers_or_none(text, region):
    view = read({"section": "samples", "_region": text}, ANALYSES)
    assert view.region == region
    assert view.params == {}


def test_region_and_colour_stand_in_the_address_and_the_default_colour_does_not():
    raw = {"section": "samples", "count": "3", "_region": "0,0,1.5,2", "_colour": "correct"}
    assert read(raw, ANALYSES).query() == raw
    assert "_colour" not in read({**raw, "_colour": "class"}, ANALYSES).query()
    assert "_region" not in read({"section": "errors", "_region": "0,0,1,1"}, ANALYSES).query()


def test_no_analysis_is_called_as_a_section_is():
    from workbench.diagnosis.registry import analyses

    assert set(analyses()) & set(SECTIONS) == set()


def test_a_layer_may_be_called_anything():
    view = read({"section": "errors", "layer": "my conv <2>"})
    assert view.layer == "my conv <2>"
    assert read(view.query()) == view
