"""What `evaluate` says of many classes, and of a tree of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.app.cli.beside import typed
from workbench.app.cli.options import Source
from workbench.diagnosis.opening import open_beside, open_session


@pytest.fixture
def run():
    def call(*arguments, code=0):
        done = CliRunner().invoke(main, list(arguments))
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Scores of 24 classes: of each, three images are right, one goes to its neighbour, one to the farthest class."""
    monkeypatch.chdir(tmp_path)
    labels = np.arange(24).repeat(5)
    first = np.where(np.arange(120) % 5 == 3, labels ^ 1, np.where(np.arange(120) % 5 == 4, (labels + 12) % 24, labels))
    logits = np.zeros((120, 24))
    logits[np.arange(120), first] = 5
    logits[np.arange(120), labels] += 2  # so the label is second where it is not first
    names = [f"class {n}" for n in range(24)]
    np.savez(tmp_path / "scores.npz", logits=logits, labels=labels, class_names=np.array(names))
    pairs = {f"pair {n}": names[2 * n : 2 * n + 2] for n in range(12)}
    (tmp_path / "tree.json").write_text(json.dumps(pairs))


def test_the_five_best_the_groups_and_the_distance_of_errors_are_told(run, scores):
    said = json.loads(run("evaluate", "--predictions", "scores.npz", "--hierarchy", "tree.json", "--json").stdout)
    assert said["accuracy"] == 72 / 120
    assert said["top5_accuracy"] == 1.0 and said["top5_interval"][0] < 0.98
    assert [(each["level"], each["groups"], each["accuracy"]) for each in said["group_accuracy"]] == [(1, 12, 96 / 120)]
    assert said["error_distance"]["levels"] == 1.5
    assert said["error_distance"]["by_chance"] == pytest.approx((1 + 22 * 2) / 23)
    text = run("evaluate", "--predictions", "scores.npz", "--hierarchy", "tree.json").stdout
    assert "top-5" in text and "error distance  1.50 levels of 2" in text


def test_without_a_tree_there_is_no_distance(run, scores):
    said = json.loads(run("evaluate", "--predictions", "scores.npz", "--json").stdout)
    assert not {"group_accuracy", "error_distance"} & set(said)


def test_a_tree_that_lacks_a_class_is_one_sentence(run, scores, tmp_path):
    (tmp_path / "bad.csv").write_text("class,parent\nclass 0,a\nclass 1,a\n")
    done = run("evaluate", "--predictions", "scores.npz", "--hierarchy", "bad.csv", code=2)
    assert "and 16 more are missing; it must hold each of the 24 classes once" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_analysis_takes_the_tree_and_is_asked_anew_with_another(run, scores, tmp_path):
    def groups(*tree):
        told = run("analyze", "class-groups", "--predictions", "scores.npz", *tree, "--json").stdout
        return [each["group"] for each in json.loads(told)["tables"]["groups"]]

    assert groups("--hierarchy", "tree.json")[0] == "pair 0"
    renamed = (tmp_path / "tree.json").read_text().replace("pair", "couple")
    (tmp_path / "tree.json").write_text(renamed)
    assert groups("--hierarchy", "tree.json")[0] == "couple 0"
    assert not any("couple" in name for name in groups())


def test_what_is_typed_again_names_the_tree_and_another_model_gets_it(scores):
    source = Source(
        run=None, model=None, data=None, split="test", data_dir=None, reading={}, hierarchy=Path("a/tree.json")
    )
    assert [*typed(source)] == ["--hierarchy", "a/tree.json"]
    assert [*typed(source, elsewhere=True)] == ["--hierarchy", "tree.json"]
    session = open_session(predictions="scores.npz", hierarchy="tree.json")
    assert open_beside(session, "scores.npz").hierarchy is session.hierarchy is not None
