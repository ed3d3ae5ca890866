import numpy as np
import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset, own_parts
from workbench.data.npz import load_npz

GREY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.fixture
def save(tmp_path):
    def write(**changes):
        arrays = {"x_train": GREY, "y_train": [2, 0], "x_test": GREY + 1, "y_test": [0, 1], **changes}
        path = tmp_path / "own.npz"
        np.savez(path, **{name: np.asarray(values) for name, values in arrays.items() if values is not None})
        return path

    return write


def test_both_splits(save):
    path = save()
    test, train = load_dataset(path), load_npz(path, "train")
    assert test.images.shape == (2, 3, 4, 1)
    assert (test.images[..., 0] == GREY + 1).all()
    assert train.labels.tolist() == [2, 0]
    assert test.name == "own/test"
    assert test.class_names == train.class_names == ("0", "1", "2")  # as many as either split needs


def test_colour_and_names(save):
    colour = np.stack([GREY] * 3, axis=-1)
    data = load_npz(save(x_test=colour, class_names=["<b>", "b", "c", "d"]))
    assert data.image_shape == (3, 4, 3)
    assert data.class_names == ("<b>", "b", "c", "d")
    assert load_npz(save(class_names=[b"a", "é".encode(), b"c"])).class_names == ("a", "é", "c")


@pytest.mark.parametrize("labels", [[[0], [1]], [[1, 0, 0], [0, 1, 0]], [0.0, 1.0]])
def test_kinds_of_labels(save, labels):
    assert load_npz(save(y_test=labels)).labels.tolist() == [0, 1]


def test_floats_are_rounded_to_256_steps(save):
    pixels = np.zeros((2, 3, 4))
    pixels[0, 0] = [0.0, 0.4 / 255, 0.6 / 255, 1.0]
    for kind in (np.float16, np.float32, np.float64):
        data = load_npz(save(x_test=pixels.astype(kind)))
        assert data.images.dtype == np.uint8
        assert data.images[0, 0, :, 0].tolist() == [0, 0, 1, 255]


def test_one_split_is_enough(save):
    only = save(x_train=None, y_train=None)
    assert load_npz(only).class_names == ("0", "1")
    with pytest.raises(Unavailable, match=r"must hold the arrays x_train and y_train. It holds x_test, y_test"):
        load_npz(only, "train")


NAN = np.full((2, 3, 4), 0.5)
NAN[1, 2, 3] = np.nan

