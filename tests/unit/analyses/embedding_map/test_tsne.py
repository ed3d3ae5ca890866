"""Embeddings in the plane, and how true the map is."""

from __future__ import annotations

import numpy as np

from analyses.embedding_map.tsne import measure_trustworthiness, to_plane
from workbench.core.progress import reporting
from workbench.statistics.nearest import nearest


def test_trustworthiness_is_the_formula_of_venna_and_kaski():
    chance = np.random.default_rng(0)
    embeddings, places, k = chance.normal(size=(12, 3)), chance.normal(size=(12, 2)), 3
    apart = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    near = np.linalg.norm(places[:, None] - places[None], axis=-1)
    wrong = 0
    for i in range(12):
        rank = {j: r for r, j in enumerate(j for j in np.argsort(apart[i]) if j != i)}
        shown = [j for j in np.argsort(near[i]) if j != i][:k]
        wrong += sum(max(0, rank[j] + 1 - k) for j in shown)
    expected = 1 - 2 / (12 * k * (2 * 12 - 3 * k - 1)) * wrong
    value, used, measured = measure_trustworthiness(embeddings, places, k)
    assert (round(value, 12), used, measured) == (round(expected, 12), 3, 12)


def test_k_is_lowered_where_there_are_few_and_one_image_has_no_trust():
    places = np.arange(8.0).reshape(4, 2)
    assert measure_trustworthiness(places, places, 15) == (1.0, 1, 4)
    assert measure_trustworthiness(places[:2], places[:2], 15) is None


def test_the_map_is_the_same_again_and_tells_how_far_it_is():
    embeddings = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    near, told = nearest(embeddings, embeddings, 15, own=np.arange(len(embeddings))), []
    with reporting(lambda what, done, total: told.append((what, done, total))):
        first, by_tsne = to_plane(embeddings, near, perplexity=5, seed=0)
    assert by_tsne
    assert told[-1] == ("t-SNE", 750, 750)
    assert len(told) == 31  # each 25 of 750 iterations, and the start
    again, _ = to_plane(embeddings, near, perplexity=5, seed=0)
    assert np.array_equal(first, again)


def test_copies_of_few_images_are_laid_out_by_components():
    embeddings = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    places, by_tsne = to_plane(
        embeddings, nearest(embeddings, embeddings, 9, own=np.arange(len(embeddings))), perplexity=3, seed=0
    )
    assert not by_tsne
    assert len(np.unique(places.round(6), axis=0)) == 4
