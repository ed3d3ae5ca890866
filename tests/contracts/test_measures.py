"""What holds for every measure of a map's quality that is found, the ones added tomorrow included."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import describe, make
from workbench.core.progress import reporting
from workbench.diagnosis.contracts.measures import CHECKS, quick, takes_one_image, uses_parameter, uses_parameters
from workbench.diagnosis.contracts.measures import pictures as pictures_of
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.measures import measure, measures
from workbench.models.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3
MEASURES = sorted(measures())
every_measure = pytest.mark.parametrize("name", MEASURES)
BOUNDS = {
    "average-drop": (0, 100),
    "average-gain": (0, 100),
    "average-increase": (0, 100),
    "completeness-gap": (0, np.inf),
    "complexity": (0, np.log(14 * 16)),
    "deletion": (0, 1),
    "effective-complexity": (1, 14 * 16),
    "infidelity": (0, np.inf),
    "insertion": (0, 1),
    "max-sensitivity": (0, np.inf),
    "mu-fidelity": (-1, 1),
    "relevance-mass": (0, 1),
    "road": (-0.5, 0.5),
    "sparseness": (0, 1),
}
OF_MAPS = ("completeness-gap", "complexity", "effective-complexity", "max-sensitivity", "relevance-mass", "sparseness")
"""Measures that make no changed copies of an image, and see a map of zeros, or one coarser than pixels, as it is."""


def judge(probe, images, target, method="integrated-gradients", score="logit", values=None, **params):
    """The maps of a method, or other `values` in their place."""
    made = make(explainer(method), {"steps": 3, **params} if method == "integrated-gradients" else params)
    against = (target + 1) % probe.classes if score == "contrast" else None
    found = made.attribute(probe, images, target, score=score, against=against)
    return Subject(
        probe=probe,
        images=images,
        attribution=found if values is None else replace(found, values=values, details={}),
        method=made,
    )


@pytest.fixture(scope="module")
def pictures(images):
    return pictures_of(images)


@pytest.fixture(scope="module")
def values():
    """Maps with values of both signs on the object and beside it."""
    return np.random.default_rng(2).normal(size=(5, *SHAPE[:2])).astype(np.float32)


@pytest.fixture(scope="module")
def subject(probe, pictures, target, values):
    return judge(probe, pictures, target, values=values)


@pytest.fixture(scope="module")
def numbers(subject):
    """What each measure gives, by name, computed once."""
    return {name: quick(name).values(subject) for name in MEASURES}


@pytest.fixture(scope="module")
def double(kit, model):
    """The model in double precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        other = kit.functional()
    finally:
        keras.config.set_dtype_policy(before)
    other.set_weights(model.get_weights())
    return Probe(other, floats="float64")


@pytest.fixture(scope="module")
def sigmoid(kit, pictures, target):
    return judge(Probe(kit.seeded(kit.functional(last="sigmoid"))), pictures, target)


@pytest.fixture(scope="module", params=["probability", "contrast"])
def scored(request, probe, pictures, target):
    return judge(probe, pictures, target, score=request.param)


@pytest.fixture(scope="module")
def linear():
    """Of a linear model: each pixel's weight times its brightness, and numbers drawn at random."""
    chance = np.random.default_rng(8)
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    kernel = chance.normal(0, 0.3, (14 * 16, CLASSES)).astype(np.float32)
    model.set_weights([kernel, np.zeros(CLASSES)])
    probe = Probe(model)
    images = pictures_of(chance.integers(0, 256, (24, *SHAPE), np.uint8))
    target = probe.logits(images).argmax(axis=1)
    exact = judge(probe, images, target)
    np.testing.assert_allclose(exact.maps, images[..., 0] * kernel.T[target].reshape(-1, *SHAPE[:2]), atol=1e-5)
    return exact, judge(probe, images, target, "random")


@every_measure
@pytest.mark.parametrize(
    "check", [each for each in CHECKS if each.run is not uses_parameters], ids=lambda each: each.claim
)
def test_what_plug_ins_owe_is_kept(name, check, trial):
    check.run(trial, name)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name in MEASURES for each in describe(measure(name))]
)
def test_every_parameter_changes_the_number(name, parameter, trial):
    uses_parameter(trial, name, parameter)


@every_measure
def test_one_image_is_many_images_also_with_another_number_of_rows(name, trial):
    takes_one_image(trial, name, rows=7)


def test_each_is_found_under_its_own_title():
    assert len({kind.title for kind in measures().values()}) == len(MEASURES) >= 14
    with pytest.raises(WorkbenchError, match=r"no measure 'deletoin'\. Did you mean 'deletion'"):
        measure("deletoin")


@every_measure
def test_it_gives_one_number_an_image_within_its_bounds(name, numbers):
    low, high = BOUNDS.get(name, (-np.inf, np.inf))
    found = numbers[name]
    assert found.shape == (5,) and found.dtype == np.float64
    assert ((found >= low) & (found <= high)).all()
    assert len(set(found.tolist())) > (1 if "average" in name else 4)


