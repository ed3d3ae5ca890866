"""No image is its own witness."""

from types import SimpleNamespace

import numpy as np

from workbench.core.dataset import Dataset
from workbench.session.neighbours import witnesses


def session(dataset, training=None):
    return SimpleNamespace(dataset=dataset, training=training, embeddings=np.eye(len(dataset), dtype=np.float32))


def dataset(count, name, side=4):
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, side, side, 1), np.uint8)
    return Dataset(images, np.zeros(count, np.int64), class_names=("a", "b"), indices=np.arange(count), name=name)


def test_other_images_have_no_place_among_the_witnesses():
    seen = witnesses(session(dataset(3, "made/test"), session(dataset(5, "made/train"))))
    assert (seen.part, seen.own.tolist()) == ("train", [-1, -1, -1])


def test_some_of_the_training_images_know_their_own_place():
    whole = dataset(6, "made/train")
    chosen = whole.subset([4, 1])
    seen = witnesses(session(chosen, session(whole)))
    assert seen.own.tolist() == [4, 1]
    points = np.arange(6.0)[:, None]
    assert seen.nearest(points[[4, 1]], points, 2, np.arange(2))[1].tolist() == [[3, 5], [0, 2]]


def test_without_training_images_the_others_stand_in():
    for training in (None, session(dataset(5, "made/train", side=7))):
        seen = witnesses(session(dataset(3, "made/test"), training))
        assert (seen.part, seen.own.tolist(), seen.column) == ("data", [0, 1, 2], "other_row")


def test_among_equal_images_each_still_leaves_itself_out():
    seen = witnesses(session(dataset(4, "made/test")))
    _, rows = seen.nearest(np.zeros((4, 2)), np.zeros((4, 2)), 2, np.arange(4))
    assert all(row not in found for row, found in enumerate(rows.tolist()))
