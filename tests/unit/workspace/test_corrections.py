"""Which corrections fit a data set that has changed since, and which are refused by name."""

import numpy as np
import pytest

from tests.marked import CLASSES, images, key
from workbench.workspace.identities import Identities
from workbench.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "a.workspace") as opened:
        yield opened


def fits(workspace, now, **given):
    found = workspace.applicable(now, **given)
    return {
        "relabel": dict(zip(found.relabelled.tolist(), found.new_labels.tolist(), strict=True)),
        "drop": found.dropped.tolist(),
        "keep": found.kept.tolist(),
        "done": found.done,
        "refused": list(found.refused),
    }


def test_order_name_and_part_may_change(workspace):
    workspace.relabel(images(0, 3), "Shirt")  # both are Coats
    workspace.drop(images(1))
    workspace.keep(images(2))
    now = images(5, 3, 2, 1, 0, part="test", names=list("uvwxy"))
    assert fits(workspace, now) == {
        "relabel": {1: "Shirt", 4: "Shirt"},
        "drop": [3],
        "keep": [2],
        "done": 0,
        "refused": [],
    }


def test_what_is_gone_or_labelled_otherwise_is_named(workspace):
    workspace.relabel(images(0, 3, 6, 9), "Shirt")
    workspace.drop(images(1, 4))
    now = images(3, 6, 1, labels=["Dress", "Shirt", "Coat"])
    assert fits(workspace, now) == {
        "relabel": {}, "drop": [], "keep": [], "done": 1,
        "refused": [
            "'a/0.png', 'a/4.png' and 'a/9.png': are not in the data any more.",
            "'a/3.png': was labelled 'Coat' when it was corrected, and is labelled 'Dress' now.",
            "'a/1.png': was labelled 'Dress' when it was corrected, and is labelled 'Coat' now.",
        ],
    }  # fmt: skip


def test_many_are_counted_and_a_few_named(workspace):
    workspace.relabel(images(*range(0, 300, 3)), "Shirt")
    (said,) = workspace.applicable(images(1)).refused
    assert said == "'a/0.png', 'a/102.png' and 98 others: are not in the data any more."


def test_the_reasons_are_bounded_too(workspace):
    classes = tuple(f"c{each}" for each in range(8))
    many = Identities(
        keys=np.array([key(each) for each in range(8)]), names=np.array(list("abcdefgh")), part="train",
        labels=np.array(classes), class_names=(*classes, "new"),
    )  # fmt: skip
    workspace.relabel(many, "new")
    moved = Identities(keys=many.keys, names=many.names, part="train", labels=np.roll(many.labels, 1))
    said = workspace.applicable(moved).refused
    assert len(said) == 4 and said[-1] == "5 corrections more for other reasons."


def test_a_class_that_is_gone_is_refused(workspace):
    workspace.relabel(images(0), "Shirt")
    now = Identities(
        keys=images(0).keys, names=np.array(["x"]), part="train", labels=np.array(["Coat"]), class_names=("Coat",)
    )
    assert fits(workspace, now)["refused"] == ["'a/0.png': was to become 'Shirt', which is no class of the data."]


def test_copies_are_relabelled_together_and_dropped_one_by_one(workspace):
    copies = images(0, 0, 0, 0, names=list("abcd"), labels=["Coat", "Coat", "Dress", "Coat"])
    workspace.relabel(copies[:1], "Shirt")
    workspace.drop(copies[3:])
    found = fits(workspace, copies)
    assert (found["relabel"], found["drop"], found["refused"]) == ({0: "Shirt", 1: "Shirt"}, [3], [])


def test_of_renamed_copies_as_many_are_dropped_as_were_said(workspace):
    copies = images(0, 0, 0, names=list("abc"), labels=["Coat"] * 3)
    workspace.drop(copies[1:])
    renamed = images(0, 0, 0, names=["x", "c", "y"], labels=["Coat"] * 3)
    assert fits(workspace, renamed)["drop"] == [0, 1]
    one = images(0, names=["z"], labels=["Coat"])
    assert fits(workspace, one)["drop"] == [0]
    assert "dropped too" in fits(workspace, one)["refused"][0]


def test_the_copy_in_another_part_is_left_alone(workspace):
    workspace.drop(images(0, part="train", names=["train/0"]))
    test = images(0, 1, part="test", names=["test/0", "test/1"])
    assert fits(workspace, test, part="test") == {"relabel": {}, "drop": [], "keep": [], "done": 0, "refused": []}
    moved = images(0, part="test", names=["train/0"])  # the same file, split otherwise
    assert fits(workspace, moved, part="test")["drop"] == [0]
    assert fits(workspace, images(1, part="train"), part="train")["refused"] == [
        "'train/0': is not in the data any more."
    ]
    assert CLASSES[0] == "Coat"
