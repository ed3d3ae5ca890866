"""Recipes on the command line: as flags, as files, printed, drawn and compared. Nothing is trained here."""

import csv
import json
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.tiny import HOSTILE
from workbench.app.cli import main
from workbench.app.cli.commands.train import EpochLines, _clock
from workbench.core.errors import WorkbenchError
from workbench.training import several_trainings, trainer
from workbench.training.recipes import RECIPES, recipe
from workbench.training.runs import open_run
from workbench.training.several_trainings import RecipeRun


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    (tmp_path / "mine.toml").write_text('based-on = "tuned"\nshift = 1\n')

    def call(*arguments):
        return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)

    return call


@pytest.fixture
def jobs(monkeypatch, tmp_path):
    """What would be trained."""
    asked = {}

    def train(name, *, job, on_start, on_epoch, say, **_):
        asked[name] = job
        on_start(3, "CPU, 2 cores")
        on_epoch(
            {
                "epoch": 1,
                "loss": 1.0,
                "accuracy": 0.5,
                "val_loss": 1.0,
                "val_accuracy": 0.5,
                "learning_rate": 0.1,
                "seconds": 61.0,
            }
        )
        manifest = SimpleNamespace(metrics={"test": {"accuracy": 0.9}}, seconds=1.0, model_dump=lambda mode: {})
        return SimpleNamespace(path=tmp_path, manifest=manifest)

    monkeypatch.setattr(trainer, "train", train)
    return asked


def test_flags_change_a_file_and_the_run_is_called_after_it(run, jobs, tiny_npz):
    said = run(
        "train",
        "--recipe",
        "mine.toml",
        "--rotation",
        5,
        "--no-flip",
        "--patience",
        2,
        "--weights",
        "none",
        "--deterministic",
        "--data",
        tiny_npz,
    )
    assert list(jobs) == ["baseline-mine-0"]
    job = jobs["baseline-mine-0"]
    assert job.recipe == recipe("tuned", {"shift": 1, "rotation": 5, "flip": False, "patience": 2})
    assert (job.weights, job.deterministic, job.dataset) == ("none", True, str(tiny_npz))
    lines = said.stdout.splitlines()
    assert lines[0] == "Training baseline-mine-0 on CPU, 2 cores"
    assert lines[1].split()[-1] == "left"
    assert lines[2].split()[-2:] == ["61.0", "2:02"]  # two epochs more


def test_a_network_that_is_transferred_has_a_recipe_of_its_own(run, jobs, tiny_npz):
    run("train", "a", "--architecture", "mobilenet-v3", "--data", tiny_npz, "--json")
    run("train", "b", "--architecture", "mobilenet-v3", "--recipe", "report", "--data", tiny_npz, "--json")
    assert jobs["a"].recipe == RECIPES["transfer"]
    assert jobs["b"].recipe == RECIPES["report"]


def test_a_recipe_is_printed_so_that_it_can_be_changed(run, jobs):
    printed = run("train", "--recipe", "augmented", "--epochs", 4, "--show-recipe").stdout
    assert tomllib.loads(printed)["recipe"] == {**RECIPES["augmented"].model_dump(), "epochs": 4}
    assert jobs == {}


def test_settings_that_do_not_fit_are_said(run):
    with pytest.raises(WorkbenchError, match="`weight_decay` needs one of"):
        CliRunner().invoke(main, ["train", "--optimizer", "adam"], standalone_mode=False, catch_exceptions=False)
    done = run("train", "--schedule", "one-circle")
    assert done.exit_code == 2
    assert "Did you mean 'one-cycle'" in done.stderr


def test_augmentation_is_drawn_before_one_trains(run, jobs, tiny_npz, tmp_path):
    from PIL import Image

    said = run("train", "a", "--recipe", "mine.toml", "--data", tiny_npz, "--augmentation-samples", "drawn").stdout
    assert said.index("Augmented images: ") < said.index("Training a on")
    assert np.asarray(Image.open(tmp_path / "drawn/augmentation-samples.png")).std() > 20
    record = json.loads((tmp_path / "drawn/augmentation-samples.json").read_text())
    assert (record["params"]["shift"], record["params"]["flip"]) == (1, "yes")
    said = {"run": "not trained yet", "dataset": "tiny/train", "images": 240, "model": "no-model"}
    assert record["context"] | said == record["context"]


