from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom, Params, describe, make


class Example(Params):
    """One of each kind."""

    top: int = Field(10, ge=1, le=50, description="pairs to list")
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    sharp: bool = False
    order: Literal["rate", "count"] = "rate"
    layer: Annotated[str | None, ChooseFrom("layers")] = None
    classes: Annotated[tuple[str, ...], ChooseFrom("classes"), Field(description="to compare")] = ("Shirt", "Coat")
    rows: tuple[int, ...] | None = None
    size: Annotated[int | None, Field(ge=2)] = None
    image: str | int | list[Any] = 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("top", {"kind": int, "default": 10, "help": "pairs to list", "low": 1, "high": 50, "optional": False}),
        ("share", {"kind": float, "low": 0, "high": 1, "help": ""}),
        ("sharp", {"kind": bool, "default": False, "low": None, "high": None, "many": False}),
        ("order", {"kind": str, "options": ("rate", "count"), "choose_from": ""}),
        ("layer", {"kind": str, "optional": True, "choose_from": "layers", "default": None, "options": ()}),
        ("classes", {"kind": str, "many": True, "choose_from": "classes", "default": ("Shirt", "Coat")}),
        ("rows", {"kind": int, "many": True, "optional": True, "default": None}),
        ("size", {"kind": int, "optional": True, "low": 2, "high": None}),
    ],
)
def test_describe_says_what_a_surface_needs(name, expected):
    found = {each.name: each for each in describe(Example)}
    assert list(found) == list(Example.model_fields)
    assert {key: getattr(found[name], key) for key in expected} == expected


def test_a_field_without_default_is_refused():
    class Bare(BaseModel):
        top: int

    with pytest.raises(TypeError, match=r"Bare\.top needs a default"):
        list(describe(Bare))


def test_text_is_read_as_the_field_s_type():
    made = make(Example, {"top": "7", "share": "0.25", "sharp": "true", "classes": ["Bag"], "rows": ["1", 2]})
    assert made == Example(top=7, share=0.25, sharp=True, classes=("Bag",), rows=(1, 2))


@pytest.mark.parametrize(
    ("text", "expected"), [("Bag", ("Bag",)), (" Bag , Ankle boot,", ("Bag", "Ankle boot")), ("", ()), (" , ", ())]
)
def test_text_for_several_values_is_split_at_its_commas(text, expected):
    assert make(Example, {"classes": text}).classes == expected
    assert make(Example, {"classes": [text]}).classes == (text,)  # a name in a list may hold a comma
    assert make(Example, {"rows": "3, 1"}).rows == (3, 1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"topp": 3}, r"There is no parameter 'topp'\. Did you mean 'top'\? Choose one of: top, share"),
        ({"top": 0}, r"`top` must be at least 1\. Got 0\."),
        ({"top": 51}, r"`top` must be at most 50\. Got 51\."),
        ({"top": "many"}, r"`top` must be a whole number\. Got 'many'\."),
        ({"top": 2.5}, r"`top` must be a whole number\. Got 2\.5\."),
        ({"share": float("nan")}, r"`share` must be finite\. Got nan\."),
        ({"share": float("inf")}, r"`share` must be finite\. Got inf\."),
        ({"order": "size"}, r"`order` must be one of 'rate', 'count'\. Got 'size'\."),
        ({"rows": [1, "x"]}, r"`rows` must be a whole number\. Got 'x'\."),
        ({"rows": "1,x"}, r"`rows` must be a whole number\. Got 'x'\."),
        ({"sharp": None}, r"`sharp` must be true or false\. Got None\."),
        ({"size": 2**32}, r"`size` must lie within ±4294967295\. Got 4\.295e\+09\."),
        ({"size": "1" + "0" * 30}, r"`size` must lie within ±4294967295\. Got 1e\+30\."),
        ({"rows": [0, -(10**40)]}, r"`rows` must lie within ±4294967295\. Got -1e\+40\."),
        ({"size": 10**400}, r"`size` must"),
        ({"top": True}, r"`top` must be a whole number\. Got True\."),
        ({"share": True}, r"`share` must be a number\. Got True\."),
        ({"size": False}, r"`size` must be a whole number\. Got False\."),
        ({"rows": [3, True]}, r"`rows` must be a whole number\. Got True\."),
        ({"classes": True}, r"`classes` must be a list\. Got True\."),
        ({"image": True}, r"`image` must be text, a whole number or a list\. Got True\."),
        ({"image": 1.5}, r"`image` must be text, a whole number or a list\. Got 1\.5\."),
    ],
)
def test_what_does_not_fit_is_one_sentence(values, sentence):
    with pytest.raises(WorkbenchError, match=sentence) as raised:
        make(Example, values)
    assert "\n" not in str(raised.value)


def test_equal_values_have_equal_keys_whichever_way_they_were_given():
    one, other = make(Example, {"top": "7", "rows": [3, 1]}), Example(rows=(3, 1), top=7)
    assert one == other
    assert one.key == other.key
    assert json.loads(one.key)["rows"] == [3, 1]
    assert one.key != Example(top=8, rows=(3, 1)).key != Example(rows=(1, 3)).key
    assert list(json.loads(one.key)) == sorted(Example.model_fields)


def test_parameters_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Example().top = 3
