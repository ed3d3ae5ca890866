import json
import os

import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data.class_names import by_number, places_among, read_class_names
from workbench.data.reading import Reading


def test_names_in_every_form(tmp_path):
    (tmp_path / "n.txt").write_text("\ufeffcat\n\n dog \nbüs\n", encoding="utf-8")
    (tmp_path / "n.json").write_text('["cat", "dog", "büs"]', encoding="utf-8")
    (tmp_path / "indices.json").write_text('{"dog": 1, "büs": 2, "cat": 0}', encoding="utf-8")
    (tmp_path / "numbers.json").write_text(
        '{"10": "k", "2": "c", "0": "a", "1": "b", "3": "d", "4": "e", "5": "f", '
        '"6": "g", "7": "h", "8": "i", "9": "j"}'
    )
    for given in (
        "cat, dog,büs",
        ["cat", "dog", "büs"],
        tmp_path / "n.txt",
        str(tmp_path / "n.json"),
        tmp_path / "indices.json",
    ):
        assert read_class_names(given) == ("cat", "dog", "büs")
    assert "".join(read_class_names(tmp_path / "numbers.json")) == "abcdefghijk"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("3", "must hold a list of class names"),
        ('["a", 3]', "non-empty names"),
        ('["a", "a"]', "'a' 2 times"),
        ('{"a": 0, "b": 2}', "the numbers 0 to 1, each once"),
        ("[]", "non-empty names"),
    ],
)
def test_a_file_of_something_else_is_said(tmp_path, content, said):
    (tmp_path / "n.json").write_text(content)
    with pytest.raises(WorkbenchError, match=said):
        read_class_names(tmp_path / "n.json")


def test_what_is_not_there_or_empty_is_said(tmp_path):
    with pytest.raises(Unavailable, match=r"There is no file .*n\.txt"):
        read_class_names(str(tmp_path / "n.txt"))
    with pytest.raises(WorkbenchError, match="non-empty names"):
        read_class_names("a,,b")


def test_numbers_in_names_go_by_value():
    assert by_number(["n10", "n9", "b", "10", "2", "a1b"]) == ["2", "10", "a1b", "b", "n9", "n10"]


def test_reading_takes_text_as_the_command_line_gives_it():
    given = Reading.of({"image_size": "48x64", "class_names": "a,b", "seed": None})
    assert (given.image_size, given.class_names, given.seed) == ((48, 64), ("a", "b"), 0)
    assert Reading.of({"image_size": 32}).image_size == Reading.of({"image_size": "32"}).image_size == (32, 32)
    assert json.loads(given.key)["image_size"] == [48, 64]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image_size": "big"}, "`image_size` must be N or HxW"),
        ({"image_size": 0}, "`image_size` must be at least 1. Got 0"),
        ({"image_size": (1, 2, 3)}, "`image_size`"),
        ({"channels": 4}, "`channels`"),
        ({"chanels": 1}, "Did you mean 'channels'"),
        ({"test_share": 1}, "`test_share`"),
    ],
)
def test_a_wrong_way_of_reading_is_said(values, said):
    with pytest.raises(WorkbenchError, match=said):
        Reading.of(values)


def test_a_name_with_a_comma_stands_in_quotes():
    assert read_class_names('a, "Pepper,_bell___healthy"') == ("a", "Pepper,_bell___healthy")
    with pytest.raises(WorkbenchError, match=r"non-empty names\. Got ''"):
        read_class_names("")


def test_places_among_names_that_are_spelled_otherwise():
    assert places_among(["cats", "dogs"], ["Dog", "Cat"]) == [1, 0]
    assert places_among(["t_shirt", "berries"], ["Berry", "T-Shirt"]) == [1, 0]
    assert places_among(["cat", "cats"], ["Cats", "Cat"]) == [1, 0]
    assert places_among(["cat"], ["Cats", "CATS"]) == [None]  # either
    assert places_among(["glass"], ["glas"]) == [None]


def test_a_pipe_of_class_names_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "names.txt")
    with pytest.raises(WorkbenchError, match=r"names.txt cannot be read as text: not a regular file\."):
        read_class_names(tmp_path / "names.txt")
