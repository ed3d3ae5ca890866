from types import SimpleNamespace

import numpy as np
import pytest

from analyses.neighbours import Neighbours, NeighboursParams
from workbench.core.dataset import Dataset
from workbench.core.image_names import ImageNames
from workbench.core.predictions import Predictions

NAMES = ("cat", "dog")


def part(embeddings, labels, logits, name):
    count = len(labels)
    images = np.full((count, 4, 4, 1), 9, np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    dataset = Dataset(images, np.array(labels), class_names=NAMES, indices=np.arange(count), name=name)
    predictions = Predictions(np.array(logits, np.float32), dataset.labels)
    return SimpleNamespace(
        dataset=dataset,
        embeddings=np.array(embeddings, np.float32),
        predictions=predictions,
        class_names=NAMES,
        training=None,
        train=None,
        run=None,
    )


def made():
    """Cats lie along the first axis, dogs along the second; image 1 is a cat among the dogs."""
    studied = part([[1, 0], [0, 2], [0, 1]], [0, 0, 1], [[2, 0], [0, 3], [0, 1]], "made/test")
    studied.training = part(
        [[3, 0], [2, 0.1], [0, 3], [0.1, 2]], [0, 0, 1, 1], [[2, 0], [1, 0], [0, 1], [0, 0]], "made/train"
    )
    studied.train = studied.training.dataset
    studied.image_names = ImageNames(studied.dataset.names, lambda: studied.training.dataset.names)
    return studied


def test_the_most_confident_error_and_its_neighbours():
    result = Neighbours().compute(made(), NeighboursParams(k=2))
    assert result.notes["row"] == 1
    table = result.tables["neighbours"]
    assert table["train_row"].tolist() == [2, 3]
    assert table["distance"].to_numpy()[0] == pytest.approx(0, abs=1e-6)
    assert table["has_predicted_class"].tolist() == [True, True]
    assert "of its 2 nearest training images, 2 are dog" in result.findings[0].claim
    assert result.findings[0].claim.startswith("test/1 (cat) is misclassified as dog")
    assert result.findings[1].claim.startswith(
        "Influence on the prediction of test/1: training image train/3 (dog, p = 50.0 %) supported it most; training "
        "image train/1 (cat, p = "
    )


def test_credibility_of_three_images_by_hand():
    """Neighbours that contradict the label: 0, 2 and 0 of 2; that contradict the prediction: none."""
    result = Neighbours().compute(made(), NeighboursParams(k=2))
    assert result.arrays["credibility"].tolist() == [1.0, 1.0, 1.0]
    groups = result.tables["groups"].set_index("group")
    assert groups["images"].to_dict() == {"correct predictions": 2, "errors": 1}
    assert groups["agreement"].to_dict() == {"correct predictions": 1.0, "errors": 1.0}


def test_what_pushed_the_prediction_by_hand():
    """Image 1 is taken for a dog: p = (1, e³)/(1 + e³); its residual for that class is q (1, -1), q = 1/(1 + e³)."""
    table = Neighbours().compute(made(), NeighboursParams(k=2)).tables["influence"].set_index("train_row")
    q = 1 / (1 + np.e**3)
    # Training image 3 is a dog with p = 1/2: residual (1/2, -1/2), and its embedding times (0, 2) is 4.
    assert table["influence"][3] == pytest.approx(q * (4 + 1))
    # Training image 0 is a cat with p = (e², 1)/(1 + e²): residual r (-1, 1), and its embedding times (0, 2) is 0.
    assert table["influence"][0] == pytest.approx(-2 * q / (1 + np.e**2))
    assert table["pushed"].to_dict() == {3: "for", 2: "for", 1: "against", 0: "against"}


def test_of_one_unit_only_its_own_weights_count_and_of_a_run_only_what_it_was_fitted_to():
    """The unit gives z: 3 for image 1, a cat, and 1 for training image 3, a dog; their embeddings multiply to 4."""
    one = made()
    for each, z in ((one, [-2, 3, 1]), (one.training, [-2, -1, 1, 1])):
        logits = np.stack([np.zeros(len(z)), z], axis=1).astype(np.float32)
        each.predictions = Predictions(logits, each.dataset.labels)
    table = Neighbours().compute(one, NeighboursParams(k=2)).tables["influence"].set_index("train_row")
    assert table["influence"][3] == pytest.approx((1 / (1 + np.e**3)) * (1 / (1 + np.e)) * (4 + 1))
    assert set(table.index) == {0, 1, 2, 3}
    manifest = SimpleNamespace(
        settings={"validation_split": 0.25}, dataset_fingerprints={"train": one.train.fingerprint}, corrections=None
    )
    one.run = SimpleNamespace(manifest=manifest)
    table = Neighbours().compute(one, NeighboursParams(k=2)).tables["influence"]
    assert set(table["train_row"]) == {0, 1, 2}  # the last one was kept for validation


def test_without_training_images_the_other_studied_ones_answer():
    studied = made()
    studied.training = None
    result = Neighbours().compute(studied, NeighboursParams(k=1, row=1))
    assert result.tables["neighbours"]["other_row"].tolist() == [2]
    assert "influence" not in result.tables
    assert any("the training images are not available" in finding.claim for finding in result.findings)
