"""What the command line says of maps: contrasts, verdicts, checks, and maps in a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.diagnosis.opening import open_session


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch):
    """Call a command on the small run, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))

    def call(*arguments):
        given = [str(each) for each in (*arguments, "--run", "tiny", "--data", tiny_run.data)]
        done = CliRunner().invoke(main, given)
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.fixture
def session(tiny_run):
    return open_session(tiny_run.folder / "tiny", data=tiny_run.data)


def test_a_contrast_with_its_verdict_and_its_check(run, session):
    said = run("explain", 76, 2, "--method", "hires-cam", "--contrast", "label", "predicted", "--check", "--json")
    wrong, right = json.loads(said)
    maps = session.attribute("hires-cam", [76, 2], contrast=("label", "predicted"), verdict=True)
    assert wrong["largest"] == pytest.approx(float(maps.values[0].max()), rel=1e-4)
    assert wrong["score"] == "contrast"
    assert wrong["unit"] == "logit difference"
    assert wrong["verdict"]["words"] == maps.verdicts[0].words
    assert wrong["verdict"]["excess"] == pytest.approx(maps.verdicts[0].excess)
    assert wrong["verdict"]["right"] == pytest.approx(maps.verdicts[0].reliability.value, nan_ok=True)
    assert 0 < wrong["float64_difference"] < 1e-4
    assert right["largest"] == right["float64_difference"] == 0  # its label is its prediction


def test_the_table_says_the_verdict_and_the_last_line_the_largest_difference(run):
    said = run("explain", 5, "--method", "integrated-gradients", "--set", "steps=8", "--check")
    assert "Largest difference to the float64 re-computation: " in said
    assert "such maps right" in said
    assert "evidence" in said or "cannot be told" in said or "does not depend on the weights" in said
    said = run("explain", 5, "--no-verdict", "--contrast", 0, 0)
    assert "such maps right" not in said
    assert "both classes are the same, so there is nothing to contrast" in said


def test_the_map_is_there_before_the_test_that_takes_long(run, tmp_path, monkeypatch):
    from workbench.session import judging

    real, seen = judging.randomisation_of, []

    def testing(*given):
        (beside,) = (tmp_path / "maps").glob("*.json")
        seen.append(json.loads(beside.read_text())["verdict"])
        return real(*given)

    monkeypatch.setattr(judging, "randomisation_of", testing)
    asked = ("explain", 5, "--method", "grad-cam-plus-plus", "--out", "maps", "--json")
    (first,) = json.loads(run(*asked))
    assert seen == [None] and first["verdict"]["words"]
    monkeypatch.setattr(judging, "randomisation_of", real)  # it is known by now: written once, with the verdict
    written = []
    from workbench.app import map_pictures

    real_write = map_pictures.write_file
    monkeypatch.setattr(
        map_pictures, "write_file", lambda path, *rest: written.append(path.suffix) or real_write(path, *rest)
    )
    (again,) = json.loads(run(*asked))
    assert written == [".png", ".json"] and again["verdict"] == first["verdict"]


def test_details_of_a_method_are_written_down(run, session):
    (said,) = json.loads(run("explain", 5, "--method", "integrated-gradients", "--no-verdict", "--json"))
    maps = session.attribute("integrated-gradients", [5])
    gap = maps.values.sum() - (
        session.predictions.logits[5].max() - session.probe.logits(np.zeros((1, 28, 28, 1)))[0, maps.target[0]]
    )
    assert said["details"]["completeness gap"] == pytest.approx(gap, abs=1e-4)
    assert said["verdict"] is None


def test_maps_of_a_split_go_to_a_file(run, session, tmp_path):
    said = run("maps", "grad-cam", "--limit", 9, "--target", "label", "--set", "layer=conv2")
    assert "9 maps of" in said
    expected = session.attribute("grad-cam", range(9), target="label", layer="conv2").values
    np.testing.assert_allclose(np.load(tmp_path / "grad-cam.npy"), expected, atol=1e-6)
    shape = json.loads(run("maps", "saliency", "--limit", 4, "--out", "deep/s.npy", "--contrast", 0, 1, "--json"))[
        "shape"
    ]
    assert shape == [4, 28, 28]
    assert json.loads((tmp_path / "deep/s.json").read_text())["score"] == "contrast"
