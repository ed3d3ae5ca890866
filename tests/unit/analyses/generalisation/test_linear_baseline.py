import numpy as np

from analyses.generalisation.linear_baseline import linear_pixels
from workbench.core.dataset import Dataset


def bright(count, seed, shape=(6, 5, 1), name="hand/train"):
    """Three classes, each bright in rows of its own, and a fourth that is dark."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = random.integers(0, 80, (count, *shape))
    side = shape[0] // 3
    for image, label in zip(images, labels, strict=True):
        image[label * side : (label + 1) * side] += 100
    return Dataset(images.astype(np.uint8), labels, class_names=tuple("abcd"), indices=np.arange(count), name=name)


def test_what_a_line_can_tell_apart_it_tells_apart_on_images_that_it_has_not_seen():
    found = linear_pixels(bright(100, 1), np.arange(100), bright(40, 2))
    assert (found.fitted, len(found.held_out), len(found.correct)) == (80, 20, 40)
    assert found.held_out.all()
    assert found.correct.all()


def test_only_the_rows_that_may_be_used_are_used():
    train = bright(100, 1)
    wrong = Dataset(
        train.images,
        np.where(np.arange(100) < 50, train.labels, 0),
        class_names=tuple("abcd"),
        indices=train.indices,
        name="t",
    )
    assert linear_pixels(wrong, np.arange(50), bright(40, 2)).correct.mean() == 1
    assert linear_pixels(wrong, np.arange(50, 100), bright(40, 2)) is None  # one class only


def test_labels_that_are_exchanged_in_the_studied_images_are_wrong_there_alone():
    studied = bright(40, 2)
    swapped = Dataset(
        studied.images,
        np.array([1, 0, 2, 3])[studied.labels],
        class_names=tuple("abcd"),
        indices=studied.indices,
        name="s",
    )
    found = linear_pixels(bright(100, 1), np.arange(100), swapped)
    assert found.held_out.all()
    assert found.correct.mean() == 0.5


def test_large_and_colour_images_are_shrunk_and_many_are_sampled():
    shape = (66, 66, 3)
    found = linear_pixels(bright(60, 1, shape), np.arange(60), bright(30, 2, shape), most=20)
    assert (found.fitted, len(found.held_out), len(found.rows)) == (20, 20, 20)
    assert found.correct.all()


def test_too_few_images_say_nothing():
    assert linear_pixels(bright(8, 1), np.arange(8), bright(8, 2)) is None
