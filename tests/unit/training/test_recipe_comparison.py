"""Comparing recipes: planted rights and wrongs, and runs that are there already."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.training import several_trainings as module
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.recipe_comparison import compare, findings
from workbench.training.recipe_comparison_figure import draw_comparison
from workbench.training.recipes import Recipe, TrainingJob
from workbench.training.several_trainings import RecipeRun, train_all


def trained(name, counts, size=1000):
    """One training a seed, the first `count` images right."""
    return [
        RecipeRun(recipe=name, seed=seed, correct=np.arange(size) < count, epochs=5, seconds=60.0)
        for seed, count in enumerate(counts)
    ]


def row(table, name):
    return table.set_index("recipe").loc[name]


def test_what_is_better_beyond_both_kinds_of_chance_helped():
    table = compare([*trained("a", (800, 805, 795)), *trained("b", (860, 866, 857)), *trained("c", (700, 704, 697))])
    assert table["verdict"].tolist() == ["reference", "helped", "hurt"]
    found = row(table, "b")
    differences = np.array([60, 61, 62]) / 1000
    assert found["difference"] == pytest.approx(0.061)
    reach = 4.302653 * differences.std(ddof=1) / 3**0.5  # t of two degrees of freedom
    assert (found["seeds_low"], found["seeds_high"]) == pytest.approx((0.061 - reach, 0.061 + reach), abs=1e-6)
    assert row(table, "a")["accuracy_low"] == pytest.approx(0.8 - 4.302653 * 0.005 / 3**0.5, abs=1e-6)
    assert (found["seeds"], found["epochs"], found["minutes"]) == (3, 5, 1)


def test_p_values_are_those_of_the_paired_tests_and_adjusted():
    random = np.random.default_rng(0)
    made = [
        RecipeRun(recipe=name, seed=seed, correct=random.random(400) < rate, epochs=1, seconds=1)
        for name, rate in (("a", 0.7), ("b", 0.8), ("c", 0.72))
        for seed in range(4)
    ]
    table = compare(made)
    right = {name: np.array([each.correct for each in made if each.recipe == name]) for name in "abc"}
    raw = []
    for name in "bc":
        over_seeds = stats.ttest_rel(right[name].mean(axis=1), right["a"].mean(axis=1)).pvalue
        by_image = (right[name].astype(float) - right["a"]).mean(axis=0)
        over_images = 2 * stats.norm.sf(abs(by_image.mean()) / (by_image.std() / 20))
        raw.append(max(over_seeds, over_images))
    assert table["chance"][1:].tolist() == pytest.approx([min(1, 2 * raw[0]), max(raw[1], min(1, 2 * raw[0]))])
    one = compare([each for each in made if each.seed == 0])
    b, c = (right["b"][0] & ~right["a"][0]).sum(), (right["a"][0] & ~right["b"][0]).sum()
    spread = 1.959964 * np.sqrt(b + c - (b - c) ** 2 / 400) / 400  # McNemar's variance
    assert row(one, "b")["images_high"] - row(one, "b")["difference"] == pytest.approx(spread)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ((800, 800, 800), (830, 790, 860)),  # the seeds disagree
        ((800, 801, 802), (801, 802, 803)),  # one image of a thousand
        ((800,), (900,)),  # one seed
        ((800, 810), (800, 810)),  # the very same
    ],
)
def test_what_may_be_chance_is_not_told(first, other):
    table = compare([*trained("a", first), *trained("b", other)])
    assert row(table, "b")["verdict"] == "inconclusive"
    told = next(findings(table))
    assert "No significant difference between b and a" in told.claim
    assert "--seeds" in told.advice
    low, high = told.effect.interval
    assert low <= told.effect.value <= high


def test_the_sentences_and_the_figure_say_what_the_table_says():
    made = [*trained("a", (800, 805, 795)), *trained("b_$x", (860, 866, 857))]
    table = compare(made)
    first, last = findings(table)
    assert first.claim.startswith("b_$x helped, compared with a: +6.10 points (+5.85 to +6.35 over 3 seeds, ")
    assert last.claim.startswith("b_$x has the highest mean accuracy of 2 recipes on these test images, 86.1 %")
    figure = draw_comparison(table, made, {"dataset": "d"}, {"seeds": 3})
    figure.draw_without_rendering()
    left, right = figure.axes
    assert [len(line.get_xdata()) for line in left.lines if line.get_marker() == "o"] == [3, 3]
    assert "helped" in [each.get_text() for each in right.texts]
    thick = max(right.lines, key=lambda line: line.get_linewidth())
    assert thick.get_xdata() == pytest.approx([5.85, 6.35], abs=0.01)


def test_a_difference_is_said_to_be_over_the_seeds_that_both_were_trained_from():
    made = [*trained("a", (800, 805, 795)), *trained("b", (860, 866, 857, 858))[1:]]  # a has 0, 1, 2, b has 1, 2, 3
    table = compare(made)
    assert (row(table, "b")["seeds"], row(table, "b")["paired"]) == (3, 2)
    assert row(table, "b")["difference"] == pytest.approx(0.0615)
    assert " over 2 seeds, " in next(findings(table)).claim


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Runs without training: what is asked for is noted, and there afterwards."""
    asked = []

    def manifest(job):
        applied = None if job.corrections is None else job.corrections.record
        return SimpleNamespace(
            job=lambda: job, corrections=applied, epochs=1, seconds=1.0, dataset_fingerprints={"test": "f"}
        )

    kept = {}

    def train(name, *, job, folder, resume, **_):
        asked.append((name, resume))
        (folder / name).mkdir()
        (folder / name / "run.json").touch()
        said = SimpleNamespace(correct=np.arange(10) < 5 + job.seed)
        kept[name] = SimpleNamespace(name=name, path=folder / name, manifest=manifest(job), predictions=lambda *_: said)
        return kept[name]

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "open_run", lambda name, folder: kept[name])
    return asked


