"""Copies in a few hundred made images: every one that is planted, and none that is not."""

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.statistics.copies import Copies, find_copies
from workbench.statistics.nearness import Scale, scale_of


def dataset(images, name="made/test"):
    count = len(images)
    return Dataset(images, np.zeros(count, np.int64), class_names=("a", "b"), indices=np.arange(count), name=name)


def blobs(count, seed, side=12):
    """Smooth pictures, as photographs are: few directions, many values."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.cos(np.pi * (a * y + b * x)) for a in range(4) for b in range(4)][1:])
    values = np.tensordot(chance.normal(size=(count, len(waves))), waves, 1)
    return np.clip(128 + 25 * values, 0, 255).astype(np.uint8)[..., None]


def test_clean_images_have_no_copies():
    copies = find_copies([dataset(blobs(150, 0)), dataset(blobs(400, 1))])
    assert [len(copies.copied(*parts)) for parts in ((0, 1), (0, 0), (1, 1))] == [0, 0, 0]
    assert copies.scale.share > 0.1


@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("exact", lambda x, chance: x),
        ("near", lambda x, chance: np.clip(x + chance.integers(-2, 3, x.shape), 0, 255)),
        ("mirrored", lambda x, chance: x[:, :, ::-1]),
        ("shifted", lambda x, chance: np.roll(x, 1, axis=2)),
    ],
)
def test_leaked_images_are_found_and_counted(way, change):
    chance = np.random.default_rng(3)
    test, train = blobs(150, 4), blobs(400, 5)
    leaked, places = chance.choice(150, 20, replace=False), chance.choice(400, 20, replace=False)
    train[places] = change(test[leaked].astype(int), chance)
    copies = find_copies([dataset(test), dataset(train)])
    assert copies.copied(0, 1).tolist() == sorted(leaked.tolist())
    pairs = copies.pairs(0, 1)
    assert pairs.counts == {"exact": 0, "near": 0, "mirrored": 0, "turned": 0, "shifted": 0, way: 20}
    assert dict(pairs.images.tolist()) == dict(zip(leaked.tolist(), (150 + places).tolist(), strict=True))


def test_of_three_equal_images_two_are_copies_of_an_earlier_one():
    images = blobs(60, 6)
    images[[20, 40]] = images[7]
    copies = find_copies([dataset(images)])
    assert copies.copied(0, 0).tolist() == [20, 40]
    assert copies.pairs(0, 0).images.tolist() == [[7, 20], [7, 40]]


def test_an_exact_copy_of_a_near_copy_is_leaked_too():
    test, train = blobs(60, 7), blobs(100, 8)
    test[9] = test[3]
    train[50] = np.clip(test[3].astype(int) + 1, 0, 255)
    copies = find_copies([dataset(test), dataset(train)])
    assert copies.copied(0, 1).tolist() == [3, 9]
    assert copies.copied(0, 0).tolist() == [9]


def test_data_of_one_dimension_has_near_neighbours_by_chance_and_no_near_copies():
    values = np.random.default_rng(9).random(300)[:, None, None, None]
    images = (255 * np.broadcast_to(values, (300, 12, 12, 1)) * np.linspace(0.5, 1, 12)[:, None]).astype(np.uint8)
    images = np.unique(images, axis=0)
    copies = find_copies([dataset(images)], moved=False)
    assert copies.scale.dimension < 2.5
    assert len(copies.links) == 0


def test_the_scale_of_distances_written_out_by_hand():
    apart = np.array([[1.0, 2.0, 3.0, 3.5, 4.0]] * 3)
    scale = scale_of(apart, len(apart))
    assert scale.distance == 4.0
    assert scale.dimension == pytest.approx((1 / 4 + 1 / 3 + 1 / 2) / np.log(2))
    assert scale.ratios.tolist() == [0.25] * 3
    assert scale.share == pytest.approx((0.0005 / 4) ** (np.log(2) / (13 / 12)))


def test_links_written_out_by_hand():
    """Images 0-3 studied, 4-6 training: 1 equals 0 and 5; 3 is near 6; 2 stands alone."""
    part, group = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 0, 4])
    heads = np.array([[0, 5], [2, -1], [3, -1], [-1, 4], [-1, 6]])
    none = np.zeros(0)
    copies = Copies(
        part=part,
        group=group,
        heads=heads,
        links=np.array([[2, 4]]),
        ways=np.array([1]),
        distances=np.array([0.5]),
        closest=none.reshape(0, 2),
        spaces=none,
        scale=Scale(),
    )
    assert copies.copied(0, 1).tolist() == [0, 1, 3]
    assert copies.copied(0, 0).tolist() == [1]
    assert copies.copied(1, 1).tolist() == []
    pairs = copies.pairs(0, 1)
    assert pairs.images.tolist() == [[0, 5], [1, 5], [3, 6]]
    assert pairs.ways.tolist() == [0, 0, 1]
    assert pairs.distances.tolist() == [0.0, 0.0, 0.5]


def test_large_colour_images_are_shrunk_before_they_are_compared():
    images = np.repeat(np.repeat(blobs(60, 10), 8, axis=1), 8, axis=2)
    images = np.repeat(images, 3, axis=3)
    noisy = np.clip(images[5].astype(int) + np.random.default_rng(0).integers(-20, 21, images[5].shape), 0, 255)
    images[33] = noisy
    copies = find_copies([dataset(images)])
    assert copies.copied(0, 0).tolist() == [33]
    assert copies.pairs(0, 0).counts["near"] == 1


def varied(count, seed, side=24):
    """Pictures of so many waves that no two come near each other."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.cos(np.pi * (a * y + b * x)) for a in range(6) for b in range(-5, 6)][1:])
    return np.clip(120 + 9 * np.tensordot(chance.normal(size=(count, len(waves))), waves, 1), 0, 255).astype(np.uint8)[
        ..., None
    ]


@pytest.mark.parametrize("how", ["brightened", "blurred", "recompressed", "cropped"])
def test_changed_copies_are_found_by_the_gap_in_the_datas_own_distances(how):
    from workbench.diagnosis.faults.changed_copies import CHANGES

    chance = np.random.default_rng(3)
    test, train = varied(150, 4), varied(500, 5)
    clean = find_copies([dataset(test), dataset(train)])
    assert len(clean.copied(0, 1)) == len(clean.copied(1, 1)) == 0
    for place in range(20):
        train[place] = CHANGES[how](test[place], chance)
    copies = find_copies([dataset(test), dataset(train)])
    assert set(copies.copied(0, 1).tolist()) <= set(range(20)) and len(copies.copied(0, 1)) >= 19
    assert copies.scale.share > 0.4


def test_the_cut_leaves_a_tenth_of_a_pair_to_chance():
    # Of points that lie evenly in d dimensions it is known how near the nearest comes: 2 · 0.1 = N · 4 · x^d.
    radii = np.sort(np.random.default_rng(0).random((4000, 5)) ** (1 / 12), axis=1)
    radii[:, :4] = np.sort(radii[:, :4], axis=1)
    share = scale_of(radii, 4000).share
    assert share == pytest.approx((2 * 0.1 / 4000 / 4) ** (1 / 12), rel=0.1)
