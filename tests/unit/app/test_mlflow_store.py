"""What commands log to MLflow, read back from a real store of files."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from workbench.app.cli import main

NEEDED = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="mlflow is not installed: pip install 'classifier-workbench[mlflow]'"
)


@pytest.fixture
def call(tiny_run, tmp_path, monkeypatch):
    """Run a command with few analyses; return what the store holds of its run."""
    from workbench.diagnosis import registry

    some = {name: registry.analysis(name) for name in ("most-confused", "per-class", "triage", "overview")}
    monkeypatch.setattr(registry, "analyses", lambda: some)
    monkeypatch.setattr("workbench.app.report.gathering.ALWAYS", ("overview",))
    monkeypatch.setattr("workbench.app.report.chosen_maps.USUAL", ("saliency",))
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        done = CliRunner().invoke(main, [*words, "--mlflow", str(tmp_path / "store")])
        assert done.exit_code == 0, done.output
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
        (experiment,) = [each for each in client.search_experiments() if each.name == "workbench"]
        (made,) = client.search_runs([experiment.experiment_id])
        assert made.info.run_id in done.stderr
        folder = client.download_artifacts(made.info.run_id, "")
        return client, made, folder, done

    return run


@NEEDED
def test_a_diagnosis_is_a_run_with_numbers_figures_and_the_report(call, tmp_path, tiny_run):
    from pathlib import Path

    _, made, folder, done = call("diagnose", "tiny", "--fast", "--json")
    said = json.loads(done.stdout)  # stdout is JSON alone
    assert (made.info.status, made.info.run_name, made.data.tags["workbench.command"]) == (
        "FINISHED",
        "tiny",
        "diagnose",
    )
    metrics, params = made.data.metrics, made.data.params
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["problems_serious"] == sum(each["severity"] == "serious" for each in said["findings"])
    assert params["model"] == said["context"]["model"] and params["seed"] == "1"
    files = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
    assert files >= {"report.html", "report.md", "figures/overview.png"}
    assert "Report on tiny" in (Path(folder) / "report.html").read_text()
    assert (Path(folder) / "figures/overview.png").read_bytes().startswith(b"\x89PNG")
    assert str(tiny_run.data.parent) not in str(params)


@NEEDED
def test_a_comparison_has_the_numbers_of_both(call):
    _, made, _, _ = call("compare", "tiny", "tiny")
    metrics = made.data.metrics
    assert (metrics["difference"], metrics["fixed"], metrics["broken"], metrics["p"]) == (0, 0, 0, 1)
    assert metrics["accuracy_first"] == metrics["accuracy_second"] == metrics["accuracy"]
    assert made.data.params["second.model"] == made.data.params["model"]


@NEEDED
def test_a_training_has_its_learning_curves(call, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    client, made, _, _ = call("train", "new", "--data", str(tiny_run.data), "--epochs", "2", "--recipe", "report")
    curve = client.get_metric_history(made.info.run_id, "val_accuracy")
    assert [each.step for each in curve] == [1, 2]
    assert (made.data.params["recipe"], made.data.params["recipe.epochs"]) == ("report", "2")


@NEEDED
def test_a_run_that_ends_half_way_is_not_taken_for_a_whole_one(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    from workbench.app.mlflow_store import Store

    store = Store(str(tmp_path / "store"))
    monkeypatch.setattr(MlflowClient, "log_artifacts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.log("mine", "diagnose", params={"a": 1, "b": None}, metrics={"x": float("nan")}, files={"a.txt": b"x"})
    client = MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    (half,) = client.search_runs([client.get_experiment_by_name("workbench").experiment_id])
    assert (half.info.status, half.data.params, half.data.metrics) == ("RUNNING", {"a": "1"}, {})


@NEEDED
def test_a_store_that_takes_nothing_is_told_before_anything_long_begins(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    asked = []
    monkeypatch.setattr("workbench.diagnosis.diagnose.diagnose", lambda *_, **__: asked.append(1))
    for uri in (str(tmp_path / "file"), "nonsense://x"):
        done = CliRunner().invoke(main, ["diagnose", "--mlflow", uri])
        assert done.exit_code == 2 and not asked, done.output
        assert done.stderr.count("Error: ") == 1 and f"MLflow's store {uri} does not take a run: " in done.stderr


def test_without_mlflow_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("workbench.core.extras.find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["diagnose", "--mlflow", "store"])
    assert done.exit_code == 2
    assert "`--mlflow` needs mlflow, not installed here: pip install 'classifier-workbench[mlflow]'" in done.stderr
