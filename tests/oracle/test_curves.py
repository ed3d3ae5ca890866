"""Deletion and insertion curves against their definition (arXiv:1806.07421, algorithm 1) in float64."""

from __future__ import annotations

import numpy as np

from workbench.faithfulness.curves import area, blur_within, curve, order_of


def softmax(logits):
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def replica(network, image, end, map_, within, target, against, steps):
    """Turn the pixels of the largest values first, step by step, and score every picture."""
    places = [(i, j) for i, j in np.ndindex(map_.shape) if within[i, j]]
    places.sort(key=lambda place: -map_[place])  # no two values are equal
    found = []
    for step in range(steps + 1):
        picture = image.astype(np.float64).copy()
        for place in places[: int(np.rint(step * len(places) / steps))]:
            picture[place] = end[place]
        logits = network.scores(picture)
        found.append(softmax(logits[[target, against]])[0] if against is not None else softmax(logits)[target])
    return np.array(found)


def test_probabilities_along_the_way(case, agree):
    chance = np.random.default_rng(0)
    maps = chance.random(case.images.shape[:3])
    within = chance.random(maps.shape) < 0.6
    ends = np.zeros_like(case.images)
    for against in (None, case.against):
        found = curve(
            case.probe,
            case.images,
            ends,
            order=order_of(maps, within),
            within=within,
            target=case.target,
            against=against,
            steps=7,
        )
        expected = [
            replica(
                case.network,
                case.images[n],
                ends[n],
                maps[n],
                within[n],
                case.target[n],
                None if against is None else against[n],
                7,
            )
            for n in range(len(maps))
        ]
        agree(found, np.stack(expected), 1e-4, "deletion curve")


def test_it_begins_with_the_image_and_ends_with_the_end(case):
    within = np.ones(case.images.shape[:3], bool)
    ends = blur_within(case.images, within)
    order = order_of(np.random.default_rng(1).random(within.shape), within)
    found = curve(case.probe, case.images, ends, order=order, within=within, target=case.target, steps=3)
    for place, pictures in ((0, case.images), (-1, ends)):
        expected = [softmax(case.network.scores(each))[c] for each, c in zip(pictures, case.target, strict=True)]
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-4)


def test_ranks_by_hand():
    maps = np.array([[[3.0, 1.0], [2.0, 5.0]]])
    assert order_of(maps, np.ones((1, 2, 2), bool)).tolist() == [[[1, 3], [2, 0]]]
    within = np.array([[[True, True], [True, False]]])
    assert order_of(maps, within).tolist() == [[[0, 2], [1, 3]]]


def test_equal_values_come_in_an_order_that_the_seed_draws():
    flat, everywhere = np.zeros((2, 4, 4)), np.ones((2, 4, 4), bool)
    one, other = (order_of(flat, everywhere, seed) for seed in (0, 1))
    assert sorted(one[0].ravel()) == list(range(16))
    assert (one != other).any()
    np.testing.assert_array_equal(one[0], one[1])


def test_the_area_is_the_trapezoid_s():
    np.testing.assert_allclose(area(np.array([[1, 0.5, 0.5, 0], [1, 1, 1, 1]])), [0.5, 1])
