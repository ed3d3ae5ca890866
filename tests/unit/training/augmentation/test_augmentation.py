import hashlib

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.training.augmentation import TrainingBatches, class_weights, validation_batches
from workbench.training.recipes import Recipe


def small(count=10):
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 5, 1), dtype=np.uint8)
    return Dataset(images, np.arange(count) % 2, class_names=("a", "b"), indices=np.arange(count), name="small")


def gathered(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def order_of(data, images):
    return [int(np.abs(data.floats() - image).max(axis=(1, 2, 3)).argmin()) for image in images]


def test_each_epoch_has_every_image_once_in_an_order_of_its_own():
    data = small()
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0)):
        batches = TrainingBatches(data, Recipe(batch_size=4), seed).epoch(epoch)
        assert [len(labels) for _, labels in batches] == [4, 4, 2]
        images, labels = gathered(batches)
        orders.append(order_of(data, images))
        assert np.array_equal(images, data.floats(orders[-1]))
        assert labels.tolist() == data.labels[orders[-1]].tolist()
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] == orders[3]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def test_flip_mirrors_about_half():
    data = small(40)
    images, _ = gathered(TrainingBatches(data, Recipe(batch_size=16, flip=True), 0).epoch(0))
    plain, _ = gathered(TrainingBatches(data, Recipe(batch_size=16), 0).epoch(0))
    kept = (images == plain).all(axis=(1, 2, 3))
    mirrored = (images == plain[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (kept | mirrored).all()
    assert 10 < mirrored.sum() < 30


def test_shift_uses_every_move():
    data = Dataset(
        np.zeros((400, 5, 5, 1), np.uint8),
        np.arange(400) % 2,
        class_names=("a", "b"),
        indices=np.arange(400),
        name="dots",
    )
    data.images[:, 2, 2] = 255
    images, _ = gathered(TrainingBatches(data, Recipe(batch_size=32, shift=1), 0).epoch(0))
    where = images.reshape(400, 25).argmax(axis=1)
    assert sorted(set(where.tolist())) == [6, 7, 8, 11, 12, 13, 16, 17, 18]


def test_smoothing_makes_labels_one_hot_and_validation_is_left_as_it_is():
    data = small()
    images, labels = gathered(validation_batches(data, Recipe(label_smoothing=0.1, flip=True, shift=2), size=3))
    assert np.array_equal(images, data.floats())
    assert labels.tolist() == data.one_hot().tolist()


@pytest.mark.parametrize(("seed", "epoch", "known"), [(0, 0, "89a8261b5480f2c2"), (3, 2, "3cc570cb3831a501")])
def test_recipes_of_old_are_given_the_very_images_of_old(seed, epoch, known):
    """The digests are of the first version of the trainer: `tuned` must be trainable again."""
    images = np.random.default_rng(7).integers(0, 256, (37, 6, 5, 1), dtype=np.uint8)
    data = Dataset(images, np.arange(37) % 3, class_names=("a", "b", "c"), indices=np.arange(37), name="small")
    digest = hashlib.sha256()
    recipe = Recipe(batch_size=8, flip=True, shift=2, label_smoothing=0.1)
    for batch, labels in TrainingBatches(data, recipe, seed).epoch(epoch):
        digest.update((np.asarray(batch) * 255).round().astype(np.uint8).tobytes())
        digest.update(np.asarray(labels).tobytes())
    assert digest.hexdigest()[:16] == known


class OnDisk:
    """Images that slice like an array and note how many are read in one go."""

    dtype = np.dtype(np.uint8)

    def __init__(self, images):
        self._images, self.shape, self.read = images, images.shape, []

    def __len__(self):
        return len(self._images)

    def __getitem__(self, rows):
        found = self._images[rows]
        self.read.append(len(found))
        return found

    def __array__(self, *_, **__):
        raise AssertionError("all images at once")


ALL = Recipe(
    batch_size=8,
    flip=True,
    shift=1,
    rotation=30,
    zoom=0.2,
    brightness=0.1,
    contrast=0.2,
    erasing=0.7,
    label_smoothing=0.1,
    class_weights="balanced",
)


def test_images_on_disk_are_read_batch_by_batch_and_changed_alike():
    data = small(20)
    lazy = Dataset(OnDisk(data.images), data.labels, class_names=data.class_names, indices=data.indices, name="lazy")
    for one, other in zip(TrainingBatches(data, ALL, 1).epoch(2), TrainingBatches(lazy, ALL, 1).epoch(2), strict=True):
        for held, read in zip(one, other, strict=True):
            np.testing.assert_allclose(held, read, atol=1e-6)
    assert sorted(lazy.images.read) == [4, 8, 8]
    lazy.images.read.clear()
    images, labels = gathered(validation_batches(lazy, Recipe(), size=7))
    assert np.array_equal(images, data.floats())
    assert labels.tolist() == data.labels.tolist()
    assert sorted(lazy.images.read) == [6, 7, 7]
    held = TrainingBatches(data, ALL, 1, most=10).epoch(0)  # an array that is too large is read too
    of_all = TrainingBatches(data, ALL, 1).epoch(0)
    np.testing.assert_allclose(gathered(p[:2] for p in held)[0], gathered(p[:2] for p in of_all)[0], atol=1e-6)


def test_an_augmentation_changes_what_it_says_and_leaves_the_order_alone():
    data = small(16)
    plain, order = gathered(TrainingBatches(data, Recipe(batch_size=16), 0).epoch(0))
    for setting in ({"rotation": 45}, {"zoom": 0.5}, {"brightness": 0.5}, {"contrast": 0.5}, {"erasing": 1}):
        images, labels = gathered(TrainingBatches(data, Recipe(batch_size=16, **setting), 0).epoch(0))
        assert labels.tolist() == order.tolist()
        assert (np.abs(images - plain).max(axis=(1, 2, 3)) > 0.01).mean() > 0.8, setting
        assert images.min() >= 0
        assert images.max() <= 1


def test_balanced_weights_give_every_class_the_same_sum():
    data = Dataset(
        np.zeros((6, 2, 2, 1), np.uint8),
        np.array([0, 0, 0, 0, 2, 2]),
        class_names=("a", "b", "c"),
        indices=np.arange(6),
        name="x",
    )
    weights = class_weights(data)
    assert weights.tolist() == [0.75] * 4 + [1.5] * 2  # 6 / (2 classes that are there · 4 or 2 images)
    batches = TrainingBatches(data, Recipe(batch_size=6, class_weights="balanced"), 0).epoch(0)
    (_, labels, given), *_ = batches
    assert np.array_equal(given, np.where(np.asarray(labels) == 2, 1.5, 0.75))
