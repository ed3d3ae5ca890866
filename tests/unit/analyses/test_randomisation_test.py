from dataclasses import replace

import keras
import numpy as np
import pytest

from analyses import randomisation_test
from analyses.randomisation_test import RandomisationTest, RandomisationTestParams
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.faithfulness.randomisation import Randomisation
from workbench.session.session import Session
from workbench.statistics import rates

METHODS = ("saliency", "input-x-gradient", "random")


def session(convolution=False):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(2, 3, name="conv")] if convolution else []
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(3, name="dense")]
    )
    images = np.random.default_rng(2).integers(1, 256, (8, 6, 6, 1), dtype=np.uint8)
    return Session(
        model,
        Dataset(images, np.arange(8) % 3, class_names=("a", "b", "c"), indices=np.arange(8), name="hand/test"),
        cache=False,
    )


def compute(opened, **params):
    return RandomisationTest().compute(opened, RandomisationTestParams(methods=METHODS, **params))


@pytest.fixture(scope="module")
def result():
    return compute(session(convolution=True))


@pytest.fixture
def planted(monkeypatch):
    """Saliency stays alike by 0.9, input × gradient by 0.1, the control by 1."""
    alike = {"saliency": 0.9, "input-x-gradient": 0.1, "random": 1.0}

    def randomise(probe, method, images, target, **how):
        noise = 0.01 * np.resize([1, -1], (2, len(images)))
        same = alike[method.name] + noise * (method.name != "random")
        maps = np.random.default_rng(0).normal(size=(5, len(images), 6, 6))
        return Randomisation(
            stages=("dense", "conv"),
            spearman=same,
            absolute=same,
            ssim=same,
            floor=np.full((3, len(images)), 0.25),
            maps=maps,
        )

    monkeypatch.setattr(randomisation_test, "randomise", randomise)


def test_what_stays_alike_is_called_blind_with_its_interval_and_what_changes_is_not(planted, monkeypatch):
    blind, apart, *rest = compute(session()).findings
    assert blind.severity == "mild"  # of eight images
    assert blind.claim.startswith(
        "Saliency does not depend on the weights: while the layers are randomised, its maps keep a rank correlation of "
        "0.90 (95 % interval 0.89 to 0.91); the maps of two random networks have 0.25"
    )
    assert blind.effect.low == pytest.approx(0.9 - 2.365 * 0.01 * np.sqrt(8 / 7) / np.sqrt(8), abs=1e-5)  # Student, 7
    assert apart.claim == (
        "The maps of 1 method change with the weights; remaining similarity: Input × Gradient 0.10 (95 % interval 0.09 "
        "to 0.11)."
    )
    assert rest[0].claim.startswith("The control (random numbers) has similarity 1.00")
    assert rest[1].claim == "Measured on only 8 images; use at least 20."
    monkeypatch.setattr(rates, "ENOUGH", 8)  # as if eight were enough
    assert compute(session()).findings[0].severity == "serious"


def test_a_layer_alone_is_said_so(planted):
    claims = [finding.claim for finding in compute(session(), mode="independent").findings]
    assert any("while one layer at a time is randomised" in claim for claim in claims)


def test_maps_go_from_the_trained_network_over_each_stage_to_two_random_ones(result):
    opened = session(convolution=True)
    assert result.notes["stages"] == ["dense", "conv"]
    assert result.arrays["maps"].shape == (3, 5, 1, 6, 6)  # methods, networks, images
    first = opened.attribute("saliency", result.tables["images"]["row"][:1]).at_pixels()
    np.testing.assert_allclose(result.arrays["maps"][0, 0], first, rtol=1e-3, atol=1e-6)
    one, two = result.arrays["maps"][0, 3:]
    assert np.abs(one - two).max() > 0.1 * np.abs(one).max()


def test_the_control_ignores_the_weights_and_signed_maps_do_not(result):
    table = result.tables["methods"].set_index("method")
    assert table["similarity"]["random"] == pytest.approx(1)
    assert table["blind"].to_dict() == {"saliency": False, "input-x-gradient": False, "random": True}


def test_a_model_without_weights_is_told_so():
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.AveragePooling2D((6, 3)), keras.layers.Flatten()])
    opened = Session(model, replace(session().dataset, class_names=("a", "b"), labels=np.arange(8) % 2), cache=False)
    with pytest.raises(WorkbenchError, match="needs layers with weights"):
        compute(opened)


def test_the_figure_marks_a_blind_method_but_not_the_control(planted, words):
    found = compute(session())
    said = words(RandomisationTest().draw(replace(found, params=RandomisationTestParams().model_dump())))
    assert said.count("does not depend on the weights") == 1
    assert said.count("the control") == 1
    assert said.count("random") == 2
