import numpy as np

from workbench.core.dataset import Dataset


def test_images_in_a_row_are_no_copy_and_others_are_one():
    images = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    data = Dataset(images, np.arange(10) % 2, class_names=("a", "b"), indices=np.arange(10), name="made/test")
    for rows, shared in ((np.arange(3, 8), True), ([4], True), ([3, 5], False), ([5, 4], False), ([2, 2], False)):
        some = data.subset(rows)
        assert (some.images == images[rows]).all() and len(some) == len(rows)
        assert np.shares_memory(some.images, data.images) == shared
