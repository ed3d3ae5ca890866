"""Trees of classes that are read, and those that are none."""

import json

import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data.hierarchy import read_hierarchy

NAMES = ("cat", "dog", "owl", "car")
NESTED = {"animals": {"pets": ["cat", "dog"], "birds": ["owl"]}, "things": ["car"]}
TABLE = "class,parent\ncat,pets\ndog,pets\nowl,birds\ncar,things\npets,animals\nbirds,animals\n"


def shape(tree):
    """Name of each node -> name of the one above it."""
    return {tree.names[node]: tree.names[above] for node, above in enumerate(tree.parents) if above >= 0}


EXPECTED = {
    "cat": "pets",
    "dog": "pets",
    "owl": "birds",
    "car": "things",
    "animals": "",
    "things": "",
    "pets": "animals",
    "birds": "animals",
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tree.json", json.dumps(NESTED)),
        ("tree.JSON", "\ufeff" + json.dumps({"all": NESTED})),  # a root with a name says nothing
        ("tree.json", json.dumps({"animals": ["owl_", {"pets": {"cat": None, "dog": {}}}], "things": ["car"]})),
        ("tree.csv", TABLE),
        ("tree.csv", "Parent, note, Class\n" + "".join(f"{b},x,{a}\n" for a, b in EXPECTED.items())),
    ],
)
def test_each_way_to_write_it_gives_the_same_tree(tmp_path, name, text):
    (tmp_path / name).write_text(text.replace('"owl_"', '{"birds": ["owl"]}'), "utf-8")
    tree = read_hierarchy(tmp_path / name, NAMES)
    assert tree.names[:4] == NAMES and tree.source == name
    assert shape(tree) == EXPECTED


def test_python_gives_a_dict_or_a_tree_that_was_read():
    tree = read_hierarchy(NESTED, NAMES)
    assert shape(tree) == EXPECTED and not tree.found
    assert read_hierarchy(tree, NAMES) is tree
    with pytest.raises(WorkbenchError, match="other classes"):
        read_hierarchy(tree, ("cat", "dog"))