BAD = {
    "no arrays": ({"x_train": None, "x_test": None}, "hold the arrays x_test and y_test. It holds y_train, y_test"),
    "lengths": ({"y_test": [0, 1, 1]}, "the same length. Got 2 images and 3 labels"),
    "names too few": ({"class_names": ["a", "b"]}, r"names 2 classes, so labels must lie in 0…1. Got 2"),
    "negative": ({"y_test": [0, -1]}, r"y_test of own.npz must be labels from 0 .* Got -1…0"),
    "huge label": ({"y_test": [0, 2**40]}, "must be labels from 0"),
    "fractions": ({"y_test": [0.5, 1]}, "whole numbers"),
    "text labels": ({"y_test": ["a", "b"]}, "whole numbers"),
    "NaN labels": ({"y_test": [np.nan, 1]}, "NaN"),
    "no one-hot": ({"y_test": [[1, 1], [0, 1]]}, "one-hot"),
    "cube of labels": ({"y_test": [[[1]], [[0]]]}, "shape"),
    "NaN": ({"x_test": NAN}, "x_test of own.npz holds NaN"),
    "infinity": ({"x_test": NAN * 0 + np.inf}, "NaN or infinity"),
    "0 to 255 as float": ({"x_test": GREY * 1.0 + 1}, r"must lie in \[0, 1\].* from 1 to 24"),
    "below zero": ({"x_test": GREY / -25.0}, r"must lie in \[0, 1\]"),
    "int64": ({"x_test": GREY.astype(np.int64)}, "must be uint8, or float"),
    "alpha": ({"x_test": np.zeros((2, 3, 4, 4), np.uint8)}, "Drop the alpha channel"),
    "vectors": ({"x_test": np.zeros((2, 12), np.uint8)}, r"\(N, H, W\)"),
    "empty": ({"x_test": GREY[:0], "y_test": np.zeros(0, int)}, "x_test of own.npz is empty"),
    "objects": ({"y_test": np.array([0, None])}, "y_test of own.npz holds pickled Python objects"),
    "object names": ({"class_names": np.array(["a", 1, None])}, "class_names of own.npz holds pickled"),
    "numbers as names": ({"class_names": [1, 2, 3]}, "must be K texts"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_sentence(save, case):
    changes, words = BAD[case]
    with pytest.raises(WorkbenchError, match=words) as caught:
        load_npz(save(**changes))
    assert "\n" not in str(caught.value)
    assert "own.npz" in str(caught.value)


def test_bad_files(tmp_path, save):
    with pytest.raises(Unavailable, match=r"Did you mean 'own.npz'"):
        load_npz(save().with_name("owm.npz"))
    junk = tmp_path / "junk.npz"
    junk.write_bytes(b"no zip")
    with pytest.raises(WorkbenchError, match=r"junk.npz is not an .npz file"):
        load_npz(junk)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(save().read_bytes()[:-50])
    with pytest.raises(WorkbenchError, match=r"cut.npz is not an .npz file"):
        load_npz(cut)
    flipped = bytearray(save().read_bytes())
    flipped[flipped.index(bytes(range(1, 25)))] ^= 255  # one pixel of x_test
    cut.write_bytes(flipped)
    with pytest.raises(WorkbenchError, match=r"x_test of cut.npz cannot be read: Bad CRC"):
        load_npz(cut)


def test_a_validation_part_of_its_own_or_the_end_of_the_training_part(save):
    many = np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 4)
    own = save(x_val=GREY + 2, y_val=[2, 1], x_train=many, y_train=np.arange(20) % 3)
    held = load_dataset(own, split="validation")
    assert (held.images[..., 0] == GREY + 2).all()
    assert (held.labels.tolist(), held.name, len(load_dataset(own, split="train"))) == ([2, 1], "own/validation", 20)
    assert set(own_parts(own)) == {"train", "test", "validation"}
    end = load_dataset(save(x_train=many, y_train=np.arange(20) % 3), split="validation")
    assert (end.images[..., 0] == many[18:]).all()
    assert (end.indices.tolist(), end.name) == ([18, 19], "own/validation")
    assert end.fingerprint == load_dataset(own, split="train").subset(slice(18, None)).fingerprint
    assert len(load_dataset(own, split="validation", validation_share=0.5)) == 10
    with pytest.raises(Unavailable, match="leaves one part empty"):
        load_dataset(save(), split="validation", validation_share=0)


def test_given_names(save):
    assert load_dataset(save(), class_names="a,b,c,d").class_names == ("a", "b", "c", "d")  # it names none itself
    with pytest.raises(WorkbenchError, match=r"at least 3 classes, so `class_names` must be at least 3 names\. Got 2"):
        load_dataset(save(), class_names="a,b")
    with pytest.raises(WorkbenchError, match=r"has 3 classes, so .* must be 3 names\. Got 4"):
        load_dataset(save(class_names=["x", "y", "z"]), class_names="a,b,c,d")
    with pytest.raises(WorkbenchError, match="need a folder of images"):
        load_dataset(save(), image_size=8)


def test_arrays_with_channels_first_are_transposed_and_it_is_said(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), np.uint8)
    np.savez(tmp_path / "d.npz", x_test=images.transpose(0, 3, 1, 2), y_test=[0, 1, 0, 1])
    data = load_dataset(tmp_path / "d.npz")
    assert np.array_equal(data.images, images)
    assert data.notes == (
        "x_test of d.npz has its channels first, (4, 3, 8, 9); transposed to (4, 8, 9, 3), (N, H, W, C)",
    )
    np.savez(tmp_path / "e.npz", x_test=np.zeros((4, 4, 8, 9), np.uint8), y_test=[0, 1, 0, 1])
    with pytest.raises(WorkbenchError, match="four channels, and they come first"):
        load_dataset(tmp_path / "e.npz")


def test_labels_from_one_are_called_so(tmp_path):
    images = np.zeros((3, 8, 9, 3), np.uint8)
    np.savez(tmp_path / "d.npz", x_test=images, y_test=[1, 2, 3])
    assert load_dataset(tmp_path / "d.npz").notes == (
        "no label is 0 and the largest is 3: if the labels begin at 1, subtract 1",
    )
    with pytest.raises(WorkbenchError, match=r"the labels begin at 1\. Subtract 1 from them, so that they lie in 0…2"):
        load_dataset(tmp_path / "d.npz", class_names="a,b,c")
    np.savez(tmp_path / "e.npz", x_test=images, y_test=[1, 2, 3], class_names=["a", "b", "c"])
    with pytest.raises(WorkbenchError, match=r"No label of e\.npz is 0 and the largest is 3, for 3 class names"):
        load_dataset(tmp_path / "e.npz")
    np.savez(tmp_path / "f.npz", x_test=images, y_test=[1, 2, 2], x_train=images, y_train=[0, 1, 2])
    assert load_dataset(tmp_path / "f.npz").notes == ()  # the training part has a 0


