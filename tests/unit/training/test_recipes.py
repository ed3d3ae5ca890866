import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.params import describe
from workbench.training.recipes import RECIPES, Recipe, TrainingJob, recipe


def test_report_is_literal():
    of_the_report = {
        "epochs": 10,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "validation_split": 0.1,
        "optimizer": "adam",
        "schedule": "constant",
        "class_weights": "none",
    }
    settings = RECIPES["report"].model_dump()
    assert {name: settings[name] for name in of_the_report} == of_the_report
    off = (
        "weight_decay",
        "label_smoothing",
        "flip",
        "shift",
        "rotation",
        "zoom",
        "brightness",
        "contrast",
        "erasing",
        "patience",
        "averaging",
        "mixed_precision",
        "frozen_epochs",
    )
    assert [name for name in off if settings[name]] == []


@pytest.mark.parametrize(
    ("base", "changes", "said"),
    [
        ("report", {"weight_decay": 0.1}, r"`weight_decay` needs one of the optimizers adamw and sgd. Got 0.1"),
        ("report", {"patience": 2, "validation_split": 0}, r"`patience` needs a validation loss"),
        ("report", {"schedule": "reduce-on-plateau", "validation_split": 0}, r"'reduce-on-plateau' needs a validation"),
        ("tuned", {"cycles": 3}, r"`cycles` needs the schedule 'cosine'. Got 3 with 'one-cycle'"),
        ("report", {"frozen_epochs": 11}, r"`frozen_epochs` must be at most `epochs`, 10. Got 11"),
    ],
)
def test_settings_that_do_not_go_together(base, changes, said):
    with pytest.raises(WorkbenchError, match=said):
        recipe(base, changes)


def test_without_validation_nothing_is_left_that_needs_some():
    watched = recipe("report", {"patience": 2, "schedule": "reduce-on-plateau", "frozen_epochs": 6, "shift": 3})
    bare = watched.without_validation(4)
    assert not bare.watches_validation
    assert (bare.validation_split, bare.epochs, bare.frozen_epochs, bare.shift) == (0, 4, 4, 3)
    assert RECIPES["tuned"].without_validation(20) == recipe("tuned", {"validation_split": 0})


def test_a_job_is_the_same_after_a_checkpoint():
    job = TrainingJob.plan(reading={"class_names": ("a", "b"), "image_size": (8, 9)})
    assert TrainingJob.model_validate_json(job.model_dump_json()) == job


def test_tuned_keeps_to_twenty_epochs():
    assert RECIPES["tuned"].epochs <= 20
    assert RECIPES["tuned"].validation_split == 0.1  # the report's, so that both are measured on the same images


def test_changes_are_checked_and_none_changes_nothing():
    assert recipe("report", {"epochs": 3, "seed": None}).epochs == 3
    assert recipe("report", {"epochs": None}) == RECIPES["report"]
    with pytest.raises(WorkbenchError, match=r"`epochs` must be at least 1\. Got 0"):
        recipe("report", {"epochs": 0})
    with pytest.raises(WorkbenchError, match=r"`learning_rate`"):
        recipe("report", {"learning_rate": float("nan")})
    with pytest.raises(WorkbenchError, match="Did you mean 'epochs'"):
        recipe("report", {"epoch": 3})
    with pytest.raises(WorkbenchError, match="Did you mean 'tuned'"):
        recipe("tunde")


def test_every_setting_is_described():
    assert all(parameter.help.endswith(".") for parameter in describe(Recipe))


def test_job():
    job = TrainingJob.plan("report", {"epochs": 3}, seed=2)
    assert (job.recipe.epochs, job.recipe_name, job.seed, job.architecture) == (3, "report", 2, "baseline")
    assert TrainingJob() == TrainingJob.plan("tuned")
    with pytest.raises(WorkbenchError, match="Did you mean 'seed'"):
        TrainingJob.plan(sed=1)
    with pytest.raises(WorkbenchError, match="`seed`"):
        TrainingJob.plan(seed=-1)
