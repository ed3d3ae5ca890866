"""Prototypes and criticisms of two classes whose embeddings are made by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from analyses.prototypes import Prototypes, PrototypesParams, at_random
from analyses.prototypes.findings import _most, within_classes
from workbench.core.predictions import Predictions
from workbench.statistics.mmd_critic import gaussian, mmd

NAMES = ("ant", "bee")


@pytest.fixture
def session(stand_in):
    """Forty ants, six of them far from the others, of which the model takes five for bees; forty bees."""
    chance = np.random.default_rng(0)
    ants, bees = chance.normal(0, 1, (40, 4)), chance.normal(9, 1, (40, 4))
    ants[:6] += 6
    predicted = [0] * 40 + [1] * 40
    predicted[:5] = [1] * 5
    embeddings = np.concatenate([ants, bees]).astype(np.float32)
    return stand_in([0] * 40 + [1] * 40, predicted, names=NAMES, embeddings=embeddings)


def answer(session, **params):
    return Prototypes().compute(session, PrototypesParams(**params))


def test_prototypes_are_nearer_than_as_many_at_random_and_no_criticism_is_one(session):
    result = answer(session, prototypes=5, criticisms=8)
    table, curve = result.tables["examples"], result.tables["curve"]
    assert table.groupby(["class", "kind"]).size().tolist() == [8, 5, 8, 5]
    assert table["row"].is_unique
    assert (table["row"] < 40).tolist() == (table["class"] == "ant").tolist()
    assert (curve["discrepancy"] <= curve["at_random"]).all()
    assert "median" in result.findings[0].claim and result.findings[0].effect.value < 1


def test_errors_are_counted_among_prototypes_criticisms_and_the_rest(session):
    result = answer(session, prototypes=5, criticisms=8)
    ants = result.tables["classes"].set_index("class").loc["ant"]
    assert [ants[f"{kind}_images"] for kind in ("prototype", "criticism", "rest")] == [5, 8, 27]
    assert sum(ants[f"{kind}_errors"] for kind in ("prototype", "criticism", "rest")) == 5
    table = result.tables["examples"]
    own = table[(table["class"] == "ant") & (table["kind"] == "criticism")]
    count = int((own["row"] < 5).sum())
    assert ants["criticism_errors"] == count > 0
    assert set(result.sets) == {"prototype", "criticism", "rest"}
    assert sum(map(len, result.sets.values())) == 80
    said = [each.claim for each in result.findings]
    assert said[1].startswith(f"Of 16 criticisms, the model is wrong on {count}, ")
    assert len(said) == 2  # of eight criticisms it is not told that their class is the worst
    assert "to all images of the class, as a share" in said[0] and "other images that are no" in said[1]
    some = [each.claim for each in answer(session, prototypes=5, criticisms=8, images=30).findings]
    assert "to the images of the class that were sampled, evenly spaced, as" in some[0]
    assert "other sampled images that are no" in some[1]


def of_classes(errors, images):
    """Findings on the worst class, of classes of criticisms that follow each other."""
    ends = np.cumsum([0, *images])
    rows = [np.arange(one, other) for one, other in pairwise(ends)]
    right = np.concatenate([np.arange(count) >= wrong for wrong, count in zip(errors, images, strict=True)])
    logits = np.where(right[:, None], [[1.0, 0]], [[0, 1.0]]).astype(np.float32)
    names = [f"c{number}" for number in range(len(errors))]
    columns = {"number": range(len(errors)), "class": names}
    classes = pd.DataFrame({**columns, "criticism_errors": errors, "criticism_images": images})
    return _most(classes, {"criticism": rows}, Predictions(logits, np.zeros(len(right), np.int64)))


def test_a_class_has_worse_criticisms_only_where_it_surely_has():
    (found,) = of_classes([12, 3, 2], [20, 20, 20])
    assert found.claim.startswith(
        "Criticisms of c0 are misclassified more often than those of the other classes: 12 of"
    )
    assert "20, 60.0 % (95 %" in found.claim and "against 12.5 % (95 %" in found.claim
    assert found.effect.value == 0.6 and found.classes == (0,) and list(found.evidence) == list(range(12))
    # Fisher's test of 7 of 20 against 5 of 40 has p = 0.046: of three classes that is not sure.
    assert of_classes([7, 3, 2], [20, 20, 20]) == []
    assert of_classes([19, 0, 0], [19, 19, 19]) == [] == of_classes([0, 0], [20, 20]) == of_classes([9], [20])


def test_classes_whose_images_are_all_prototypes_have_no_ratio(session):
    result = answer(session, prototypes=40, criticisms=8)
    assert result.findings[0].claim.endswith("the images of each class are all alike, or all of them are chosen.")


def test_the_figure_shows_the_worse_class_first_and_what_was_predicted(session, words):
    analysis = Prototypes()
    result = answer(session, prototypes=5, criticisms=8, classes=1, shown=3)
    assert result.notes["classes"] == ["ant"]
    read = words(analysis.draw(result))
    assert "ant" in read and "criticisms" in read and "bee" in read and "criticisms (16)" in read


def test_random_choices_are_measured_as_prototypes_are(session):
    kernel = gaussian(session.embeddings[:40])
    found = at_random(kernel, 3)
    chance = np.random.default_rng(0)
    chosen = chance.permutation(40)[:3]
    np.testing.assert_allclose(found[0], [mmd(kernel, chosen[:size]) for size in (1, 2, 3)], atol=1e-12)


def test_a_difference_within_classes_is_none_of_their_sizes():
    """Each class has the same rate in both; one has many criticisms and is often wrong."""
    gap = within_classes(np.array([40, 1]), np.array([80, 10]), np.array([10, 40]), np.array([20, 400]))
    assert gap.value == pytest.approx(0) and gap.low < 0 < gap.high
    one = within_classes(np.array([30]), np.array([100]), np.array([10]), np.array([100]))
    assert one.value == pytest.approx(0.2)
    assert (
        within_classes(np.array([0]), np.array([5]), np.array([0]), np.array([0])).value != 0
    )  # NaN: nothing to compare
    assert within_classes(np.array([0]), np.array([5]), np.array([0]), np.array([9])).interval is None


def test_its_interval_holds_the_difference_as_often_as_it_says():
    chance, sizes, others = np.random.default_rng(3), np.array([30, 60, 40]), np.array([300, 100, 200])
    base, held = np.array([0.1, 0.3, 0.5]), 0
    for _ in range(600):
        gap = within_classes(chance.binomial(sizes, base + 0.15), sizes, chance.binomial(others, base), others)
        held += gap.low <= 0.15 <= gap.high
    assert 0.92 < held / 600 < 0.98
