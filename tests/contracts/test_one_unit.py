"""A head of one unit is two classes: all that is said of it is what is said of the same network with two units.

The other network's Dense(2) has the kernel [0, w] and the bias [0, b], so that its logits are (0, z).
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainers
from workbench.core.dataset import Dataset
from workbench.core.params import describe, make
from workbench.diagnosis import registry
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.measures import measure, measures
from workbench.models.probe import Probe
from workbench.session.session import Session

METHODS = sorted(name for name, kind in explainers().items() if kind.kin() != "attention")  # the network has none
MEASURES, ANALYSES = sorted(measures()), sorted(registry.analyses())
FEW = {"samples": 8, "steps": 6, "percentages": (30, 60)}
FAST = {
    "attribution-gallery": {"methods": "grad-cam,saliency", "images": 2},
    "faithfulness-table": {"methods": "saliency", "measures": "deletion,relevance-mass", "images": 4},
    "filters": {"steps": 2, "excite": 2, "images": 4},
    "label-issues": {"images": 30},
    "layer-story": {"layers": 2, "images": 20, "errors": 4, "support": 40},
    "method-agreement": {"methods": "saliency,random", "images": 4},
    "randomisation-test": {"methods": "saliency"},
    "reference-sensitivity": {"steps": 2, "images": 4},
    "robustness": {"families": ("blur",), "images": 12, "maps": 2},
}
OF_PREDICTED = (
    "attribution-gallery",
    "faithfulness-table",
    "grad-cam-maps",
    "method-agreement",
    "reference-sensitivity",
    "reliance",
)
"""Analyses of maps of the predicted class: of class 0 that is -z for one unit, and a constant 0 for two."""
OTHER_NUMBERS = (
    "attribution-gallery",
    "channel-relevance",
    "channels",
    "concept-test",
    "feature-visualisation",
    "influence",
    "neighbours",
    "randomisation-test",
    "robustness",
)
"""Those that draw weights anew, count units, take gradients by the last layer's weights (of two units those of class 0
are some too), or compare maps of both classes; they are asked all the same."""


def drawn(count, seed):
    """`(N, 14, 16, 1)` uint8 with a bright square left or right, and labels of which a tenth are wrong."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.zeros((count, 14, 16, 1), np.uint8)
    images[:, 2:-2, 1:-1] = chance.integers(20, 90, (count, 10, 14, 1))
    for image, label in zip(images, labels, strict=True):
        image[4:9, 2 + 7 * label : 7 + 7 * label] += np.uint8(chance.integers(20, 120))
    labels[::10] = 1 - labels[::10]
    return images, labels.astype(np.int64)


def network(kit, units, last):
    image = keras.Input((14, 16, 1))
    return keras.Model(image, kit.chain(image, [*kit.stack()[:-1], keras.layers.Dense(units, last, name="scores")]))


def dataset(count, seed, part):
    images, labels = drawn(count, seed)
    return Dataset(images, labels, class_names=("left", "right"), indices=np.arange(count), name=f"squares/{part}")


@pytest.fixture(scope="module")
def one(kit):
    """A trained model with one sigmoid unit."""
    keras.utils.set_random_seed(4)
    model = network(kit, 1, "sigmoid")
    images, labels = drawn(200, 0)
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy")
    model.fit(images / 255, labels, epochs=3, batch_size=20, verbose=0)
    return model


@pytest.fixture(scope="module")
def two(kit, one):
    """The same network with two units."""
    model = network(kit, 2, "softmax")
    *rest, kernel, bias = one.get_weights()
    kernel, bias = (np.concatenate([np.zeros_like(each), each], axis=-1) for each in (kernel, bias))
    model.set_weights([*rest, kernel, bias])
    return model


@pytest.fixture(scope="module")
def probes(one, two):
    return Probe(one), Probe(two)


@pytest.fixture(scope="module")
def sessions(one, two):
    seen, known = dataset(48, 1, "test"), dataset(120, 2, "train")
    return tuple(Session(each, seen, name="squares", train=known, cache=False) for each in (one, two))


@pytest.fixture(scope="module")
def pictures():
    return drawn(4, 3)[0].astype(np.float32) / 255


