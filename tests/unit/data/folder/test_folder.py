"""Folders of images: what is read, what is left out with which words, and what is never decoded."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.photos import COLOURS, broken, photos, picture
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset, own_parts
from workbench.data.folder import load_folder, open_folder
from workbench.data.folder.decoded import DecodedImages
from workbench.data.image_file import read_image
from workbench.data.reading import Reading


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return photos(tmp_path / "photos")


def files_of(dataset):
    return [str(dataset.images.file(row).relative_to(dataset.images.folder)) for row in range(len(dataset))]


def test_three_colours_mixed_sizes_and_a_broken_file(folder):
    broken(folder / "red" / "cut.jpg")
    data = load_dataset(folder)
    assert data.class_names == ("blue", "green", "red")
    assert data.image_shape == (24, 24, 3)  # two of three are
    assert data.name == "photos/test"
    assert np.bincount(data.labels).tolist() == [2, 2, 2]  # a fifth of each
    brightest = data.images[:].mean(axis=(1, 2)).argmax(axis=1)  # red, green or blue
    assert [data.class_names[label] for label in data.labels] == [("red", "green", "blue")[at] for at in brightest]
    assert "1 file skipped: red/cut.jpg (truncated)" in data.notes
    assert any(
        note.startswith("2 different sizes of images resized to 24×24 (H×W, most common size, bilinear)")
        for note in data.notes
    )
    assert any("20 % of each class held out as test part, 6 images (seed 0)" in note for note in data.notes)
    assert not any("transparent" in note or "grey" in note for note in data.notes)


def test_parts_hold_every_image_once_and_mix_the_classes(folder):
    train, test, validation = (load_dataset(folder, split=split) for split in ("train", "test", "validation"))
    assert sorted(files_of(train) + files_of(test)) == sorted(f"{c}/{n}.jpg" for c in COLOURS for n in range(10))
    assert files_of(validation) == files_of(train)[21:]  # the end of 24, a tenth
    assert sorted(validation.labels.tolist()) == [0, 1, 2]
    assert validation.name == "photos/validation"
    assert own_parts(folder) == ("train", "test")


def test_the_parts_depend_on_names_and_seed_alone(folder, tmp_path):
    again = tmp_path / "elsewhere"
    for name in sorted(COLOURS, reverse=True):  # made in another order
        (again / name).mkdir(parents=True)
        for file in sorted((folder / name).iterdir(), reverse=True):
            (again / name / file.name).write_bytes(file.read_bytes())
    one, other = load_dataset(folder), load_dataset(again)
    assert files_of(one) == files_of(other)
    assert one.fingerprint == other.fingerprint
    assert files_of(load_dataset(folder, seed=1)) != files_of(one)
    assert len(load_dataset(folder, test_share=0.5)) == 15
    with pytest.raises(Unavailable, match="has no test part"):
        load_dataset(folder, test_share=0)


def test_folders_for_parts(tmp_path):
    for part, first, each in (("Train", 0, 4), ("test", 4, 2), ("val", 6, 1)):
        photos(tmp_path / "d" / part, each, first)
    (tmp_path / "d/test/black").mkdir()
    picture((0, 0, 0), 24, 24, 0).save(tmp_path / "d/test/black/n.png")
    data = {part: load_dataset(tmp_path / "d", split=part) for part in ("train", "test", "validation")}
    assert [len(each) for each in data.values()] == [12, 7, 3]
    assert {each.class_names for each in data.values()} == {("black", "blue", "green", "red")}
    assert data["test"].notes[:2] == ("1 class has no train image: black", "1 class has no validation image: black")
    assert own_parts(tmp_path / "d") == ("train", "validation", "test")


def test_a_part_that_is_not_there_is_said(tmp_path):
    photos(tmp_path / "d/train", 3)
    with pytest.raises(Unavailable, match=r"has no test part\. It has train"):
        load_dataset(tmp_path / "d")
    assert len(load_dataset(tmp_path / "d", split="train")) == 9


def test_what_may_be_a_part_or_a_class_is_asked_about(tmp_path):
    photos(tmp_path / "d/train", 1)
    picture((0, 0, 0), 9, 9, 0).save(photos(tmp_path / "d", 1) / "blue/x.png")
    with pytest.raises(WorkbenchError, match=r"'train' has a part's name .* Are .* classes, or parts with"):
        load_dataset(tmp_path / "d")


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "bus"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(3):
            picture((9, 9, 9), 8, 8, number).save(tmp_path / "d" / name / f"{number}.png")
    assert load_dataset(tmp_path / "d", split="train").class_names == ("bus", "train")


def test_kinds_of_files(tmp_path):
    """Grey, alpha, CMYK, palette, WebP, upper case, nested, hidden, linked in a circle, wrong, empty, 16 bits."""
    one, two = tmp_path / "d/a", tmp_path / "d/Ünïcode & <b>"
    (one / "deep/er").mkdir(parents=True)
    two.mkdir()
    colour = picture((200, 40, 30), 20, 20, 0)
    colour.save(one / "deep/er/UPPER.JPEG", "JPEG")
    colour.save(one / "webp.webp", lossless=True)
    colour.convert("CMYK").save(one / "cmyk.jpg")
    colour.convert("P").save(one / "palette.png")
    colour.convert("L").save(one / "grey.png")
    colour.putalpha(Image.new("L", colour.size, 100))
    colour.save(two / "alpha.png")
    colour.convert("RGB").save(two / "png inside.jpg", "PNG")
    colour.convert("RGB").save(two / 'x"; rm -rf $(HOME)\n.png')
    (two / ".hidden.png").write_bytes(b"")
    (one / ".thumbs").mkdir()
    colour.save(one / ".thumbs/t.png")
    (one / "circle").symlink_to(tmp_path / "d/a", target_is_directory=True)
    (two / "text.png").write_text("no image")
    (two / "empty.jpg").write_bytes(b"")
    Image.fromarray(np.zeros((20, 20), np.uint16)).save(two / "deep.png")
    (two / "notes.txt").write_text("n")
    data = load_dataset(tmp_path / "d", split="train", test_share=0)
    assert data.class_names == ("a", "Ünïcode & <b>")
    assert np.bincount(data.labels).tolist() == [5, 4]
    assert open_folder(tmp_path / "d").skipped == {
        "Ünïcode & <b>/empty.jpg": "empty",
        "Ünïcode & <b>/text.png": "not an image",
    }
    assert "1 other file skipped (1 .txt)" in data.notes
    assert "2 grey images converted to colour" in data.notes
    assert "transparency dropped in 1 image, as Keras' readers do" in data.notes
    by_file = dict(zip(files_of(data), data.images[:], strict=True))
    assert by_file["a/grey.png"].std(axis=2).max() == 0
    assert np.abs(by_file["a/webp.webp"].astype(int) - by_file["a/cmyk.jpg"]).mean() < 12  # 8 bits of CMYK
    assert np.array_equal(by_file["Ünïcode & <b>/alpha.png"], by_file["a/webp.webp"])


def test_grey_images_are_grey_though_their_files_have_three_channels(tmp_path):
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(3):
            picture((90, 90, 90), 8, 8, number).convert("L").convert("RGB").save(
                tmp_path / "d" / name / f"{number}.png"
            )
    assert load_dataset(tmp_path / "d", split="train").image_shape == (8, 8, 1)
    assert load_dataset(tmp_path / "d", split="train", channels=3).image_shape == (8, 8, 3)
    picture((90, 0, 90), 8, 8, 1).save(tmp_path / "d/a/coloured.png")
    assert load_dataset(tmp_path / "d", split="train").image_shape == (8, 8, 3)


def test_a_photograph_taken_upright_has_the_size_it_is_seen_in(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        picture((200, 0, 0), 16, 24, 0).save(tmp_path / "d" / name / "x.jpg", exif=exif)
    data = load_dataset(tmp_path / "d", split="train", test_share=0)
    assert data.image_shape == (24, 16, 3)
    assert not any("resized" in note for note in data.notes)


def test_where_hardly_two_sizes_are_the_same_their_median_is_taken(tmp_path):
    for place, (height, width) in enumerate([(10, 40), (12, 50), (30, 90), (30, 90), (17, 60)]):
        (tmp_path / "d" / "ab"[place % 2]).mkdir(parents=True, exist_ok=True)
        picture((200, 0, 0), height, width, 0).save(tmp_path / "d" / "ab"[place % 2] / f"{place}.png")
    data = load_dataset(tmp_path / "d", split="train", test_share=0)
    assert data.image_shape == (17, 60, 3)
    assert any(
        note.startswith("4 different sizes of images resized to 17×60 (H×W, median size, b") for note in data.notes
    )


def test_a_requested_size_stretches_as_keras_does_and_says_the_risk(folder):
    data = load_dataset(folder, image_size="12x20", channels=1)
    assert data.image_shape == (12, 20, 1)
    assert any(
        "2 different sizes of images resized to 12×20 (H×W, bilinear) and stretched" in note
        and note.endswith("a model that was trained with another fit sees other images: --fit pad or crop")
        for note in data.notes
    )
    assert "colour converted to grey in 30 images" in data.notes
    assert data.images[3].tolist() == read_image(data.images.file(3), (12, 20, 1))[0].tolist()


def test_numbered_classes_are_in_the_order_of_text_as_in_keras_and_it_is_said(tmp_path):
    for name in ("10", "9", "1"):
        (tmp_path / "d" / name).mkdir(parents=True)
        picture((9, 9, 9), 8, 8, 1).save(tmp_path / "d" / name / "x.png")
    data = load_dataset(tmp_path / "d", split="train")
    assert data.class_names == ("1", "10", "9")
    assert (
        "in the order of their text, as Keras' image_dataset_from_directory has them (class 1 is 10)" in data.notes[0]
    )
    assert load_dataset(tmp_path / "d", split="train", class_names="1,9,10").class_names == ("1", "9", "10")


def test_given_names_order_or_rename_the_classes(folder):
    plain = load_dataset(folder)
    ordered = load_dataset(folder, class_names="red,none,green,blue")
    assert [ordered.class_names[n] for n in ordered.labels] == [plain.class_names[n] for n in plain.labels]
    assert ordered.class_names == ("red", "none", "green", "blue")
    renamed = load_dataset(folder, class_names=["sea", "wood", "rose"])
    assert renamed.class_names == ("sea", "wood", "rose")
    assert renamed.labels.tolist() == plain.labels.tolist()
    with pytest.raises(WorkbenchError, match=r"has 3 classes, so `class_names` must be 3 names\. Got 2: a and b"):
        load_dataset(folder, class_names="a,b")
    known = load_folder(folder, "test", Reading(model_names=("red", "green", "blue", "more")))
    assert known.class_names == ("red", "green", "blue", "more")


def test_nothing_is_decoded_until_it_is_looked_at(folder, monkeypatch):
    data = load_dataset(folder, split="train")
    decoded = []

    def noted(path, *args, **how):
        decoded.append(path.name)
        return read_image(path, *args, **how)

    monkeypatch.setattr("workbench.data.folder.decoded.read_image", noted)
    some = data.subset([5, 3, 3]).subset([True, False, True])
    assert isinstance(some.images, DecodedImages)
    assert (some.indices.tolist(), some.fingerprint != data.fingerprint, decoded) == ([5, 3], True, [])
    assert some.images[1].tolist() == read_image(data.images.file(3), data.image_shape)[0].tolist()
    assert decoded == [data.images.file(3).name]


def test_it_slices_like_an_array(folder):
    data = load_dataset(folder, split="train")
    images, whole = data.images, np.asarray(data.images)
    assert whole.shape == images.shape == (24, 24, 24, 3)
    rows = np.arange(24)
    for key in (0, -1, slice(3, 20, 4), [2, 2, 1], rows % 2 == 0, rows[::-1], np.array([[1, 2], [3, 4]]), slice(5, 5)):
        assert np.array_equal(images[key], whole[key]), key
    assert np.array_equal(images[rows[:9], ..., 0], whole[rows[:9], ..., 0])
    assert np.array_equal(images[2, 3:5], whole[2, 3:5])
    with pytest.raises(IndexError):
        images[24]


def test_a_changed_file_is_looked_at_again_and_changes_the_fingerprint(folder, monkeypatch):
    before = load_dataset(folder, split="train")
    path = before.images.file(0)
    past = path.stat().st_mtime - 60
    for file in folder.rglob("*.jpg"):
        os.utime(file, (past, past))
    load_dataset(folder)  # remembers them now; files that are seconds old are not trusted
    monkeypatch.setattr("workbench.data.folder.survey.look_at", lambda content: pytest.fail("looked at twice"))
    assert load_dataset(folder, split="train").fingerprint == before.fingerprint
    monkeypatch.undo()
    picture((1, 2, 3), 24, 24, 5).save(path, quality=95)
    assert load_dataset(folder, split="train").fingerprint != before.fingerprint
    path.write_bytes(b"")
    assert "(empty)" in " ".join(load_dataset(folder).notes)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda d: None, Unavailable, "There is no file or folder"),
        (lambda d: d.mkdir(), WorkbenchError, "at least two classes, one folder per class"),
        (
            lambda d: (photos(d, 1), [f.write_bytes(b"x") for f in d.rglob("*.jpg")]),
            WorkbenchError,
            r"None of the 3 images in .* can be read: blue/0.jpg \(not an image\)",
        ),
    ],
)
def test_what_is_no_folder_of_images_is_said(tmp_path, make, error, said):
    make(tmp_path / "d.x")
    with pytest.raises(error, match=said):
        load_dataset(tmp_path / "d.x")


def test_names_that_are_no_text_are_shown_as_text(tmp_path):
    odd = tmp_path / "d" / os.fsdecode(b"\xff\xfe")
    odd.mkdir(parents=True)
    photos(tmp_path / "d", 2)
    picture((9, 9, 9), 24, 24, 1).save(odd / "x.png")
    data = load_dataset(tmp_path / "d", split="train")
    assert "\ufffd\ufffd" in data.class_names
    "".join(data.class_names).encode()  # can be printed
    assert len(data.images[:]) == len(data)


@pytest.mark.parametrize(
    ("given", "names", "labels"),
    [
        ("Dogs,Cats", ("Dogs", "Cats"), [1, 0]),  # an order, spelled otherwise
        ("dog, CAT", ("dog", "CAT"), [1, 0]),
        ("Katze,Hund", ("Katze", "Hund"), [0, 1]),  # new names
        ({"dogs": "Hund", "cats": "Katze", "cows": "Kuh"}, ("Katze", "Hund"), [0, 1]),
    ],
)
def test_names_spelled_otherwise_are_an_order_and_new_names_are_said(tmp_path, given, names, labels):
    for place, name in enumerate(("cats", "dogs")):
        (tmp_path / "d" / name).mkdir(parents=True)
        picture((90 * place, 0, 0), 4, 4, 0).save(tmp_path / "d" / name / "0.png")
    data = load_dataset(tmp_path / "d", split="train", test_share=0, class_names=given)
    folders = [data.images.file(row).parent.name for row in range(2)]
    assert data.class_names == names
    assert [int(data.labels[folders.index(name)]) for name in ("cats", "dogs")] == labels
    assert f"cats is shown as {names[labels[0]]} and dogs is shown as {names[labels[1]]}" in data.notes
    with pytest.raises(WorkbenchError, match=r"hold 'Dog' in the place of 'cats', while there is a class 'dogs'"):
        load_dataset(tmp_path / "d", split="train", class_names="Dog,Katze")
    with pytest.raises(WorkbenchError, match=r"It has none for dogs; its keys are cats"):
        load_dataset(tmp_path / "d", split="train", class_names={"cats": "Katze"})


def test_names_by_numbers_are_those_of_folders_that_are_called_so(tmp_path):
    for number in range(1, 13):
        (tmp_path / "d" / str(number)).mkdir(parents=True)
        picture((9 * number, 0, 0), 4, 4, 0).save(tmp_path / "d" / str(number) / "0.png")
    (tmp_path / "cat_to_name.json").write_text(json.dumps({str(n): f"flower {n}" for n in range(1, 13)}))
    data = load_dataset(tmp_path / "d", split="train", test_share=0, class_names=tmp_path / "cat_to_name.json")
    for row, label in enumerate(data.labels):
        assert data.class_names[label] == f"flower {data.images.file(row).parent.name}"
