"""Folders as real projects lay them out: parts by their words, wrappers, system folders, and both readings in doubt."""

from __future__ import annotations

import os
from collections import Counter

import keras
import pytest
from PIL import Image

from workbench.core.errors import WorkbenchError
from workbench.data.folder.class_folders import lay_out
from workbench.data.folder.part_words import part_of


def made(root, *folders, each=2):
    """Write small images into folders below a root; a folder that ends with "!" stays empty."""
    for folder in folders:
        place = root / folder.rstrip("!")
        place.mkdir(parents=True, exist_ok=True)
        for number in range(0 if folder.endswith("!") else each):
            Image.new("RGB", (6, 6), (40 * number, 9, 9)).save(place / f"{number}.png")
    return root


def both(*parts, classes=("cat", "dog")):
    return [f"{part}/{name}" for part in parts for name in classes]


def read(layout):
    """Images by part and class."""
    counted = Counter(zip(layout.parts, (layout.class_names[c] for c in layout.classes), strict=True))
    return {key: counted[key] for key in sorted(counted)}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *[
            (name, "train")
            for name in ("train", "Training", "training_set", "01_train", "seg_train", "trainset", "Train 2")
        ],
        *[
            (name, "test")
            for name in ("test", "testing", "Test-Images", "test_224x224", "TestData", "seg_test", "test_1")
        ],
        *[(name, "validation") for name in ("val", "valid", "validation", "dev", "val2017", "valid-set", "03.val")],
        *[(name, "") for name in ("test tube", "trains", "trained", "train_test", "fit", "", "training shoes", "2017")],
    ],
)
def test_a_part_is_known_by_its_words_and_nothing_else_in_the_name(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize(
    "folders",
    [
        both("train", "test"),
        both("training_set", "test_set"),
        both("01_train", "02_test"),
        both("seg_train/seg_train", "seg_test/seg_test"),
        both("data/train", "data/test"),
        both("a/b/Train", "a/b/TEST"),
        both("train/images", "test/images"),
        both("train-pets", "test-pets"),
        ["cat/train", "cat/test", "dog/train", "dog/test"],
        ["train_cat", "train_dog", "test_cat", "test_dog"],
        [*both("train", "test"), "pred"],
        [*both("train", "test"), "__MACOSX/train/cat", "@eaDir", "train/cat/@eaDir/0.png"],
        ["train/cat", "train/dog", "test/Cat", "test/Dog"],
    ],
)
def test_the_same_images_in_many_layouts(tmp_path, folders):
    assert read(lay_out(made(tmp_path, *folders))) == {
        ("test", "cat"): 2, ("test", "dog"): 2, ("train", "cat"): 2, ("train", "dog"): 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("folders", "names", "parts"),
    [
        (["bus", "car", "train"], ["bus", "car", "train"], {""}),
        (both("train", "test", classes=("bus", "car", "train")), ["bus", "car", "train"], {"train", "test"}),
        (["train/bus", "train/car", "train/train"], ["bus", "car", "train"], {"train"}),
        (["test tube", "flask"], ["flask", "test tube"], {""}),
        (["mask", "no_mask"], ["mask", "no_mask"], {""}),
        (["images/cat", "images/dog", "annotations/xmls", "labels!"], ["cat", "dog"], {""}),
        (["train/n1/images", "train/n2/images", "val/images"], ["n1", "n2"], {"train"}),
        (["pets/cat/young", "pets/cat/old", "pets/dog"], ["cat", "dog"], {""}),
        (["10", "9", "1"], ["1", "10", "9"], {""}),
    ],
)
def test_what_is_a_class(tmp_path, folders, names, parts):
    layout = lay_out(made(tmp_path, *folders))
    assert (list(layout.class_names), set(layout.parts)) == (names, parts)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (both("fold_a", "fold_b"), "Are 'fold_a' and 'fold_b' classes, or parts with the classes 'cat' and 'dog'"),
        (both("cats", "dogs", classes=("large", "small")), "hold the same sub-folders"),
        ([*both("train"), "extra"], "'train' has a part's name"),
        (["train", "test"], "holds images directly in 'test' and 'train'"),
        (["images", "masks"], "there is no class folder"),
        (["train/images", "train/labels!", "test/images"], "1 class folder \\(images\\)"),
        (["cat", "dog!"], "dog/ is empty"),
        (["cat"], "at least two classes, one folder per class"),
        (["cat!"], "It holds no image"),
    ],
)
def test_in_doubt_it_is_an_error_with_what_to_do(tmp_path, folders, said):
    with pytest.raises(WorkbenchError, match=said):
        lay_out(made(tmp_path, *folders))


def test_known_names_decide_between_two_readings(tmp_path):
    made(tmp_path, *both("fold_a", "fold_b"))
    assert read(lay_out(tmp_path, [("cat", "dog")])) == {("", "cat"): 4, ("", "dog"): 4}
    assert read(lay_out(tmp_path, [("fold_a", "fold_b")])) == {("", "fold_a"): 4, ("", "fold_b"): 4}


def test_an_empty_folder_is_a_class_as_in_keras_and_named(tmp_path):
    made(tmp_path, "blob!", "cat", "dog", ".hidden!")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/README").write_text("no image")
    layout = lay_out(tmp_path)
    data = keras.utils.image_dataset_from_directory(tmp_path, image_size=(6, 6), verbose=False)
    assert list(layout.class_names) == data.class_names == ["blob", "cat", "docs", "dog"]
    assert "blob/ is empty; Keras counts it as a class, and so it is one here" in layout.notes
    assert any(note.startswith("docs/ holds no image; Keras") for note in layout.notes)
    known = lay_out(tmp_path, [("cat", "dog")])
    assert known.class_names == ("cat", "dog")
    assert "blob/ is empty; it is not among the given class names" in known.notes


