import numpy as np
import pytest

from workbench.core import probabilities
from workbench.statistics import error_regions as module
from workbench.statistics.error_regions import error_regions


def made(seed, kinds=((0, 6.0), (3, -6.0)), wrong=0.9, elsewhere=0.01):
    """800 images, of which two kinds of 60 are far out, one along the embedding, one along a property, and wrong."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(800, 6))
    of = np.repeat([0, 1, -1], [60, 60, 680])
    for number, (column, away) in enumerate(kinds):
        values[of == number, column] += away
    missed = np.where(of >= 0, chance.random(800) < wrong, chance.random(800) < elsewhere)
    return values[:, :3], values[:, 3:], missed, of


@pytest.mark.parametrize("linked", [6000, 60])
def test_two_kinds_of_errors_are_held_by_regions_of_one_kind_each(linked, monkeypatch):
    """Also where regions are made of a sample of the images that look like errors, and the others join them."""
    monkeypatch.setattr(module, "LINKED", linked)
    monkeypatch.setattr(module, "AT_ONCE", 7)
    embeddings, properties, missed, of = made(0)
    regions = [each.members for each in error_regions(embeddings, properties, missed, 0)]
    assert not np.sum(regions, axis=0).max() > 1  # no image twice
    for kind in (0, 1):
        own = [each for each in regions if (of[each] == kind).mean() >= 0.8]
        assert (np.any(own, axis=0) & (of == kind)).sum() >= 0.8 * 60


def test_a_region_has_images_whose_own_error_was_not_looked_at():
    embeddings, properties, missed, of = made(1, wrong=0.75)
    regions = [each.members for each in error_regions(embeddings, properties, missed, 0)]
    inside = np.any(regions, axis=0) & (of >= 0)
    assert abs(missed[inside].mean() - 0.75) < 0.08  # as many are wrong as of the kinds, not all


def test_errors_at_random_make_regions_no_worse_than_the_rest():
    chance = np.random.default_rng(2)
    rates = []
    for seed in range(6):
        missed = chance.random(800) < 0.15
        regions = [
            each.members
            for each in error_regions(chance.normal(size=(800, 3)), chance.normal(size=(800, 3)), missed, seed)
        ]
        inside = np.any(regions, axis=0) if regions else np.zeros(800, bool)
        rates += missed[inside].tolist()
    assert not rates or np.mean(rates) < 0.25


def test_too_few_errors_or_a_constant_embedding_are_no_trouble():
    _, properties, missed, _ = made(3)
    assert list(error_regions(np.zeros((800, 2)), properties, np.arange(800) < 5, 0)) == []
    assert list(error_regions(np.zeros((800, 2)), np.zeros((800, 1)), missed, 0)) == []
    assert list(error_regions(np.zeros((800, 2)), properties, missed, 0))


def test_columns_are_in_units_of_their_spread_also_where_they_are_read_in_parts(monkeypatch):
    chance = np.random.default_rng(5)
    embeddings, properties = chance.normal(7, 3, (500, 4)).astype(np.float32), chance.normal(size=(500, 3))
    embeddings[:, 2] = 7  # tells nothing
    properties[0, 1] = 1e6  # one odd image stretches no axis
    monkeypatch.setattr(probabilities, "AT_ONCE", 90)  # several portions
    low, high = np.quantile(properties, [module.EXTREME, 1 - module.EXTREME], axis=0)
    parts = embeddings[:, [0, 1, 3]].astype(np.float64), np.clip(properties, low, high)
    said = np.hstack([(each - each.mean(axis=0)) / each.std(axis=0) / np.sqrt(3) for each in parts])
    assert module._both(embeddings, properties) == pytest.approx(said, abs=1e-6)
