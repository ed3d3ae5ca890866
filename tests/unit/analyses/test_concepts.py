"""Concepts and their tests on textured signs: what is planted is found, and a tag at random is not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import workbench as wb
from analyses.concept_test import testing
from analyses.concept_test.concepts import Concept
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import ImageSet
from workbench.diagnosis import registry
from workbench.session.session import Session
from workbench.statistics.significance import holm

NAMES = ("plain", "striped disc", "striped square", "dotted")
SIDE = 20


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`(N, 20, 20, 1)` uint8 signs on a dark ground: a sign is plain, striped or dotted, at any place."""
    chance = np.random.default_rng(seed)
    images, labels = chance.integers(0, 40, (count, SIDE, SIDE, 1)), np.arange(count) % 4
    rows, columns = np.indices((12, 12))
    disc = (rows - 5.5) ** 2 + (columns - 5.5) ** 2 < 36
    for image, label in zip(images, labels, strict=True):
        top, left = chance.integers(0, SIDE - 12, 2)
        shape = disc if label == 1 or (label in (0, 3) and chance.random() < 0.5) else np.ones_like(disc)
        phase = chance.integers(4)
        ink = {0: np.ones_like(disc), 3: (rows % 3 == 1) & (columns % 3 == 1)}.get(int(label), (rows + phase) % 4 < 2)
        image[top : top + 12, left : left + 12, 0][shape & ink] = chance.integers(120, 250)
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def signs(tmp_path_factory) -> Session:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu", name="deep"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    images, labels = drawn(800, 0)
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=12, batch_size=32, verbose=0)
    parts = []
    for seed, part in ((0, "train"), (5, "test")):
        images, labels = drawn(400, seed)
        parts.append(wb.Dataset(images, labels, class_names=NAMES, indices=np.arange(400), name=f"signs/{part}"))
    place = tmp_path_factory.mktemp("signs") / "said.sqlite"
    session = Session(model, parts[1], train=parts[0], cache=False, workspace=place)
    assert session.predictions.correct.mean() > 0.9
    return session


def compute(session, name, **values):
    return registry.compute(session, name, values)


def test_a_planted_concept_moves_the_classes_that_have_it(signs):
    rows = np.flatnonzero(np.isin(signs.dataset.labels, (1, 2)))
    signs.images_of(ImageSet(rows)).tag("striped")
    answer = compute(signs, "concept-test", concept="tag:striped", images=60)
    lines = answer.tables["scores"].set_index("class")
    for name in ("striped disc", "striped square"):
        assert lines.loc[name, "p_adjusted"] < 0.01
        assert lines.loc[name, "effect"] > 0
        assert lines.loc[name, "tcav"] > 0.9
        assert lines.loc[name, "tcav_train"] > 0.9
    assert lines.loc["plain", "effect"] < 0
    assert answer.tables["concepts"].loc[0, "accuracy"] > 0.9
    gone = answer.tables["erased"].set_index("class")
    assert gone.loc[["striped disc", "striped square"], "recall_without"].mean() < 0.5
    assert "'tag:striped'" in answer.findings[0].claim


def test_a_random_tag_moves_none_in_95_of_100_draws(signs):
    gradients = testing.gradients_of(signs, "deep", range(4), 40, 0)
    quiet = 0
    for draw in range(100):
        order = np.random.default_rng(draw).permutation(len(signs.dataset))
        concept = Concept(name="random", title="", inside=np.sort(order[:40]), outside=np.sort(order[40:80]))
        found = testing.tested(signs, concept, "deep", gradients, draws=200, seed=draw, erased=0)
        chances = holm(np.array([found.chance_for(label) for label in range(4)]))
        quiet += chances.min() > 0.05
    assert quiet >= 90  # 95 are expected; fewer than 90 come once in forty


def test_concepts_of_a_class_explain_its_errors(signs):
    answer = compute(signs, "concepts", predicted="striped disc", count=4)
    table = answer.tables["concepts"]
    assert (np.diff(table["importance"]) <= 0).all()
    assert table["importance"].iloc[0] > 0.2
    assert table["recall_change"].min() < -0.2
    assert 0 <= answer.notes["unexplained"] < 0.5
    assert answer.notes["agreeing"] > 0.8


def test_a_concept_that_too_few_images_show_is_refused(signs):
    with pytest.raises(WorkbenchError, match=r"at least 10 images of each side\. 'confidence>2' finds 0 images"):
        compute(signs, "concept-test", concept="confidence>2")
    with pytest.raises(WorkbenchError, match="name the concept too"):
        compute(signs, "concept-test", against="label:plain")