def test_the_order_of_classes_is_keras(tmp_path):
    names = ["b", "B", "a1", "a10", "a2", "é", "Z", "_x", "10", "2"]
    made(tmp_path, *names, each=1)
    data = keras.utils.image_dataset_from_directory(tmp_path, image_size=(6, 6), verbose=False)
    assert list(lay_out(tmp_path).class_names) == data.class_names


def test_an_empty_part_is_named(tmp_path):
    assert "test/ is empty" in lay_out(made(tmp_path, *both("train"), "test!")).notes


def test_files_are_known_by_their_content_and_all_that_is_left_out_is_listed(tmp_path):
    made(tmp_path, "cat", "dog", each=1)
    image = Image.new("RGB", (6, 6), (200, 9, 9))
    for name, kind in (("a.jfif", "JPEG"), ("b.JPE", "JPEG"), ("c.BMP", "BMP"), ("d.tiff", "TIFF"), ("e.avif", "AVIF"),
                       ("f.GIF", "GIF"), ("g", "JPEG"), ("h.dat", "PNG"), ("i", "TIFF"), ("j", "BMP")):  # fmt: skip
        image.save(tmp_path / "cat" / name, kind)
    for name, content in (("n.txt", b"BM is a text"), ("x.ini", b""), ("x.db", b""), ("x.mp4", b"\0\0\0\x18ftypmp42"),
                          ("r.dng", b"II*\0"), ("p.HEIC", b"\0\0\0\x18ftypheic")):  # fmt: skip
        (tmp_path / "cat" / name).write_bytes(content)
    os.mkfifo(tmp_path / "cat/pipe.jpg")
    os.mkfifo(tmp_path / "cat/pipe")
    layout = lay_out(tmp_path)
    assert read(layout) == {("", "cat"): 11, ("", "dog"): 1}
    others = next(note for note in layout.notes if "other files skipped" in note)
    assert others.startswith("7 other files skipped (1 ")
    assert all(kind in others for kind in (".txt", ".ini", ".db", ".mp4", ".dng", ".heic", "no suffix"))
    assert any(note.startswith("HEIC photos are not read: convert it to JPEG") for note in layout.notes)
    assert "1 skipped that are no regular files: cat/pipe.jpg" in layout.notes


def test_folders_that_link_to_each_other_or_lie_too_deep_end(tmp_path):
    made(tmp_path, *(f"{name}/d{number}" for name in "ab" for number in range(6)), each=1)
    for name in "ab":
        for number in range(6):
            for other in range(6):
                (tmp_path / name / f"d{number}" / f"to{other}").symlink_to(f"../d{other}", target_is_directory=True)
        (tmp_path / name / "self").symlink_to("self")
    layout = lay_out(tmp_path, [("a", "b")])
    assert layout.class_names == ("a", "b") and len(layout.files) == 12
    assert any(
        note.startswith("72 skipped that are links to a folder that is gone through once") for note in layout.notes
    )
    (tmp_path / "a").joinpath(*["d"] * 70).mkdir(parents=True)
    layout = lay_out(tmp_path, [("a", "b")])
    assert len(layout.files) == 12
    deep = "a/" + "d/" * 64
    assert f"1 skipped that are folders that lie more than 64 deep in one another: {deep}" in layout.notes


def test_flat_parts_beside_one_with_classes_are_no_class(tmp_path):
    made(tmp_path, "val/images", "test/images", *[f"train/{name}/images" for name in "abc"])
    layout = lay_out(tmp_path)
    assert read(layout) == {("train", name): 2 for name in "abc"}
    assert sum("not in a class folder" in note for note in layout.notes) == 2


def test_a_second_copy_of_the_parts_is_called_so(tmp_path):
    root = made(tmp_path / "c", *both("train", "test"), *both("c/train", "c/test"))
    layout = lay_out(root)
    assert set(read(layout).values()) == {2}
    assert "8 images in c/ skipped: a second copy of the same folders" in layout.notes
    Image.new("RGB", (4, 4)).save(root / "c/train/cat/other.png")
    assert "9 images in c/ skipped: not in one of the parts" in lay_out(root).notes


def test_parts_that_differ_in_nothing_but_their_word_are_parts(tmp_path):
    layout = lay_out(made(tmp_path, *both("Final_Training/Images", "Final_Test/Images")))
    assert read(layout) == {(part, name): 2 for part in ("test", "train") for name in ("cat", "dog")}


def test_all_other_files_are_counted_where_some_are(tmp_path):
    root = made(tmp_path, "images/cat", "images/dog")
    for name in ("README.txt", "images.txt", "images/cat/box.txt"):
        (root / name).write_text("x")
    assert "3 other files skipped (3 .txt)" in lay_out(root).notes


def test_a_second_copy_of_the_classes_is_none_unless_it_is_named(tmp_path):
    root = made(tmp_path / "v", "apple", "pear", "plum", "v/apple", "v/pear", "v/plum")
    layout = lay_out(root)
    assert read(layout) == {("", name): 2 for name in ("apple", "pear", "plum")}
    assert any(note.startswith("6 images in v/ skipped: a second copy of the class folders") for note in layout.notes)
    assert read(lay_out(root, [("apple", "pear", "plum", "v")]))["", "v"] == 6
