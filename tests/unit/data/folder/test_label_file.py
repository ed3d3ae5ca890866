"""Tables of files and labels: headers, separators, missing and doubled files, parts, numbers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from workbench.core.errors import WorkbenchError
from workbench.data import is_folder, load_dataset, own_parts
from workbench.data.folder.label_file import classes_of


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "d/photos"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (6, 6), (50 * number, 9, 9)).save(folder / f"{number}.png")
    return tmp_path / "d"


def read(table, text, *, encoding="utf-8", **how):
    """Labels by file name, class names, and notes of a table."""
    table.write_bytes(text.encode(encoding))
    data = load_dataset(table, split="train", **{"test_share": 0, **how})
    files = {data.images.file(row).name: data.class_names[label] for row, label in enumerate(data.labels)}
    return dict(sorted(files.items())), data.class_names, data.notes


@pytest.mark.parametrize(
    "text",
    [
        "file,label\nphotos/0.png,cat\nphotos/1.png,dog\n",
        "\ufeffFilename;Class\r\nphotos/0.png;cat\r\nphotos/1.png;dog\r\n",
        "id\tbreed\ttarget\n0\tx\tcat\n1\ty\tdog\n",
        "image|category\nphotos\\0.png|cat\n./photos/1.png|dog\n",
        "photos/0.png,cat\nphotos/1.png,dog\n",
        'path,label,note\n"photos/0.png","cat","a, b"\n/kaggle/input/photos/1.png,dog,\n',
    ],
)
def test_the_same_labels_in_many_tables(photos, text):
    files, names, notes = read(photos / "x.csv", text)
    assert (files, names) == ({"0.png": "cat", "1.png": "dog"}, ("cat", "dog"))
    assert notes[0] == "labels are those of x.csv, 2 lines"


def test_what_is_missing_doubled_or_without_a_label_is_counted_and_named(photos):
    text = "file,label\nphotos/0.png,cat\nphotos/0.png,cat\nphotos/1.png,dog\nphotos/1.png,cat\nphotos/2.png,dog\n"
    files, _, notes = read(photos / "x.csv", text + "photos/3.png,\nnone.png,dog\n")
    assert files == {"0.png": "cat", "2.png": "dog"}
    said = " | ".join(notes)
    assert "1 file of the table is not there: 'none.png'" in said
    assert "2 lines for a file that was named before" in said
    assert "1 file with several labels or parts skipped, such as photos/1.png (cat and dog)" in said
    assert "1 line without a label skipped" in said


def test_a_column_of_parts(photos):
    table = photos / "x.csv"
    table.write_text("image,label,split\n0,a,train\n1,b,Training\n2,a,TEST\n3,b,later\n")
    assert own_parts(table) == ("train", "test")
    assert len(load_dataset(table, split="train")) == 2
    data = load_dataset(table)
    assert (data.labels.tolist(), data.name) == ([0], "x.csv/test")
    assert "1 line skipped, whose part is 'later'" in data.notes


def test_parts_by_the_folders_of_the_files(photos):
    (photos / "photos").rename(photos / "train_images")
    (photos / "test").mkdir()
    (photos / "train_images/3.png").rename(photos / "test/3.png")
    (photos / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n")
    assert own_parts(photos) == ("train", "test")
    assert load_dataset(photos).labels.tolist() == [1]


def test_numbers_are_labels_and_may_not_begin_at_one(photos):
    text = "file,label\n0,{}\n1,{}\n2,{}\n"
    assert read(photos / "x.csv", text.format(0, 2, 2))[:2] == (
        {"0.png": "0", "1.png": "2", "2.png": "2"},
        ("0", "1", "2"),
    )
    named = read(photos / "x.csv", text.format(0, 2, 1), class_names="a,b,c")
    assert named[0] == {"0.png": "a", "1.png": "c", "2.png": "b"}
    _, _, notes = read(photos / "x.csv", text.format(1, 2, 2))
    assert "no label is 0 and the largest is 2: if the labels begin at 1, subtract 1" in notes
    with pytest.raises(WorkbenchError, match=r"the labels begin at 1\. Subtract 1 from them, so that they lie in 0…1"):
        read(photos / "x.csv", text.format(1, 2, 2), class_names="a,b")


def test_a_flat_folder_with_its_labels_csv(photos):
    (photos / "Labels.CSV").write_text("file,label\nphotos/0.png,cat\nphotos/1.png,dog\n")
    assert is_folder(photos)
    assert load_dataset(photos, split="train", test_share=0).class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "must have a column of files .* Its columns are a and b"),
        ("", "is empty"),
        ("\0\0", "is not a table of text"),
        (
            "file,label\nphotos/0.png,cat\nx.png,dog\n",
            "at least two classes.* 1 file of it is not there, the first 'x.png'",
        ),
        ("file,label\n0,0.5\n1,1\n", "must be whole, from 0"),
    ],
)
def test_what_is_no_table_of_labels_is_said(photos, text, said):
    with pytest.raises(WorkbenchError, match=said):
        read(photos / "x.csv", text)


def test_pixels_and_fingerprint_follow_the_files(photos):
    table = photos / "x.csv"
    table.write_text("file,label\n0,a\n1,b\n")
    one = load_dataset(table, split="train", test_share=0)
    assert np.array_equal(np.sort(one.images[:].max(axis=(1, 2, 3))), [9, 50])
    table.write_text("file,label\n0,b\n1,a\n")
    assert load_dataset(table, split="train", test_share=0).fingerprint != one.fingerprint


def test_a_table_whose_files_are_where_it_says_looks_nowhere_else(photos, monkeypatch):
    monkeypatch.setattr("workbench.data.folder.label_file.look_through", lambda folder: pytest.fail("looked through"))
    assert read(photos / "x.csv", "file,label\nphotos/0.png,a\nphotos/1.png,b\n")[1] == ("a", "b")


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("image,MEL,NV,UNK\n0,0.0,1.0,0\n1,1.0,0.0,0\n", ("MEL", "NV", "UNK"), "the columns MEL, NV and UNK"),
        ("id,breed,age\n0,b,3\n1,a,4\n2,b,7\n3,a,1\n", ("a", "b"), "labels are in the column breed"),
        ("Filename;Width;ClassId\nphotos/0.png;3;0\nphotos/1.png;4;1\n", ("0", "1"), "2 lines"),
        ("annotator,choice,id,image\n1,Kid,7,/up/0.png\n1,Pet,8,/up/1.png\n", ("Kid", "Pet"), "2 lines"),
    ],
)
def test_labels_in_columns_of_other_names(photos, text, names, said):
    _, found, notes = read(photos / "x.csv", text)
    assert found == names
    assert any(said in note for note in notes)


def test_one_hot_lines_with_several_classes_have_no_label(photos):
    text = "image,a,b\n" + "0,1,0\n1,0,1\n" * 5 + "2,1,1\n"
    files, _, notes = read(photos / "x.csv", text)
    assert files == {"0.png": "a", "1.png": "b"}
    assert "1 line with several classes marked" in notes


@pytest.mark.parametrize("tables", [("train.csv", "test.csv"), ("train/_classes.csv", "test/_classes.csv")])
def test_tables_of_the_parts_are_read_together(photos, tables):
    for number, table in enumerate(tables):
        (photos / table).parent.mkdir(exist_ok=True)
        lines = "".join(f"photos/{2 * number + place}.png,{name}\n" for place, name in enumerate(("cat", "dog")))
        (photos / table).write_text(f"file,label\n{lines}")
    assert own_parts(photos) == ("train", "test")
    train, test = (load_dataset(photos, split=part) for part in ("train", "test"))
    assert sorted(train.images.file(row).name for row in range(2)) == ["0.png", "1.png"]
    assert sorted(test.images.file(row).name for row in range(2)) == ["2.png", "3.png"]


def test_a_table_is_advised_only_if_it_fits(photos):
    (photos / "notes.csv").write_text("when,what\n1,2\n")
    with pytest.raises(WorkbenchError) as caught:
        load_dataset(photos)
    assert "notes.csv" not in str(caught.value)
    (photos / "answers.csv").write_text("file,label\nphotos/0.png,cat\nphotos/1.png,dog\n")
    with pytest.raises(WorkbenchError, match=r"If answers.csv has the labels, give that file"):
        load_dataset(photos)


def test_a_short_table_of_a_part_has_the_columns_of_the_others(photos):
    lines = {"train": "0.png,cat\n1.png,dog\n2.png,cat\n4.png,dog\n", "test": "3.png,dog\n"}
    Image.new("RGB", (6, 6)).save(photos / "photos/4.png")
    for part, text in lines.items():
        (photos / f"{part}.csv").write_text(f"filename,species\n{text}")
    assert own_parts(photos) == ("train", "test")
    assert load_dataset(photos, split="test").labels.tolist() == [1]


def test_a_number_that_is_none_of_a_class_is_named_as_it_is():
    with pytest.raises(WorkbenchError, match=r"must be whole, from 0\. Got '1\.5'"):
        classes_of(["0", "1.5", "2"], "x.csv")
    with pytest.raises(
        WorkbenchError, match=r"x.csv must name at most 10,000 classes\. Its labels are numbers as high as"
    ):
        classes_of(["0", "10000"], "x.csv")