def close(found, expected, share=2e-5):
    """Assert that two arrays agree to a share of the largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * max(float(np.abs(expected).max()), 1e-9))


def test_the_logits_are_0_and_z_and_the_probabilities_the_sigmoid(one, two, probes, sessions, pictures):
    found = probes[0].logits(pictures)
    assert probes[0].classes == 2 and probes[0].units == 1 and not probes[0].sigmoid
    np.testing.assert_array_equal(found[:, 0], 0)
    close(found, probes[1].logits(pictures))
    close(probes[0].embeddings(pictures), probes[1].embeddings(pictures))
    keras_says = np.asarray(one(sessions[0].dataset.images / np.float32(255)), np.float64).ravel()
    np.testing.assert_allclose(sessions[0].predictions.probabilities[:, 1], keras_says, atol=1e-6)
    np.testing.assert_array_equal(sessions[0].predictions.predicted, keras_says > 0.5)
    assert 0.6 < sessions[0].predictions.correct.mean() < 1  # so that there are errors to be analysed
    assert "class 1 is the second class name" in probes[0].note


@pytest.mark.parametrize("name", METHODS)
def test_maps_are_those_of_two_units(kit, probes, pictures, name):
    method, background = kit.quick(name), drawn(3, 5)[0]
    for score, target in (("logit", 1), ("probability", 1), ("probability", 0)):
        found, expected = (
            method.attribute(probe, pictures, np.full(4, target), score=score, background=background)
            for probe in probes
        )
        close(found.values, expected.values)
    other = method.attribute(probes[0], pictures, np.zeros(4, int), background=background)
    margin = {"score": "contrast", "against": np.ones(4, int)}
    expected = method.attribute(probes[1], pictures, np.zeros(4, int), background=background, **margin)
    close(other.values, expected.values)
    assert other.unit == method.in_units_of("contrast") and other.score == "logit"


def test_what_speaks_for_class_0_adds_up_to_its_margin(kit, probes, pictures):
    method = kit.quick("integrated-gradients", steps=200)
    found = method.attribute(probes[0], pictures, np.zeros(4, int))
    z = [probes[0].logits(each)[:, 1] for each in (pictures, np.zeros_like(pictures))]
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), -(z[0] - z[1]), rtol=0, atol=0.02 * np.abs(z[0]).max())
    assert np.abs(found.values).max() > 0


@pytest.mark.parametrize("name", MEASURES)
def test_measures_are_those_of_two_units(kit, probes, pictures, name):
    few = {each.name: FEW[each.name] for each in describe(measure(name)) if each.name in FEW}
    method = kit.quick("integrated-gradients")
    for target, against in ((1, {}), (0, {"score": "contrast", "against": np.ones(4, int)})):
        values = []
        for probe, more in zip(probes, ({}, against), strict=True):
            maps = method.attribute(probe, pictures, np.full(4, target), **more)
            judged = Subject(probe=probe, images=pictures, attribution=maps, method=method)
            values.append(make(measure(name), few).values(judged))
        close(*values, share=1e-4)


@pytest.mark.parametrize("name", ANALYSES)
def test_analyses_say_what_they_say_of_two_units(sessions, name):
    reasons = [registry.missing(each, name) for each in sessions]
    assert reasons[0] == reasons[1]
    if reasons[0] is not None:
        return
    params = {**(registry.analysis(name).quick or {}), **FAST.get(name, {})}
    if name in OF_PREDICTED:
        whole = registry.compute(sessions[0], name, params)
        assert whole.findings and registry.draw(whole).axes
        sessions = [each.subset(np.flatnonzero(each.predictions.predicted == 1)) for each in sessions]
    found, expected = (registry.compute(each, name, params) for each in sessions)
    assert found.findings and registry.draw(found).axes
    if name in OTHER_NUMBERS:
        return
    assert found.tables.keys() == expected.tables.keys()
    for table, frame in found.tables.items():
        other = expected.tables[table]
        assert list(frame.columns) == list(other.columns)
        for column in frame:
            if frame[column].dtype.kind == "f":
                np.testing.assert_allclose(
                    frame[column], other[column], rtol=1e-3, atol=1e-4, err_msg=f"{table}.{column}"
                )
            else:
                assert frame[column].tolist() == other[column].tolist(), (table, column)
    assert [each.claim for each in found.findings] == [each.claim for each in expected.findings]


def test_a_map_says_that_it_is_against_the_other_class(sessions, tmp_path):
    maps = sessions[0].attribute("integrated-gradients", [0], target="left", steps=2)
    assert (maps.unit, maps.score, maps.against) == ("logit difference", "logit", None)
    assert sessions[1].attribute("integrated-gradients", [0], target="left", steps=2).unit == "logit"
    assert "'right', class 1" in sessions[0].reading and not sessions[1].reading
