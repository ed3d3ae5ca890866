import numpy as np
import pandas as pd
import pytest

from workbench.statistics.described import describe

NAMES = ("cat", "dog")


def test_a_label_and_a_bound_between_two_values_say_what_a_group_is():
    labels = np.repeat([0, 1], 50)
    brightness = np.tile(np.linspace(0.0, 0.98, 50), 2)
    members = (labels == 1) & (brightness > 0.69)  # the fifteen brightest dogs, from 0.70
    found = describe(pd.DataFrame({"brightness": brightness}), labels, members, NAMES)
    assert found is not None
    assert found.words == "dog, mean brightness above 0.648"  # half of the group's deviation of 0.0864 below 0.70
    assert found.inside == 1
    assert found.outside == pytest.approx(2 / 85)  # 0.66 and 0.68
    assert str(found) == "dog, mean brightness above 0.648: so are 100 % of them and 2.4 % of all others"


def test_words_from_some_images_are_measured_on_all():
    chance = np.random.default_rng(0)
    values = chance.normal(size=(2000, 2))
    members = np.arange(2000) < 300
    values[members, 0] += 6
    even = np.arange(2000) % 2 == 0
    found = describe(pd.DataFrame(values, columns=["noise", "edges"]), np.zeros(2000, np.int64), members, NAMES, even)
    assert found is not None
    assert found.words.startswith("noise above")
    assert found.holds[members & ~even].mean() >= 0.8
    assert found.outside == pytest.approx(found.holds[~members].mean())
    assert found.outside < 0.05


def test_what_nothing_tells_apart_has_no_words():
    chance = np.random.default_rng(1)
    properties = pd.DataFrame({"noise": chance.random(400), "edges": np.ones(400)})
    assert describe(properties, np.arange(400) % 2, np.arange(400) < 100, NAMES) is None
    assert describe(properties, np.arange(400) % 2, np.arange(400) < 4, NAMES) is None


def test_words_of_few_images_are_fewer_so_that_they_hold_for_others_of_the_kind():
    chance = np.random.default_rng(2)
    properties = pd.DataFrame(chance.normal(size=(3000, 4)), columns=["noise", "edges", "contrast", "area"])
    kind = np.arange(3000) < 400
    properties[kind] += 3
    labels, held, conditions = np.zeros(3000, np.int64), [], {}
    for count in (8, 12, 100):
        for _ in range(8):
            known = np.ones(3000, bool)
            known[:400] = np.isin(np.arange(400), chance.choice(400, count, replace=False))
            found = describe(properties, labels, kind, NAMES, known)
            conditions.setdefault(count, []).append(found.words.count(" above ") if found else 0)
            held += [found.holds[kind & ~known].mean()] if found else []
    assert max(conditions[8]) <= 1  # one more lies beyond the end of eight with a chance of 1/9
    assert np.mean(conditions[100]) > np.mean(conditions[12]) >= np.mean(conditions[8])
    assert np.mean(np.array(held) >= 0.8) >= 0.8


def test_words_that_hold_for_many_others_tell_nothing():
    labels = np.repeat([0, 1], 200)
    noise = np.random.default_rng(3).random(400)
    members = (labels == 1) & (np.arange(400) % 4 == 0)
    assert describe(pd.DataFrame({"noise": noise}), labels, members, NAMES) is None  # "dog" is so for 150 of 350 others
