"""What happens to a probability when pixels go: the papers' equations in float64."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from workbench.faithfulness.measures.road import Road

both = pytest.mark.parametrize("score", ["logit", "contrast"])


def turned(kit, case, number, score, start, end, values, inside, steps):
    """Area by the trapezoid rule while the pixels inside turn from start to end, largest value first."""
    pixels = sorted(zip(*np.nonzero(inside), strict=True), key=lambda at: -values[at])
    points = []
    for step in range(steps + 1):
        image = start.copy()
        for at in pixels[: round(step * len(pixels) / steps)]:
            image[at] = end[at]
        points.append(kit.probability(case, image, number, score))
    return sum((one + other) / 2 for one, other in pairwise(points)) / steps


@pytest.mark.parametrize(
    ("score", "within", "steps", "reference"),
    [
        ("logit", "all", 7, "black"),
        ("contrast", "object", 5, "white"),
        ("probability", "object", 9, "blurred"),
        ("logit", "object", 3, "background"),
    ],
)
def test_deletion(kit, case, agree, score, within, steps, reference):
    images = kit.framed(case, 0.3 if reference == "background" else 0)
    subject = kit.judged(case, kit.random_maps(case), score, images=images)
    expected = []
    for number, image in enumerate(images.astype(np.float64)):
        inside = subject.objects[number] if within == "object" else np.ones(image.shape[:2], bool)
        end = np.full_like(image, 0.3) if reference == "background" else kit.filling(reference, image)
        expected.append(turned(kit, case, number, score, image, end, subject.maps[number], inside, steps))
    assert within == "all" or 0 < subject.objects.mean() < 0.6
    values = kit.measured("deletion", subject, steps=steps, within=within, reference=reference)
    agree(values, np.array(expected), 1e-4, "deletion")


@pytest.mark.parametrize(
    ("score", "within", "steps", "share"), [("logit", "all", 7, 0.1), ("contrast", "object", 5, 0.3)]
)
def test_insertion(kit, case, agree, score, within, steps, share):
    images = kit.framed(case)
    subject = kit.judged(case, kit.random_maps(case), score, images=images)
    expected = []
    for number, image in enumerate(images.astype(np.float64)):
        inside = subject.objects[number] if within == "object" else np.ones(image.shape[:2], bool)
        start = np.where(inside[..., None], kit.blurred(image, share * min(image.shape[:2])), image)
        expected.append(turned(kit, case, number, score, start, image, subject.maps[number], inside, steps))
    values = kit.measured("insertion", subject, steps=steps, within=within, blur=share)
    agree(values, np.array(expected), 1e-4, "insertion")


@both
def test_average_drop_increase_and_gain(kit, case, agree, score):
    """Maps that keep all but a few pixels, all but the last, or a few: probabilities rise and fall."""
    maps = np.stack([kit.random_maps(case, seed) for seed in range(4)]).reshape(-1, *case.images.shape[1:3])
    drops, gains, rises, found = [], [], [], []
    for part in np.split(maps, 4):
        subject = kit.judged(case, part, score)
        for number, (image, values) in enumerate(zip(case.images.astype(np.float64), part, strict=True)):
            share = (values - values.min()) / (values.max() - values.min())
            before = kit.probability(case, image, number, score)
            after = kit.probability(case, image * share[..., None], number, score)
            drops.append(100 * max(0, before - after) / before)
            gains.append(100 * max(0, after - before) / (1 - before))
            rises.append(100 * (after > before))
        found.append([kit.measured(f"average-{name}", subject) for name in ("drop", "gain", "increase")])
    drop, gain, rise = np.concatenate(found, axis=1)
    agree(drop, np.array(drops), 1e-4, "average-drop")
    agree(gain, np.array(gains), 1e-4, "average-gain")
    agree(rise, np.array(rises), 0, "average-increase")
    assert 0 < np.mean(rises) < 100


def imputed(image, removed):
    """Solve for all removed pixels at once: each is the weighted mean of its neighbours inside the image."""
    places = list(zip(*np.nonzero(removed), strict=True))
    system, right = np.zeros((len(places),) * 2), np.zeros((len(places), image.shape[2]))
    for row, (i, j) in enumerate(places):
        for k, m in ((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)):
            if not (0 <= k < image.shape[0] and 0 <= m < image.shape[1]):
                continue
            weight = 1 / 6 if i == k or j == m else 1 / 12
            system[row, row] += weight
            if removed[k, m]:
                system[row, places.index((k, m))] -= weight
            else:
                right[row] += weight * image[k, m]
    filled = image.copy()
    filled[tuple(np.transpose(places))] = np.linalg.solve(system, right)
    return filled


@pytest.mark.parametrize(
    ("score", "percentages", "noise"), [("logit", (20, 40, 60, 80), 0.01), ("contrast", (5, 95), 0.3)]
)
def test_road(kit, case, agree, score, percentages, noise):
    subject = kit.judged(case, kit.random_maps(case), score)
    drawn = Road(percentages=percentages, noise=noise, seed=3).noises(case.images.shape[1:])
    expected = []
    for number, image in enumerate(case.images.astype(np.float64)):
        ascending = np.argsort(subject.maps[number].ravel())
        differences = []
        for percent, disturbance in zip(percentages, drawn, strict=True):
            count, p = round(percent / 100 * ascending.size), {}
            for which, pixels in (("least", ascending[:count]), ("most", ascending[::-1][:count])):
                removed = np.zeros(ascending.size, bool)
                removed[pixels] = True
                removed = removed.reshape(image.shape[:2])
                p[which] = kit.probability(
                    case, imputed(image, removed) + disturbance * removed[..., None], number, score
                )
            differences.append((p["least"] - p["most"]) / 2)
        expected.append(np.mean(differences))
    agree(kit.measured("road", subject, percentages=percentages, noise=noise, seed=3), np.array(expected), 1e-4, "road")
