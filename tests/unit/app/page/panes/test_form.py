"""Parameters as widgets, for parameter models that no analysis has."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from workbench.app.page.panes.form import form_html, values_of
from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom, Params, make

EVIL = '"><img src=x onerror=alert(1)>'


class Everything(Params):
    top: int = Field(5, ge=1, le=45, description="how many <b>pairs</b>")
    share: float = Field(0.5, ge=0)
    sure: bool = True
    kind: Literal["directed", "symmetric"] = "directed"
    layer: Annotated[str | None, ChooseFrom("layers")] = None
    label: Annotated[str | None, ChooseFrom("classes")] = None
    images: tuple[int, ...] = (3, 4)
    name: str | None = None


def made(desk, parse, **typed):
    return parse(form_html(desk, Everything, typed))


def field(page, name):
    return next(a for tag, a in page.elements if tag in ("input", "select") and a.get("name") == name)


def test_each_kind_has_its_widget(desk, parse):
    page = made(desk, parse)
    top, share, sure = (field(page, name) for name in ("top", "share", "sure"))
    assert (top["type"], top["value"], top["min"], top["max"], top["step"]) == ("number", "5", "1", "45", "1")
    assert (share["type"], share["min"], share.get("max"), share["step"]) == ("number", "0", None, "any")
    assert sure["type"] == "checkbox"
    assert "checked" in sure
    assert [o["value"] for o in page.all("option")][:2] == ["directed", "symmetric"]
    assert field(page, "images")["value"] == "3,4"
    assert field(page, "layer")["type"] == "text"  # nobody knows the layers before the model is there
    assert field(page, "name")["placeholder"] == "auto"
    assert "how many <b>pairs</b>" in page.text
    assert "1 … 45" in page.text


def test_classes_are_offered_as_text(desk, parse):
    page = made(desk, parse)
    assert page.all("img") == []
    assert desk.session.class_names[1] in [o["value"] for o in page.all("option")]


def test_what_was_typed_stays_also_where_it_is_wrong(desk, parse):
    page = made(desk, parse, top=EVIL, kind=EVIL, name=EVIL, sure="false")
    assert (field(page, "top")["type"], field(page, "top")["value"]) == ("text", EVIL)
    assert [o["value"] for o in page.all("option") if "selected" in o][:1] == [EVIL]
    assert field(page, "name")["value"] == EVIL
    assert "checked" not in field(page, "sure")
    assert page.all("img") == []


def test_what_was_typed_becomes_the_parameters():
    typed = {"top": "7", "share": "0.25", "sure": "false", "kind": "symmetric", "images": "1, 2,,3"}
    params = make(Everything, values_of(Everything, typed))
    assert (params.top, params.share, params.sure, params.kind) == (7, 0.25, False, "symmetric")
    assert params.images == (1, 2, 3)


@pytest.mark.parametrize(
    "typed", [{"top": "0"}, {"top": "many"}, {"images": "1,x"}, {"kind": "other"}, {"nothing": "1"}]
)
def test_a_wrong_value_is_one_sentence(typed):
    with pytest.raises(WorkbenchError) as error:
        make(Everything, values_of(Everything, typed))
    assert "\n" not in str(error.value)
    assert next(iter(typed)) in str(error.value)
