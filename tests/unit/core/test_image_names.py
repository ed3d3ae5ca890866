"""Names in place of rows, and the image that somebody means by a name."""

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ImageNames, find_image
from workbench.core.image_set import ImageSet
from workbench.core.result import Result

NAMES = np.array(["val/coat/IMG_1.jpg", "val/coat/IMG_2.jpg", "val/bag/IMG_1.jpg", "<img src=x>.png", 'it\'s "x".png'])
LEARNED = np.array(["own/a.png", "own/b.png"])


def named(**tables):
    return Result(tables, names=ImageNames(NAMES, lambda: LEARNED))


def test_rows_become_names_in_their_place_and_indices_go():
    frame = pd.DataFrame(
        {
            "rank": [1, 2],
            "row": [3, 0],
            "index": [13, 10],
            "train_row": [1, -1],
            "other_row": [4.0, np.nan],
            "loss": [2.0, 1],
        },
        index=[7, 9],
    )
    shown = named(t=frame).named["t"]
    assert shown.to_dict("list") == {
        "rank": [1, 2],
        "image": ["<img src=x>.png", "val/coat/IMG_1.jpg"],
        "training image": ["own/b.png", ""],
        "other image": ['it\'s "x".png', ""],
        "loss": [2.0, 1.0],
    }
    assert shown.index.tolist() == [7, 9]
    assert list(frame) == ["rank", "row", "index", "train_row", "other_row", "loss"]  # those of programs stay


def test_what_is_no_row_stays_as_it_is():
    table = pd.DataFrame({"index": [4], "row": ["upper"], "rows": [3]})
    assert named(t=table).named["t"].to_dict("list") == {"index": [4], "row": ["upper"], "rows": [3]}
    twice = pd.DataFrame({"row": [0], "image": ["a caption"]})
    assert named(t=twice).named["t"].to_dict("list") == {"row": [0], "image": ["a caption"]}
    assert named(t=pd.DataFrame({"row": []})).named["t"].to_dict("list") == {"image": []}


def test_parameters_and_notes_have_names_too():
    names = ImageNames(NAMES, lambda: LEARNED)
    given = {"row": 2, "k": 5, "shown": [{"train_row": 0, "to": "a"}], "seed": None}
    assert names.values(given) == {
        "image": "val/bag/IMG_1.jpg",
        "k": 5,
        "shown": [{"training image": "own/a.png", "to": "a"}],
        "seed": None,
    }
    assert names.values({"row": -1}) == {"row": -1}  # a parameter that leaves the choice to the workbench


def test_training_names_are_asked_for_only_when_one_is_needed():
    asked = []
    names = ImageNames(NAMES, lambda: asked.append(1) or LEARNED)
    assert names.of_set(ImageSet([4, 0])) == ['it\'s "x".png', "val/coat/IMG_1.jpg"]
    names.table(pd.DataFrame({"row": [1]}))
    assert asked == []
    assert names.of_set(ImageSet([1], part="train")) == ["own/b.png"]
    assert asked == [1]
    assert ImageNames(NAMES).one(5, "train") == "no. 5"  # of an answer that is older than the training images are gone


@pytest.mark.parametrize(
    ("wanted", "row"),
    [("val/bag/IMG_1.jpg", 2), ("IMG_2.jpg", 1), ("coat/IMG_1.jpg", 0), ("/coat/IMG_1.jpg", 0), ("<img src=x>.png", 3)],
)
def test_an_image_is_found_by_its_name_or_an_end_of_it_that_no_other_has(wanted, row):
    assert find_image(NAMES, wanted, "own/val") == row


def test_an_end_of_two_names_is_said_with_both():
    with pytest.raises(WorkbenchError, match=r"'IMG_1.jpg' is the end of 2 names in own/val: 'val/coat/IMG_1.jpg' and"):
        find_image(NAMES, "IMG_1.jpg", "own/val")


@pytest.mark.parametrize(
    ("wanted", "near"), [("val/coat/IMG_3.jpg", "val/coat/IMG_1.jpg"), ("IMG_22.jpg", "val/coat/IMG_2.jpg")]
)
def test_of_an_unknown_name_the_nearest_are_offered(wanted, near):
    with pytest.raises(WorkbenchError, match=f"There is no image '{wanted}' in own/val. Did you mean .*'{near}'"):
        find_image(NAMES, wanted, "own/val")
    with pytest.raises(WorkbenchError, match="There is no image ''"):
        find_image(NAMES, "", "own/val")


def test_among_many_names_the_nearest_are_found_at_once():
    many = np.array([f"train/coat/IMG_{n:05d}.jpg" for n in range(60_000)])
    with pytest.raises(WorkbenchError, match=r"Did you mean 'train/coat/IMG_\d?0\d?0\d?1\d?2\d?\.jpg'"):
        find_image(many, "train/coat/IMG_0012.jpg", "own/train")
