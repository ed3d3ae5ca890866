import numpy as np

from analyses.sanity_check.permutations import permutation


def counts(*rows):
    return np.array(rows)


def test_two_exchanged_classes_are_named_with_what_is_gained():
    found = permutation(counts([2, 97, 1], [90, 5, 5], [1, 2, 97]))
    assert found.moves == ((0, 1), (1, 0))
    assert found.gain == 97 + 90 - 2 - 5


def test_a_cycle_of_three_is_one_exchange():
    found = permutation(counts([0, 50, 0], [0, 0, 50], [50, 0, 0]))
    assert found.moves == ((0, 1), (1, 2), (2, 0))


def test_right_labels_are_left_alone_also_where_a_class_is_hard():
    assert permutation(counts([60, 40, 0], [35, 65, 0], [0, 0, 100])) is None


def test_a_class_that_is_mostly_taken_for_another_is_no_exchange():
    # 0 looks like 1, and 1 like itself: the assignment may swap them, but 1 does not go to 0.
    assert permutation(counts([10, 90], [20, 80])) is None


def test_a_few_images_are_not_enough():
    assert permutation(counts([0, 2, 0], [2, 0, 0], [0, 0, 90])) is None


def test_classes_without_images_do_not_move():
    assert permutation(np.zeros((3, 3), int)) is None


def test_a_class_that_is_hardly_known_does_not_hide_that_all_labels_are_shifted():
    shifted = np.roll(np.eye(8, dtype=int) * 60 + 3, 1, axis=1)
    shifted[2] = [16, 10, 10, 12, 10, 10, 10, 6]  # the third class is taken for any
    found = permutation(shifted)
    assert len(found.moves) == 8 and (2, 3) in found.moves


def test_a_model_that_guesses_has_no_exchanged_labels():
    chance = np.random.default_rng(0)
    for _ in range(200):
        assert permutation(chance.multinomial(60, np.full(10, 0.1), 10)) is None


def test_a_model_that_knows_three_of_ten_classes_has_none():
    assert permutation(np.tile([20, 20, 20, 0, 0, 0, 0, 0, 0, 0], (10, 1))) is None