@pytest.mark.parametrize("name", ["UP.NPZ", "renamed.bin"])
def test_arrays_are_known_by_their_content(tmp_path, name):
    with (tmp_path / name).open("wb") as stream:
        np.savez(stream, x_test=np.zeros((2, 8, 9, 3), np.uint8), y_test=[0, 1])
    assert len(load_dataset(tmp_path / name)) == 2


@pytest.mark.parametrize("name", ["x.npy", "d.h5", "photo.png", "noending"])
def test_a_file_of_an_unknown_kind_is_never_called_missing(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x93NUMPY")
    with pytest.raises(WorkbenchError, match=r"is of an unknown kind\. What is taken: an .npz file"):
        load_dataset(tmp_path / name)


@pytest.mark.parametrize("names", ["{}_images {}_labels", "X_{} y_{}", "images_{} labels_{}", "{}_set_x {}_set_y"])
def test_arrays_of_other_names_that_say_the_same(tmp_path, names):
    arrays = {}
    for part, label in (("train", 0), ("val", 1), ("test", 2)):
        images, labels = names.format(part, part).split()
        arrays |= {images: GREY + label, labels: [label, 0]}
    np.savez(tmp_path / "m.npz", **arrays)
    assert set(own_parts(tmp_path / "m.npz")) == {"train", "validation", "test"}
    data = load_dataset(tmp_path / "m.npz", split="test")
    assert (data.images[..., 0] == GREY + 2).all()
    assert data.labels.tolist() == [2, 0]


def test_images_without_parts_are_split_as_a_folder_is(tmp_path):
    labels = np.repeat([0, 1], 10)
    images = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None], (20, 4, 4))
    np.savez(tmp_path / "m.npz", X=images, y=labels)
    train, test = (load_dataset(tmp_path / "m.npz", split=split) for split in ("train", "test"))
    assert np.bincount(test.labels).tolist() == [2, 2]
    rows = np.concatenate([part.images[:, 0, 0, 0] for part in (train, test)])
    assert sorted(rows.tolist()) == list(range(20))
    assert (labels[rows] == np.concatenate([train.labels, test.labels])).all()
    assert "20 % of each class held out as test part, 4 images (seed 0)" in test.notes[-1]
    assert own_parts(tmp_path / "m.npz", test_share=0) == ("train",)


def test_arrays_that_are_no_images_with_labels_are_one_sentence(tmp_path):
    np.savez(tmp_path / "m.npz", a=GREY)
    with pytest.raises(WorkbenchError, match=r"must hold the arrays x_test and y_test. It holds a"):
        own_parts(tmp_path / "m.npz")


def test_given_names_in_another_order_move_the_labels_of_a_file_that_has_names(save):
    path = save(class_names=["ants", "bees", "cows"])  # y_test is 0, 1
    data = load_dataset(path, class_names=["Cow", "Bee", "Ant"])
    assert data.class_names == ("Cow", "Bee", "Ant")
    assert data.labels.tolist() == [2, 1]
    assert "ants is shown as Ant, bees is shown as Bee and cows is shown as Cow" in data.notes
    assert load_dataset(path, class_names=["x", "y", "z"]).labels.tolist() == [0, 1]
    with pytest.raises(WorkbenchError, match=r"hold 'bees' in the place of 'ants'"):
        load_dataset(path, class_names=["bees", "y", "z"])


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a", "b", "a"], "must be distinct. 'a' is there twice"), (["a", " ", "b"], "must not be empty")],
)
def test_class_names_in_a_file_are_distinct_and_not_empty(tmp_path, names, said):
    arrays = {"x_test": np.zeros((3, 4, 4), np.uint8), "y_test": np.arange(3)}
    np.savez(tmp_path / "x.npz", class_names=np.array(names), **arrays)
    with pytest.raises(WorkbenchError, match=said):
        load_npz(tmp_path / "x.npz")
