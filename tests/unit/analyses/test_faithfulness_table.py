from dataclasses import replace

import keras
import numpy as np
import pytest

from analyses.faithfulness_table import FaithfulnessTable, FaithfulnessTableParams, _table
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.measures import measure
from workbench.session.session import Session

RISING = np.arange(1, 9) / 10
TITLES = {"good": "Good", "same": "Same", "random": "Random"}


@pytest.fixture(scope="module")
def session():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    images = np.random.default_rng(2).integers(1, 256, (8, 6, 6, 1), dtype=np.uint8)
    return Session(
        model,
        Dataset(images, np.arange(8) % 3, class_names=("a", "b", "c"), indices=np.arange(8), name="hand/test"),
        cache=False,
    )


@pytest.fixture(scope="module")
def result(session):
    chosen = FaithfulnessTableParams(
        methods=("saliency", "input-x-gradient"), measures=("deletion", "sparseness", "relevance-mass")
    )
    return FaithfulnessTable().compute(session, chosen)


def table(good, same, random, name="insertion"):
    values = np.array([[good, same, random]], np.float64)
    return _table(values, {name: measure(name)()}, TITLES, 0).set_index("method")


def test_eight_images_all_better_give_two_in_256_and_holm_doubles_it():
    found = table(5 + RISING, np.where(np.arange(8) % 2, 5, -5) + RISING, np.zeros(8))
    assert found["p_control"]["good"] == pytest.approx(2 * 2 / 2**8)
    assert found["against_control"].to_dict() == {"good": "better", "same": "no better", "random": ""}


def test_where_lower_is_better_the_lower_ones_win():
    found = table(-5 - RISING, 5 + RISING, np.zeros(8), name="deletion")
    assert found["against_control"].to_dict() == {"good": "better", "same": "worse", "random": ""}
    assert found["best"].to_dict() == {"good": True, "same": False, "random": False}
    assert found["runner_up"]["good"] == "random"


def test_the_best_is_marked_only_where_it_surely_beats_the_runner_up():
    near = table(5 + RISING, 5 + RISING[::-1] - 0.01, np.zeros(8))
    assert near["runner_up"]["good"] == "same"
    assert near["p_runner_up"]["good"] > 0.5
    assert not near["best"].any()
    far = table(5 + RISING, 4 + RISING / 2, np.zeros(8))
    assert far["p_runner_up"]["good"] == pytest.approx(2 / 2**8)
    assert far["best"]["good"]


def test_images_that_a_measure_does_not_know_are_left_out_of_the_pair():
    good = np.where(np.arange(8) < 2, np.nan, 5 + RISING)
    found = table(good, np.full(8, np.nan), np.zeros(8))
    assert found["known"].to_dict() == {"good": 6, "same": 0, "random": 8}
    assert found["p_control"]["good"] == pytest.approx(2 / 2**6)  # one test only: nothing is known of the other
    assert found["against_control"]["same"] == ""


def test_the_control_is_there_unasked_and_each_images_number_is_kept(result, session):
    assert set(result.tables["measured"]["method"]) == {"saliency", "input-x-gradient", "random"}
    images = result.tables["images"]
    rows = images["row"].unique()
    found = session.attribute("saliency", rows)
    subject = Subject(
        probe=session.probe, images=session.dataset.floats(rows), attribution=found, method=found_method("saliency")
    )
    expected = measure("deletion")(within="object").values(subject)
    kept = images[(images["measure"] == "deletion") & (images["method"] == "saliency")]["value"]
    np.testing.assert_allclose(kept, expected, rtol=1e-5)
    mean = result.tables["measured"].query("measure == 'deletion' and method == 'saliency'")["mean"].item()
    assert mean == pytest.approx(expected.mean(), rel=1e-5)


def found_method(name):
    from workbench.attribution.methods import explainer

    return explainer(name)()


def test_a_measure_that_knows_no_image_is_left_out_and_alone_is_an_error(result, session):
    assert "relevance-mass" not in set(result.tables["measured"]["measure"])  # noise has no plain background
    with pytest.raises(WorkbenchError, match="needs objects on a plain background"):
        FaithfulnessTable().compute(
            session, FaithfulnessTableParams(methods=("saliency",), measures=("relevance-mass",))
        )


def test_a_measure_without_a_better_end_names_no_best(result):
    described = result.tables["measured"].query("measure == 'sparseness'")
    assert not described["best"].any()
    assert set(described["against_control"]) == {""}
    assert not any("Sparseness" in finding.claim for finding in result.findings)


def test_the_figure_says_which_way_is_better(result, words):
    said = words(FaithfulnessTable().draw(replace(result, params=FaithfulnessTableParams().model_dump())))
    assert "probability ← lower is better" in said
    assert "Gini index descriptive" in said
    assert {"Deletion", "Sparseness", "Random", "Input × Gradient"} <= set(said)
