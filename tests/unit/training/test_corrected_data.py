"""Data as corrections make it: labels, rows and copies, on made parts; nothing is trained here."""

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.training.corrected_data import as_many_at_random, corrected, settle
from workbench.training.corrections import Corrections
from workbench.training.fitting import Parts
from workbench.training.recipes import TrainingJob
from workbench.workspace.correction_source import corrections_from
from workbench.workspace.identities import Identities
from workbench.workspace.workspace import Workspace

NAMES = ("Coat", "Dress", "Shirt")


def data(count, seed, part="train", first=0):
    """Images of noise, of classes in turn."""
    images = np.random.default_rng(seed).integers(0, 255, (count, 8, 8, 1), dtype=np.uint8)
    numbers = np.arange(first, first + count)
    return Dataset(images, numbers % 3, class_names=NAMES, indices=numbers, name=f"made/{part}")


@pytest.fixture
def parts():
    """Thirty training images, of which the last six are held out, and nine test images; three pairs are copies."""
    whole, test = data(30, 0), data(9, 1, "test")
    for row, original in ((9, 3), (20, 26)):  # a copy in the fitted part, and one of an image that is held out
        whole.images[row] = whole.images[original]
    whole.images[14] = test.images[5]
    training, validation = whole.subset(slice(24)), whole.subset(slice(24, None))
    return Parts(training=training, validation=validation, test=test, fingerprint=whole.fingerprint)


@pytest.fixture
def said(parts, tmp_path):
    """Two images that are relabelled, one of which is held out, one that is dropped, and one word on a test image."""
    with Workspace.open(tmp_path / "a.workspace", who="me") as workspace:
        workspace.relabel(Identities.of(parts.training, [4]), "Shirt")
        workspace.relabel(Identities.of(parts.validation, [3]), "Dress")
        workspace.drop(Identities.of(parts.training, [7]))
        workspace.relabel(Identities.of(parts.test, [2]), "Coat")
        yield workspace


def marks(workspace):
    return corrections_from(workspace, lambda: None)[0]


def test_training_and_held_out_images_change_and_test_images_do_not(parts, said):
    settled = settle(parts, marks(said), source="here")
    assert settled.counts == {"relabel": 2, "drop": 1}
    made = corrected(parts, settled)
    assert made.rows.tolist() == [row for row in range(24) if row != 7]
    assert made.training.names.tolist() == [f"train/{row}" for row in made.rows]
    assert np.flatnonzero(made.training.labels != made.rows % 3).tolist() == [4]
    assert made.validation.labels.tolist() == [0, 1, 2, 1, 1, 2]  # what is held out stays held out
    assert made.test is parts.test
    assert parts.training.labels[4] == 1


def test_of_copies_one_is_kept_and_those_of_other_parts_leave_the_training_part(parts, said):
    settled = settle(parts, marks(said), copies="exact")
    left_out = {each.name: each.action for each in settled.changes if not each.new_label}
    assert left_out == {"train/7": "drop", "train/9": "duplicate", "train/14": "leak", "train/20": "leak"}
    assert len(corrected(parts, settled).training) == 20
    none = settle(parts, [], copies="exact")
    assert none.counts == {"leak": 2, "duplicate": 1}


def test_an_image_that_is_relabelled_and_a_copy_leaves_with_its_new_label(parts, tmp_path):
    with Workspace.open(tmp_path / "b.workspace", who="me") as workspace:
        workspace.relabel(Identities.of(parts.training, [14]), "Coat")
        settled = settle(parts, marks(workspace), copies="exact")
    made = corrected(parts, settled)
    assert 14 not in made.rows
    control = corrected(parts, as_many_at_random(parts, settled))
    assert 14 not in control.rows
    assert (control.training.labels != control.rows % 3).sum() + (control.validation.labels != np.arange(6) % 3).sum()


def test_what_does_not_fit_any_more_is_refused_by_name(parts, said):
    settled = settle(parts, marks(said))
    parts.training.labels[4] = 0
    with pytest.raises(
        WorkbenchError, match="'train/4': was labelled 'Dress' when it was corrected, and is labelled 'Coat'"
    ):
        settle(parts, marks(said))
    with pytest.raises(WorkbenchError, match="'train/4': labelled 'Coat' now, and was 'Dress' when it was corrected"):
        corrected(parts, settled)
    parts.training.images[7] = 0
    del parts.training.__dict__["keys"]
    with pytest.raises(WorkbenchError, match="'train/7': not in the data any more"):
        corrected(parts, settled)


def test_nothing_to_change_is_told(parts, tmp_path):
    with pytest.raises(WorkbenchError, match="There are no corrections that change the training images"):
        settle(parts, [])
    with (
        Workspace.open(tmp_path / "none.workspace") as empty,
        pytest.raises(WorkbenchError, match=r"The workspace none\.workspace has no corrections"),
    ):
        marks(empty)


def test_as_many_others_at_random_change_in_the_same_ways(parts, said):
    settled = settle(parts, marks(said))
    drawn = as_many_at_random(parts, settled, seed=1)
    assert drawn.counts == settled.counts
    key = [(each.part, each.label, each.action, each.new_label) for each in drawn.changes]
    assert sorted(key) == sorted((each.part, each.label, each.action, each.new_label) for each in settled.changes)
    assert not {each.name for each in drawn.changes} & {each.name for each in settled.changes}
    assert drawn.digest == as_many_at_random(parts, settled, seed=1).digest != settled.digest


def test_a_table_of_names_and_labels_corrects_too_and_the_list_of_a_run_is_such_a_table(parts, said, tmp_path):
    settled = settle(parts, marks(said))
    (tmp_path / "mine.csv").write_text("file,label\ntrain/4,Shirt\ntrain/5,Shirt\n")
    known = Identities.joined([Identities.of(each) for each in (parts.training, parts.validation, parts.test)])
    found, source = corrections_from(tmp_path / "mine.csv", lambda: known)
    assert source == "mine.csv"
    assert [each.name for each in settle(parts, found).changes] == ["train/4"]  # the other one is a shirt already
    (tmp_path / "run.csv").write_text(settled.table)
    again = settle(parts, corrections_from(tmp_path / "run.csv", lambda: known)[0])
    assert again.digest == settled.digest
    (tmp_path / "lost.csv").write_text("file,label\ntrain/4,Shirt\ntrain/77,Coat\n")
    with pytest.raises(WorkbenchError, match=r"1 line of lost\.csv matches no image of the data: 'train/77'"):
        corrections_from(tmp_path / "lost.csv", lambda: known)


def test_a_job_with_corrections_is_the_same_after_a_checkpoint(parts, said):
    job = TrainingJob(corrections=settle(parts, marks(said), source="here"))
    assert TrainingJob.model_validate_json(job.model_dump_json()) == job
    assert isinstance(job.corrections, Corrections)
    assert job.corrections.sentence == "2 relabelled and 1 dropped"
