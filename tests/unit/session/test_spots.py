"""What a figure's spots say, and where they lead: the query finds the images that the title counts."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.finding import Finding
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.diagnosis.opening import Session
from workbench.session.spots import (
    between,
    cell_spot,
    class_spot,
    finding_spot,
    images_spot,
    predicted_spot,
    region_spot,
    scatter_spot,
    short_edge,
    term,
)

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


def test_edges_of_bins_are_short_and_leave_every_image_in_its_bin():
    confidence = np.random.default_rng(0).random(3000).astype(np.float32)
    edges = np.linspace(0, 1, 16)
    confidence[:16] = edges  # float32 of an edge may lie on either side of it
    written = [short_edge(confidence, edge) for edge in edges]
    assert max(map(len, written)) <= 12 and short_edge(np.array([0.2, 0.9]), 13 / 15) == "0.87"
    for edge, text in zip(edges, written, strict=True):
        assert ((confidence.astype(np.float64) <= edge) == (confidence.astype(np.float64) <= float(text))).all()
    assert between("confidence", None, "0.1") == "confidence<=0.1"
    assert between("confidence", "0.1", "0.2") == "confidence>0.1 confidence<=0.2"


def test_a_place_of_a_scatter_is_its_image_or_lists_its_images(session):
    result = Result(names=session.image_names, analysis="map")
    assert dict(scatter_spot(result, np.array([1])).address) == {"image": "1"}
    several = scatter_spot(result, np.arange(5), "train")
    assert dict(several.address) == {"rows": "0,1,2,3,4", "part": "train"}
    many = scatter_spot(result, np.arange(500) % 5)
    assert many.title == "at this place: 120 images; the first of 500 here"
    spot = region_spot(result, np.array([[-45.67895, 1.0], [103.4567, -0.00012345]]))
    left, lower, right, upper = map(float, spot.address["region"].split(","))
    assert left <= -45.67895 and lower <= -0.00012345 and right >= 103.4567 and upper >= 1
    assert spot.title == "this part of the map: 2 images"
