"""The smallest evidence of predictions: networks whose answer is known, and certificates that are checked anew."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from workbench.attribution import fewest_regions
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe
from workbench.session.session import Session
from workbench.session.smallest_evidence import smallest_evidence

SHAPE = (4, 4, 1)
NAMES = ("off", "on")


def study_of(model, images, names=NAMES):
    data = Dataset(
        images, np.zeros(len(images), np.int64), class_names=names, indices=np.arange(len(images)), name="made/test"
    )
    return SimpleNamespace(dataset=data, probe=Probe(model), class_names=names)


def of_cells(bias):
    """ "on" where the means of the two upper quarters add up to more than -`bias` + 1 / 8."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(1, activation="relu"),
            layers.Dense(2),
        ]
    )
    cells, end = np.array([[1], [1], [0], [0]], np.float32), np.array([[0, 40]], np.float32)
    model.set_weights([cells, np.array([bias], np.float32), end, np.array([5, 0], np.float32)])
    return model


WHITE = np.full((1, *SHAPE), 255, np.uint8)


def test_where_both_of_two_are_needed_both_are_kept_and_either_flips_it():
    found = smallest_evidence(study_of(of_cells(-1.5), WHITE), 0, side=2)
    assert (found.predicted, found.count, found.kept.regions, found.kept.others) == (1, 4, (0, 1), 0)
    assert found.kept_pixels.tolist() == [[True] * 4] * 2 + [[False] * 4] * 2
    assert (len(found.removed.regions), found.removed.others) == (1, 1)
    assert found.kept.proved and found.removed.proved
    assert found.kept.score == found.margin == pytest.approx(40 * 0.5 - 5)
    assert found.kept.without == pytest.approx((-5, -5)) and found.removed.score == pytest.approx(5)
    assert found.asked <= 2**4


def test_where_either_of_two_suffices_one_is_kept_and_both_must_go():
    found = smallest_evidence(study_of(of_cells(-0.5), WHITE), 0, side=2)
    assert (len(found.kept.regions), found.kept.others, found.removed.regions) == (1, 1, (0, 1))
    assert found.words == (
        "1 of 4 regions keeps on, 100.00 %, with the others hidden: no smaller set does. "
        "2 of 4 regions flip it to off, 99.3 %, when hidden: no smaller set does. Hidden regions are replaced: black."
    )
    pictures = found.pictures
    assert (pictures[0] == 212).sum() == 12 and (pictures[1] == 212).sum() == 8 and pictures.dtype == np.uint8
    assert found.table["margin"].tolist() == pytest.approx([15, -5, -5, 15, 15])
    assert found._repr_html_().count("<img") == 3


def test_on_a_linear_model_the_largest_contributions_are_kept():
    """f_1 - f_0 is a sum over the cells: sorted, it says how many are needed, and how many can go."""
    chance = np.random.default_rng(4)
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(2)])
    kernel = chance.normal(0.3, 1, (36, 2)).astype(np.float32)
    image = chance.integers(60, 256, (1, 6, 6, 1), np.uint8)
    for bias in (-2.0, 0.3, 1.5):
        model.set_weights([kernel, np.array([0, bias], np.float32)])
        pixels = (kernel[:, 1] - kernel[:, 0]).astype(np.float64).reshape(6, 6) * image[0, ..., 0] / 255
        cells = pixels.reshape(3, 2, 3, 2).sum(axis=(1, 3)).ravel()
        sign = 1 if cells.sum() + bias >= 0 else -1
        best = np.sort(sign * cells)[::-1]
        reached = sign * bias + np.concatenate([[0], np.cumsum(best)])
        left = sign * (bias + cells.sum()) - np.concatenate([[0], np.cumsum(best)])
        found = smallest_evidence(study_of(model, image), 0, side=3)
        assert len(found.kept.regions) == int(np.argmax(reached >= 0))
        expected = int(np.argmax(left < 0)) if (left < 0).any() else None
        assert (None if found.removed.regions is None else len(found.removed.regions)) == expected
        assert found.kept.score == pytest.approx(reached[len(found.kept.regions)], abs=1e-5)


def test_where_all_hidden_is_the_same_class_nothing_is_needed_and_nothing_flips_it():
    found = smallest_evidence(study_of(of_cells(-0.5), np.full((1, *SHAPE), 20, np.uint8)), 0, side=2)
    assert (found.predicted, found.kept.regions, found.removed.regions) == (0, (), None)
    assert found.after is None and found.removed.proved
    assert "0 of 4 regions keep off" in found.words and "all sets were tried" in found.words
    assert not found.kept_pixels.any() and not found.removed_pixels.any()


