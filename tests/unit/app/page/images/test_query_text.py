"""A click changes the text of a query, and nothing else of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.page.images.query_text import bounds, edited, range_of, term_of, terms
from workbench.core.errors import WorkbenchError
from workbench.session.images.grammar import parse


@pytest.mark.parametrize(
    ("text", "term", "after"),
    [
        ("", "label:Coat", "label:Coat"),
        ("label:Coat", "label:Coat", ""),
        ("label:Coat tag:done", "label:Coat", "tag:done"),
        ("label:Coat", "predicted:Bag", "label:Coat predicted:Bag"),
        ("confidence>0.5 label:Coat", "confidence:0.7..0.9", "label:Coat confidence:0.7..0.9"),
        ("confidence:0.1..0.2", "confidence:0.7..0.9", "confidence:0.7..0.9"),
        ("Confidence:0.1..0.2 label:Coat", "confidence:", "label:Coat"),
        ('camera:"north gate" label:Coat', 'camera:"north gate"', "label:Coat"),
        ("label:Coat or label:Bag", "correct:no", "(label:Coat or label:Bag) correct:no"),
        ('"north gate" (label:Coat or label:Bag)', "tag:x", '"north gate" (label:Coat or label:Bag) tag:x'),
        ("label:Coat", "", "label:Coat"),
        ("-tag:done", "tag:done", "-tag:done tag:done"),
    ],
)
def test_a_term_is_added_replaced_or_taken_away(text, term, after):
    assert edited(text, term) == after


def test_terms_keep_quotes_and_brackets_together():
    assert terms('label:"a \\" b" (x or (y z))  -tag:"c d"') == ['label:"a \\" b"', "(x or (y z))", '-tag:"c d"']


@given(st.text(max_size=30), st.text(max_size=20))
def test_whatever_stands_there_twice_the_same_click_is_none(text, value):
    text = " ".join(text.split())
    term = term_of("label", value)
    once = edited(text, term)
    try:
        parse(text)
    except WorkbenchError:
        return  # only what was a query has to stay one
    parse(once)
    if term not in terms(text) and "or" not in text.casefold():
        assert edited(once, term) == " ".join(terms(text))


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("confidence:0.5..0.9", ("0.5", "0.9")),
        ("label:Coat confidence>0.9", ("0.9", "")),
        ("confidence<=0.2", ("", "0.2")),
        ("-confidence:0.5..0.9", ("", "")),
        ("confidence:0.5", ("", "")),
    ],
)
def test_the_range_that_is_asked_for_is_read_back(text, ends):
    assert bounds(text, "confidence") == ends


def test_names_that_are_no_words_are_quoted():
    assert range_of("lens (mm)", "1", "2") == '"lens (mm)":1..2'
    assert term_of("camera", "") == 'camera:""'
    assert bounds('"lens (mm)":1..2', "lens (mm)") == ("1", "2")