def test_recipes_are_compared_and_the_answer_is_kept(run, monkeypatch, tiny_npz, tmp_path):
    asked = {}

    def train_all(recipes, seeds, *, job, prefix, on_run, **_):
        asked.update(recipes=recipes, seeds=list(seeds), job=job, prefix=prefix)
        on_run("compare-mine-1", False)
        return [
            RecipeRun(recipe=name, seed=seed, correct=np.arange(100) < right + seed, epochs=2, seconds=30.0)
            for name, right in (("report", 60), ("mine", 80))
            for seed in (1, 2, 3)
        ]

    monkeypatch.setattr(several_trainings, "train_all", train_all)
    flags = [
        "compare-recipes",
        "report",
        "mine.toml",
        "--seeds",
        3,
        "--first-seed",
        1,
        "--epochs",
        2,
        "--data",
        tiny_npz,
    ]
    said = run(*flags).stdout
    assert asked["recipes"] == {
        "report": recipe("report", {"epochs": 2}),
        "mine": recipe("tuned", {"shift": 1, "epochs": 2}),
    }
    assert (asked["seeds"], asked["prefix"], asked["job"].dataset) == ([1, 2, 3], "compare", str(tiny_npz))
    assert "compare-mine-1: already trained." in said
    assert "+20.00" in said
    assert "mine helped, compared with report: +20.00 points" in said
    answer = json.loads(run(*flags, "--json").stdout)
    kept = json.loads((tmp_path / "figures/compare.json").read_text())
    assert answer["table"][1]["verdict"] == kept["table"][1]["verdict"] == "helped"
    assert (tmp_path / "figures/compare.png").stat().st_size > 5000


def test_two_recipes_of_one_name_are_refused(run):
    done = run("compare-recipes", "mine.toml", "./mine.toml")
    assert done.exit_code == 2
    assert "Two recipes have the same name: mine, mine" in done.stderr


def test_time_left_is_written_like_a_clock():
    assert [_clock(each) for each in (0, 7.4, 61, 3600, 7325)] == ["–", "0:07", "1:01", "1:00:00", "2:02:05"]


def test_epochs_that_were_trained_before_do_not_count_for_the_time_left(capsys):
    told = EpochLines("x", quiet=False)
    told.start(10, "CPU")
    row = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), 0.5)
    told.epoch({**row, "epoch": 8, "seconds": 10.0})
    told.epoch({**row, "epoch": 9, "seconds": 20.0})
    lines = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split()[-1] for line in lines] == ["0:20", "0:15"]


def test_a_run_is_trained_again_on_corrected_data(run, jobs, tiny_run, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    (tmp_path / "mine.csv").write_text(f'name,label\ntrain/0,"{HOSTILE[1]}"\n')
    said = run("train", "--from", "tiny", "--corrections", "mine.csv", "--batch-size", "8", "--json")
    assert said.exit_code == 0, said.output
    job = jobs["tiny-corrected"]
    assert (job.seed, job.recipe_name, job.recipe.epochs, job.recipe.batch_size) == (1, "report", 2, 8)
    assert (job.dataset, job.corrections.source) == (str(tiny_run.data), "mine.csv")
    assert [(each.name, each.action, each.new_label) for each in job.corrections.changes] == [
        ("train/0", "relabel", HOSTILE[1])
    ]
    assert run("train", "--from", "tiny", "--json").exit_code == 0
    assert jobs["tiny-again"].recipe == open_run("tiny", tiny_run.folder).manifest.job().recipe
    assert "Give --from or --recipe, not both" in run("train", "--from", "tiny", "--recipe", "tuned").stderr


def test_both_accuracies_stand_beside_each_other_and_what_the_second_is_worth(run, tiny_run, monkeypatch, tmp_path):
    """Four test images of the small data are labelled wrong; two of these are corrected, a right one made wrong."""
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    rows = {76: HOSTILE[0], 77: HOSTILE[1], 0: HOSTILE[2]}
    with (tmp_path / "mine.csv").open("w") as file:
        csv.writer(file).writerows([("name", "label"), *((f"test/{row}", name) for row, name in rows.items())])
    said = run("evaluate", "tiny", "--corrections", "mine.csv", "--json")
    found = json.loads(said.stdout)
    both = found["corrections"]
    assert both["as_they_were"]["value"] == found["accuracy"]
    assert both["corrected"]["value"] == pytest.approx(found["accuracy"] + 1 / 80)
    assert (both["relabelled"], both["agreeing"], both["dropped"]) == (3, 2, 0)
    assert "2 of 3 new labels are what this model predicts. Corrected labels flatter" in both["sentence"]
    shown = run("evaluate", "tiny", "--corrections", "mine.csv").stdout
    assert "as corrected" in shown
    assert "flatter" in shown
