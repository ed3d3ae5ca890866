from types import SimpleNamespace

import numpy as np
import pytest

from analyses.training_dynamics import TrainingDynamics, TrainingDynamicsParams, regions
from workbench.core.dataset import Dataset
from workbench.training.corrections import Corrections, ImageChange
from workbench.training.dynamics import Dynamics

SEEN = np.array(
    [
        [0.9, 1.0, 1.0, 1.0],  # easy
        [0.2, 0.7, 0.3, 0.9],  # ambiguous; forgotten once
        [0.1, 0.0, 0.1, 0.0],  # hard, never learned
        [0.4, 0.6, 0.8, 0.8],  # ambiguous, learned in the second epoch
        [0.0, 0.1, 0.0, 0.3],  # hard
    ]
)


@pytest.fixture
def session(stand_in):
    dynamics = Dynamics(
        SEEN.astype(np.float16), SEEN > 0.5, np.array([3, 0.2, -4, 1, -2], np.float32), np.array([0, 2, 3, 4, 5])
    )
    return stand_in([0, 1], train=[0, 1, 1, 2, 0, 2], dynamics=dynamics)


def test_numbers_of_five_images(session):
    result = TrainingDynamics().compute(session, TrainingDynamicsParams())
    table = result.tables["images"]
    assert table["train_row"].tolist() == [3, 5, 2, 4, 0]  # smallest area under the margin first
    assert table["label"].tolist() == ["cat", "cat", "bee", "ant", "ant"]
    assert table["region"].tolist() == ["hard", "hard", "ambiguous", "ambiguous", "easy"]
    assert table["forgotten"].tolist() == [0, 0, 1, 0, 0]
    assert table["learned in epoch"].tolist() == [0, 0, 2, 2, 1]
    assert table["confidence"].to_numpy() == pytest.approx([0.05, 0.1, 0.525, 0.65, 0.975], abs=1e-3)
    assert table["variability"].iloc[0] == pytest.approx(0.05, abs=1e-3)
    classes = result.tables["classes"]
    assert classes["images"].tolist() == [2, 1, 2]
    assert classes["hard"].tolist() == [0, 0, 1]
    assert classes["never learned"].tolist() == [0, 0, 1]
    assert classes["easy"].tolist() == [0.5, 0, 0]


def test_labels_are_those_that_were_corrected_for_the_training(session):
    train = session.train
    change = ImageChange(train.keys[5], str(train.names[5]), "train", "cat", "relabel", "bee")
    told = Corrections(changes=(change,))
    manifest = SimpleNamespace(settings={}, dataset_fingerprints={"train": train.fingerprint}, corrections=told.record)
    session.run = SimpleNamespace(manifest=manifest, corrections=told)
    table = TrainingDynamics().compute(session, TrainingDynamicsParams()).tables["images"].set_index("train_row")
    assert table["label"].to_dict() == {3: "cat", 5: "bee", 2: "bee", 4: "ant", 0: "ant"}


def test_each_finding_names_training_rows_of_its_images(session):
    shares, never, again, ambiguous = TrainingDynamics().compute(session, TrainingDynamicsParams()).findings
    assert shares.claim == (
        "Of 5 training images, 20.0 % are easy, 40.0 % are ambiguous and 40.0 % are hard; most hard ones are labelled "
        "cat."
    )
    assert never.claim.startswith("40.0 % (95 % interval 11.8–76.9 %) of the training images were never classified")
    assert [each.evidence for each in (shares, never, again, ambiguous)] == [(3, 5), (3, 5), (2,), (2, 4)]
    assert {each.part for each in (shares, never, again, ambiguous)} == {"train"}


def test_regions_end_at_a_quarter_and_three_quarters():
    assert regions(np.array([0.24, 0.25, 0.74, 0.75])).tolist() == [2, 1, 1, 0]


def test_it_says_what_is_missing(session):
    assert TrainingDynamics().missing(session) is None
    session.train = session.train.subset([0, 1, 2])
    assert "images that the run was trained on" in TrainingDynamics().missing(session)
    session.dynamics = None
    assert TrainingDynamics().missing(session).startswith("This model was trained without recording")


def test_wrong_labels_lie_in_the_hard_corner():
    chance = np.random.default_rng(0)
    wrong = np.arange(400) < 20
    level = np.where(wrong, 0.05, 0.9)[:, None]
    seen = np.clip(level + chance.normal(0, 0.03, (400, 6)), 0, 1)
    dynamics = Dynamics(seen.astype(np.float16), seen > 0.5, (4 * seen.mean(1) - 2).astype("f4"), np.arange(400))
    data = Dataset(
        np.zeros((400, 2, 2, 1), np.uint8),
        np.zeros(400, np.int64),
        class_names=("a",),
        indices=np.arange(400),
        name="made/train",
    )
    made = type("Made", (), {"dynamics": dynamics, "train": data, "run": None, "class_names": ("a",)})()
    result = TrainingDynamics().compute(made, TrainingDynamicsParams())
    assert set(result.findings[0].evidence) == set(range(20))
    assert result.arrays["counts"].tolist() == [380, 0, 20]
