"""What a query says is what is found, and what it cannot say is a sentence with the nearest that it could."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError, unknown
from workbench.session.images.column import Column
from workbench.session.images.grammar import All, But, Compared, Either, Word, parse, quoted
from workbench.session.images.query import fields_in, found_by

LABELS = ("T-shirt/top", "Coat", "Ankle boot", "<b>", 'a "quoted", one')
COLUMNS = {
    "label": Column("label", "category", np.array([0, 1, 2, 3, 4, -1]), options=LABELS),
    "confidence": Column("confidence", "number", np.array([0.1, 0.5, 0.9, 0.95, np.nan, 1.0])),
    "correct": Column("correct", "truth", np.array([1, 0, 1, -1, 0, 1], np.int8)),
    "name": Column("name", "text", np.array(["a/1.png", "a/11.png", "b/1.png", "b/2.PNG", "x[1].png", "c/z"])),
    "note": Column("note", "words", np.array(["blurred, dark", "", "dark", "Blurred", "a*b", ""], dtype=object)),
    "tag": Column("tag", "tags", np.array([0, 1, 2, 0, 2, 1]), options=("", "check", "check,Done")),
    "when": Column(
        "when",
        "date",
        np.array(
            ["2023-12-31T23:59:59.5", "2024-01-01", "2024-03-01T12:30", "2024-03-31T23:59:59.9", "NaT", "2025"],
            "datetime64[us]",
        ),
    ),
    "odd name": Column("odd name", "number", np.arange(6.0)),
}


def column(name):
    if name not in COLUMNS:
        raise unknown("field", name, COLUMNS)
    return COLUMNS[name]


def found(text):
    return np.flatnonzero(found_by(parse(text), column, 6)).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("label:Coat", [1]),
        ("label:coat", [1]),
        ("label:T-shirt/top", [0]),
        ('label:"Ankle boot",Coat', [1, 2]),
        ('label:"a \\"quoted\\", one"', [4]),
        ("label:*o*", [0, 1, 2, 4]),
        ('label:""', [5]),
        ("-label:Coat", [0, 2, 3, 4, 5]),
        ("label!=Coat,<b>", [0, 2, 4, 5]),
        ("confidence>0.9", [3, 5]),
        ("confidence>=0.9", [2, 3, 5]),
        ("confidence<50%", [0]),
        ("confidence:0.5..0.95", [1, 2, 3]),
        ("confidence:0.95..", [3, 5]),
        ("confidence:..0.1", [0]),
        ("confidence:0.9,1", [2, 5]),
        ("confidence==0.5", [1]),
        ('confidence:""', [4]),
        ("-confidence>0.5", [0, 1, 4]),
        ("correct:yes", [0, 2, 5]),
        ("correct:no", [1, 4]),
        ('correct:""', [3]),
        ("name:1.png", [0, 2]),
        ("name:a/1.png", [0]),
        ("name:a/*", [0, 1]),
        ("name:*.png", [0, 1, 2, 3, 4]),
        ("name:x[1].png", [4]),
        ("name:x[*", [4]),
        ("1.png", [0, 1, 2]),
        ("b/ png", [2, 3]),
        ("note:blurred", [0, 3]),
        ('note:"a*b"', [4]),
        ('note:""', [1, 5]),
        ("tag:check", [1, 2, 4, 5]),
        ("tag:done", [2, 4]),
        ("tag:check -tag:done", [1, 5]),
        ("tag:never", []),
        ("-tag:never", [0, 1, 2, 3, 4, 5]),
        ("tag:*", [1, 2, 4, 5]),
        ('tag:""', [0, 3]),
        ("when:2024", [1, 2, 3]),
        ("when:2024-03", [2, 3]),
        ("when>2024-03-01", [3, 5]),
        ("when>=2024-03-01", [2, 3, 5]),
        ("when<2024", [0]),
        ("when<=2024-03-31", [0, 1, 2, 3]),
        ("when:2024-01..2024-03", [1, 2, 3]),
        ("when:2024-03-01T12:30", [2]),
        ('when:""', [4]),
        ('"odd name">3', [4, 5]),
        ("label:Coat or label:<b>", [1, 3]),
        ("correct:no and (label:Coat or confidence>0.9)", [1]),
        ("-(label:Coat or correct:yes) tag:check", [4]),
        ("confidence > 0.9  label : <b>", [3]),
        ("__import__('os').system('x')", []),  # words of names
    ],
)
def test_what_a_query_finds(text, rows):
    assert found(text) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lable:Coat", "There is no field 'lable'. Did you mean 'label'?"),
        ("label:Coast", "There is no label 'Coast'. Did you mean 'Coat'?"),
        ("label>3", "`label` is no number: it is compared by `:` alone. Got >."),
        ("confidence:high", "`confidence` is a number, such as 0.9 or 0.5..0.9. Got 'high'."),
        ("confidence:nan", "`confidence` is a number"),
        ("confidence:0.9..0.5", "A range of `confidence` must begin with its lower end."),
        ("confidence:..", "must have an end"),
        ("correct:maybe", "`correct` must be yes or no. Got 'maybe'."),
        ("when:3/4/2024", "`when` is a date, such as 2024-03"),
        ("when:2024-02-31", "`when` is a date"),
        ("confidence>", "Something is missing at its end."),
        ("(label:Coat", "Something is missing at its end."),
        ("label:Coat)", "It cannot be read from ')' on."),
        ("-", "Something is missing at its end."),
        ('label:"Coat', "It cannot be read from"),
        ("x" * 5000, "at most 4,000 characters"),
        ("(" * 60 + "a" + ")" * 60, "at most 50 brackets"),
    ],
)
def test_what_is_no_query_is_said_with_the_nearest_that_is_one(text, said):
    with pytest.raises(WorkbenchError) as caught:
        found(text)
    assert said in str(caught.value)


def test_the_fields_that_a_query_asks_about_are_known_before_it_is_answered():
    assert fields_in(parse("label:Coat (confidence>0.9 or -tag:x) word")) == {"label", "confidence", "tag", "name"}


@given(st.text(max_size=30))
def test_every_text_can_be_written_as_a_value(value):
    term = parse(f"label:{quoted(value)}")
    assert isinstance(term, Compared)
    assert term.values[0].strip('"') == value or found_by(
        term, lambda _: Column("label", "category", np.array([0, 1]), options=(value, value + "x")), 2
    ).tolist() == [bool(value), False]


NAMES = ["label", "correct", "tag"]
ATOMS = st.sampled_from(["label:Coat", "label:<b>", "confidence>0.4", "tag:done", "correct:no", "b/", "when:2024"])


@st.composite
def terms(draw, depth=3):
    kind = draw(st.sampled_from(["atom", "not", "and", "or"] if depth else ["atom"]))
    if kind == "atom":
        text = draw(ATOMS)
        return text, set(found(text))
    one, rows = draw(terms(depth - 1))
    if kind == "not":
        return f"-({one})", set(range(6)) - rows
    other, more = draw(terms(depth - 1))
    return (f"({one}) ({other})", rows & more) if kind == "and" else (f"(({one}) or {other})", rows | more)


@settings(max_examples=150)
@given(terms())
def test_joined_terms_find_what_sets_say(made):
    text, rows = made
    assert set(found(text)) == rows


def test_terms_are_what_they_look_like():
    assert parse("a b or -c:d") == Either((All((Word("a"), Word("b"))), But(Compared("c", ":", ("d",)))))
