"""What a figure's spots say, and where they lead: the query finds the images that the title counts."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.finding import Finding
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.diagnosis.opening import Session
from workbench.session.spots import cell_spot, class_spot, finding_spot, images_spot, predicted_spot, term

NAMES = ('a "b", (c)', "or", "x:y*")


@pytest.fixture(scope="module")
def session():
    labels = np.array([0, 0, 1, 1, 2])
    logits = np.full((5, 3), -2.0, np.float32)
    logits[np.arange(5), [0, 1, 1, 1, 2]] = 2
    images = np.zeros((5, 4, 4, 1), np.uint8)
    data = Dataset(images, labels, class_names=NAMES, indices=np.arange(5), name="made/test")
    return Session(predictions=Predictions(logits, labels), dataset=data, cache=False)


def test_queries_find_what_the_titles_count_whatever_the_classes_are_called(session):
    for number, name in enumerate(NAMES):
        count = int((session.dataset.labels == number).sum())
        spot = class_spot(name, count, of=5)
        assert (
            session.images.where(spot.address["query"]).rows.tolist()
            == np.flatnonzero(session.dataset.labels == number).tolist()
        )
        assert spot.title == f"{name}: {count} of 5 images, {20.0 * count} %"
    spot = predicted_spot("or", 3, more="precision 66.7 %")
    assert (spot.title, len(session.images.where(spot.address["query"]))) == (
        "predicted or: 3 images; precision 66.7 %",
        3,
    )


def test_a_cell_leads_by_the_numbers_of_its_classes_and_an_empty_one_nowhere(session):
    result = Result(class_names=NAMES)
    spot = cell_spot(result, NAMES[0], "or", 1, 2)
    assert (dict(spot.address), spot.title) == (
        {"true": "0", "predicted": "1"},
        f"{NAMES[0]} → or: 1 of 2 images, 50.0 %",
    )
    assert cell_spot(result, "or", "or", 2, 2).title == "or: 2 of 2 images, 100 %"
    assert cell_spot(result, "or", NAMES[0], 0, 2) is None
    unknown = cell_spot(Result(), NAMES[0], "or", 1, 2)  # a result that no registry made knows no classes
    assert session.images.where(unknown.address["query"]).rows.tolist() == [1]


def test_parts_findings_and_what_is_not_counted():
    assert dict(class_spot("or", 2, part="train").address) == {"query": "label:or", "part": "train"}
    assert images_spot("none", 0, "correct:no") is None
    assert class_spot("or", None, more="recall 3 %").title == "or: recall 3 %"
    found = finding_spot(Result(analysis="slices", findings=(Finding("It is."),)), 0, "It is")
    assert dict(found.address) == {"analysis": "slices", "finding": "0"}
    assert term("label", "T-shirt/top", "two words") == 'label:T-shirt/top,"two words"'


def test_an_image_is_called_by_name_label_and_prediction(session):
    names = session.image_names
    assert names.title(0) == f"test/0: {NAMES[0]}, predicted correctly with 96.5 %"
    assert names.title(1) == f"test/1: {NAMES[0]}, predicted or with 96.5 %"
    assert names.title(1, "train") == "no. 1"  # these are not known here
    assert Result(names=names).image_title(4) == "test/4: x:y*, predicted correctly with 96.5 %"
    assert Result().image_title(4) == "row 4"
