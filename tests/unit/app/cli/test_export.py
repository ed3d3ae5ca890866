"""`workbench export`."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.exporting import parity


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.setattr(parity, "SECONDS", 0.05)

    def call(*arguments, code=0):
        done = CliRunner().invoke(main, ["export", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return call


def test_a_run_becomes_a_file_and_the_numbers_are_printed(run, tiny_run, tmp_path):
    said = run("tiny", "--data", tiny_run.data, "--format", "litert", "--with-explanation").stdout
    assert (tmp_path / "exports/tiny/model.tflite").is_file()
    described = json.loads((tmp_path / "exports/tiny/model.tflite.json").read_text())
    measured = described["parity"]
    assert f"{measured['accuracy_keras']:.2%}" in said
    assert f"Same class predicted for {measured['agreement']:.2%} of 80 images (at least 99.5%)." in said
    assert f"Maps of 80 images differ by at most {measured['map_difference']:.1e} of the largest value" in said


def test_json_is_the_description_and_the_path(run, tiny_run, tmp_path):
    said = json.loads(
        run("--model", tiny_run.model, "--data", tiny_run.data, "--format", "onnx", "--out", "it.onnx", "--json").stdout
    )
    assert said.pop("path") == "it.onnx"
    assert said == json.loads((tmp_path / "it.onnx.json").read_text())


def test_a_refused_export_ends_with_3_and_leaves_no_file(run, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "AGREEMENT", 1.01)
    done = run("tiny", "--data", tiny_run.data, "--format", "litert", "--json", code=3)
    assert "Error: The export is refused" in done.stderr
    assert not (tmp_path / "exports/tiny").exists()
    said = json.loads(done.stdout)
    assert said["path"] is None
    assert said["parity"]["images"] == 80


@pytest.mark.parametrize(
    ("format_", "missing", "named"),
    [
        ("onnx", "tf2onnx", "tf2onnx"),
        ("onnx", "onnx", "onnx"),
        ("onnx", "onnxruntime", "onnxruntime"),
        ("litert", "ai_edge_litert", "ai-edge-litert"),
    ],
)
def test_without_the_extra_it_says_what_to_install_before_anything_is_opened(
    run, tmp_path, monkeypatch, format_, missing, named
):
    monkeypatch.setitem(sys.modules, missing, None)
    done = run("no such run", "--format", format_, code=2)
    assert done.stderr == (
        f"Error: Exporting to {format_} needs {named}, not installed here: pip install 'classifier-workbench[export]'\n"
    )
    assert list(tmp_path.iterdir()) == []