@every_measure
def test_any_score_can_be_explained(name, scored, pictures, target):
    """The map of another score is judged by that score, or by the probability that goes with it."""
    found = quick(name).values(scored)
    low, high = BOUNDS.get(name, (-np.inf, np.inf))
    assert ((found >= low) & (found <= high)).all()
    logits = replace(scored.attribution, score="logit", against=None, details={})
    of_logits = quick(name).values(
        Subject(probe=scored.probe, images=pictures, attribution=logits, method=scored.method)
    )
    contrast = scored.attribution.score == "contrast"
    by_score = name in ("completeness-gap", "infidelity", "max-sensitivity", "mu-fidelity")
    by_chance = measure(name).of_probability and name not in ("average-drop", "average-increase")
    assert (np.abs(found - of_logits).max() > 1e-4) == (by_score or (contrast and by_chance))


@every_measure
@pytest.mark.parametrize("flat", [0.0, 2.0, -0.3])
def test_a_flat_map_gives_a_number_or_none_but_no_error(name, probe, pictures, target, flat):
    values = np.full((5, *SHAPE[:2]), flat, np.float32)
    found = quick(name).values(judge(probe, pictures, target, values=values))
    assert not np.isinf(found).any()
    undefined = {"mu-fidelity"} if flat else {*OF_MAPS, "mu-fidelity"} - {"completeness-gap"}
    assert np.isnan(found).all() == (name in undefined)


@every_measure
def test_maps_coarser_than_pixels_are_enlarged(name, probe, pictures, target):
    coarse = np.random.default_rng(0).normal(size=(5, 3, 3)).astype(np.float32)
    small = judge(probe, pictures, target, values=coarse)
    large = judge(probe, pictures, target, values=small.maps)
    if name not in ("completeness-gap", "max-sensitivity"):  # they look at the values that the method gives
        np.testing.assert_allclose(quick(name).values(small), quick(name).values(large), rtol=1e-5, atol=1e-7)
    elif name == "max-sensitivity":
        coarse = judge(probe, pictures, target, "grad-cam")
        assert np.isfinite(quick(name).values(coarse)).any()


@every_measure
def test_it_is_the_same_in_double_precision(name, double, pictures, subject, numbers):
    assert double.logits(pictures).dtype == np.float64
    exact = Subject(probe=double, images=pictures, attribution=subject.attribution, method=subject.method)
    np.testing.assert_allclose(quick(name).values(exact), numbers[name], rtol=1e-3, atol=1e-4)


@every_measure
def test_one_sigmoid_a_class_has_no_probabilities(name, sigmoid):
    if measure(name).of_probability:
        with pytest.raises(WorkbenchError, match=r"needs the probability of a class\. This model ends in one sigmoid"):
            quick(name).values(sigmoid)
    else:
        assert np.isfinite(quick(name).values(sigmoid)).all()


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in OF_MAPS and "average" not in name])
def test_who_watches_is_told_how_far_it_is(name, subject):
    told = []
    with reporting(lambda *what: told.append(what)):
        quick(name).values(subject)
    assert told[-1] == (measure(name).title, 5, 5)


@pytest.mark.parametrize("name", [name for name in MEASURES if measure(name).better])
def test_the_exact_map_of_a_linear_model_is_better_than_a_random_one(name, linear):
    """On average over 24 images."""
    exact, drawn = linear
    if quick(name).missing(drawn):  # as if the random numbers had been claimed to be shares
        found = replace(exact.attribution, values=drawn.attribution.values, details={})
        drawn = Subject(probe=exact.probe, images=exact.images, attribution=found, method=exact.method)
    good, bad = (np.nanmean(measure(name)().values(each)) for each in (exact, drawn))
    assert good > bad if measure(name).better == "higher" else good < bad


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, *SHAPE), np.float32), np.zeros((5, 8, 8, 1), np.float32), np.zeros((5, *SHAPE), np.uint8)]
)
def test_images_that_do_not_fit_the_maps_are_refused(subject, wrong):
    with pytest.raises(WorkbenchError, match=r"`images` must be floats in \[0, 1\] of shape \(5, 14, 16, 1\)"):
        Subject(probe=subject.probe, images=wrong, attribution=subject.attribution, method=subject.method)


def test_large_images_and_many_classes_fit_into_memory():
    """Never more rows at once than the probe allows, though 20 copies of 224 x 224 pixels are asked for."""
    model = keras.Sequential(
        [
            keras.Input((224, 224, 3)),
            keras.layers.AveragePooling2D(32),
            keras.layers.Flatten(),
            keras.layers.Dense(1000),
        ]
    )
    probe = Probe(model)
    probe.max_rows = 4
    seen = []
    whole = probe.trace
    probe.trace = lambda images, known=None: seen.append(images.shape[0]) or whole(images, known)
    values = np.random.default_rng(0).normal(size=(2, 7, 7)).astype(np.float32)
    found = Attribution(
        values,
        target=np.array([0, 999]),
        score="logit",
        signed=True,
        method="occlusion",
        params={},
        layer=None,
        image_size=(224, 224),
    )
    subject = Subject(
        probe=probe,
        images=np.random.default_rng(1).random((2, 224, 224, 3), np.float32),
        attribution=found,
        method=explainer("occlusion")(),
    )
    for name in ("mu-fidelity", "infidelity", "deletion"):
        assert np.isfinite(
            quick(name, **{"steps": 19} if name == "deletion" else {"samples": 20}).values(subject)
        ).all()
    assert all(rows is None or rows <= 5 for rows in seen)
