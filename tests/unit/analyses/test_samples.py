import numpy as np

from analyses.samples import Samples, SamplesParams
from workbench.data.sampling import balanced_rows

LABELS = [0, 0, 0, 1, 1, 2]


def test_each_class_gets_a_turn_before_any_gets_two(stand_in):
    table = Samples().compute(stand_in(LABELS), SamplesParams(count=3)).tables["samples"]
    assert table["class"].tolist() == ["ant", "bee", "cat"]
    assert table["row"].tolist()[2] == 5
    assert (table["index"] == table["row"] + 100).all()


def test_of_five_images_two_classes_give_two_and_one_gives_its_only_one(stand_in):
    table = Samples().compute(stand_in(LABELS), SamplesParams(count=5)).tables["samples"]
    assert table["class"].tolist() == ["ant", "ant", "bee", "bee", "cat"]
    assert table["row"].is_unique


def test_more_than_there_are_gives_all_once(stand_in):
    result = Samples().compute(stand_in(LABELS), SamplesParams())
    assert result.tables["samples"]["row"].tolist() == [0, 1, 2, 3, 4, 5]
    assert result.arrays["images"][:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_seed_decides_which(stand_in):
    found = {tuple(balanced_rows(np.array(LABELS), 3, seed)) for seed in range(30)}
    assert found == {(a, b, 5) for a in (0, 1, 2) for b in (3, 4)}
    assert tuple(balanced_rows(np.array(LABELS), 3, 7)) == tuple(balanced_rows(np.array(LABELS), 3, 7))


def test_an_image_too_many_goes_to_a_class_by_chance_not_to_the_first():
    labels = np.array([0, 0, 1, 1])
    extra = {int(np.bincount(labels[balanced_rows(labels, 3, seed)]).argmax()) for seed in range(30)}
    assert extra == {0, 1}


def test_a_class_without_images_is_named(stand_in):
    first = Samples().compute(stand_in([0, 0, 2]), SamplesParams()).findings[0]
    assert first.claim == "1 class of 3 has no images here: bee."
    assert first.severity == "mild"
