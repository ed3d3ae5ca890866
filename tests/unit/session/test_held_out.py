from types import SimpleNamespace

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.session.held_out import parts, studies_training, trained_images
from workbench.session.session import Session
from workbench.training.corrections import Corrections, ImageChange, read_changes


def data(count, name="hand/train", first=0):
    labels = np.arange(count) % 2
    return Dataset(
        np.zeros((count, 2, 2, 1), np.uint8),
        labels,
        class_names=("ant", "bee"),
        indices=np.arange(first, first + count),
        name=name,
    )


def session(share=0.25, count=8, studied=None, fingerprint=None):
    train = data(count)
    manifest = SimpleNamespace(
        settings={"validation_split": share},
        dataset_fingerprints={"train": fingerprint or train.fingerprint},
        corrections=None,
    )
    made = Session(None, studied or data(3, "hand/test", 50), name="m", train=train, cache=False)
    made.run = SimpleNamespace(manifest=manifest)
    # Of the training images the first three and the last are recognised, of the others none.
    right = np.isin(np.arange(count), [0, 1, 2, count - 1])
    for each, correct in ((made, np.ones(len(made.dataset), bool)), (made.training, right)):
        logits = np.where((each.dataset.labels == np.where(correct, 0, 1))[:, None], [[2.0, 0]], [[0, 2.0]])
        each._predictions = Predictions(logits.astype(np.float32), each.dataset.labels)
    return made


def test_the_end_of_the_training_part_was_kept():
    assert trained_images(session()).validation.tolist() == [6, 7]
    assert trained_images(session()).fitted.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("known", [{"share": 0.0}, {"share": 0}, {"fingerprint": "of other images"}])
def test_where_nothing_was_kept_or_the_images_are_other_ones_all_were_fitted(known):
    assert trained_images(session(**known)).validation is None
    assert trained_images(session(**known)).fitted.tolist() == list(range(8))


def test_where_the_data_had_a_validation_part_of_its_own_all_were_fitted():
    made = session()
    made.run.manifest.dataset_fingerprints["validation"] = "of its own"
    assert trained_images(made).validation is None
    assert len(trained_images(made).fitted) == 8


def test_a_model_without_a_run_was_fitted_to_all_that_is_known():
    made = session()
    made.run = None
    assert trained_images(made).validation is None
    assert len(trained_images(made).fitted) == 8
    alone = Session(None, data(3, "hand/test"), name="m", cache=False)
    assert trained_images(alone) is None


def test_each_part_has_its_own_predictions():
    found = parts(session(), 100)
    assert {name: (part.right, part.images, part.training) for name, part in found.items()} == {
        "fitted": (3, 6, True),
        "validation": (1, 2, True),
        "studied": (3, 3, False),
    }
    assert found["fitted"].wrong == 3
    assert found["fitted"].share.interval == pytest.approx((0.1876, 0.8124), abs=1e-4)  # Wilson, 3 of 6
    some = parts(session(), 2, seed=4)["fitted"]
    assert some.images == 2
    assert set(some.rows.tolist()) < set(range(6))
    assert some.rows.tolist() == parts(session(), 2, seed=4)["fitted"].rows.tolist()


def test_training_images_under_study_are_no_part_of_their_own():
    made = session(studied=data(8))
    assert studies_training(made)
    assert set(parts(made, 100)) == {"fitted", "validation"}


def test_what_was_corrected_for_the_training_is_corrected_here_too(tmp_path):
    made = session()
    train = made.train
    changes = [
        ImageChange(train.keys[1], str(train.names[1]), "train", "bee", "relabel", "ant"),
        ImageChange(train.keys[4], str(train.names[4]), "train", "ant", "leak"),
        ImageChange(train.keys[6], str(train.names[6]), "train", "ant", "relabel", "bee"),
        ImageChange(train.keys[7], str(train.names[7]), "train", "bee", "drop"),
        ImageChange(train.keys[0], "validation/0", "validation", "ant", "drop"),  # of a part of its own
    ]
    told = Corrections(changes=tuple(changes))
    made.run.manifest.corrections = told.record
    made.run.corrections = read_changes(told.table)
    found = trained_images(made)
    assert found.fitted.tolist() == [0, 1, 2, 3, 5] and found.validation.tolist() == [6]
    assert found.labels.tolist() == [0, 0, 0, 1, 0, 1, 1, 1] and found.own and found.corrected
    assert train.labels.tolist() == [0, 1] * 4  # the data stays as it is
    # Of what it was fitted to, images 0 and 2 are right; image 1 was taken for a bee, and is an ant by now.
    assert (parts(made, 100)["fitted"].right, parts(made, 100)["fitted"].images) == (2, 5)
    made.run.corrections = Corrections(changes=(changes[0]._replace(label="ant", new_label="bee"),))
    with pytest.raises(WorkbenchError, match="Corrections do not fit the data as it is now: 'train/1': labelled 'bee'"):
        trained_images(made)
