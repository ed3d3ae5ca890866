from types import SimpleNamespace

import numpy as np
import pytest

from analyses.slices import Slices, SlicesParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.diagnosis.truth.slices import claims_of_words
from workbench.diagnosis.truth.slices.asking import Said
from workbench.diagnosis.truth.slices.drawing import ATTRIBUTES, COLUMN, FIELD, OBJECTS, SIDE, draw
from workbench.diagnosis.truth.slices.planted import lesson, plan_of
from workbench.diagnosis.truth.slices.scores import score
from workbench.diagnosis.truth.slices.worlds import (
    CONDITIONS,
    LABEL,
    LARGEST,
    ROLLED,
    Plan,
    draw_plan,
    draw_table,
    in_words,
    inside,
)


def table_of(count, **values):
    """Pictures of a blue, plain, small square above on white, and what else is said, as "circle_presence=1"."""
    table = np.zeros((count, len(ATTRIBUTES)), np.int64)
    table[:, LABEL] = 1
    for key, value in values.items():
        table[:, COLUMN[tuple(key.split("_"))]] = value
    return table


def test_pictures_are_as_their_attributes_say():
    chance = np.random.default_rng(0)
    plain = draw(table_of(40), chance).astype(int)
    blue = plain[..., 2] - plain[..., 0] > 80
    assert (abs(blue.sum(axis=(1, 2)) - 36) <= 2).all()  # 6 × 6
    assert not blue[:, FIELD:].any()
    assert (plain[~blue].mean(axis=-1) > 200).all()
    large = draw(table_of(40, square_size=1, square_place=1, square_colour=1), chance).astype(int)
    orange = large[..., 0] - large[..., 2] > 80
    assert (abs(orange.sum(axis=(1, 2)) - 100) <= 3).all()
    assert not orange[:, :FIELD].any()
    grey = draw(table_of(40, background_colour=1, square_presence=0), chance).astype(int)
    assert abs(grey.mean() - 150) < 2
    assert abs(grey - 150).max() < 45  # noise alone: nothing is drawn
    speckled = draw(table_of(40, background_texture=1, square_presence=0), chance)
    assert 0.08 < (speckled.max(axis=-1) < 120).mean() < 0.16


def test_every_attribute_changes_the_picture_and_no_object_hides_another():
    every = table_of(60, **{f"{name}_presence": 1 for name in OBJECTS})
    for column, attribute in enumerate(ATTRIBUTES):
        changed = every.copy()
        changed[:, column] = 1 - changed[:, column]
        one, other = (draw(each, np.random.default_rng(1)).astype(int) for each in (every, changed))
        assert (abs(one - other).max(axis=(1, 2, 3)) > 60).all(), attribute
    found = draw(every, np.random.default_rng(2)).astype(int)
    fields = found.reshape(60, 2, FIELD, 2, FIELD, 3)
    assert (fields.std(axis=(2, 4)).max(axis=-1) > 10).all()  # something in each field
    assert found.shape[1:] == (SIDE, SIDE, 3)


def test_blind_spots_are_conjunctions_that_can_be_asked_for_and_told_apart():
    for seed in range(40):
        plan = draw_plan(np.random.default_rng(seed), 1 + seed % 3)
        table = draw_table(plan, 3000, np.random.default_rng(seed))
        assert ROLLED[0] <= len(plan.rolled) <= ROLLED[1]
        assert len(plan.spots) == 1 + seed % 3
        members = np.array([inside(spot, table) for spot in plan.spots])
        assert members.sum(axis=0).max() == 1  # none lies in two
        assert members.any(axis=0).mean() < LARGEST + 0.05
        for spot, own in zip(plan.spots, members, strict=True):
            assert CONDITIONS[0] <= len(spot) <= CONDITIONS[1]
            assert own.mean() == pytest.approx(0.5 ** len(spot), abs=0.03)
            for column in spot:
                presence = COLUMN.get((ATTRIBUTES[column].layer, "presence"))
                if presence not in (None, column):
                    assert (table[own, presence] == 1).all()


def test_a_blind_spot_is_where_all_its_attributes_are_and_is_said_so():
    spot = {LABEL: 1, COLUMN["square", "colour"]: 0, COLUMN["circle", "presence"]: 1}
    table = np.concatenate(
        [table_of(1), table_of(1, circle_presence=1), table_of(1, circle_presence=1, square_colour=1)]
    )
    assert inside(spot, table).tolist() == [False, True, False]
    assert in_words(spot) == "square, blue square, circle"


