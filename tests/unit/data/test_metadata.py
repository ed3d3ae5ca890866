"""What else is known of the images: joined by name or number, and of the kind that it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import workbench as wb
from tests.patience import at_once
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.data.metadata import read_metadata, with_metadata
from workbench.data.metadata.columns import typed


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "2.5", "", "-3e2", "NA"], "float64", [1, 2.5, None, -300, None]),
        (["yes", "No", "TRUE", "f", "n/a"], "boolean", [True, False, True, False, None]),
        (["1", "0", "1"], "float64", [1, 0, 1]),
        (["north gate", "south", "", "north gate"], "category", ["north gate", "south", None, "north gate"]),
        (["007", "012"], "category", ["007", "012"]),
        (["90071992547409931", "90071992547409932"], "category", ["90071992547409931", "90071992547409932"]),
        (["1e999", "2"], "category", ["1e999", "2"]),
        (["3/4/2024", "5/4/2024"], "category", ["3/4/2024", "5/4/2024"]),
        (["2024-02-31", "2024-03-01"], "category", ["2024-02-31", "2024-03-01"]),
        (["=1+1", "@x"], "category", ["=1+1", "@x"]),
        (["nan", "", "-"], "object", [None, None, None]),
    ],
)
def test_the_kind_of_a_column_is_found_out(cells, kind, values):
    found, said = typed("column", cells)
    assert str(found.dtype) == kind
    assert [None if pd.isna(value) else value for value in found.tolist()] == values
    assert said == ""


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["2024-03-01", ""], "2024-03-01 00:00:00"),
        (["2024-03-01T12:30", "2024-03-02 10:00:05.25"], "2024-03-01 12:30:00"),
        (["2024:03:01 12:30:00", "2024:03:02 10:00:05"], "2024-03-01 12:30:00"),  # as EXIF writes it
        (["2024-03-01T12:30:00+02:00", "2024-03-02T10:00:00Z"], "2024-03-01 10:30:00+00:00"),
    ],
)
def test_dates_are_read_as_cameras_and_standards_write_them(cells, first):
    found, _ = typed("when", cells)
    assert str(found.dtype).startswith("datetime64")
    assert str(found[0]) == first


def test_a_few_words_among_numbers_count_as_missing_and_are_said():
    found, said = typed("age", [*map(str, range(40)), "unknown", "unknown"])
    assert found.dtype == float and found.isna().sum() == 2
    assert said == "2 values of 'age' count as missing: unknown"
    assert str(typed("age", ["1", "2", "unknown"])[0].dtype) == "category"


def made(names, name="own/test", indices=None):
    count = len(names) if names is not None else len(indices)
    return Dataset(
        np.zeros((count, 4, 4, 1), np.uint8),
        np.arange(count) % 2,
        class_names=("a", "b"),
        indices=np.arange(count) if indices is None else np.array(indices),
        name=name,
        names=None if names is None else np.array(names),
    )


def table(tmp_path, text):
    path = tmp_path / "more.csv"
    path.write_text(text, encoding="utf-8")
    return read_metadata(path)


def test_rows_are_joined_by_path_or_by_an_end_of_it_that_is_one_files_alone(tmp_path):
    data = made(["test/a/1.png", "test/b/1.png", "test/b/2.png", "test/b/3.png"])
    text = "file,camera\ntest/a/1.png,north\nb/1.png,south\n2.png,east\nc:\\photos\\test\\b\\3.png,west\n1.png,nobody\n"
    found = with_metadata(data, [table(tmp_path, text)])
    assert found.metadata["camera"].tolist() == ["north", "south", "east", "west"]
    assert found.notes == ("1 row of more.csv match no image: 1.png",)


def test_rows_are_joined_by_part_and_index(tmp_path):
    data = made(None, indices=[3, 7])
    found = with_metadata(data, [table(tmp_path, "index,part,light\n7,test,0.5\n3,Test,0.25\n3,train,9\n8,test,1\n")])
    assert found.metadata["light"].tolist() == [0.25, 0.5]
    assert found.notes == ("1 row of more.csv match no image: test 8",)
    named = with_metadata(data, [table(tmp_path, "name,light\ntest/7,0.5\ntrain/3,1\n")])
    assert named.metadata["light"].tolist()[1] == 0.5
    assert named.notes == ("1 image without metadata: test/3",)
    assert named.subset([1]).metadata["light"].tolist() == [0.5]


def test_two_rows_of_one_image_must_say_the_same(tmp_path):
    data = made(["1.png", "2.png"])
    twice = table(tmp_path, "file,x\n1.png,4\n1.png,4\n")
    assert with_metadata(data, [twice]).metadata["x"][0] == 4
    with pytest.raises(WorkbenchError, match=r"one row for each image\. It has two for '1.png'"):
        with_metadata(data, [table(tmp_path, "file,x\n1.png,4\n1.png,5\n")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("camera,light\nx,1\n", "must have a column of file names"),
        ("file,x,X\n1.png,1,2\n", "must have different names. 'x' is there twice"),
        ("", "is empty"),
    ],
)
def test_a_table_that_cannot_be_joined_is_refused_in_a_sentence(tmp_path, text, said):
    with pytest.raises(WorkbenchError, match=said):
        table(tmp_path, text)


def test_twenty_thousand_columns_are_compared_once_each(tmp_path):
    many = ",".join(["file", *(f"c{place}" for place in range(19_990))])
    with at_once(3):  # each with each: a minute
        assert len(table(tmp_path, f"{many}\n").header) == 19_991


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "own"
    for part in ("train", "test"):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
            for number in range(3):
                Image.new("L", (6, 6), 40 * number).save(root / part / name / f"{part}{number}.png")
    return root


def test_a_folder_brings_its_own_for_every_part(folder):
    (folder / "metadata.csv").write_text("file_name,size\n" + "".join(f"test/a/test{n}.png,{n}\n" for n in range(3)))
    (folder / "train" / "metadata.csv").write_text("file_name,size\na/train0.png,big\na/nothing.png,1\n")
    test, train = (wb.load_dataset(folder, split=part) for part in ("test", "train"))
    sizes = dict(zip(test.names.tolist(), test.metadata["size"].tolist(), strict=True))
    assert sizes["test/a/test2.png"] == "2" and pd.isna(sizes["test/b/test0.png"])
    assert train.metadata["size"].dropna().tolist() == ["big"]  # of one kind in every part
    assert any("match no image: a/nothing.png" in note for note in train.notes)


def test_a_metadata_file_that_is_none_or_lies_elsewhere_is_not_read_and_named(folder, tmp_path):
    (folder / "metadata.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret.csv").write_text("file,x\na/test0.png,secret\n")
    (folder / "test" / "metadata.csv").symlink_to(tmp_path / "secret.csv")
    data = wb.load_dataset(folder)
    assert data.metadata is None
    assert any(note.startswith("metadata.csv is not read: metadata.csv must have a column") for note in data.notes)
    assert any(note.startswith("test/metadata.csv is not read, since it is a link") for note in data.notes)
    assert wb.load_dataset(folder, follow_links=True).metadata["x"].dropna().tolist() == ["secret"]


def test_a_hundred_thousand_rows_are_joined_at_once(tmp_path):
    names = [f"a/{number:06}.png" for number in range(100_000)]
    text = "file,x,y\n" + "".join(f"{name},{number % 7},k{number % 5}\n" for number, name in enumerate(names))
    found = with_metadata(made(names), [table(tmp_path, text)])
    assert found.metadata["x"].tolist()[99_999] == 99_999 % 7
    assert str(found.metadata["y"].dtype) == "category" and not found.notes