def test_numbers_are_names_too():
    assert shape(read_hierarchy({"low": [0, 1], "high": [2]}, ("0", "1", "2")))["2"] == "high"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": ["cat", "dog"], "b": ["owl", "carr"]}', "'carr' is no class of the data. Did you mean 'car'?"),
        ('{"a": ["cat", "dog"], "b": ["owl"]}', "'car' is missing; it must hold each of the 4 classes once"),
        ('{"a": ["cat", "dog"], "b": ["owl", "car", "cat"]}', "'cat' is there more than once"),
        ('{"a": ["cat"], "a": ["dog", "owl", "car"]}', "'a' stands twice in one group"),
        ('{"cat": ["dog"], "b": ["owl", "car"]}', "'cat' is a class and a group at once"),
        ('{"a": [["cat"]]}', "must have a name"),
        ('{"a": 3}', "'a' must hold a list of classes, or groups. Got 3"),
        ('{"a": [true]}', "must have a name. Got True"),
        ('["cat"]', "must hold an object of groups"),
        ('{"a": [', "is no JSON, line 1"),
        ("[" * 100_000, "is no JSON"),
        ('{"a":' * 60 + "null" + "}" * 60, "more than 40 groups within each other"),
        ('{"cat": null, "dog": null, "owl": null, "car": null}', "has no groups"),
        ('{"all": ["cat", "dog", "owl", "car"]}', "has no groups"),
    ],
)
def test_what_is_no_tree_of_these_classes_is_told_in_one_sentence(tmp_path, text, said):
    (tmp_path / "t.json").write_text(text, "utf-8")
    with pytest.raises(WorkbenchError) as told:
        read_hierarchy(tmp_path / "t.json", NAMES)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class,parent\na,b\nb,c\nc,a\ncat,a\n", "'a' → 'b' → 'c' → 'a' is a circle"),
        ("class,parent\na,a\n", "'a' → 'a' is a circle"),
        ("class,parent\ncat,a\ncat,b\n", "'cat' is there more than once"),
        ("class,above\ncat,a\n", "must have the columns class and parent. Got class and above"),
        ("", "must have the columns class and parent. Got none"),
        ("class,parent\ncat\n", "line 2: each row needs a class and its parent"),
        ("class,parent\n,a\n", "line 2: each row needs a class and its parent"),
    ],
)
def test_what_is_no_table_of_a_tree_is_told_in_one_sentence(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(WorkbenchError) as told:
        read_hierarchy(tmp_path / "t.csv", NAMES)
    assert said in str(told.value)


def test_a_file_that_is_not_there_or_of_another_kind_is_told(tmp_path):
    with pytest.raises(Unavailable, match="There is no hierarchy"):
        read_hierarchy(tmp_path / "no.json", NAMES)
    with pytest.raises(WorkbenchError, match=r"a \.json or a \.csv file"):
        read_hierarchy(tmp_path / "tree.yaml", NAMES)
    (tmp_path / "t.csv").write_bytes(b"class,parent\n\xff\xfe,a\n")
    with pytest.raises(WorkbenchError, match="UTF-8"):
        read_hierarchy(tmp_path / "t.csv", NAMES)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(WorkbenchError):
        read_hierarchy(tmp_path / "folder.json", NAMES)


def test_a_thousand_unknown_names_are_not_all_said(tmp_path):
    with pytest.raises(WorkbenchError) as told:
        read_hierarchy({"a": [f"x{n}" for n in range(1000)], "b": list(NAMES)}, NAMES)
    assert "and 994 more are no class of the data" in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": ["cat", "\ud800"], "b": ["dog", "owl", "car"]}, "'\\ud800' cannot be written as text"),
        ({"\ud800": ["cat", "dog"], "b": ["owl", "car"]}, "'\\ud800' cannot be written as text"),
        ({"a": [10**5000], "b": ["dog"]}, "a number of more digits than can be written cannot"),
        ({"a": 10**5000}, "Got a number of more digits than can be written."),
    ],
)
def test_what_cannot_be_written_is_no_name(given, said):
    with pytest.raises(WorkbenchError) as told:
        read_hierarchy(given, NAMES)
    assert said in str(told.value)
    str(told.value).encode()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.json", '{"a": [' + "1" * 5000 + "]}", "t.json is no JSON"),
        ("t.json", '{"\\ud800": ["cat", "dog"], "b": ["owl", "car"]}', "cannot be written as text"),
        ("t.json", '{"a": "' + "x" * 10**6 + '"}', "'a' must hold a list of classes"),
        ("t.json", '{"a": ["' + "x" * 10**6 + '"]}', "no class of the data"),
        ("t.csv", "class,parent\ncat," + "x" * 131_073 + "\n", "t.csv, line 2: field larger than field limit"),
        ("t.csv", "class,parent\n" + "x" * 10**5 + ",y\n", "is no class of the data"),
        ("t.csv", "class," * 10**5 + "\n", "must have the columns class and parent"),
        ("t.csv", "class,parent\n" + "".join(f"g{n},g{(n + 1) % 10**4}\n" for n in range(10**4)), "→ 'g0' is a circle"),
    ],
)
def test_of_a_hostile_file_one_short_sentence_is_said(tmp_path, name, text, said):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(WorkbenchError) as told:
        read_hierarchy(tmp_path / name, NAMES)
    assert said in str(told.value) and len(str(told.value)) < 2000


def test_a_quoted_name_keeps_its_line_breaks(tmp_path):
    names = ("cat\nlong", "dog\u2028wide", "owl", "car")
    text = 'class,parent\r\n"cat\nlong",a\r\n"dog\u2028wide",a\r\nowl,b\r\ncar,b\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert shape(read_hierarchy(tmp_path / "t.csv", names))["dog\u2028wide"] == "a"
    (tmp_path / "t.csv").write_bytes(text.replace("owl,b", "owl").encode())
    with pytest.raises(WorkbenchError, match="line 5: each row needs"):
        read_hierarchy(tmp_path / "t.csv", names)


def chain(length):
    return [f"g{n},{f'g{n - 1}' if n else ''}" for n in range(length)]


@pytest.mark.parametrize("beside", ["", "other"])
def test_a_table_is_no_deeper_than_nested_objects_may_be(tmp_path, beside):
    def table(length):
        rows = [*chain(length), f"cat,g{length - 1}", f"dog,g{length - 1}", *(f"{e},{beside}" for e in NAMES[2:])]
        (tmp_path / "t.csv").write_text("class,parent\n" + "\n".join(rows))
        return tmp_path / "t.csv"

    assert read_hierarchy(table(40), NAMES).levels <= 40
    for length in (41, 4000):
        with pytest.raises(WorkbenchError, match="more than 40 groups within each other"):
            read_hierarchy(table(length), NAMES)


def test_classes_that_only_spaces_tell_apart_have_no_hierarchy():
    with pytest.raises(WorkbenchError, match="the class 'a' differs from another one in spaces"):
        read_hierarchy({"g": ["a"], "h": ["b"]}, ("a", "a ", "b"))