def test_what_looks_like_the_reference_is_no_region():
    image = WHITE.copy()
    image[0, 2:] = 0
    found = smallest_evidence(study_of(of_cells(-1.5), image), 0, side=2)
    assert found.count == 2 and (found.labels[2:] == -1).all() and found.kept.regions == (0, 1)
    assert smallest_evidence(study_of(of_cells(-1.5), image), 0, side=2, reference="grey").count == 4
    nothing = smallest_evidence(study_of(of_cells(-1.5), np.zeros_like(WHITE)), 0, side=2)
    assert (nothing.count, nothing.kept.regions, nothing.removed.regions) == (0, (), None)


def test_what_is_asked_wrongly_is_told():
    study = study_of(of_cells(-1.5), WHITE)
    for wrong, said in (
        ({"reference": "blak"}, "black"),
        ({"regions": "hexagons"}, "kind of regions"),
        ({"side": 1}, "from 2 to 8. Got 1"),
        ({"side": 9}, "Got 9"),
    ):
        with pytest.raises(WorkbenchError, match=said):
            smallest_evidence(study, 0, **wrong)


def test_a_tie_counts_for_the_class_that_is_named():
    """With all hidden both logits are 0, and the first class is named: nothing keeps the first, and not the second."""
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(2, use_bias=False)])
    for brighter in (0, 1):
        kernel = np.zeros((16, 2), np.float32)
        kernel[:4, brighter] = 1
        model.set_weights([kernel])
        found = smallest_evidence(study_of(model, WHITE), 0, side=2)
        assert (found.predicted, len(found.kept.regions)) == (brighter, brighter)
        assert found.kept.score == (0, 2)[brighter] and all(each < 0 for each in found.kept.without)


def test_a_session_is_asked_by_name():
    session = Session(of_cells(-0.5), study_of(of_cells(-0.5), WHITE).dataset, name="made", cache=False)
    assert session.smallest_evidence("test/0", side=2).removed.regions == (0, 1)
    assert session.smallest_evidence(0, side=2).name == "test/0"


@pytest.fixture(scope="module")
def bent():
    """A small convolutional network of three classes, with ReLU and softmax."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(6, 3, activation="relu", kernel_initializer="random_normal"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", bias_initializer="random_normal"),
        ]
    )
    chance = np.random.default_rng(7)
    model.set_weights([chance.normal(0, 0.6, each.shape).astype(np.float32) for each in model.get_weights()])
    images = chance.integers(0, 256, (40, 8, 8, 2), np.uint8)
    return model, study_of(model, images, ("ant", "bee", "cat"))


FILL = {"black": 0.0, "grey": 0.5, "white": 1.0}


@given(
    row=st.integers(0, 39),
    reference=st.sampled_from([*FILL]),
    regions=st.sampled_from(["grid", "slic"]),
    most=st.sampled_from([0, 20, fewest_regions.MOST]),
)
@settings(max_examples=40, deadline=None)
def test_the_certificate_holds_when_the_model_itself_is_asked_again(bent, row, reference, regions, most):
    """Copies are made anew, pixel by pixel, and given to Keras; with few sets tried it is not proved, and holds too."""
    model, study = bent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fewest_regions, "fewest", partial(fewest_regions.fewest, most=most))
        found = smallest_evidence(study, row, reference=reference, regions=regions, side=3)
    image = study.dataset.images[row] / np.float64(255)

    def says(shown):
        copy = np.where(np.isin(found.labels, [*shown, -1])[..., None], image, FILL[reference])
        return int(np.asarray(model(copy[None].astype(np.float32)))[0].argmax())

    every = set(range(found.count))
    assert found.predicted == says(every)
    kept = set(found.kept.regions)
    assert says(kept) == found.predicted
    assert all(says(kept - {each}) != found.predicted for each in kept)
    if found.kept.proved:
        smaller = [each for size in range(len(kept)) for each in combinations(every, size)]
        assert all(says(set(each)) != found.predicted for each in smaller)
    if found.removed.regions is not None:
        removed = set(found.removed.regions)
        assert says(every - removed) == int(found.after.argmax()) != found.predicted
        assert all(says(every - removed | {each}) == found.predicted for each in removed)
    elif found.removed.proved:
        assert all(says(every - set(each)) == found.predicted for size in every for each in combinations(every, size))
