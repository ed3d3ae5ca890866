"""Several runs of either side: beyond chance of seeds and images, with plain arithmetic beside."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import ttest_rel

import workbench as wb
from tests.unit.diagnosis.test_comparison import NAMES, data, session
from workbench.app.cli import main
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.several_runs import compare_several

LABELS = np.arange(600) % 3


def side(rate, seeds, name, dataset=None):
    """Models that are right on drawn images."""
    made = []
    for seed in seeds:
        chance = np.random.default_rng([seed, round(1000 * rate)])
        predicted = np.where(chance.random(len(LABELS)) < rate, LABELS, (LABELS + 1) % 3)
        one = session(dataset or data(LABELS), predicted, f"{name}-{seed}")
        one.run = SimpleNamespace(manifest=SimpleNamespace(seed=seed), name=one.name)
        made.append(one)
    return made


def test_a_difference_is_beyond_chance_of_seeds_and_of_images():
    old, new = side(0.7, [1, 2, 3], "old"), side(0.85, [3, 1, 2], "new")
    found = compare_several(old, new)
    assert [(pair.first.name, pair.second.name) for pair in found.pairs] == [
        (f"old-{n}", f"new-{n}") for n in (1, 2, 3)
    ]
    rates = [[pair.before.correct.mean() for pair in found.pairs], [pair.after.correct.mean() for pair in found.pairs]]
    test = ttest_rel(rates[1], rates[0])
    assert found.overall["difference"] == pytest.approx(np.mean(rates[1]) - np.mean(rates[0]))
    assert (found.overall["seeds_low"], found.overall["seeds_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert found.overall["chance"] == pytest.approx(test.pvalue)
    assert "new-1, new-2 and new-3 are more accurate than old-1, old-2 and old-3, beyond chance" in found.sentence
    cats = found.classes.iloc[0]
    assert cats["images"] == 200
    assert cats["recall_first"] == pytest.approx(
        np.mean([pair.before.correct[LABELS == 0].mean() for pair in found.pairs])
    )
    assert (found.classes["p_adjusted"] >= found.classes["p"]).all()
    assert found.table["right_first"].sum() == pytest.approx(600 * sum(rates[0]))


def test_lucky_seeds_and_the_same_runs_are_no_difference():
    old = side(0.7, [1, 2], "old")
    same = compare_several(old, old)
    assert (same.overall["difference"], same.overall["chance"]) == (0.0, 1.0)
    assert (same.classes["p_adjusted"] == 1).all()
    assert same.sentence.startswith("No difference in accuracy beyond chance of seeds and images")
    swapped = compare_several([old[0], *side(0.9, [2], "odd")], [*side(0.9, [1], "odd"), old[1]])
    assert not swapped.overall["chance"] < 0.05  # one seed up, one down


def test_what_cannot_be_compared_is_one_sentence():
    old = side(0.7, [1, 2], "old")
    with pytest.raises(WorkbenchError, match=r"as many others, two at least.* Got 2 and 1\."):
        compare_several(old, old[:1])
    fewer = session(data(LABELS[:90]), LABELS[:90], "fewer")
    with pytest.raises(WorkbenchError, match="All runs must be given the same images"):
        compare_several(old, [old[0], fewer])


def test_files_of_several_runs_are_joined_by_commas(tmp_path):
    paths = {}
    for name, rate in (("old", 0.7), ("new", 0.9)):
        for seed in (1, 2):
            (made,) = side(rate, [seed], name)
            names = np.array([f"{row}.png" for row in range(len(LABELS))])
            paths[name, seed] = str(tmp_path / f"{name}-{seed}.npz")
            said = {"logits": made.predictions.logits, "labels": LABELS, "names": names}
            np.savez(paths[name, seed], **said, class_names=np.array(NAMES))
    both = [",".join(paths[name, seed] for seed in (1, 2)) for name in ("old", "new")]
    told = CliRunner().invoke(main, ["compare", *both, "--json", "--where", "label:cat"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert (said["images_compared"], len(said["pairs_of_runs"])) == (200, 2)
    assert said["difference"] == pytest.approx(0.2, abs=0.05)
    assert "new-1 and new-2" in CliRunner().invoke(main, ["compare", *both]).stdout
    refused = CliRunner().invoke(main, ["compare", *both, "--list", "fixed"])
    assert refused.exit_code == 2
    assert "Got several runs" in refused.stderr
    assert wb.compare_several is compare_several
