"""Images chosen on the command line: as a table, as files, marked, and found on the disk by what is printed."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

import workbench as wb
from tests.photos import photos
from workbench.app.cli import main


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder of photographs with metadata, and what some model said of them: every third is taken for green."""
    here = tmp_path_factory.mktemp("images")
    folder = photos(here / "photos", 20)
    data = wb.load_dataset(folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    lines = [f"{name},{'north gate' if n % 2 else 'south'},{n / 10}" for n, name in enumerate(files)]
    (folder / "metadata.csv").write_text("file,camera,light\n" + "\n".join(lines) + "\n")
    classes = list(data.class_names)
    scores = np.full((len(data), len(classes)), 0.1)
    said = data.labels.copy()
    said[::3] = classes.index("green")
    scores[np.arange(len(data)), said] = np.linspace(0.5, 0.8, len(data))
    np.savez(
        here / "scores.npz", probabilities=scores / scores.sum(1, keepdims=True), labels=data.labels, names=data.names
    )
    return here, folder


@pytest.fixture
def run(own, monkeypatch, tmp_path):
    monkeypatch.chdir(own[0])
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path))

    def call(*arguments, code=0, source=("--predictions", "scores.npz", "--data", "photos")):
        done = CliRunner().invoke(main, ["images", *source, *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return call


def test_errors_of_one_camera_are_files_that_are_there(run, own):
    said = run("--where", 'correct:no camera:"north gate"', "--format", "paths").stdout.splitlines()
    assert said and all((own[1] / name).is_file() for name in said)
    rows = list(csv.DictReader(io.StringIO(run("--where", "correct:no", "--format", "csv").stdout)))
    assert {row["name"] for row in rows if row["camera"] == "north gate"} == set(said)
    assert {row["predicted"] for row in rows} == {"green"} and "green" not in {row["label"] for row in rows}


def test_the_table_has_what_was_asked_about(run):
    text = run("--where", "light>0.2 correct:no", "--sort", "-light", "--limit", 2).stdout
    head = next(line for line in text.splitlines() if line.startswith("name"))
    assert head.split() == ["name", "label", "predicted", "confidence", "light", "correct"] or {
        "light",
        "correct",
    } <= set(head.split())
    assert text.startswith("2 images\nphotos/test")


def test_tagged_images_are_found_by_their_tag_and_undo_takes_it_back(run):
    done = run("--where", "correct:no", "--tag", "check", "--note", "look again", "--limit", 3)
    assert "3 images tagged check, noted; undo: workbench workspace undo" in done.stderr
    found = json.loads(run("--where", "tag:check note:again", "--format", "json").stdout)
    assert [each["tag"] for each in found["images"]] == ["check"] * 3
    undone = CliRunner().invoke(main, ["workspace", "undo", "--data", "photos"])
    assert undone.exit_code == 0, undone.output
    assert len(json.loads(run("--where", "note:again", "--format", "json").stdout)["images"]) == 0


def test_a_correction_names_the_class_and_one_image_has_one(run):
    done = run("--where", "correct:no", "--limit", 1, "--relabel", "GREEN")
    assert "1 image to be relabelled green" in done.stderr
    table = run("--where", "correction:*", "--format", "csv").stdout
    assert [row["correction"] for row in csv.DictReader(io.StringIO(table))] == ["relabel green"]
    both = run("--relabel", "green", "--drop", code=2)
    assert "one correction" in both.stderr


def test_files_are_written_by_their_ending(run, tmp_path):
    run("--where", "correct:no", "--out", tmp_path / "a.csv")
    run("--where", "correct:no", "--out", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays, (tmp_path / "a.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == arrays["names"].tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--where", "camra:north"), "no field 'camra'. Did you mean 'camera'"),
        (("--where", 'camera:"nort gate"'), "no camera 'nort gate'. Did you mean 'north gate'?"),
        (("--where", "light>much"), "`light` is a number"),
        (("--where", "triage:outlier"), "`triage` is not computed yet"),
        (("--format", "npz"), "give the file with `--out FILE.npz`"),
        (("--out", "a.xls"), "no format 'xls'"),
        (("--sort", "-brightnes"), "Did you mean 'brightness'"),
        (("--tag", "a,b"), "must have no comma"),
    ],
)
def test_what_is_wrong_is_one_sentence(run, arguments, said):
    done = run(*arguments, code=2)
    assert said in done.stderr and done.stderr.strip().count("\n") == done.stderr.count("photos:")


def test_what_can_be_asked_about_is_listed(run):
    text = run("--fields").stdout
    for word in ("camera", "north gate", "light", "brightness", "confidence", "triage (not computed yet)", "tag"):
        assert word in text
