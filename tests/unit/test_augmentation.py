import numpy as np

from workbench.augmentation import TrainingBatches, moved, validation_batches
from workbench.contracts import Dataset
from workbench.recipes import Recipe


def small(count=10):
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 5, 1), dtype=np.uint8)
    return Dataset(images, np.arange(count) % 2, ("a", "b"), np.arange(count), "small")


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


def test_moved_by_whole_pixels_with_black_coming_in():
    image = np.arange(1, 7, dtype=np.uint8).reshape(1, 2, 3, 1)
    stack = np.repeat(image, 3, axis=0)
    result = np.asarray(moved(stack, np.array([[0, 0], [1, -2], [-1, 1]], np.int32), 2))[..., 0]
    assert result.tolist() == [[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [3, 0, 0]], [[0, 4, 5], [0, 0, 0]]]


def test_shift_uses_every_move():
    data = Dataset(np.zeros((400, 5, 5, 1), np.uint8), np.arange(400) % 2, ("a", "b"), np.arange(400), "dots")
    data.images[:, 2, 2] = 255
    images, _ = gathered(TrainingBatches(data, Recipe(batch_size=32, shift=1), 0).epoch(0))
    where = images.reshape(400, 25).argmax(axis=1)
    assert sorted(set(where.tolist())) == [6, 7, 8, 11, 12, 13, 16, 17, 18]


def test_smoothing_makes_labels_one_hot_and_validation_is_left_as_it_is():
    data = small()
    images, labels = gathered(validation_batches(data, Recipe(label_smoothing=0.1, flip=True, shift=2), size=3))
    assert np.array_equal(images, data.floats())
    assert labels.tolist() == data.one_hot().tolist()
