"""Whose images are neighbours among the embeddings, and where they lie on the map."""

from __future__ import annotations

import numpy as np
import pytest

from analyses.embedding_map import EmbeddingMap, EmbeddingMapParams, _named

# On a line: 0 0 1 0 | 1 1, far apart. Two nearest of each, left to right: (1,2) (0,2) (1,3) (2,1) (5,3) (4,3).
LINE = np.array([0.0, 1.0, 2.1, 3.3, 50.0, 51.0])
LABELS = [0, 0, 1, 0, 1, 1]


@pytest.fixture
def session(stand_in):
    made = stand_in(LABELS, predicted=[0, 0, 0, 0, 1, 1], names=("a$b", "<c>"))
    made.embeddings = np.stack([LINE, 0 * LINE], axis=1).astype(np.float32)
    return made


def answer(session, **values):
    return EmbeddingMap().compute(session, EmbeddingMapParams(**values))


def test_purity_and_overlap_are_means_of_the_neighbours_shares(session):
    result = answer(session, neighbours=2)
    # Of the own class: 1/2 1/2 0/2 1/2 (images 0 1 2 3), 1/2 1/2 (images 4 5).
    classes = result.tables["classes"].set_index("class")
    assert classes.loc["a$b", ["images", "purity", "next_class", "next_share"]].tolist() == [3, 0.5, "<c>", 0.5]
    assert classes.loc["<c>", "purity"] == pytest.approx(1 / 3)
    pair = result.tables["pairs"].iloc[0]
    assert (pair["images"], pair["overlap"]) == (6, pytest.approx((3 * 0.5 + 1 + 2 * 0.5) / 6))
    assert 0 < pair["low"] < pair["overlap"] < pair["high"] < 1
    overall = result.findings[0]
    assert overall.effect.value == pytest.approx(2.5 / 6)
    assert "by chance it would be 40.0 %" in overall.claim  # 3 x 2 + 3 x 2 of 6 x 5 ordered pairs


def test_the_evidence_of_an_overlap_lies_deepest_among_the_other_class_first(session):
    finding = answer(session, neighbours=2).findings[2]
    assert "a$b and <c> overlap" in finding.claim
    assert finding.evidence == (2, 0, 1, 3, 4, 5)
    assert finding.classes == (0, 1)


def test_few_images_are_laid_out_by_principal_components_and_it_is_said(session):
    result = answer(session)
    assert result.notes["t-SNE"] is False
    assert "first two principal components" in result.findings[-1].claim
    x = result.tables["points"]["x"].to_numpy()
    np.testing.assert_allclose(np.abs(np.diff(x)), np.diff(LINE), atol=1e-3)
    assert np.abs(result.tables["points"]["y"]).max() < 1e-4
    assert result.tables["points"][["label", "predicted", "correct"]].iloc[2].tolist() == ["<c>", "a$b", False]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_very_few_images_are_answered_and_drawn(stand_in, count):
    made = stand_in(LABELS[:count], predicted=[0] * count, names=("a", "b"))
    made.embeddings = np.zeros((count, 3), np.float32)  # a dead layer: all at one place
    result = answer(made)
    assert result.tables["points"]["row"].tolist() == list(range(count))
    assert np.isfinite(result.tables["points"][["x", "y"]].to_numpy()).all()
    assert EmbeddingMap().draw(result).axes


def test_a_sample_keeps_its_rows_and_two_groups_stay_apart(stand_in):
    chance = np.random.default_rng(4)
    labels = np.arange(60) % 2
    made = stand_in(labels, predicted=labels, names=("a", "b"))
    made.embeddings = (chance.normal(size=(60, 8)) + 20 * labels[:, None]).astype(np.float32)
    result = answer(made, images=40, perplexity=5, neighbours=5)
    points = result.tables["points"]
    assert result.notes["t-SNE"] is True
    assert len(points) == 40
    assert points["row"].is_monotonic_increasing
    assert points["label"].tolist() == [("a", "b")[row % 2] for row in points["row"]]
    middle = points.groupby("label")[["x", "y"]].mean()
    spread = points.groupby("label")[["x", "y"]].std().to_numpy().max()
    assert np.linalg.norm(middle.loc["a"] - middle.loc["b"]) > 3 * spread
    assert (result.tables["classes"]["purity"] == 1).all()
    assert result.findings[-1].effect.value > 0.8
    again = answer(made, images=40, perplexity=5, neighbours=5).tables["points"]
    assert again.equals(points)
    assert not answer(made, images=40, perplexity=5, neighbours=5, seed=1).tables["points"].equals(points)


def test_of_many_classes_the_largest_are_named_and_of_equal_ones_some_all_over():
    assert _named(np.array([3, 1, 2])) == [0, 1, 2]
    sizes = np.full(60, 3)
    sizes[[7, 50]] = 9
    named = _named(sizes)
    assert named[:2] == [7, 50] and len(set(named)) == 20
    assert min(named[2:]) == 0 and max(named[2:]) == 59
