from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analyses.generalisation import Generalisation, GeneralisationParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.session.session import Session

NAMES = ("ant", "bee", "cat", "dog")


def data(count, seed, name, exchanged=False, noise=60):
    """Four classes that differ in which quarter is bright."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = random.integers(0, noise, (count, 4, 4, 1))
    for image, label in zip(images, labels, strict=True):
        image[2 * (label // 2) : 2 * (label // 2) + 2, 2 * (label % 2) : 2 * (label % 2) + 2] += 120
    shown = np.array([1, 0, 3, 2])[labels] if exchanged else labels
    return Dataset(
        images.astype(np.uint8), shown, class_names=NAMES, indices=random.integers(0, 1 << 40, count), name=name
    )


def give(session, accuracy, seed=0):
    """Plant predictions of an accuracy, exactly."""
    labels = session.dataset.labels
    wrong = np.zeros(len(labels), bool)
    wrong[np.random.default_rng(seed).permutation(len(labels))[: round(len(labels) * (1 - accuracy))]] = True
    logits = np.zeros((len(labels), 4), np.float32)
    logits[np.arange(len(labels)), np.where(wrong, (labels + 1) % 4, labels)] = 3
    session._predictions, session._embeddings = Predictions(logits, labels), logits


def session(fitted, studied, validation=None, sizes=(1000, 500), history=None, **studied_as):
    train, count = data(sizes[0], 1, "hand/train"), sizes[0]
    made = Session(None, data(sizes[1], 2, "hand/test", **studied_as), name="m", train=train, cache=False)
    if history is not None or validation is not None:
        manifest = SimpleNamespace(
            settings={"validation_split": 0.0 if validation is None else 0.25},
            dataset_fingerprints={"train": train.fingerprint},
            corrections=None,
        )
        made.run = SimpleNamespace(manifest=manifest, history=history)
    give(made, studied)
    give(made.training, fitted)
    if validation is not None:
        kept = made.training.subset(np.arange(count * 3 // 4, count))
        first = made.training.subset(np.arange(count * 3 // 4))
        give(kept, validation)
        give(first, fitted)
        logits = np.concatenate([first.predictions.logits, kept.predictions.logits])
        made.training._predictions, made.training._embeddings = Predictions(logits, train.labels), logits
    return made


def answer(made):
    return Generalisation().compute(made, GeneralisationParams())


def over(made):
    return answer(made).findings[0]


def under(made):
    return answer(made).findings[-1]


def test_the_gap_by_hand():
    found = over(session(0.98, 0.93))
    assert found.effect.value == pytest.approx(0.05)
    assert found.claim.startswith("The model is better on its training images than on new ones: accuracy is 98.0 %")
    assert (found.kind, found.severity) == ("overfitting", "mild")  # odds 3.6 times as high: a healthy model
    assert found.at_stake == pytest.approx(0.05)
    assert len(found.evidence) == 35


def test_images_known_by_heart_are_overfitting():
    found = over(session(1.0, 0.85))
    assert (found.kind, found.severity, found.part) == ("overfitting", "serious", "data")
    assert found.claim.startswith("The model overfits: accuracy is 100 %")


def test_few_images_are_no_surety():
    assert over(session(1.0, 0.85, sizes=(60, 40))).severity == "mild"


def test_a_small_gap_is_no_overfitting_even_if_all_fitted_images_are_known():
    assert over(session(1.0, 0.98)).severity == "info"
    assert over(session(1.0, 0.95)).severity == "mild"  # surely only 3 points


def test_noise_in_the_training_labels_is_not_taken_for_it():
    found = over(session(0.88, 0.97))
    assert (found.severity, found.kind) == ("info", None)
    assert found.claim.startswith("No notable overfitting")


def test_validation_images_decide_where_there_are_any():
    found = answer(session(0.99, 0.4, validation=0.97)).findings
    assert (found[0].severity, found[0].effect.value) == ("info", pytest.approx(0.02, abs=0.003))
    assert found[1].claim.startswith("Overfitting does not explain the errors on the evaluated images")
    known = over(session(1.0, 0.8, validation=0.8, sizes=(2000, 500)))
    assert (known.severity, known.part) == ("serious", "train")
    assert min(known.evidence) >= 1500


def test_a_test_set_that_a_linear_classifier_fails_on_too_is_not_called_overfitting():
    """The classes' labels are exchanged in the images under study; the model is healthy."""
    found = over(session(0.99, 0.05, exchanged=True))
    assert found.severity == "mild"
    assert "either the model overfits, or the evaluated images or their labels differ" in found.claim


def test_what_a_linear_classifier_does_better_was_not_learned():
    found = under(session(0.6, 0.6))
    assert (found.kind, found.severity) == ("underfitting", "serious")
    assert found.effect.value == pytest.approx(0.4, abs=0.01)  # a line separates these classes
    assert len(found.evidence) > 100
    assert under(session(0.97, 0.97)).severity == "mild"  # 3 points are not surely 5
    assert under(session(1.0, 1.0)).severity == "info"
    assert under(session(1.0, 0.6)).severity == "mild"  # it did learn its training images


def curves(**columns):
    return pd.DataFrame({name: np.array(values, float) for name, values in columns.items()})


def test_inputs_that_are_scaled_otherwise_are_not_called_underfitting():
    history = curves(loss=[0.5, 0.1], accuracy=[0.8, 0.97])
    found = under(session(0.3, 0.3, history=history))
    assert found.severity == "mild"
    assert "In training it reached 97.0 %" in found.claim


def test_curves_that_still_fall_are_said():
    history = curves(loss=[2, 1.5], accuracy=[0.3, 0.5], val_loss=[2, 1.5], val_accuracy=[0.3, 0.55])
    found = under(session(0.6, 0.6, history=history))
    assert found.severity == "serious"
    assert "The last epoch still lowered the loss by 25.0 %" in found.claim


def test_curves_alone_are_answered_too():
    history = curves(loss=[1, 0.5], accuracy=[0.7, 0.9], val_loss=[1, 0.9], val_accuracy=[0.7, 0.8])
    made = Session(None, data(40, 2, "hand/test"), name="m", cache=False)
    assert "has neither" in Generalisation().missing(made)
    made.run = SimpleNamespace(history=history, manifest=None)
    give(made, 0.8)
    assert Generalisation().missing(made) is None
    found = over(made)
    assert (found.severity, found.effect.value) == ("mild", pytest.approx(0.1))


def test_the_table_puts_the_model_beside_the_linear_classifier():
    table = answer(session(1.0, 0.9)).tables["parts"]
    assert table[["who", "part", "images"]].to_numpy().tolist() == [
        ["model", "fitted", 1000],
        ["model", "studied", 500],
        ["linear classifier", "held out", 200],
        ["linear classifier", "studied", 500],
    ]
    assert table["accuracy"].tolist() == pytest.approx([1.0, 0.9, 1.0, 1.0], abs=0.02)
