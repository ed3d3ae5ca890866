"""How well wrong labels are found: 5 % of Fashion-MNIST's training labels flipped at random, and none.

`python tests/benchmarks/label_noise.py` trains a model on the flipped labels of each of three seeds and one on the
clean ones (4 epochs, about 2 minutes each on 2 cores), asks `label-issues`, and prints a line for each. What is trained
is kept in the folder, so that asked again it takes seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

EPOCHS, BATCH = 4, 64


def flipped(labels: np.ndarray, share: float, seed: int, classes: int = 10) -> np.ndarray:
    """Give a share of the labels another class, each of the others as often."""
    chance = np.random.default_rng(seed)
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + chance.integers(1, classes, len(rows))) % classes
    return wrong


def measure(folder: Path, share: float, seed: int, folds: int) -> str:
    """Train what is not there yet, judge the labels, and return a line of numbers."""
    from sklearn.metrics import roc_auc_score

    from workbench.core.errors import WorkbenchError
    from workbench.data import load_dataset
    from workbench.diagnosis.opening import Session
    from workbench.training.recipes import TrainingJob
    from workbench.training.runs import open_run
    from workbench.training.trainer import train

    clean, test = (load_dataset("fashion-mnist", split=split) for split in ("train", "test"))
    name = f"seed{seed}" if share else "clean"
    path = folder / (f"flipped-{seed}.npz" if share else "clean.npz")
    if not path.is_file():
        labels = flipped(clean.labels, share, seed) if share else clean.labels
        np.savez(path, x_train=clean.images[..., 0], y_train=labels, x_test=test.images[..., 0], y_test=test.labels)
    try:
        run = open_run(name, folder / "runs")
    except WorkbenchError:
        job = TrainingJob.plan("tuned", {"epochs": EPOCHS, "batch_size": BATCH}, dataset=str(path), seed=max(seed, 0))
        run = train(name, job=job, folder=folder / "runs")
    given = load_dataset(str(path), split="train")
    session = Session(run, load_dataset(str(path), split="test"), train=given)
    wrong = given.labels != clean.labels
    _ = session.training.embeddings  # not counted
    started = time.perf_counter()
    result = session.analyze("label-issues", folds=folds)
    seconds = time.perf_counter() - started
    found = result.findings[0]
    noise, low, high = (100 * each for each in (found.effect.value, found.effect.low, found.effect.high))
    line = f"{name:8} noise {noise:5.2f} % ({low:.2f}–{high:.2f}), planted {100 * wrong.mean():.2f} %, {found.severity}"
    if share:
        listed = result.tables["training"]["train_row"].to_numpy()
        top = round(0.05 * len(wrong))
        scores = session_score(session, folds)
        line += (
            f"; AUROC {roc_auc_score(wrong, -scores):.4f}; {100 * wrong[listed[:top]].sum() / wrong.sum():.1f} % of "
            "the flips among the top 5 %"
        )
    return f"{line}; {seconds:.0f} s"


def session_score(session, folds: int) -> np.ndarray:
    """Return the score by which the analysis ranks, of every training image."""
    from analyses.label_issues.out_of_sample import at_once, from_folds, with_dynamics

    opinion = from_folds(session, folds) if folds >= 2 else at_once(session)
    judged = opinion.judge(session.training.dataset.labels, len(session.class_names))
    return with_dynamics(judged.score, opinion.rows, session.dynamics)


def main() -> None:
    """Measure each seed, and the clean labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13])
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "label-noise")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        print(measure(given.folder, given.share, seed, given.folds), flush=True)
    print(measure(given.folder, 0.0, -1, given.folds), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
