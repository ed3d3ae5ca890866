"""Out of a workspace and into another: the same again; and whatever else a file may be, it is whole or a sentence."""

import csv
import io
import json

import pytest

from tests.marked import images, key
from workbench.core.errors import WorkbenchError
from workbench.core.spreadsheet import as_written
from workbench.data.edits import read_edits
from workbench.workspace.edit_note import EditNote
from workbench.workspace.exports import COLUMNS, exported
from workbench.workspace.imports import import_file, read_corrections
from workbench.workspace.workspace import Workspace

EVIL = ["=cmd()|' /C calc'!A0", "+1", "-1", "@x", "'quoted", "''=x", "＝x", "a\r=x"]


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "a.workspace", who="Ann", page="one") as opened:
        yield opened


@pytest.fixture
def other(tmp_path):
    with Workspace.open(tmp_path / "b.workspace", who="Bob", page="two") as opened:
        yield opened


def fill(workspace):
    """Say all that can be said, with undoing, copies, two users, and text that spreadsheets run."""
    evil = images(
        *range(len(EVIL)), names=EVIL, labels=["=Coat", "Dress", "a,b", "c\nd", "@", "'", "Coat ", "a\r=b"], classes=()
    )
    workspace.tag(evil, "check")
    workspace.tag(evil[2:4], "=cmd()")
    workspace.note(evil[:3], '=HYPERLINK("http://x")\n"two", lines')
    workspace.note(evil[3:4], "'apostrophe")
    workspace.undo()
    workspace.acting(who="=Bob").relabel(evil[:2], "-Shirt")
    copies = images(9, 9, names=["x.png", "y.png"], labels=["Coat", "Coat"], part="test")
    workspace.relabel(copies, "Shirt")
    workspace.drop(copies[1:])
    workspace.keep(evil[5:])
    for note, raw in (("=1+1, <b>", [{"op": "rotate", "degrees": 7}]), ("", [{"op": "erase", "box": [1, 2, 3, 4]}])):
        workspace.keep_edit(evil[:2], EditNote(note=note, size=(28, 28), edits=read_edits(raw)))
    workspace.save_set("=sum", query="label:Coat")
    workspace.save_set("some", images=copies, part="test")


def said(workspace):
    """What holds, without when and by whom."""
    return [each[:8] for each in workspace.marks()]


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_holds_comes_back_equal(workspace, other, tmp_path, format_):
    fill(workspace)
    path = tmp_path / f"marks.{format_}"
    path.write_text(exported(workspace, format_), encoding="utf-8", newline="")
    done = import_file(other, path)
    assert said(other) == said(workspace)
    assert (done.change.action, done.change.value, done.unmatched) == ("import", path.name, 0)
    assert other.changed_since(0)[0].source == path.name
    assert import_file(other, path).change is None
    other.undo()
    assert said(other) == []


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_the_journal_comes_back_equal_with_every_undo(workspace, other, tmp_path, format_):
    fill(workspace)
    path = tmp_path / f"journal.{format_}"
    path.write_text(exported(workspace, format_, journal=True), encoding="utf-8", newline="")
    import_file(other, path)
    assert other.log() == workspace.log()
    assert other.marks() == workspace.marks()
    assert exported(other, format_, journal=True) == path.read_bytes().decode()
    assert other.acting(who="Ann", page="one").redo.__name__ == "redo"
    with pytest.raises(WorkbenchError, match="empty workspace only"):
        import_file(other, path)


def test_no_cell_is_a_formula_and_each_line_is_an_image(workspace):
    fill(workspace)
    rows = list(csv.reader(io.StringIO(exported(workspace), newline="")))
    assert rows[0] == list(COLUMNS)
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))] == []
    names = [as_written(row[1]) for row in rows[1:]]
    assert sorted(names) == sorted([*EVIL, "x.png", "y.png", "", ""])  # two saved sets
    first = dict(zip(COLUMNS, map(as_written, rows[1 + names.index("''=x")]), strict=True))
    assert (first["tags"], first["correction"], first["label"]) == ("check", "keep", "'")


