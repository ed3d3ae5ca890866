import math

from workbench.training.early_stopping import Watch
from workbench.training.recipes import Recipe


def followed(losses, **settings):
    recipe, watch, seen = Recipe(epochs=100, **settings), Watch(), []
    for epoch, loss in enumerate(losses, start=1):
        watch = Watch.model_validate_json(watch.model_dump_json()).after(epoch, loss, recipe)  # as a checkpoint has it
        seen.append(watch)
    return seen


def test_it_stops_after_so_many_epochs_that_are_not_lower_by_enough():
    seen = followed([1.0, 0.8, 0.75, 0.9, 0.74, 0.6], patience=3, min_delta=0.1)
    assert [each.best_epoch for each in seen] == [1, 2, 2, 2, 2, 6]
    assert [each.since_best for each in seen] == [0, 0, 1, 2, 3, 0]
    assert [each.stopped for each in seen] == [False, False, False, False, True, False]
    assert [each.improved for each in seen] == [True, True, False, False, False, True]
    assert seen[4].best == 0.8


def test_without_patience_it_never_stops_and_the_best_epoch_is_known():
    seen = followed([1.0, 2.0, 3.0, 4.0, 0.5])
    assert not any(each.stopped for each in seen)
    assert seen[-1].best_epoch == 5


def test_on_a_plateau_the_step_size_falls_again_and_again_and_stays_down():
    seen = followed([1.0] * 6 + [0.5] + [0.6] * 2, schedule="reduce-on-plateau", plateau_patience=2, plateau_factor=0.1)
    assert [round(math.log10(each.factor)) for each in seen] == [0, 0, -1, -1, -2, -2, -2, -2, -3]
    assert followed([1.0] * 6)[-1].factor == 1


def test_a_loss_that_is_no_number_is_never_the_best():
    seen = followed([math.nan, 1.0, math.nan], patience=5)
    assert [each.best_epoch for each in seen] == [0, 2, 2]
    assert seen[0].best is None
    assert not seen[0].improved
