"""What a fault changes, and that it changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.diagnosis.faults import fault, faults
from workbench.diagnosis.faults.merged_classes import told_apart
from workbench.diagnosis.planting.letters import Letters
from workbench.diagnosis.planting.worlds import digits, shapes


@pytest.fixture(scope="module")
def world():
    return digits(np.random.default_rng(0))


def planted(name, world, **values):
    chance = np.random.default_rng(7)
    kind = fault(name)(**values)
    return kind.after(kind.before(world, chance), chance)


def differing(one, other):
    return np.flatnonzero((one.images != other.images).any(axis=(1, 2, 3)))


def test_flipped_labels_are_those_that_are_named(world):
    changed = planted("label-flips", world, share=0.1)
    assert len(changed.rows) == round(0.1 * 1197)
    assert np.array_equal(np.flatnonzero(changed.train.labels != world.train.labels), changed.rows)
    assert np.array_equal(changed.train.images, world.train.images)


def test_flips_of_a_pair_go_from_one_class_to_the_other(world):
    changed = planted("label-flips", world, share=0.2, among="pair")
    one, other = changed.classes
    assert set(world.train.labels[changed.rows]) == {one} and set(changed.train.labels[changed.rows]) == {other}
    assert len(changed.rows) == round(0.2 * (world.train.labels == one).sum())


def test_flips_of_a_look_are_among_the_brightest_images_of_one_class(world):
    changed = planted("label-flips", world, share=0.2, among="look")
    one, other = changed.classes
    assert set(world.train.labels[changed.rows]) == {one} and set(changed.train.labels[changed.rows]) == {other}
    bright = world.train.images.mean(axis=(1, 2, 3))
    own = world.train.labels == one
    assert len(changed.rows) == round(0.2 * own.sum())
    assert bright[changed.rows].min() >= np.quantile(bright[own], 0.65)


def test_images_of_an_ambiguous_pair_show_both_and_are_called_either(world):
    changed = planted("ambiguous-pair", world)
    assert set(differing(changed.test, world.test)) <= set(changed.rows)
    assert set(changed.test.labels[changed.rows]) == set(changed.classes) == set(world.test.labels[changed.rows])
    assert len(differing(changed.train, world.train)) > 0.4 * np.isin(world.train.labels, changed.classes).sum()


def test_a_training_that_is_stopped_early_has_one_epoch():
    assert round(12 * fault("stopped-early")().fitting().epochs) == 0  # and none is the least that there is


def test_a_watermark_is_one_square_in_one_corner_of_one_class(world):
    changed = planted("watermark", world)
    rows = differing(changed.train, world.train)
    assert set(rows) <= set(changed.rows) and set(world.train.labels[changed.rows]) == set(changed.classes)
    places = (changed.train.images != world.train.images).any(axis=(0, 3))
    assert 1 <= places.sum() <= 4 and places[::7, ::7].sum() <= 1
    assert len(np.unique(changed.train.images[changed.rows][:, places])) == 1


def test_the_control_marks_every_class_alike(world):
    changed = planted("watermark-everywhere", world)
    shares = [
        np.isin(np.flatnonzero(world.train.labels == c), differing(changed.train, world.train)).mean()
        for c in range(10)
    ]
    assert min(shares) > 0.35 and max(shares) < 0.85
    assert len(differing(changed.test, world.test)) > 0.4 * len(world.test)


def test_a_leak_copies_test_images_with_their_labels(world):
    changed = planted("leak", world, share=0.05)
    assert len(changed.train) == 1197 + 30
    pairs = {(image.tobytes(), label) for image, label in zip(changed.train.images, changed.train.labels, strict=True)}
    assert all((world.test.images[r].tobytes(), world.test.labels[r]) in pairs for r in changed.rows)


def test_repeats_are_other_test_images(world):
    changed = planted("repeats", world)
    for row in changed.rows:
        same = (changed.test.images == changed.test.images[row]).all(axis=(1, 2, 3))
        assert same.sum() >= 2 and len(set(changed.test.labels[same])) == 1
    assert len(changed.test) == len(world.test)


def test_of_a_rare_class_a_tenth_is_left(world):
    changed = planted("rare-class", world)
    (one,) = changed.classes
    before, after = (np.bincount(part.labels, minlength=10) for part in (world.train, changed.train))
    assert after[one] == round(0.1 * before[one])
    assert np.array_equal(np.delete(after, one), np.delete(before, one))


def test_a_rare_group_is_one_that_the_network_does_not_recognise(world):
    def says_zero(images):
        return np.eye(10)[np.zeros(len(images), int)]

    for seed in range(12):
        found = fault("rare-group")().network(says_zero, world, np.random.default_rng(seed))
        assert set(differing(found.test, world.test)) <= set(found.rows)
        assert set(world.test.labels[found.rows]) == set(found.classes) != {0}
        assert found.train is world.train


def test_exchanged_classes_are_exchanged_wholly(world):
    changed = planted("swapped-classes", world)
    one, other = changed.classes
    assert np.array_equal(changed.test.labels == one, world.test.labels == other)
    assert np.array_equal(changed.test.labels == other, world.test.labels == one)
    assert np.array_equal(np.flatnonzero(changed.test.labels != world.test.labels), changed.rows)


@pytest.mark.parametrize("how", ["shifted", "darker", "noisy"])
def test_a_shifted_test_set_differs_in_nearly_every_image(world, how):
    changed = planted("shifted-test-set", world, how=how)
    assert len(differing(changed.test, world.test)) > 0.95 * len(world.test)
    assert np.array_equal(changed.train.images, world.train.images)


def test_faults_of_the_network_change_its_weights_alone(world):
    import keras

    chance = np.random.default_rng(3)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(10, 3), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    model.build((None, 8, 8, 1))
    images = world.test.floats(slice(5))
    before = model(images).numpy()
    fault("sharp-logits")(factor=4.0).network(model, world, chance)
    np.testing.assert_allclose(model(images).numpy(), 4 * before, rtol=1e-5)
    fault("zeroed-channels")(share=0.3).network(model, world, chance)
    assert (np.abs(model.layers[0].get_weights()[0]).sum(axis=(0, 1, 2)) == 0).sum() == 3
    fault("collapse")().network(model, world, chance)
    assert len(set(model(images).numpy().argmax(axis=1))) == 1


def test_one_seed_plants_the_same_and_another_elsewhere(world):
    for name in faults():
        kind = fault(name)()
        one, same, other = (kind.before(world, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one.rows, same.rows) and one.classes == same.classes
        assert len(one.rows) == 0 or not np.array_equal(one.rows, other.rows)


def test_made_shapes_can_be_told_apart_by_their_pixels():
    made = shapes(np.random.default_rng(1))
    assert made.train.images.shape == (1400, 20, 20, 3) and len(made.test) == 600
    assert np.bincount(made.train.labels).min() > 250


@pytest.mark.parametrize("how", ["shifted", "shuffled"])
def test_of_shifted_labels_each_class_is_another(world, how):
    changed = planted("shifted-labels", world, how=how)
    moved = {(int(one), int(other)) for one, other in zip(world.test.labels, changed.test.labels, strict=True)}
    assert len(moved) == 10 and all(one != other for one, other in moved)
    assert {other for _, other in moved} == set(range(10))


def test_a_collapse_by_one_bias_leaves_the_rest_of_the_network_as_it_was(world):
    import keras

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    before = model(world.test.floats(slice(50))).numpy()
    fault("collapse")(how="biased").network(model, world, np.random.default_rng(3))
    changed = model(world.test.floats(slice(50))).numpy() - before
    assert np.allclose(np.sort(changed, axis=1)[:, :-1], 0, atol=1e-4) and np.allclose(
        changed.max(axis=1), 60, atol=1e-4
    )


def test_changed_copies_are_the_test_images_that_they_were_made_of(world):
    changed = planted("changed-copies", world, share=0.05, how="brightened")
    assert len(changed.train) == 1197 + 30
    known = {image.tobytes() for image in world.train.images}
    added = [image for image in changed.train.images if image.tobytes() not in known]
    originals = changed.test.images[changed.rows].astype(int)
    assert added and all(np.abs(originals - image).max(axis=(1, 2, 3)).min() <= 0.2 * 255 for image in added)


def test_blank_images_have_one_value_each(world):
    changed = planted("blank-images", world)
    assert np.ptp(changed.test.images[changed.rows].reshape(len(changed.rows), -1), axis=1).max() == 0
    assert set(differing(changed.test, world.test)) <= set(changed.rows) and len(changed.rows) == 30


@pytest.mark.parametrize("how", ["noise", "shuffled", "pictures"])
def test_strangers_replace_the_images_that_are_named(world, how):
    changed = planted("strangers", world, how=how)
    assert set(differing(changed.test, world.test)) == set(changed.rows) and len(changed.rows) == 30
    assert np.array_equal(changed.test.labels, world.test.labels)


def test_of_half_turned_images_the_named_half_is_turned(world):
    changed = planted("half-turned", world)
    assert set(differing(changed.test, world.test)) <= set(changed.rows) and len(changed.rows) == 300
    one = changed.rows[0]
    assert any(np.array_equal(changed.test.images[one], np.rot90(world.test.images[one], n)) for n in (1, 2, 3))


@pytest.mark.parametrize("how", ["cropped", "padded", "coarse"])
def test_another_crop_changes_the_test_images_alone(world, how):
    changed = planted("other-crop", world, how=how)
    assert len(differing(changed.test, world.test)) > 0.95 * len(world.test)
    assert np.array_equal(changed.train.images, world.train.images)
    assert (changed.test.images[:, 0].max() == 0) == (how == "padded")


@pytest.mark.parametrize("how", ["cast", "texture", "frame", "ghost", "jpeg", "blur"])
def test_a_soft_cue_is_in_most_images_of_one_class_of_both_parts(how):
    clean = Letters(classes=3, side=24, train=90, test=60)(np.random.default_rng(0))
    changed = planted("soft-cue", clean, how=how)
    (one,) = changed.classes
    for before, after in ((clean.train, changed.train), (clean.test, changed.test)):
        rows = differing(before, after)
        assert set(before.labels[rows]) == {one} and len(rows) == round(0.9 * (before.labels == one).sum())
        moved = np.abs(before.images[rows].astype(int) - after.images[rows]).mean()
        assert 0.5 < moved < 45
    assert np.array_equal(differing(clean.train, changed.train), changed.rows)


def test_twin_classes_are_one_class_under_two_names(world):
    changed = planted("twin-classes", world)
    one, other = changed.classes
    for before, after in ((world.train, changed.train), (world.test, changed.test)):
        assert len(after) == (before.labels != other).sum()
        share = (after.labels == other).sum() / (before.labels == one).sum()
        assert 0.3 < share < 0.7


def test_merged_classes_are_two_that_pixels_tell_apart_under_one_name(world):
    changed = planted("merged-classes", world)
    (one,) = changed.classes
    for before, after in ((world.train, changed.train), (world.test, changed.test)):
        assert len(after.class_names) == 9 and np.array_equal(after.images, before.images)
        assert np.array_equal(np.unique(after.labels), np.arange(9))
        first, second = np.unique(before.labels[after.labels == one])
        assert after.class_names[one] in (before.class_names[first], before.class_names[second])
        assert told_apart(before, first, second, np.random.default_rng(0)) > 0.9
        others = after.labels != one
        kept = [after.class_names[c] for c in after.labels[others]]
        assert kept == [before.class_names[c] for c in before.labels[others]]


def test_how_well_pixels_tell_classes_apart_is_half_where_they_are_the_same():
    images = np.random.default_rng(0).integers(0, 90, (400, 6, 6, 1), np.uint8)
    labels = np.arange(400) % 3
    images[labels == 2] += 90
    part = Dataset(images, labels, class_names=("a", "b", "c"), indices=np.arange(400), name="x/train")
    chance = np.random.default_rng(1)
    assert 0.35 < told_apart(part, 0, 1, chance) < 0.65
    assert told_apart(part, 0, 2, chance) == 1


def test_letters_are_of_as_many_classes_sizes_and_channels_as_asked():
    made = Letters(classes=60, side=20, channels=1, train=120, test=60)(np.random.default_rng(0))
    assert made.train.images.shape == (120, 20, 20, 1) and len(set(made.train.class_names)) == 60
    assert set(np.bincount(made.train.labels)) == {2} and made.train.images.std(axis=(1, 2, 3)).min() > 5
