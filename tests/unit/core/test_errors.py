from __future__ import annotations

import pytest

from tests.patience import at_once
from workbench.core.errors import LONGEST, Unavailable, WorkbenchError, unknown


def test_the_nearest_names_come_first_and_all_are_listed():
    said = str(unknown("class", "shrit", ["T-shirt/top", "Trouser", "Shirt"]))
    hint = "Did you mean 'Shirt' or 'T-shirt/top'?"
    assert said == f"There is no class 'shrit'. {hint} Choose one of: T-shirt/top, Trouser, Shirt."


@pytest.mark.parametrize("got", ["SHIRT", "shirt "])
def test_case_and_spaces_do_not_hide_the_right_name(got):
    assert "Did you mean 'Shirt'?" in str(unknown("class", got, ["Shirt", "Bag"]))


def test_nothing_near_nothing_offered():
    assert str(unknown("layer", "zzz", ["conv1", 7])) == "There is no layer 'zzz'. Choose one of: conv1, 7."


def test_nothing_to_choose_from():
    assert str(unknown("convolution", "conv1", [])) == "There is no convolution 'conv1', and none to choose from."


def test_a_long_list_is_cut_but_its_length_is_said_and_a_near_name_beyond_the_cut_is_found():
    said = str(unknown("class", "class40x", [f"class{number}" for number in range(50)]))
    assert "class11, … (50 in all)." in said
    assert "class12," not in said
    assert "Did you mean 'class40'" in said


def test_both_kinds_are_what_python_calls_wrong_values():
    assert issubclass(Unavailable, WorkbenchError)
    with pytest.raises(ValueError, match="no run"):
        raise unknown("run", "x", [])


@pytest.mark.parametrize("kind", [WorkbenchError, Unavailable])
def test_of_a_sentence_without_end_the_beginning_and_the_end_are_said(kind):
    said = str(kind(f"m.keras has the layer {'x' * 10**6!r}. Give it a name."))
    assert (
        len(said) == LONGEST and said.startswith("m.keras has the layer 'xx") and said.endswith("xx'. Give it a name.")
    )
    assert " … " in said
    whole = "x" * LONGEST
    assert str(kind(whole)) == whole
    assert kind("one").args == ("one",)


def test_of_a_name_of_twenty_megabytes_the_beginning_is_compared():
    with at_once(1):
        said = str(unknown("class", "shirt" * 4_000_000, ["T-shirt/top", "Shirt"]))
    assert said.startswith("There is no class 'shirtshirt") and said.endswith("Choose one of: T-shirt/top, Shirt.")
    assert len(said) <= LONGEST