def table(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def known():
    return images(*range(6), names=[f"train/{'abc'[each % 3]}/{each}.png" for each in range(6)])


def test_names_and_labels_of_another_tool(workspace, tmp_path):
    lines = "file;label;tags\ntrain/a/0.png;Shirt;check, bad\n.\\train\\b\\1.png;Dress;\n2.png;Coat;\ngone.png;Coat;x\n"
    done = import_file(workspace, table(tmp_path, b"\xef\xbb\xbf" + lines.encode()), known)
    assert (done.lines, done.unmatched, done.change.images) == (4, 1, 2)
    assert done.notes == ("1 line of table.csv matches no image of the data: 'gone.png'.",)
    found = workspace.corrections()
    assert found[["name", "label", "new_label"]].to_numpy().tolist() == sorted(
        [["train/a/0.png", "Coat", "Shirt"], ["train/c/2.png", "Shirt", "Coat"]],
        key=lambda each: key(0 if "0" in each[0] else 2),
    )
    assert workspace.tags() == {"bad": 1, "check": 1}


def test_keys_alone_and_json_lines_are_understood(workspace, tmp_path):
    lines = [{"key": key(1), "tags": ["a", "b"], "note": None}, {"KEY": key(2).upper(), "note": "seen"}]
    path = table(tmp_path, "\n".join(map(json.dumps, lines)), "t.jsonl")
    import_file(workspace, path, known)
    assert workspace.tags_of([key(1), key(2)]) == [("a", "b"), ()]
    assert workspace.notes_of([key(2)]) == ["seen"]


def test_copies_of_one_label_cannot_become_two(workspace, tmp_path):
    copies = images(0, 0, 1, names=["a.png", "b.png", "c.png"], labels=["Coat", "Coat", "Dress"])
    done = import_file(workspace, table(tmp_path, "name,label\na.png,Shirt\nb.png,Coat\nc.png,Coat\n"), lambda: copies)
    assert done.notes == ("Copies of one image have different labels in table.csv; not relabelled: 'b.png'.",)
    assert sorted(workspace.corrections()["name"]) == ["a.png", "c.png"]


def test_the_answer_of_label_issues_is_a_table_of_corrections(workspace, tmp_path):
    lines = "training image,label,suggested,issue\ntrain/a/0.png,Coat,Shirt,True\n2.png,Shirt,Shirt,False\n"
    path = table(tmp_path, lines)
    assert [each.value for each in read_corrections(path, known)] == ["relabel Shirt"]
    import_file(workspace, path, known)
    made = workspace.corrections()
    assert made[["name", "label", "new_label"]].to_numpy().tolist() == [["train/a/0.png", "Coat", "Shirt"]]


HEADER = ",".join(COLUMNS)
LINE = f"{key(0)},a.png,train,Coat,good,,,,,,,"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "at least a line. It is empty"),
        (b"name,label\n", "a first line and nothing below it"),
        (b"name,label\na.png,\xff\n", "must be UTF-8. Line 2 is not"),
        ("name,label\na\0.png,Coat\n".encode("utf-16"), "must be UTF-8"),
        (b"name,label\na\0.png,Coat\n", "Line 2 has a NUL"),
        (b"name,label\na.png\n", "Line 2 of table.csv must have 2 cells"),
        (b'name,label\n"a.png,Coat\n', "cannot be read as CSV at line"),
        (b"name,name\na,b\n", "columns of distinct names"),
        (b"x,y\n1,2\n", "must have a column `name` or `key`, and one of `label`, `tags` and `note`. It has x and y"),
        (b"name,label\n0.png,Coad\n", "Line 2 of table.csv: There is no class 'Coad'. Did you mean 'Coat'"),
        (b"name,label\n0.png,Shirt\n0.png,Dress\n", "Line 3 of table.csv: it gives 'train/a/0.png' another label"),
        (b"image,label,suggested\n0.png,Dress,Shirt\n", "it replaces the label 'Dress', and 'train/a/0.png' is"),
        (b"name,tags\n0.png,ok\n1.png,a:b\n", "Line 3 of table.csv: The name of a tag must have no comma"),
        (b"name,tags\nq.png,ok\n", "No line of table.csv is about an image of the data. It names 'q.png'; the"),
        (f"{HEADER}\n{LINE}\n{LINE.replace(key(0), 'abc')}\n", "Line 3 of table.csv: The key of an image must have 32"),
        (f"{HEADER}\n{LINE[:-7]},,burn,,,,,\n", "Line 2 of table.csv: A correction is relabel"),
        (f"{HEADER}\n{LINE}\n,,,,,,,,,,[1],\n", "Line 3 of table.csv: A saved set is JSON of"),
        (f"{HEADER}\n{LINE[:-7]},{'x' * 10_001},,,,,,\n", "A note must have at most 10,000 characters"),
        (f"{HEADER}\n{LINE[:-7]},a,,,,,,\n{LINE[:-7]},b,,,,,,\n", "Line 3 of table.csv: it says something else than"),
        (f"{HEADER}\n{LINE}[1]\n", "Line 2 of table.csv: A changed image is JSON of `note`, `size` [height, width]"),
        (f"{HEADER}\n{LINE}{'[' * 9999}\n", "Line 2 of table.csv: `edits` must be a JSON list"),
        (f'{HEADER}\n{LINE}"[{{""note"":"""",""size"":[2,2],""edits"":[{{""op"":""x""}}]}}]"\n', "no edit 'x'"),
        ("name,tags\n0.png," + "[" * 3_000_000 + "\n", "1 to 80 characters. Got 3000000"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_and_nothing_is_imported(workspace, tmp_path, content, said):
    with pytest.raises(WorkbenchError) as error:
        import_file(workspace, table(tmp_path, content), known)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert workspace.last == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "Line 1 of t.jsonl must be a JSON object"),
        ("[1]", "Line 1 of t.jsonl must be a JSON object"),
        ('{"name": "0.png", "tags": "a\\ud800"}', "half a character"),
        ('{"name": "0.png", "tags": "a\\u0000"}', "NUL"),
        ('{"name": "0.png", "tags": {"a": 1}}', "no comma, colon"),
    ],
)
def test_json_that_is_odd_is_one_sentence(workspace, tmp_path, content, said):
    with pytest.raises(WorkbenchError) as error:
        import_file(workspace, table(tmp_path, content, "t.jsonl"), known)
    assert said in str(error.value)
    assert workspace.last == 0


