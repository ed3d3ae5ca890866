"""The rule on planted numbers: what is best is known, and what must never be advised."""

import numpy as np
import pytest

from workbench.core.estimate import Estimate
from workbench.diagnosis.advice.comparing import duel, share
from workbench.diagnosis.advice.rule import CHEAPER, OF_NO_CLASS, Grade, Traits, choose, grades, surely_better

IMAGES = 40
FAMILIES = {
    "cam": "layer",
    "other-cam": "layer",
    "slope": "gradient",
    "hidden": "perturbation",
    "same-for-all": "attention",
    "useless": "gradient",
}
TRAITS = {name: Traits(family=family, of_class=name != "same-for-all") for name, family in FAMILIES.items()}
GOOD = {"cam": 3.0, "other-cam": 2.5, "slope": 1.5, "hidden": 1.0, "same-for-all": 4.0, "useless": 0.0}


def planted(seed=0, good=GOOD, images=IMAGES):
    """Values of each method's maps, and of random ones."""
    chance = np.random.default_rng(seed)
    values = {name: level + chance.normal(0, 0.5, (3, images)) for name, level in good.items()}
    return values, {name: chance.normal(0, 0.5, (3, images)) for name in good}


def depends(_):
    return ""


def test_the_best_and_the_best_of_another_family_are_chosen_and_the_others_have_a_reason():
    choice = choose(grades(*planted()), TRAITS, depends)
    assert choice.names == ("cam", "slope")
    assert choice.reasons["other-cam"] == "another one of its family is advised"
    assert choice.reasons["same-for-all"] == OF_NO_CLASS
    assert choice.reasons["hidden"] == "others win more"
    assert "not surely better than random ones" in choice.reasons["useless"]
    assert {*choice.names, *choice.reasons} == {*FAMILIES}


def test_what_is_not_surely_worse_than_an_advised_one_is_named():
    good = {**GOOD, "other-cam": 3.0}
    choice = choose(grades(*planted(good=good)), TRAITS, depends)
    assert choice.names[0] in ("cam", "other-cam")
    assert {"cam", "other-cam"} - {choice.names[0]} == {*choice.alike[choice.names[0]]}


def test_hardly_ever_does_a_method_whose_maps_are_random_pass_the_choice_and_the_report():
    good, chosen, reported = dict.fromkeys(FAMILIES, 0.0), 0, 0
    for seed in range(300):
        names = choose(grades(*planted(seed, good)), TRAITS, depends).names
        values, controls = planted(seed + 1000, good)  # other images
        chosen += len(names)
        reported += sum(surely_better(share(duel(values[name], controls[name]))) for name in names)
    assert chosen <= 60  # of 5 methods that may be chosen 2.5 % each are expected: 37
    assert reported <= 4  # and of these again: 1


def test_random_maps_of_the_same_kind_have_to_be_beaten_not_only_other_methods():
    values, controls = planted()
    controls["cam"] = values["cam"] + np.random.default_rng(1).normal(0, 0.5, values["cam"].shape)
    choice = choose(grades(values, controls), TRAITS, depends)
    assert choice.names == ("other-cam", "slope")
    assert "not surely better than random ones" in choice.reasons["cam"]


def test_a_method_that_ignores_the_weights_is_passed_over_and_only_candidates_are_tested():
    asked = []

    def blind(name):
        asked.append(name)
        return "its maps stay the same" if name == "cam" else ""

    choice = choose(grades(*planted()), TRAITS, blind)
    assert choice.names == ("other-cam", "slope")
    assert choice.reasons["cam"] == "its maps stay the same"
    assert asked == ["cam", "other-cam", "slope"]


def test_one_that_shows_no_evidence_in_the_known_world_is_not_advised():
    chance = np.random.default_rng(0)
    truth = {name: chance.random(20) + (name != "cam") for name in FAMILIES}
    random = {name: chance.random(20) for name in FAMILIES}
    choice = choose(grades(*planted(), truth, random), TRAITS, depends)
    assert choice.names[0] == "other-cam"
    assert "in the known world" in choice.reasons["cam"]


def test_the_known_world_has_one_vote_beside_the_measures():
    values, none = {"a": np.ones((1, 12)), "b": np.zeros((1, 12))}, dict.fromkeys("ab", np.zeros((1, 12)))
    alone = {each.name: each.won.value for each in grades(values, none)}
    truth = {"a": np.zeros(5), "b": np.ones(5)}
    both = {each.name: each.won.value for each in grades(values, none, truth, dict.fromkeys("ab", np.zeros(5)))}
    assert alone == {"a": 1.0, "b": 0.0}
    assert both == {"a": 0.5, "b": 0.5}


