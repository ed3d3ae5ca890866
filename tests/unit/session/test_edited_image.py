"""Changed images and what the model says of them; the smallest square that flips a prediction."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.data.edits import read_edits
from workbench.session.edited_image import donors_of, edit_image, nearest_other
from workbench.session.session import Session
from workbench.session.smallest_flip import boxes_of, sides, smallest_flip

SHAPE = (12, 12, 1)


def logits(images):
    """Class 1 where pixel (row 5, column 8) is bright, class 0 where it is dark."""
    images = np.asarray(images)
    return np.stack([np.zeros(len(images)), 8 * (images[:, 5, 8, 0].astype(np.float64) - 0.5)], axis=1)


@pytest.fixture
def study():
    images = np.zeros((6, *SHAPE), np.uint8)
    images[:, 2:10, 2:10] = np.array([200, 190, 30, 40, 60, 220], np.uint8)[:, None, None, None]
    labels = np.array([1, 1, 0, 0, 0, 0])  # the last one is called dark, and is bright
    data = Dataset(images, labels, class_names=("dark", "bright"), indices=np.arange(6), name="made/test")
    known = Predictions(logits(images / 255.0).astype(np.float32), labels)
    return SimpleNamespace(
        dataset=data,
        probe=SimpleNamespace(logits=logits),
        predictions=known,
        has_predictions=True,
        class_names=data.class_names,
    )


def test_probabilities_before_and_after_and_the_true_class_are_kept(study):
    made = edit_image(study, 0, read_edits([{"op": "erase", "box": [8, 5, 1, 1]}]))
    np.testing.assert_allclose(made.after, softmax([0, -4.0]))
    np.testing.assert_allclose(made.before, softmax([0, 8 * (200 / 255 - 0.5)]), rtol=1e-6)
    assert (made.predicted_before, made.predicted, made.flipped, made.label, made.pixels_changed) == (1, 0, True, 1, 1)
    assert made.table["class"].tolist() == ["bright", "dark"]
    assert repr(made) == "EditedImage('test/0', 1 of 144 pixels changed: bright 90.7 % → dark 98.2 %)"
    study.dataset = replace(study.dataset, class_names=("dark", "<b>"))
    study.class_names = study.dataset.class_names
    html = edit_image(study, 0, made.edits)._repr_html_()
    assert html.count("<img") == 2 and "&lt;b&gt; 90.7 % → dark 98.2 %" in html and "<b>9" not in html
    same = edit_image(study, 0, ())
    np.testing.assert_allclose(same.after, same.before, rtol=1e-6)
    assert (same.flipped, same.pixels_changed) == (False, 0)


def test_a_swap_takes_the_nearest_recognised_image_of_another_class_and_names_it(study):
    # Row 5 is nearer to row 0 than any, and is labelled otherwise, but the model does not recognise it.
    assert nearest_other(study, 0) == 4
    assert nearest_other(study, 2) == 1
    assert nearest_other(study, 2, 0) == 3
    made = edit_image(study, 0, read_edits([{"op": "swap", "box": [8, 5, 3, 1]}]))
    assert made.edits[0].source == study.dataset.keys[4]
    assert made.pixels[5, 7:12, 0].tolist() == [200, 60, 60, 0, 0]
    again = edit_image(study, 0, made.edits)
    np.testing.assert_array_equal(again.pixels, made.pixels)
    gone = read_edits([{"op": "swap", "box": [0, 0, 1, 1], "source": "0" * 32}])
    with pytest.raises(WorkbenchError, match="not among these images"):
        edit_image(study, 0, gone)
    assert donors_of(gone, [study]) == {}


def test_the_smallest_square_that_flips_is_found_and_its_replay_flips(study):
    found = smallest_flip(study, 0)
    assert (found.side, found.edit.op, found.edit.box) == (1, "swap", (8, 5, 1, 1))
    assert found.image.flipped
    # Blurring a flat image does nothing near its middle; the first size has 144 places, for each of two changes.
    assert found.tried == 288
    assert "1 × 1 pixels (0.7 % of the image) at column 8, row 5 flips it: bright 90.7 % → dark 89.3 %." in found.words


def test_where_no_square_flips_that_is_said_with_what_was_tried(study):
    study.probe = SimpleNamespace(logits=lambda images: np.tile([0.0, 9.0], (len(images), 1)))
    found = smallest_flip(study, 0)
    assert (found.image, found.edit) == (None, None)
    boxes = sum(len(list(boxes_of((12, 12), side))) for side in sides(12, 12))
    assert (found.side, found.tried) == (8, 2 * boxes)
    assert found.words.startswith("No square of up to 8 × 8 pixels (44.4 % of the image) flips it, blurred or swapped")


@pytest.mark.parametrize("size", [(28, 28), (224, 200), (1, 9), (2, 2), (40, 3)])
def test_squares_grow_to_half_the_image_and_reach_every_edge(size):
    tried = list(sides(*size))
    assert tried == sorted(set(tried))
    assert 1 <= tried[-1] <= min(size)
    assert tried[-1] ** 2 <= max(0.5 * size[0] * size[1], 1)
    for side in tried:
        boxes = np.array(list(boxes_of(size, side)))
        assert len({tuple(box) for box in boxes.tolist()}) == len(boxes)
        assert (boxes[:, :2].min(axis=0) == 0).all()
        assert ((boxes[:, :2] + side).max(axis=0) == size[::-1]).all()
        assert len(boxes) <= 28 * 28 + 56


def test_a_session_finds_images_by_name_and_reads_edits_from_json(study):
    session = Session.__new__(Session)
    session.dataset = study.dataset
    assert session._found("test/3", "data") == (session, 3)
    assert session._found(2, "data") == (session, 2)
    with pytest.raises(WorkbenchError, match="There is no image 'test/9'"):
        session.edited("test/9", "[]")
    with pytest.raises(WorkbenchError, match="There is no edit 'melt'"):
        session.edited(0, '[{"op":"melt"}]')
