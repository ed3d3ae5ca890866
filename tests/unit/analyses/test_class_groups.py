"""Six classes in three groups, by hand."""

import numpy as np
import pytest

from analyses.class_groups import NONE, ClassGroups, ClassGroupsParams, _summed
from analyses.class_groups.halves import found_in_half
from tests.patience import at_once
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.data.hierarchy import read_hierarchy
from workbench.session.found_tree import ALONE
from workbench.statistics.class_order import confusion_groups
from workbench.statistics.confusion import confusion_counts

NAMES = ("cat", "dog", "owl", "car", "bus", "sky")
TREE = read_hierarchy(
    {"animals": {"pets": ["cat", "dog"], "birds": ["owl"]}, "things": ["car", "bus"], "sky": None}, NAMES
)
LABELS = [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10 + [5] * 10
PREDICTED = [0] * 6 + [1, 1, 2, 3] + [1] * 10 + [2] * 9 + [0] + [3] * 7 + [4] * 3 + [4] * 10 + [5] * 10


@pytest.fixture
def session(stand_in):
    return stand_in(LABELS, PREDICTED, names=NAMES, hierarchy=TREE)


def asked(session, **params):
    return ClassGroups().compute(session, ClassGroupsParams(**params))


def test_confusions_are_summed_over_groups(session):
    result = asked(session)
    assert result.notes["groups"] == ["sky", "animals", "things"]
    assert result.arrays["cells"].tolist() == [[0, 0, 0, 0], [0, 4, 1, 0], [0, 0, 3, 0], [0, 0, 0, 0]]
    table = result.tables["groups"].set_index("group")
    assert table.loc["animals", ["classes", "images", "right", "errors_within", "errors_outside"]].tolist() == [
        3, 30, 25, 4, 1
    ]  # fmt: skip
    assert table.loc["animals", "recall"] == pytest.approx(29 / 30)
    assert result.context == {"hierarchy": "given"}


def test_a_finer_level_and_an_opened_group(session):
    fine = asked(session, level=2)
    assert fine.notes["groups"] == ["sky", "pets", "birds", "car", "bus"]
    opened = asked(session, open="animals")
    assert opened.notes["groups"] == ["pets", "birds"]
    assert opened.arrays["cells"].tolist() == [[2, 1, 1], [1, 0, 0], [0, 0, 0]]  # a cat is called a car
    pets = asked(session, open="pets")
    assert pets.notes["groups"] == ["cat", "dog"]
    assert pets.arrays["cells"].tolist() == [[0, 2, 2], [0, 0, 0], [1, 0, 0]]
    with pytest.raises(WorkbenchError, match="Did you mean 'animals'"):
        asked(session, open="animal")


def test_levels_and_distances_are_counted_beside_chance(session):
    result = asked(session)
    assert result.tables["levels"]["accuracy"].tolist() == pytest.approx(
        [59 / 60, 54 / 60, 52 / 60]
    )  # a car is no bus below things
    far = result.tables["distances"]
    assert far["errors"].tolist() == [5, 2, 1]  # two cats are dogs, three cars buses; a cat an owl; a cat a car
    # Of four cats, one owl and three cars: an owl has two others at 2 levels; a cat one at 1, one at 2; a car one at 1.
    assert far["by_chance"].tolist() == pytest.approx(
        [(4 + 0 + 3) / 5 / 8, (4 + 2) / 5 / 8, (4 * 3 + 3 + 3 * 4) / 5 / 8]
    )
    claims = [each.claim for each in result.findings]
    assert claims[0].startswith("Put into the right of 3 groups: 98.3 %")
    assert "7 of 8 errors stay within the group of the label." in claims[0]
    assert claims[1].startswith("Errors go 1.50 levels up on average, of 3 to the root")
    assert result.findings[1].evidence[0] == 9  # the cat that is called a car is the farthest
    assert claims[2].startswith("Most common between groups: animals predicted as things, 1 of 30 images")


def test_of_many_groups_those_with_the_most_errors_are_drawn_and_it_says_so(session, words):
    result = asked(session, groups=2)
    assert result.notes["groups"] == ["animals", "things"] and result.notes["others"]
    said = words(ClassGroups().draw(result))
    assert any("Shown: the 2 of 3 groups with the most errors; all are in the table." in each for each in said)


def test_without_a_tree_groups_are_found_and_judged_on_the_other_half(stand_in):
    chance = np.random.default_rng(0)
    labels = np.arange(12).repeat(40)
    partner = labels // 3 * 3 + (labels + chance.integers(1, 3, len(labels))) % 3
    predicted = np.where(chance.random(len(labels)) < 0.4, partner, labels)
    result = asked(stand_in(labels, predicted, names=[f"class {n}" for n in range(12)]))
    assert [len(each) for each in result.notes["members"]] == [3, 3, 3, 3]
    assert set(result.tables) == {"groups"}  # how far errors go in a tree that is made of them says nothing
    claim = result.findings[0].claim
    assert claim.startswith("4 groups of classes were found from the confusions")
    assert "groups of one half hold 100 %" in claim
    assert result.findings[0].effect.value == 1.0


def test_of_errors_at_random_the_other_half_tells_that_the_groups_are_none():
    chance = np.random.default_rng(1)
    labels = np.arange(20).repeat(60)
    predicted = np.where(chance.random(len(labels)) < 0.3, chance.integers(0, 20, len(labels)), labels)
    kept, expected = found_in_half(Predictions(np.eye(20, dtype=np.float32)[predicted], labels), 20)
    assert kept.low < expected < kept.high


def test_few_errors_are_not_halved(stand_in):
    labels = np.array([0, 1, 2, 3] * 10)
    predicted = labels.copy()
    predicted[[0, 1, 2, 3]] = [1, 0, 3, 2]
    result = asked(stand_in(labels, predicted, names=NAMES[:4]))
    assert "too few to find them in one half" in result.findings[0].claim


def test_a_model_without_errors_has_no_groups_and_says_so(stand_in, words):
    result = asked(stand_in([0, 1, 2], [0, 1, 2]))
    assert result.findings[0].claim == NONE
    assert any("no groups" in each for each in words(ClassGroups().draw(result)))


@pytest.fixture
def pairs(stand_in):
    """Three pairs of classes that are confused nine times each way; of six others nothing is wrong."""
    labels, predicted = np.arange(12).repeat(20).tolist(), np.arange(12).repeat(20).tolist()
    for one in (0, 2, 4):
        labels += [one] * 9 + [one + 1] * 9
        predicted += [one + 1] * 9 + [one] * 9
    return stand_in(labels, predicted, names=[f"class {n}" for n in range(12)])


def test_classes_in_no_group_are_no_group_and_nothing_is_put_into_it(pairs, words):
    result = asked(pairs)
    assert "3 groups of classes were found" in result.findings[0].claim
    assert "54 of 54 errors stay within them" in result.findings[0].claim
    assert result.notes["nodes"] == 3 and result.notes["groups"][-1] == ALONE
    row = result.tables["groups"].set_index("group").loc[ALONE]
    assert row[["classes", "images", "right", "errors_within", "errors_outside"]].tolist() == [6, 120, 120, 0, 0]
    assert row[["recall", "low", "high"]].isna().all()
    said = words(ClassGroups().draw(result))
    assert not any("nan" in each for each in said)
    assert any("Classes in no group have no recall together" in each for each in said)
    assert not any("Shown: the" in each for each in said)


def test_an_error_between_two_classes_in_no_group_does_not_stay_within_one(stand_in):
    chance = np.random.default_rng(2957)
    labels = np.arange(14).repeat(40)
    predicted = np.where(chance.random(560) < 0.12, chance.integers(0, 14, 560), labels)
    groups = confusion_groups(confusion_counts(labels, predicted, 14))
    result = asked(stand_in(labels, predicted, names=[f"class {n}" for n in range(14)]))
    alone = result.tables["groups"].set_index("group").loc[ALONE]
    assert (alone["errors_within"], alone["images"] - alone["right"] - alone["errors_outside"]) == (0, 0)
    among = int(result.arrays["cells"][result.notes["groups"].index(ALONE), result.notes["groups"].index(ALONE)])
    assert among == 3
    wrong, same = labels != predicted, groups[labels] == groups[predicted]
    assert f"3 groups of classes were found from the confusions: {(wrong & same).sum()} of 63 errors" in (
        result.findings[0].claim
    )
    assert set(result.findings[0].evidence) == set(np.flatnonzero(~same))
    assert ALONE not in result.findings[1].claim  # between groups


def test_where_nothing_is_wrong_no_error_goes_any_distance(stand_in, words):
    result = asked(stand_in(LABELS, LABELS, names=NAMES, hierarchy=TREE))
    assert set(result.tables) == {"groups", "levels"}
    assert not any("Levels up" in each for each in words(ClassGroups().draw(result)))


def test_many_groups_are_summed_without_a_product_of_whole_numbers():
    chance = np.random.default_rng(0)
    counts, of = chance.integers(0, 5, (50, 50)), chance.integers(-1, 9, 50)
    into = (of[:, None] == np.arange(9)).astype(np.int64)
    assert np.array_equal(_summed(counts, of, 9), into.T @ counts @ into)
    with at_once(1):
        assert _summed(np.eye(1200, dtype=np.int64), np.arange(1200), 1200).trace() == 1200