def test_what_is_learned_is_wrong_or_missing_in_slices_only():
    chance = np.random.default_rng(0)
    for kind in ("blind spots", "rare", "correlated", "noisy"):
        plan = draw_plan(chance, 2) if kind == "blind spots" else plan_of(kind, chance)
        table, labels = lesson(kind, plan, 2000, chance)
        within = np.any([inside(spot, table) for spot in plan.spots], axis=0)
        wrong = labels != table[:, LABEL]
        assert len(table) == 2000
        assert not wrong[~within].any()
        assert wrong[within].mean() == pytest.approx({"blind spots": 1, "noisy": 0.6}.get(kind, 0), abs=0.08)
        if kind in ("rare", "correlated"):
            assert within.mean() < 0.06
    assert len(plan_of("correlated", chance).spots) == 2


def rows(*chosen):
    return np.isin(np.arange(20), chosen)


def test_discovery_and_false_discovery_by_hand():
    spots = np.array([rows(*range(5)), rows(*range(10, 20))])
    halves = [rows(0, 1, 2, 3), rows(10, 11, 12, 13), rows(5, 6, 7), rows(14, 15, 16, 17, 9), rows(8, 9)]
    found = score(halves, spots)
    assert found.found.tolist() == [True, True]  # 4 of 5; 4 and 4 of 10, the latter with 4 of 5 images inside
    assert found.false.tolist() == [False, False, True, False, True]
    assert found.needed == 4
    assert found.discovery == 1
    assert found.false_discovery == 0.25
    assert found.false_share == 0.4


def test_a_group_of_two_blind_spots_belongs_to_neither_and_a_part_does_not_cover():
    spots = np.array([rows(*range(5)), rows(*range(5, 10))])
    both = score([rows(*range(10))], spots)
    assert both.discovery == 0
    assert both.false.tolist() == [True]
    assert np.isnan(both.false_discovery)
    assert score([rows(0, 1, 2)], spots).discovery == 0
    nothing = score([], spots)
    assert nothing.discovery == 0
    assert np.isnan(nothing.false_share)


def test_words_are_right_if_they_hold_for_the_group_and_for_few_others_and_silence_is_no_claim():
    of = (np.array([1.0, 0.8, 0.79, np.nan]), np.array([0.25, 0.3, 0.0, np.nan]))
    said = [Said((), *of), Said((), np.array([np.nan]), np.array([np.nan])), Said((), np.array([0.9]), np.zeros(1))]
    some, right = claims_of_words(said)
    assert (some.right, some.of, some.wanted) == (4, 6, None)
    assert (right.right, right.of, right.wanted) == (2, 4, 0.8)
    assert [each.right for each in claims_of_words(said[1:2])] == [0]


def test_the_workbench_finds_a_planted_blind_spot_and_nothing_where_there_is_none():
    chance = np.random.default_rng(4)
    columns = (0, LABEL, COLUMN["square", "colour"], COLUMN["circle", "presence"], COLUMN["circle", "texture"])
    spot = {LABEL: 1, COLUMN["square", "colour"]: 1, COLUMN["circle", "presence"]: 1}
    table = draw_table(Plan(np.zeros(len(ATTRIBUTES), np.int64), columns, (spot,)), 600, chance)
    labels, own = table[:, LABEL], inside(spot, table)
    data = Dataset(
        draw(table, chance), labels, class_names=("none", "square"), indices=np.arange(600), name="made/test"
    )

    def groups(wrong):
        said = np.where(wrong, 1 - labels, labels)
        logits = (np.eye(2)[said] * 4).astype(np.float32)
        embeddings = np.column_stack([table[:, columns], said * 2, own * wrong[own].all()])
        made = SimpleNamespace(
            dataset=data,
            class_names=data.class_names,
            train=None,
            predictions=Predictions(logits, labels),
            embeddings=embeddings + chance.normal(0, 0.2, embeddings.shape),
        )
        result = Slices().compute(made, SlicesParams(shown=20))
        return [np.isin(np.arange(600), result.sets[f"group {n}"].rows) for n in range(len(result.tables["slices"]))]

    found = score(groups(own), own[None])
    assert found.discovery == 1
    assert found.false_discovery == 0
    assert len(groups(chance.random(600) < 0.05)) <= 1
