"""What README.md shows works: every command and every Python block is run, in order, in a folder of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.diagnosis.advice import asking

ROOT = Path(__file__).parents[2]
WAITS_FOR_A_PERSON = {"start", "page", "shell"}  # their options are checked; what they do is tested elsewhere
# What makes a command quick enough for a test, and changes nothing else of it.
QUICKLY = {
    "train": ["--data", "mine.npz"],
    "figures": ["--limit", "300"],
    "report": ["--method", "saliency"],
    "advise": ["--method", "saliency", "--method", "hires-cam", "--images", "12", "--minutes", "600"],
}


class Block(NamedTuple):
    """A fenced block: its language, its text, and why it is not run, if the comment above it says so."""

    language: str
    text: str
    excuse: str


def blocks(text: str) -> list[Block]:
    """Read the fenced blocks of a Markdown text."""
    pattern = r"(?:<!-- not run: (?P<excuse>[^>]+?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    return [
        Block(found["language"], found["text"], found["excuse"] or "")
        for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE)
    ]


def commands(block: Block) -> list[list[str]]:
    """Read the commands of a block of shell, without comments and prompts."""
    joined = block.text.replace("\\\n", " ")
    return [words for line in joined.splitlines() if (words := shlex.split(line.removeprefix("$ "), comments=True))]


README = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
SHELL = [block for block in README if block.language in {"sh", "bash", "shell", "console"}]
PYTHON = [block for block in README if block.language in {"python", "py"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the baseline run, and the files of your own that the README speaks of.

    The run has its own weights and predictions, and says that its data are a few hundred of its images: to diagnose it
    on all 70,000, which `tests/browser/test_real_run.py` does, takes longer than all else that the README says.
    """
    place = tmp_path_factory.mktemp("readme")
    from PIL import Image

    from workbench.core.predictions import Predictions
    from workbench.data import load_dataset
    from workbench.training.runs import open_run
    from workbench.training.saving import save_run

    parts = {part: load_dataset(split=part).subset(slice(count)) for part, count in (("train", 600), ("test", 400))}
    some = parts["test"]
    np.savez(
        place / "mine.npz",
        **{f"x_{part}": data.images for part, data in parts.items()},
        **{f"y_{part}": data.labels for part, data in parts.items()},
        class_names=np.array(some.class_names),
    )
    committed = open_run("baseline", ROOT / "saved_models")
    said = committed.predictions("test", committed.manifest.dataset_fingerprints["test"])
    fingerprints = {part: load_dataset(place / "mine.npz", split=part).fingerprint for part in parts}
    changed = {"dataset": str(place / "mine.npz"), "dataset_fingerprints": fingerprints}
    save_run(
        committed.manifest.model_copy(update=changed),
        model=committed.load_model(),
        history=committed.history.to_dict("records"),
        predictions={
            "test": (Predictions(said.logits[:400], said.labels[:400]), load_dataset(place / "mine.npz", split="test"))
        },
        folder=place / "saved_models",
    )
    Image.fromarray(some.images[0, :, :, 0]).save(place / "photo.png")
    shutil.copy(place / "saved_models/baseline/model.keras", place / "my.keras")
    for row in range(100):
        file = place / "photos" / some.class_names[some.labels[row]].replace("/", "-") / f"{row}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(some.images[row, :, :, 0]).save(file)
    names = [name.replace("/", "-") for name in some.class_names]
    files = [f"{names[some.labels[row]]}/{row}.png" for row in range(100)]
    lines = [",".join(map(str, [file, *np.eye(10)[some.labels[row]]])) for row, file in enumerate(files)]
    (place / "tags.csv").write_text(f"name,tags\n{files[0]},check\n{files[1]},check\n")
    (place / "scores.csv").write_text("\n".join([",".join(["file", *names]), *lines]))
    return place


def run(words: list[str]) -> str:
    """Do what a line of the README says, in the current folder; return what it printed."""
    program, *arguments = words
    if program == "make":
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert program == "workbench", f"README.md runs {program!r}; write `<!-- not run: why -->` above the block"
    command = arguments[0]
    if command in WAITS_FOR_A_PERSON:
        main.commands[command].make_context(command, arguments[1:])
        return "parsed"
    done = CliRunner().invoke(main, [*arguments, *QUICKLY.get(command, [])])
    assert done.exit_code == 0, f"{shlex.join(words)}\n{done.output}"
    return done.stdout


@pytest.mark.real_data
@pytest.mark.parametrize(
    "block", [block for block in SHELL if not block.excuse], ids=lambda block: block.text.split("\n")[0]
)
def test_every_command_does_what_it_says(block, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(asking, "architecture_class", lambda _: "")  # no network is trained to be asked
    for words in commands(block):
        assert run(words).strip(), f"{shlex.join(words)} printed nothing"


@pytest.mark.real_data
def test_the_python_blocks_run_as_they_stand(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for block in PYTHON:
        if not block.excuse:
            exec(compile(block.text, "README.md", "exec"), names)
    assert capsys.readouterr().out


def test_there_are_blocks_of_both_kinds_and_make_comes_first():
    assert PYTHON
    assert commands(SHELL[0])[0][0] == "make"
    assert {words[0] for block in SHELL for words in commands(block) if not block.excuse} == {"make", "workbench"}


def test_only_what_installs_or_waits_is_excused():
    excused = [words for block in SHELL if block.excuse for words in commands(block)]
    assert [
        words
        for words in excused
        if words[0] == "workbench" and words[1] not in WAITS_FOR_A_PERSON | {"train", "compare-recipes", "prove"}
    ] == []


def test_links_and_pictures_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    assert [target for target in targets if "//" not in target and not (ROOT / target).exists()] == []


def test_no_line_of_the_readme_is_left_to_be_filled_in():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"^(?:[A-Z]{4,}|TODO.*|TBD.*|XXX.*)$", text, re.MULTILINE)


def test_blocks_are_read_with_their_excuses():
    text = (
        "a\n```sh\nworkbench runs  # all\n$ make test\n```\n<!-- not run: waits -->\n```sh\nworkbench \\\n start\n```\n"
    )
    first, second = blocks(text)
    assert commands(first) == [["workbench", "runs"], ["make", "test"]]
    assert (commands(second), second.excuse) == ([["workbench", "start"]], "waits")


def test_a_command_that_does_not_exist_fails(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="There is no command 'explian'"):
        run(["workbench", "explian", "12"])
    with pytest.raises(AssertionError, match="not run"):
        run(["curl", "x"])
    with pytest.raises(AssertionError):
        run(["make", "nonsense"])
    assert not list(tmp_path.iterdir())