def test_without_methods_nothing_is_graded():
    assert grades({}, {}) == []
    assert choose([], TRAITS, depends).names == ()


def test_one_family_alone_gives_one_method():
    good = {name: level for name, level in GOOD.items() if name in ("cam", "other-cam")}
    assert choose(grades(*planted(good=good)), TRAITS, depends).names == ("cam",)


def costing(**copies):
    return {
        name: Traits(family=each.family, of_class=each.of_class, copies=copies[name]) for name, each in TRAITS.items()
    }


COPIES = {"cam": 128, "other-cam": 1, "slope": 1, "hidden": 1000, "same-for-all": 1, "useless": 1}


def graded(*by_image, known=(None, None)):
    """Grades of two methods of a family, whose votes are given."""
    kinds = zip(("cam", "other-cam"), by_image, known, strict=True)
    good = Estimate(0.9, 0.8, 1.0, unit="%")
    return [Grade(name=name, by_image=own, won=share(own), control=good, known=world) for name, own, world in kinds]


def test_of_a_family_the_cheaper_one_is_taken_if_it_is_within_one_standard_error():
    """By the standard error of the paired difference, counted here by hand; not because an interval is wide."""
    spread = np.tile([-0.1, 0.1], 10)
    error = np.sqrt((spread**2).sum() / 19 / 20)
    for gap, taken in ((0.9 * error, "other-cam"), (1.1 * error, "cam")):
        choice = choose(graded(0.6 + spread, np.full(20, 0.6 - gap)), costing(**COPIES), depends)
        assert choice.names == (taken,)
        assert choice.alike[taken] == (({"cam", "other-cam"} - {taken}).pop(),)  # at 95 % neither is told apart
        if taken == "other-cam":
            assert choice.leads == {"other-cam": "cam"}
            assert choice.reasons == {"cam": CHEAPER}


def test_of_few_images_no_cheaper_one_is_taken_for_as_good():
    spread = np.tile([-0.1, 0.1], 5)
    assert choose(graded(0.6 + spread, np.full(10, 0.6)), costing(**COPIES), depends).names == ("cam",)


def test_the_spread_of_the_known_world_counts_and_only_common_votes_are_compared():
    values = {name: np.full((3, 20), level) for name, level in (("a", 2.0), ("b", 1.0), ("c", 0.0))}
    controls = {name: np.full((3, 20), -1.0) for name in values}
    truth = {"a": np.array([1.0, 1, 1, 0, 0, 0, 0, 0]), "b": np.array([0.0, 0, 0, 1, 1, 1, 1, 1])}
    found = {each.name: each for each in grades(values, controls, truth, {name: np.full(8, -1.0) for name in truth})}
    error = np.sqrt(0.25**2 * truth["a"].var(ddof=1) / 8)  # the measures' votes have no spread
    assert found["a"].won.value == pytest.approx(0.75 + 0.25 * 3 / 8)
    assert found["a"].won.low == pytest.approx(found["a"].won.value - 2.364624 * error)
    assert found["a"].won.high == pytest.approx(found["a"].won.value + 2.364624 * error)
    assert (found["c"].known, found["c"].won.value) == (None, 0.0)
    half = np.arange(20) < 8  # of two that are compared by the measures alone, b is better on 8 images of 20
    values = {"a": np.full((1, 20), -1.0), "b": np.where(half, 1.0, 0.0)[None], "c": np.where(half, 0.0, 1.0)[None]}
    truth, none = {"a": np.zeros(8), "b": np.ones(8)}, {name: np.zeros(8) for name in "ab"}
    order = grades(values, {name: np.full((1, 20), -2.0) for name in values}, truth, none)
    assert [each.name for each in order] == ["c", "b", "a"]
    assert order[0].won.value < order[1].won.value  # which has a vote more


def test_one_that_is_surely_worse_is_not_taken_for_being_cheap():
    choice = choose(grades(*planted(good={**GOOD, "other-cam": 1.0})), costing(**COPIES), depends)
    assert choice.names[0] == "cam"
    assert choice.leads == {}


def test_a_cheaper_one_that_ignores_the_weights_is_not_taken():
    close = planted(good={**GOOD, "cam": 3.02, "other-cam": 3.0})
    choice = choose(grades(*close), costing(**COPIES), lambda name: "the same" * (name == "other-cam"))
    assert choice.names == ("cam", "slope")
