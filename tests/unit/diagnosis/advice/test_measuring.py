"""What maps are worth, larger is better, and in which order methods are measured."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.diagnosis.advice.measuring import EXCESS, MEASURES, Images, in_turn, measured, measures_on, worth_of
from workbench.diagnosis.opening import open_session
from workbench.faithfulness.hiding import hiding_effects
from workbench.faithfulness.measures import measure


@pytest.fixture(scope="module")
def some(tiny_run):
    session = open_session(tiny_run.folder / tiny_run.name)
    rows = np.arange(12)
    return Images(
        probe=session.probe,
        images=session.dataset.floats(rows),
        target=session.predictions.predicted[rows],
        background=np.asarray(session.background),
    )


def test_each_row_is_its_measure_turned_so_that_more_is_better(some):
    measures = measures_on(some.probe, 3)
    assert [*measures] == [*MEASURES]
    found = worth_of(explainer("occlusion")(), some, measures, 0, with_maps=True)
    made = explainer("occlusion")().attribute(some.probe, some.images, some.target)
    np.testing.assert_allclose(found.maps, made.at_pixels())
    effects = hiding_effects(some.probe, some.images, some.target)
    np.testing.assert_allclose(found.values[0], effects.excess(found.maps))
    subject = SimpleNamespace(
        probe=some.probe, images=some.images, attribution=made, maps=found.maps, objects=np.ones(found.maps.shape, bool)
    )
    own = measure("deletion")(seed=3)
    np.testing.assert_allclose(found.values[1], -own.formula(subject), rtol=1e-4)
    assert (found.values[1] <= 0).all() and (found.values[2] >= 0).all() and (found.values[3] <= 0).all()


def test_random_maps_have_the_values_of_the_map_in_other_places(some):
    found = worth_of(explainer("hires-cam")(), some, measures_on(some.probe, 0), 5, with_maps=True)
    assert found.values.shape == found.control.shape == (1 + len(MEASURES), 12)
    again = worth_of(explainer("hires-cam")(), some, measures_on(some.probe, 0), 5, with_maps=True)
    np.testing.assert_array_equal(found.random, again.random)
    other = worth_of(explainer("hires-cam")(), some, measures_on(some.probe, 0), 6, with_maps=True)
    assert (found.random != other.random).any()
    plain = worth_of(explainer("saliency")(), some, measures_on(some.probe, 0), 5, with_maps=True)
    np.testing.assert_allclose(np.sort(plain.random.reshape(12, -1)), np.sort(plain.maps.reshape(12, -1)))


def test_where_the_ways_of_hiding_disagree_no_map_is_preferred(some, monkeypatch):
    from dataclasses import replace

    from workbench.diagnosis.advice import measuring

    effects = hiding_effects(some.probe, some.images, some.target)
    agreement = np.where(np.arange(12) < 6, np.nan, effects.agreement)
    monkeypatch.setattr(measuring, "hiding_effects", lambda *_, **__: replace(effects, agreement=agreement))
    subject = measuring.maps_of(explainer("saliency")(), some)
    found = measured(subject, {})
    assert found.shape == (1, 12)
    assert (found[0, :6] == 0).all() and (found[0, 6:] != 0).any()


def test_one_of_each_family_in_turn_the_quickest_first():
    kinds = {name: explainer(name)() for name in ("rise", "occlusion", "grad-cam", "hires-cam", "saliency", "random")}
    probe = SimpleNamespace(image_shape=(28, 28, 1))
    assert in_turn(kinds, probe) == ["grad-cam", "saliency", "random", "occlusion", "hires-cam", "rise"]
    assert EXCESS not in MEASURES


@pytest.mark.parametrize(("side", "cells"), [(28, None), (32, None), (64, 7)])
def test_a_measure_has_one_form_on_the_model_and_in_the_known_world(side, cells):
    probe = SimpleNamespace(image_shape=(side, side, 1), sigmoid=False)
    own = measures_on(probe, 0)["mu-fidelity"]
    assert own.cells == cells
    model, world = (len(np.unique(own.cell_numbers(each, each))) / each**2 for each in (side, 32))
    assert (model == world == 1) if cells is None else own.cell_numbers(32, 32).max() == own.cell_numbers(64, 64).max()


def test_maps_are_kept_only_where_they_are_asked_for(some):
    found = worth_of(explainer("saliency")(), some, {}, 0)
    assert (found.maps.size, found.random.size, found.values.shape) == (0, 0, (1, 12))