def test_a_forged_journal_is_refused(workspace, other, tmp_path):
    fill(workspace)
    lines = [json.loads(line) for line in exported(workspace, "jsonl", journal=True).splitlines()]
    tag = next(at for at, line in enumerate(lines) if line.get("kind") == "tag")
    undone = next(at for at, line in enumerate(lines) if line["action"] == "undo")
    forged = {
        "does not fit together": [{**lines[tag], "before": "was"}],
        "no comma, colon": [{**lines[tag], "after": "a:b"}],
        "no key of an image": [{**lines[tag], "key": "x"}],
        "is no mark": [{**lines[tag], "kind": "virus"}],
        "in the order of its changes": [lines[undone], lines[tag]],
        "one thing twice": [lines[tag], lines[tag]],
        "a whole number": [{**lines[tag], "id": "1e3"}],
        "a time in ISO 8601": [{**lines[tag], "time": "yesterday"}],
        "fit together at change": [{**lines[tag], "target": 7}],
    }
    for said, some in forged.items():
        path = table(tmp_path, "\n".join(map(json.dumps, some)), "forged.jsonl")
        with pytest.raises(WorkbenchError, match=said):
            import_file(other, path)
        assert (other.last, other.marks()) == (0, [])


def test_an_existing_tag_keeps_its_spelling(workspace, tmp_path):
    workspace.tag(images(5), "Check")
    import_file(workspace, table(tmp_path, "name,tags\n0.png,check\n1.png,CHECK\n2.png,New\n3.png,new\n"), known)
    assert workspace.tags() == {"Check": 3, "New": 2}
