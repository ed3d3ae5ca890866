"""Right labels and models that fail, made of logits: no label is called wrong; and wrong ones that are still found."""

from types import SimpleNamespace

import numpy as np
import pytest

from analyses.triage import Triage, TriageParams
from analyses.triage.evidence import GROUPS
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions

PULL = {"weak": 0.6, "under-trained": 2.0, "few images": 2.2, "over-confident": 3.2, "under-confident": 3.2}
SHARP = {"over-confident": 5.0, "under-confident": 0.15, "under-trained": 0.4}
FAILING = (*PULL, "all equal", "one class", "shuffled", "half turned", "all turned", "cropped", "starved")
TURNED = {"half turned": 0.5, "all turned": 1.0, "cropped": 0.3}


def session(kind, classes, seed, wrong=None):
    """Images whose pixels show the class that is there, and logits of a model that may take it for another."""
    chance = np.random.default_rng([seed, classes])
    count = max(300, 8 * classes)
    there, pictures = chance.integers(0, classes, count), chance.normal(size=(classes, 64))
    pull, noise = PULL.get(kind, 5.0) * (1.25 if classes > 50 else 1.0), chance.normal(size=(count, classes))
    logits, turned = pull * np.eye(classes)[there] + noise, np.zeros(count, bool)
    if kind in TURNED:  # what is turned is taken for one other class, surely, or for anything
        turned = chance.random(count) < TURNED[kind]
        surely = chance.random(count) < 0.6
        other = (there + 1) % classes
        logits[turned & surely] += pull * (np.eye(classes)[other] - np.eye(classes)[there])[turned & surely]
        logits[turned & ~surely] = chance.normal(0, 2, (int((turned & ~surely).sum()), classes))
    if kind == "starved":
        lost = (there < max(1, classes // 3)) & (chance.random(count) < 0.85)
        logits[lost] += pull * (np.eye(classes)[(there + classes // 2) % classes] - np.eye(classes)[there])[lost]
    logits = {"shuffled": 3 * noise, "all equal": 0 * noise, "one class": logits + 60 * np.eye(classes)[0]}.get(
        kind, logits
    )
    looks = np.where(turned[:, None], np.roll(pictures, 7, axis=1)[there], pictures[there])
    images = np.clip(128 + 25 * looks + chance.normal(0, 25, (count, 64)), 0, 255).astype(np.uint8)
    labels, rows = there.copy(), np.zeros(0, int)
    if wrong is not None:
        rows = chance.permutation(count)[: round(wrong * count)]
        labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
    names = tuple(f"c{k}" for k in range(classes))
    dataset = Dataset(
        images.reshape(count, 8, 8, 1), labels, class_names=names, indices=np.arange(count), name="made/test"
    )
    said = Predictions((SHARP.get(kind, 1.0) * logits).astype(np.float32), labels)
    return SimpleNamespace(
        dataset=dataset, embeddings=logits.astype(np.float32), predictions=said, class_names=names, training=None
    ), rows


@pytest.mark.parametrize("classes", [2, 3, 5, 10, 60])
@pytest.mark.parametrize("kind", FAILING)
def test_no_right_label_is_called_wrong_because_the_model_is_weak(kind, classes):
    made, _ = session(kind, classes, 1)
    result = Triage().compute(made, TriageParams(k=20, compared=500))
    of_labels = [each for each in result.findings if each.kind == "label-noise"]
    assert {each.severity for each in of_labels} <= {"info", "mild"}
    assert not any("instead of" in each.claim for each in result.findings)
    if kind in ("all equal", "one class", "shuffled"):
        assert of_labels[-1].claim == (
            "Whether labels are wrong cannot be told, since the predictions are not surely better than chance."
        )


@pytest.mark.parametrize("classes", [2, 3, 5, 10, 60])
@pytest.mark.parametrize("wrong", [0.05, 0.1, 0.2])
def test_wrong_labels_are_found_by_a_model_that_knows_the_classes(classes, wrong):
    made, rows = session("good", classes, 2, wrong)
    result = Triage().compute(made, TriageParams(k=20, compared=500))
    table = result.tables["errors"]
    said = table["row"][table["group"] == GROUPS[0]].to_numpy()
    assert np.isin(rows, said).mean() > 0.65
    assert np.isin(said, rows).mean() > 0.9
    assert result.findings[0].severity == "serious" and "instead of" in result.findings[0].claim
