import numpy as np
import pytest
from click.testing import CliRunner

import workbench as wb
from workbench.app.cli import main
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import names, own_parts, user_sources

IMAGES = np.arange(10 * 4, dtype=np.uint8).reshape(10, 2, 2)
LABELS = np.arange(10) % 2


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(user_sources, "_known", {})


def test_a_registered_name_is_a_data_set_everywhere():
    wb.register_dataset(
        "mine", lambda split: (IMAGES / 255, LABELS, ["even", "odd"]) if split != "validation" else None
    )
    data = wb.load_dataset("mine", split="train")
    assert (data.name, data.class_names, data.images[..., 0].tolist()) == (
        "mine/train",
        ("even", "odd"),
        IMAGES.tolist(),
    )
    assert "mine" in names()
    assert wb.load_dataset("mine", split="validation").indices.tolist() == [9]  # the end of what is trained on
    assert wb.load_dataset("mine", class_names="a,b").class_names == ("a", "b")
    done = CliRunner().invoke(main, ["data", "--data", "mine", "--json"])
    assert (done.exit_code, '"odd": 5' in done.stdout) == (0, True), done.output


def test_it_may_have_a_validation_part_and_return_a_dataset():
    whole = wb.Dataset(IMAGES[..., None], LABELS, class_names=("a", "b"), indices=np.arange(10), name="theirs")
    wb.register_dataset("mine", lambda split: whole.subset(slice(0, 4 if split == "validation" else 10)))
    assert own_parts("mine") == ("train", "validation", "test")
    assert len(wb.load_dataset("mine", split="validation")) == 4
    assert wb.load_dataset("mine").name == "mine/test"


@pytest.mark.parametrize(
    ("name", "load", "said"),
    [
        ("fashion-mnist", lambda split: None, "is a data set of the workbench"),
        ("a/b", lambda split: None, "is made of letters"),
        ("x.npz", lambda split: None, "does not end in .npz"),
        ("x", 3, "`load` must be a function of the split. Got int"),
    ],
)
def test_what_cannot_be_registered_is_said(name, load, said):
    with pytest.raises(WorkbenchError, match=said):
        wb.register_dataset(name, load)


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (7, "must return a Dataset, or .* Got int"),
        ((IMAGES.astype(int), LABELS), "must be uint8"),
        ((IMAGES, LABELS - 1), "must be labels from 0"),
        ((IMAGES, LABELS, ["a"]), "must lie in 0…0"),
        ((IMAGES, LABELS[:5]), "one value for each of 10 images"),
    ],
)
def test_what_is_no_data_set_is_said(loaded, said):
    wb.register_dataset("mine", lambda split: loaded)
    with pytest.raises(WorkbenchError, match=said):
        wb.load_dataset("mine")


def test_a_part_that_is_not_there():
    wb.register_dataset("mine", lambda split: None)
    with pytest.raises(Unavailable, match="'mine' has no test part"):
        wb.load_dataset("mine")
