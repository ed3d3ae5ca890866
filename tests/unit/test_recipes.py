import pytest

from workbench.errors import WorkbenchError
from workbench.params import describe
from workbench.recipes import RECIPES, Recipe, TrainingJob, recipe


def test_report_is_literal():
    assert RECIPES["report"].model_dump() == {
        "epochs": 10, "batch_size": 32, "learning_rate": 1e-3, "validation_split": 0.1, "optimizer": "adam",
        "weight_decay": 0.0, "schedule": "constant", "warm_up": 0.1, "label_smoothing": 0.0, "flip": False, "shift": 0,
    }  # fmt: skip


def test_tuned_keeps_to_twenty_epochs():
    assert RECIPES["tuned"].epochs <= 20
    assert RECIPES["tuned"].validation_split == 0.1  # the report's, so that both are measured on the same images


def test_changes_are_checked_and_none_changes_nothing():
    assert recipe("report", {"epochs": 3, "seed": None}).epochs == 3
    assert recipe("report", {"epochs": None}) == RECIPES["report"]
    with pytest.raises(WorkbenchError, match=r"`epochs`: .*greater than or equal to 1\. Got 0"):
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
