import numpy as np
import pytest

from analyses.image_cues.statistics import STATISTICS, Overlay, Texture, telling


def pictures(count, seed, side=24):
    """Smooth colour pictures with noise, (count, side, side, 3) in [0.2, 0.8]."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.cos(np.pi * (a * y + b * x)) for a in range(3) for b in range(3)])
    smooth = np.einsum("nwc,whv->nhvc", chance.normal(0, 0.06, (count, 9, 3)), waves)
    return np.clip(0.5 + smooth + chance.normal(0, 0.02, smooth.shape), 0.2, 0.8).astype(np.float32)


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda each: each.words)
def test_what_is_given_is_measured_and_one_s_own_changes_nothing(statistic):
    images, donors = pictures(20, 0), np.clip(pictures(20, 1) * [0.8, 1, 1.2] + 0.03, 0, 1)
    donors[:, 0] += 0.1
    wanted, before = statistic.measure(donors), statistic.measure(images)
    after = statistic.measure(statistic.give(images, donors))
    assert (
        np.abs(after - wanted).mean() <= 0.6 * np.abs(before - wanted).mean()
        or statistic.words == "traces of compression"
    )
    own = statistic.give(images, images)
    assert np.abs(own - images).max() < 1e-5


def test_saved_images_have_traces_of_compression_and_give_them_on():
    from analyses.image_cues.statistics import Compression, _saved

    images, donors = pictures(20, 0), _saved(pictures(20, 1), 5)
    compression = Compression()
    given = compression.give(images, donors)
    values = [np.median(compression.measure(each)[:, 0]) for each in (images, given, donors)]
    assert max(values[1:]) < values[0] - 0.5  # at the quality of 5 they hardly change any more


def test_stripes_of_one_class_are_its_texture_and_are_put_into_others():
    images = pictures(80, 0)
    rows, columns = np.indices((24, 24))
    stripes = 0.1 * np.sin(2 * np.pi * (rows + columns) / 4)[None, ..., None]
    own = np.arange(80) % 4 == 0
    images[own] += stripes
    texture = Texture.of(images, own)
    assert texture.peaks.sum() == 2 and texture.peaks[6, 6]  # a quarter of a cycle a pixel, both ways
    given = texture.give(images[~own][:20], images[own])
    assert np.abs(given - images[~own][:20] - stripes).mean() < 0.01
    assert Texture.of(pictures(80, 3), own) is None


def test_a_half_transparent_mark_is_seen_in_one_class_and_is_put_into_others():
    chance, labels = np.random.default_rng(0), np.arange(240) % 4
    images = pictures(240, 0)
    assert Overlay.of(images, labels) is None
    rows, columns = np.indices((24, 24))
    disc = np.hypot(rows - 8, columns - 15) < 5
    own = labels == 2
    images[own] += 0.15 * disc[..., None]
    label, overlay = Overlay.of(images, labels)
    assert label == 2 and np.isin(np.flatnonzero(disc), np.flatnonzero(overlay.pattern.any(axis=-1))).mean() > 0.9
    donors = images[own][chance.integers(0, own.sum(), 30)]
    given = overlay.give(images[~own][:30], donors) - images[~own][:30]
    assert given[:, disc].mean() > 0.1 and np.abs(given[:, ~disc]).mean() < 0.02


def test_a_statistic_that_goes_with_a_class_tells_it_and_chance_does_not():
    chance = np.random.default_rng(0)
    labels, values = np.arange(400) % 4, chance.normal(size=(400, 5))
    scores = telling(values, labels, 5)
    assert np.isnan(scores[4]).all() and abs(scores[0][labels == 0].mean() - scores[0][labels != 0].mean()) < 0.5
    values[labels == 2, 1] += 4
    scores = telling(values, labels, 5)[2]
    assert np.quantile(scores[labels == 2], 0.1) > np.quantile(scores[labels != 2], 0.9)
