"""The noun that everything is about: labelled images with names, keys and what else is known of them."""

import shutil
from dataclasses import replace

import numpy as np
from PIL import Image

from workbench.core.dataset import Dataset
from workbench.data import load_dataset


def test_images_in_a_row_are_no_copy_and_others_are_one():
    images = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    data = Dataset(images, np.arange(10) % 2, class_names=("a", "b"), indices=np.arange(10), name="made/test")
    for rows, shared in ((np.arange(3, 8), True), ([4], True), ([3, 5], False), ([5, 4], False), ([2, 2], False)):
        some = data.subset(rows)
        assert (some.images == images[rows]).all() and len(some) == len(rows)
        assert np.shares_memory(some.images, data.images) == shared


def made(count=6, **others):
    pixels = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    values = {"labels": np.arange(count) % 2, "indices": np.arange(count) + 100, "name": "own/test", **others}
    return Dataset(values.pop("images", pixels), values.pop("labels"), class_names=("a", "b"), **values)


def test_every_image_has_a_name_its_own_or_its_part_and_index():
    assert made().names.tolist()[:2] == ["test/100", "test/101"]
    assert not made().named
    assert made().subset([4, 1]).names.tolist() == ["test/104", "test/101"]
    assert replace(made().subset([4]), name="own/validation").names.tolist() == ["test/104"]
    files = made(names=np.array([f"{n}.png" for n in range(6)]))
    assert files.named and files.subset([2]).named and files.subset([2]).names.tolist() == ["2.png"]


def test_keys_follow_an_image_wherever_it_lies_and_tell_others_apart():
    whole, turned = made(), made(images=made().images[::-1].copy(), name="other/train", labels=np.zeros(6, int))
    assert len(set(whole.keys.tolist())) == 6 and all(len(key) == 32 for key in whole.keys.tolist())
    assert whole.keys.tolist() == turned.keys.tolist()[::-1]
    assert whole.subset([3, 0]).keys.tolist() == whole.keys[[3, 0]].tolist()
    wide = made(images=whole.images.reshape(6, 1, 4, 3))
    assert not set(wide.keys.tolist()) & set(whole.keys.tolist())  # the same bytes, another picture
    pixel = whole.images.copy()
    pixel[2, 0, 0, 0] ^= 1
    assert (made(images=pixel).keys == whole.keys).tolist() == [True, True, False, True, True, True]


def test_keys_of_files_are_those_of_their_bytes(tmp_path):
    for name, value in (("a/1.png", 10), ("b/2.png", 200), ("b/copy.png", 200)):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), value).save(tmp_path / "one" / name)
    one = load_dataset(tmp_path / "one", test_share=0.0, split="train")
    shutil.copytree(tmp_path / "one", tmp_path / "two" / "test")
    (tmp_path / "two" / "test" / "a" / "1.png").rename(tmp_path / "two" / "test" / "a" / "renamed.png")
    two = load_dataset(tmp_path / "two", image_size=4)
    assert sorted(one.keys.tolist()) == sorted(two.keys.tolist())
    assert len(set(one.keys.tolist())) == 2
