"""All steps of an advice on the small run, whose evidence is a bright square in a corner of the image."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.diagnosis import advice
from workbench.diagnosis.advice import asking, known_evidence
from workbench.diagnosis.advice.known_evidence import KnownEvidence, architecture_class
from workbench.diagnosis.advice.measuring import EXCESS, MEASURES
from workbench.diagnosis.advice.tuning import Tuned
from workbench.diagnosis.opening import open_session
from workbench.diagnosis.truth.maps import decoy
from workbench.diagnosis.truth.maps.known_world import Known

AMPLE = 600
"""Minutes: where time is not what is asked about, no machine is too slow."""
SOME = ("occlusion", "saliency", "eigen-cam", "hires-cam")


@pytest.fixture(scope="module")
def session(tiny_run):
    return open_session(tiny_run.folder / tiny_run.name)


@pytest.fixture
def no_world(monkeypatch):
    monkeypatch.setattr(asking, "architecture_class", lambda _: "")


@pytest.fixture(scope="module")
def advised(session):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "architecture_class", lambda _: "")
        return advice.advise(session, images=24, methods=SOME, minutes=AMPLE)


def test_two_methods_of_different_families_are_advised_with_numbers_of_other_images(advised):
    assert len(advised.advised) == 2
    assert len({each.family for each in advised.advised}) == 2
    for each in advised.advised:
        assert each.control.low > 0.5
        assert each.weights.endswith(", n = 20.")
        assert set(each.values) == {EXCESS, *MEASURES} == set(each.better)
        assert each.tuning.kept == bool(each.settings)
    assert advised.said[0].startswith("For tiny on ")
    reasons = {each.name: each.reason for each in advised.methods}
    assert "whatever class" in reasons["eigen-cam"]
    assert [reasons[each.name] for each in advised.advised] == ["", ""]


def test_the_same_seed_gives_the_same_advice(session, advised, no_world):
    again = advice.advise(session, images=24, methods=SOME, minutes=AMPLE)
    changing = {"seconds": 0, "created": ""}
    assert again.model_copy(update=changing) == advised.model_copy(update=changing)


def test_no_image_that_chooses_reports(session, no_world):
    one = asking.Asking(session, 24, 3, 5.0, SOME)
    chosen, told = (part.images.reshape(24, -1) for part in (one.choosing, one.reporting))
    assert not (chosen[:, None] == told[None]).all(axis=2).any()
    other = asking.Asking(session, 24, 4, 5.0, SOME)
    assert (other.choosing.images != one.choosing.images).any()


def test_measures_that_the_known_world_refutes_have_no_say(session, monkeypatch):
    chance = np.random.default_rng(0)
    truth = {name: chance.random(20) for name in SOME}
    rows = (EXCESS, *MEASURES)
    values = {
        name: np.stack([each if row == "deletion" else chance.random(20) for row in rows])
        for name, each in truth.items()
    }
    known = KnownEvidence(
        make="dense", accuracy=0.9, truth=truth, random=dict.fromkeys(SOME, np.zeros(20)), values=values, measures=rows
    )
    monkeypatch.setattr(asking, "known_evidence", lambda *_, **__: known)
    found = advice.advise(session, images=16, methods=("occlusion", "saliency"), minutes=AMPLE)
    assert [each.name for each in found.measures if each.counts] == ["deletion"]
    assert found.world.network == "dense"
    assert "right about 90 % of new images" in found.world.said
    for each in found.advised:
        assert each.why.startswith("On the images that choose and in the known world it wins the most")


def made_world(values, accuracy=0.9):
    """What the known world showed of maps whose truth is drawn, `values(truth, chance)` for each measure."""
    chance = np.random.default_rng(0)
    truth, rows = {name: chance.random(20) for name in SOME}, (EXCESS, *MEASURES)
    return KnownEvidence(
        make="dense",
        accuracy=accuracy,
        truth=truth,
        random=dict.fromkeys(SOME, np.zeros(20)),
        values={name: np.stack([values(each, chance) for _ in rows]) for name, each in truth.items()},
        measures=rows,
    )


def test_where_no_measure_passes_the_known_world_nothing_is_advised_and_that_is_said(session, monkeypatch):
    for values in (lambda truth, chance: chance.random(20), lambda truth, chance: np.full(20, np.nan)):
        monkeypatch.setattr(asking, "known_evidence", lambda *_, values=values, **__: made_world(values))
        found = advice.advise(session, images=16, methods=("occlusion", "saliency"), minutes=AMPLE)
        assert not any(each.counts for each in found.measures)
        assert (found.advised, found.methods, found.short) == ((), (), "no measure could judge the maps")
        assert "no measure surely picks the better of two maps" in found.said[0]
        assert found.world.said.endswith("where the evidence is known: nothing can be advised.")


def test_a_network_that_learned_little_judges_nothing(session, monkeypatch):
    known = made_world(lambda truth, chance: chance.random(20), accuracy=0.5)
    monkeypatch.setattr(asking, "known_evidence", lambda *_, **__: known)
    found = advice.advise(session, images=16, methods=("occlusion", "saliency"), minutes=AMPLE)
    assert all(each.counts for each in found.measures)
    assert "right about 50 % of new images. That is less than 80 %, too little to judge by" in found.world.said
    assert {each.evidence for each in found.methods} == {None}


def test_measures_are_judged_by_all_methods_whichever_are_named(session, monkeypatch):
    asked = []
    monkeypatch.setattr(asking, "known_evidence", lambda _, methods, *__, **___: asked.append({*methods}))
    advice.advise(session, images=12, methods=("saliency",), minutes=AMPLE)
    assert {*SOME} < asked[0] and "random" not in asked[0] and len(asked[0]) >= 25


def test_a_world_that_is_not_ready_in_time_is_said_and_every_measure_counts(session, monkeypatch):
    def late(*_):
        asking.report("Training", 1, 2)
        raise AssertionError("it should have been ended")

    monkeypatch.setattr(decoy.Decoy, "known", late)
    monkeypatch.setattr(asking, "WORLD", 0.0)
    found = advice.advise(session, images=16, methods=("occlusion", "saliency"), minutes=AMPLE)
    assert "was not ready in time" in found.world.said
    assert all(each.counts for each in found.measures)


def test_without_time_no_method_is_measured(session, no_world):
    with pytest.raises(WorkbenchError, match="No method could be measured in 1e-06 minutes"):
        advice.advise(session, images=16, minutes=1e-6, methods=SOME)


def test_methods_that_time_does_not_reach_are_named(session, no_world, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(asking.time, "monotonic", lambda: now[0])

    def tick(what, done, total):
        if what == "Methods measured" and done == 1:
            now[0] = 300.0

    with reporting(tick):
        found = advice.advise(session, images=16, methods=("occlusion", "saliency"))
    assert found.left == {"Occlusion": "there was no time left to measure it"}
    assert found.advised == ()  # nor for the test of weights drawn anew
    assert found.said[1] == "There was no time to measure 1 method: give more minutes."
    assert found.said[2].endswith("could not be tested in time: give more minutes.")
    assert "no time left to test" in next(each.reason for each in found.methods if each.name == "saliency")


def test_what_the_report_needs_is_kept_from_the_tuning(session, no_world, monkeypatch):
    own = asking.all_measured

    def slow(*given, **rest):
        found, left = own(*given, **rest)
        assert all(each.seconds > 0 and not each.maps.size for each in found.values())
        return {name: replace(each, seconds=200.0) for name, each in found.items()}, left

    monkeypatch.setattr(asking, "all_measured", slow)
    found = advice.advise(session, images=24, methods=("occlusion",))
    assert [each.tuning.said for each in found.advised] == ["There was no time to try parameters."]


def test_the_time_begins_when_the_predictions_of_all_images_are_there(session, no_world, monkeypatch):
    now, own = [0.0], type(session).predictions

    def predicted(self):
        now[0] = 500.0
        return own.__get__(self)

    monkeypatch.setattr(type(session), "predictions", property(predicted))
    monkeypatch.setattr(asking.time, "monotonic", lambda: now[0])
    assert asking.Asking(session, 16, 0, 5.0, SOME).begun == 500.0


def test_tuned_parameters_that_time_does_not_let_be_held_against_the_default_are_not_used(
    session, no_world, monkeypatch
):
    monkeypatch.setattr(asking, "tune", lambda *_, **__: Tuned(values={"reference": "mean"}, won=0.7, tried=4))
    own = asking.Asking._worth

    def worth(self, method):
        if method.reference == "mean":
            raise asking.OutOfTime
        return own(self, method)

    monkeypatch.setattr(asking.Asking, "_worth", worth)
    (chosen,) = advice.advise(session, images=24, methods=("occlusion",), minutes=AMPLE).advised
    assert (chosen.settings, chosen.tuning.kept, chosen.tuning.against_default) == ({}, False, None)
    assert chosen.tuning.said.endswith("on other images, so the default stays.")


def test_weights_that_do_not_matter_are_found_and_said(session, no_world, monkeypatch):
    from workbench.core.estimate import Estimate

    blind = SimpleNamespace(blind=True, similarity=Estimate(0.9, 0.8, 1.0))
    monkeypatch.setattr("workbench.faithfulness.randomisation.randomise", lambda *_, **__: blind)
    found = advice.advise(session, images=16, methods=("occlusion", "saliency"), minutes=AMPLE)
    assert found.advised == ()
    assert "no method is advised" in found.said[0]
    assert "its maps stay much the same when the weights are drawn anew" in found.methods[0].reason


def test_what_is_not_better_than_random_on_other_images_is_not_advised(session, no_world, monkeypatch):
    own = asking.Asking._worth

    def worse(self, method):
        found = own(self, method)
        return replace(found, values=found.control) if method.name == "occlusion" else found

    monkeypatch.setattr(asking.Asking, "_worth", worse)
    found = advice.advise(session, images=24, methods=("occlusion", "hires-cam"), minutes=AMPLE)
    assert [each.name for each in found.advised] == ["hires-cam"]
    assert "chosen on 24 images, but on as many others" in next(
        each.reason for each in found.methods if each.name == "occlusion"
    )
    assert any(sentence.startswith("Occlusion: chosen on 24 images") for sentence in found.said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": 5}, "at least 12 images each"),
        ({"methods": ("random",)}, "no method to choose from"),
        ({"methods": ("attention-rollout",)}, "needs attention"),
        ({"methods": ("atention",)}, "atention"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(session, change, said):
    with pytest.raises(WorkbenchError, match=said):
        advice.advise(session, **change)


def test_predictions_alone_have_no_maps(tiny_run):
    from workbench.session.session import Session

    session = Session(None, open_session(tiny_run.folder / "tiny").dataset, predictions=np.eye(4)[np.arange(80) % 4])
    with pytest.raises(WorkbenchError, match="no model here"):
        advice.advise(session)


def test_the_made_network_is_asked_once_for_all_models_of_its_class(session, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    images, labels = session.dataset.floats(np.arange(20)), session.dataset.labels[:20]
    evidence = np.zeros((20, 28, 28), bool)
    for n, label in enumerate(labels):
        top, left = 2 + 14 * (label // 2), 2 + 14 * (label % 2)
        evidence[n, top : top + 9, left : left + 9] = True
    asked = []

    def known(self, make, count, seed):
        asked.append(make)
        return Known(probe=session.probe, images=images, target=labels, evidence=evidence, accuracy=0.5)

    monkeypatch.setattr(decoy.Decoy, "known", known)
    one = asking.Asking(session, 16, 0, 5.0, ("occlusion", "saliency"))
    given = {"seed": 0, "until": float("inf"), "cache": True}
    first = known_evidence.known_evidence("dense", one.methods, one.measures, **given)
    second = known_evidence.known_evidence("dense", one.methods, one.measures, **given)
    assert asked == ["dense"]
    assert first.measures == second.measures == (EXCESS, *MEASURES)
    for part in ("truth", "random", "values"):
        for name in one.methods:
            np.testing.assert_array_equal(getattr(first, part)[name], getattr(second, part)[name])
    assert first.truth["occlusion"].mean() > first.random["occlusion"].mean()
    known_evidence.known_evidence("dense", one.methods, one.measures, **{**given, "seed": 1})
    assert asked == ["dense", "dense"]
    assert known_evidence.known_evidence("", one.methods, one.measures, **given) is None
    none = {"attention-rollout": explainer("attention-rollout")()}
    assert known_evidence.known_evidence("dense", none, one.measures, **{**given, "seed": 2}) is None


@pytest.mark.parametrize("make", ["pooled", "dense", "residual", "transformer"])
def test_the_class_of_a_network_is_told_by_its_layers(make):
    from workbench.diagnosis.truth.maps.networks import build
    from workbench.models.probe import Probe

    assert architecture_class(Probe(build(make, (32, 32, 1), 10), (32, 32, 1), given="unit")) == make


def test_a_network_without_feature_maps_is_of_no_class():
    import keras

    from workbench.models.probe import Probe

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    assert architecture_class(Probe(model, given="unit")) == ""


@pytest.mark.parametrize("better", [True, False])
def test_tuned_parameters_are_used_only_where_they_are_surely_better_on_the_images_that_report(
    session, no_world, monkeypatch, better
):
    monkeypatch.setattr(asking, "tune", lambda *_, **__: Tuned(values={"reference": "mean"}, won=0.7, tried=4))
    own = asking.Asking._worth

    def worth(self, method):
        found = own(self, method)
        return replace(found, values=found.values + (0.5 if better and method.reference == "mean" else 0.0))

    monkeypatch.setattr(asking.Asking, "_worth", worth)
    found = advice.advise(session, images=24, methods=("occlusion",), minutes=AMPLE)
    (chosen,) = found.advised
    assert chosen.settings == ({"reference": "mean"} if better else {})
    assert chosen.tuning.kept is better
    assert chosen.tuning.settings == {"reference": "mean"}
    assert ("it is used" in chosen.tuning.said) is better
    assert chosen.tuning.said.startswith("4 values of its parameters tried, best reference mean: on the other images")
    assert ("was decided on the images whose numbers are reported" in chosen.tuning.said) is True
    assert not chosen.why.startswith("On the images that choose it wins")  # there is none to compare with
    assert found.said[1] == "Methods of one family were compared, so there is no second one."
