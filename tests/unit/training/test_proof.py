"""Whether corrections helped: sentences from planted rights and wrongs, and a proof that was killed and went on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests import forks
from workbench.core.errors import WorkbenchError
from workbench.training.corrections import Corrections, ImageChange
from workbench.training.proof import Proof, prove
from workbench.training.recipe_comparison import compare
from workbench.training.runs import list_runs
from workbench.training.several_trainings import RecipeRun

ROOT = Path(__file__).parents[3]
CHILD = """
import os, signal, sys
from pathlib import Path
import keras
from workbench.training import fitting, trainer
from workbench.training.proof import prove
from workbench.training.recipes import TrainingJob
from workbench.training.trainer import train

def build(shape, classes):
    images = keras.Input(shape)
    return keras.Model(images, keras.layers.Dense(classes, "softmax")(keras.layers.Flatten()(images)))

for module in (trainer, fitting):
    module.architectures = lambda: {"baseline": build}
folder, data, kill = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if not (folder / "mine").exists():
    train("mine", job=TrainingJob.plan("report", {"epochs": 2, "batch_size": 64}, dataset=data), folder=folder)

def progress(what, done, total):
    if kill and what.startswith(kill) and done == total // 2:
        os.kill(os.getpid(), signal.SIGKILL)

def on_run(name, trains):
    print("trains" if trains else "there", name, flush=True)

told = {"progress": progress, "on_run": on_run, "say": print}
proof = prove("mine", corrections=folder / "fix.csv", seeds=2, folder=folder, **told)
print(proof.sentence)
"""


def proved(after, before=(800, 805, 795), control=(), changes=4):
    """A proof of trainings that have the first so many of 1,000 images right."""
    counts = {"before": before, "after": after, **({"control": control} if control else {})}
    made = [
        RecipeRun(recipe=kind, seed=seed, correct=np.arange(1000) < count, epochs=1, seconds=1.0)
        for kind, each in counts.items()
        for seed, count in enumerate(each)
    ]
    listed = tuple(ImageChange(f"{n:032x}", f"train/{n}", "train", "Coat", "relabel", "Shirt") for n in range(changes))
    dropped = ImageChange("f" * 32, "train/99", "train", "Coat", "drop")
    return Proof(
        run="mine",
        corrections=Corrections(source="here", changes=(*listed, dropped)),
        seeds=tuple(range(len(before))),
        trained=made,
        runs={kind: [] for kind in counts},
    )


def test_what_helped_and_what_hurt_is_told_with_the_wider_interval():
    proof = proved((860, 866, 857))
    row = compare(proof.trained).iloc[1]
    low, high = (100 * edge(row[f"seeds_{end}"], row[f"images_{end}"]) for edge, end in ((min, "low"), (max, "high")))
    assert proof.sentence == (
        "Correcting 4 training labels and leaving out 1 image raised accuracy on the untouched test set by 6.1 points "
        f"(95 % interval {low:.1f} to {high:.1f}; 3 seeds each)."
    )
    assert (proof.verdict, low > 0) == ("helped", True)
    worse = proved((740, 744, 733))
    assert "lowered accuracy on the untouched test set by 6.1 points (95 % interval 4." in worse.sentence
    assert worse.verdict == "hurt"


@pytest.mark.parametrize("after", [(800, 806, 795), (830, 790, 860)])
def test_what_may_be_chance_over_seeds_or_images_did_not_help(after):
    proof = proved(after)
    assert "did not change accuracy on the untouched test set beyond chance: " in proof.sentence
    low, high = proof.gain()[0].interval
    assert low <= 0 <= high
    assert proof.control_sentence == ""


def test_where_nothing_changes_there_is_no_interval():
    proof = proved((800, 805, 795))
    assert proof.gain()[0].interval is None
    assert (
        "changed nothing on the untouched test set: as many images are right as before (3 seeds each)."
        in proof.sentence
    )


def test_the_control_stands_beside_it():
    proof = proved((860, 866, 857), control=(780, 786, 776))
    assert proof.control_sentence.startswith("As many corrections of images drawn at random: −1.9 points (")
    assert "These corrections are surely better than those: 8.0 points (" in proof.control_sentence
    record = proof.record
    assert record["differences"]["control less before"]["difference"].value == pytest.approx(-0.0193, abs=1e-4)
    assert len(record["table"]) == 3
    alike = proved((860, 866, 857), control=(860, 865, 858))
    assert "These corrections are not surely better than those" in alike.control_sentence


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("proofs")
    chance = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = chance.integers(0, 200, (300, 6, 6), dtype=np.uint8)
    images[np.arange(300), labels] = 255
    given = labels.copy()
    given[[3, 10, 17]] = (given[[3, 10, 17]] + 1) % 3
    parts = {"x_train": images[:200], "y_train": given[:200], "x_test": images[200:], "y_test": labels[200:]}
    np.savez(place / "data.npz", **parts)
    lines = [f"train/{row},{labels[row]}" for row in (3, 10, 17)]
    (place / "fix.csv").write_text("\n".join(["name,label", *lines]))
    return place


def test_killed_in_a_training_it_goes_on_there_and_nothing_half_is_a_run(folder):
    def child(kill):
        arguments = ("-c", CHILD, str(folder), str(folder / "data.npz"), kill)
        (done,) = forks.run(forks.Call(arguments, ROOT, {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}))
        return done

    killed = child("mine-before-1: epoch 2")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    there = [run.name for run in list_runs(folder)]
    (after,) = [name for name in there if name.startswith("mine-after-")]
    assert there == ["mine", after, "mine-before-0"]
    made = json.loads((folder / after / "run.json").read_text())
    assert made["corrections"]["relabelled"] == 3
    done = child("")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith(("trains", "there"))] == [
        "there mine-before-0",
        f"there {after}",
        "trains mine-before-1",
        f"trains {after[:-1]}1",
    ]
    assert "Resuming 'mine-before-1' after 1 of 2 epochs." in said
    assert said[-1].startswith("Correcting 3 training labels ")
    again = prove("mine", corrections=folder / "fix.csv", seeds=2, folder=folder)
    assert again.sentence == said[-1]
    # What cannot be trained takes its seed out of the answer.
    why = {}
    told = {"divide": lambda jobs, *_: dict.fromkeys(jobs, "no room"), "on_failure": lambda *each: why.update([each])}
    third = prove("mine", corrections=folder / "fix.csv", seeds=3, folder=folder, **told)
    assert (third.seeds, third.sentence, third.runs) == ((0, 1), again.sentence, again.runs)
    assert why == {"mine-before-2": "no room", f"{after[:-1]}2": "no room"}
    with pytest.raises(WorkbenchError, match=r"at least 2 seeds\. Of 2, 1 seed was trained both with the corrections"):
        prove("mine", corrections=folder / "fix.csv", seeds=2, first_seed=1, folder=folder, **told)
    # Where the data is another one by now, what was trained on the old one is not taken for it.
    with np.load(folder / "data.npz") as arrays:
        changed = {**arrays, "y_test": (arrays["y_test"] + 1) % 3}
    np.savez(folder / "data.npz", **changed)
    with pytest.raises(WorkbenchError, match=r"Run 'mine-before-0' was trained on other data: .* \(test\) has changed"):
        prove("mine", corrections=folder / "fix.csv", seeds=2, folder=folder)


def test_one_seed_is_no_proof():
    with pytest.raises(WorkbenchError, match="at least 2 seeds"):
        prove("mine", seeds=1)