def test_runs_that_are_there_stay_and_one_that_was_stopped_goes_on(fake, tmp_path):
    recipes = {"x": Recipe(epochs=1), "y": Recipe(epochs=1, shift=1)}
    job = TrainingJob(dataset="mine.npz")
    begun = job.model_copy(update={"recipe_name": "y", "recipe": recipes["y"], "seed": 1})
    Checkpoint(tmp_path, "compare-y-1").write(State(job=begun, fingerprint="f"))
    Checkpoint(tmp_path, "compare-x-1").write(State(job=begun, fingerprint="f"))  # of something else
    told = []
    made = train_all(recipes, range(2), job=job, folder=tmp_path, on_run=lambda *each: told.append(each))
    assert fake == [("compare-x-0", False), ("compare-y-0", False), ("compare-x-1", False), ("compare-y-1", True)]
    assert [(each.recipe, each.seed, int(each.correct.sum())) for each in made] == [
        ("x", 0, 5),
        ("y", 0, 5),
        ("x", 1, 6),
        ("y", 1, 6),
    ]
    # Killed after a run was saved and before its checkpoint was gone, or half of it: that is of no use any more.
    (tmp_path / ".compare-y-0.training").mkdir()
    (tmp_path / ".compare-y-0.training" / "epoch-0001.keras").touch()
    again = train_all(recipes, range(3), job=job, folder=tmp_path)
    assert [each.name for each in tmp_path.glob(".*.training")] == [".compare-x-1.training"]
    assert fake[4:] == [("compare-x-2", False), ("compare-y-2", False)]
    assert len(again) == 6
    assert told[0] == ("compare-x-0", True)
    other = {**recipes, "x": Recipe(epochs=2)}
    with pytest.raises(
        WorkbenchError, match=r"Run 'compare-x-0' exists with other settings: epochs 1 \(now 2\). Delete"
    ):
        train_all(other, range(1), job=job, folder=tmp_path)


def test_what_cannot_be_trained_is_told_and_the_others_are_compared(fake, monkeypatch, tmp_path):
    train, job = module.train, TrainingJob(dataset="mine.npz")

    def fail(name, **rest):
        if name in ("compare-y-0", "compare-y-1", "compare-z-1"):
            raise WorkbenchError("Training diverged.")
        return train(name, **rest)

    monkeypatch.setattr(module, "train", fail)
    why, recipes = {}, {"x": Recipe(), "y": Recipe(shift=1), "z": Recipe(shift=2)}
    told = {"folder": tmp_path, "on_failure": lambda *each: why.update([each])}
    made = train_all(recipes, range(2), job=job, **told)
    assert [(each.recipe, each.seed) for each in made] == [("x", 0), ("z", 0), ("x", 1)]
    assert why == dict.fromkeys(("compare-y-0", "compare-y-1", "compare-z-1"), "Training diverged.")
    table = compare(made)
    assert (table["recipe"].tolist(), table["seeds"].tolist()) == (["x", "z"], [2, 1])
    with pytest.raises(WorkbenchError, match="no other recipe was trained from a seed that 'x' was trained from"):
        train_all({name: recipes[name] for name in "xy"}, range(2), job=job, **told)
    with pytest.raises(WorkbenchError, match=r"^Training diverged\.$"):
        train_all(recipes, range(2), job=job, folder=tmp_path)

    def full(name, **rest):
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(module, "train", full)
    with pytest.raises(Unavailable, match="The disk is full"):
        train_all(recipes, range(2), job=job, **told)


def test_what_is_no_comparison(fake, tmp_path):
    with pytest.raises(WorkbenchError, match=r"at least two recipes\. Got x"):
        train_all({"x": Recipe()}, [0], job=TrainingJob(), folder=tmp_path)
    with pytest.raises(WorkbenchError, match="at least one seed, each once"):
        train_all({"x": Recipe(), "y": Recipe()}, [1, 1], job=TrainingJob(), folder=tmp_path)
    assert fake == []
