"""Whether influence finds wrong labels: 5 % of the labels of 12,000 training images of Fashion-MNIST flipped.

`python tests/benchmarks/influence.py` trains a model for each seed (8 epochs, weights kept after 4 of them, about a
minute on 2 idle cores), and prints the AUROC with which each score tells flipped labels from right ones: self-influence
and harm to 500 misclassified test images and to 1,000 of all, over the checkpoints and at the final weights alone;
beside them the loss, which needs no gradients, the area under the margin of the training, and chance. With `--whole` it
compares influence by the last layer with that by all weights, on the committed baseline (half a minute).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

EPOCHS, BATCH, KEPT, IMAGES, TESTED, ERRORS, EVERYONE, TOP = 8, 64, 4, 12_000, 4_000, 500, 1000, 20


def flipped(labels: np.ndarray, share: float, seed: int, classes: int = 10) -> np.ndarray:
    """Give a share of the labels another class, each of the others as often."""
    chance = np.random.default_rng(seed)
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + chance.integers(1, classes, len(rows))) % classes
    return wrong


def measure(folder: Path, share: float, seed: int) -> dict[str, tuple[float, float]]:
    """Train what is not there yet; AUROC of each score, and the share of flips among as many of the first."""
    from sklearn.metrics import roc_auc_score

    from workbench.core.errors import WorkbenchError
    from workbench.data import load_dataset
    from workbench.diagnosis.opening import Session
    from workbench.training.recipes import TrainingJob
    from workbench.training.runs import open_run
    from workbench.training.trainer import train

    whole, test = (load_dataset("fashion-mnist", split=split) for split in ("train", "test"))
    rows = np.sort(np.random.default_rng(seed).choice(len(whole), IMAGES, replace=False))
    images, labels = np.asarray(whole.images[rows])[..., 0], whole.labels[rows]
    path = folder / f"flipped-{seed}.npz"
    if not path.is_file():
        given = flipped(labels, share, seed)
        tested = {"x_test": test.images[:TESTED, ..., 0], "y_test": test.labels[:TESTED]}
        np.savez(path, x_train=images, y_train=given, **tested)
    try:
        run = open_run(f"seed{seed}", folder / "runs")
    except WorkbenchError:
        settings = {"epochs": EPOCHS, "batch_size": BATCH}
        job = TrainingJob.plan("tuned", settings, dataset=str(path), seed=seed, checkpoints=KEPT)
        run = train(f"seed{seed}", job=job, folder=folder / "runs")
    session = Session(run, load_dataset(path, split="test"), train=load_dataset(path, split="train"))
    found = scores(session)
    chance = np.random.default_rng(seed)
    fitted = run.dynamics.rows
    wrong = session.train.labels[fitted] != labels[fitted]
    values = {name: roc_auc_score(wrong, score) for name, score in found.items()}
    top = {name: wrong[np.argsort(-score, kind="stable")[: wrong.sum()]].mean() for name, score in found.items()}
    values["chance"], top["chance"] = roc_auc_score(wrong, chance.random(len(wrong))), wrong.mean()
    return {name: (values[name], top[name]) for name in values} | {"accuracy": (session.predictions.correct.mean(), 0)}


def scores(session) -> dict[str, np.ndarray]:
    """Return what ranks the fitted training images, the most suspect with the largest value."""
    from analyses.influence import chosen
    from workbench.data.sampling import evenly
    from workbench.session.influence import TrainingInfluence, extremes

    run, wrong = session.run, chosen(session.predictions, ERRORS)
    everyone = evenly(len(session.dataset), EVERYONE)
    fitted, found = run.dynamics.rows, {}
    for name in ("checkpoints", "final weights"):
        session.run = run if name == "checkpoints" else None  # as a model of which no weights were kept
        asked = TrainingInfluence(session)
        own = np.isin(asked.rows, fitted)
        counts = np.zeros(len(fitted))
        for _, influences in asked.on(wrong):
            for each in influences[:, own]:
                counts[extremes(each, TOP)[1]] += 1
        found |= {
            f"self-influence, {name}": asked.on_itself()[own],
            f"errors harmed, {name}": counts,
            f"harm to all errors, {name}": -sum(each.sum(axis=0) for _, each in asked.on(wrong))[own],
            f"harm to all images, {name}": -sum(each.sum(axis=0) for _, each in asked.on(everyone))[own],
        }
    session.run = run
    said = session.training.predictions
    found["loss"] = said.loss[fitted]
    found["area under the margin"] = -run.dynamics.area_under_margin
    return found


def whole_network(errors: int = 100, others: int = 1000) -> None:
    """Compare influence by the last layer with that by the gradients of all weights, on the committed baseline."""
    from scipy.stats import spearmanr

    from analyses.influence import chosen
    from workbench.diagnosis.opening import open_session
    from workbench.session.influence import TrainingInfluence, extremes
    from workbench.statistics.medians import median
    from workbench.statistics.rates import rate

    session = open_session("baseline")
    asked = TrainingInfluence(session)
    wrong = chosen(session.predictions, len(session.dataset))
    wrong = wrong[:: len(wrong) // errors][:errors]
    found = np.concatenate([each for _, each in asked.on(wrong)])
    drawn = np.random.default_rng(0).choice(len(asked.rows), others, replace=False)
    ours = gradients(session.model, session.dataset, wrong)
    real, said = ours @ gradients(session.model, session.train, asked.rows[drawn]).T, found[:, drawn]
    ranks = np.array([spearmanr(one, other)[0] for one, other in zip(real, said, strict=True)])
    both = [len({*np.argsort(a)[:TOP]} & {*np.argsort(b)[:TOP]}) / TOP for a, b in zip(real, said, strict=True)]
    print(
        f"{others} random training images, {errors} errors: rank correlation with all weights, median {median(ranks)}"
    )
    print(f"of the {TOP} most harmful the same, median {median(np.array(both))}; by chance {TOP / others:.2f}")
    labels = session.dataset.labels[wrong]
    for name, values in (("all weights", real), ("the last layer", said)):
        best = drawn[values.argmax(axis=1)]
        same = int((session.train.labels[asked.rows[best]] == labels).sum())
        print(f"by {name} {len(set(best))} are the most helpful for some error, of its class: {rate(same, errors)}")
    first = np.array([[each[0] for each in extremes(one, 1)] for one in found])
    for name, sign, places in zip(("helpful", "harmful"), (1, -1), first.T, strict=True):
        theirs = gradients(session.model, session.train, asked.rows[places])
        same = int((sign * (ours * theirs).sum(axis=1) > 0).sum())
        print(f"the most {name} one is {name} by all weights too: {rate(same, errors)}")


def gradients(model, data, rows) -> np.ndarray:
    """Gradient of each image's loss by all weights, `(n, P)`."""
    import keras
    import tensorflow as tf

    found = []
    for row in rows:
        with tf.GradientTape() as tape:
            said = model(tf.constant(data.floats(np.array([row]))), training=False)
            loss = keras.losses.sparse_categorical_crossentropy(data.labels[[row]], said)[0]
        parts = tape.gradient(loss, model.trainable_variables)
        found.append(np.concatenate([each.numpy().ravel() for each in parts]))
    return np.array(found, np.float64)


def main() -> None:
    """Measure each seed, then the means; or compare with all weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[31, 32, 33, 34, 35])
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "influence")
    parser.add_argument("--whole", action="store_true", help="compare with the gradients of all weights instead")
    given = parser.parse_args()
    if given.whole:
        whole_network()
        return
    from workbench.statistics.significance import mean_with_interval

    given.folder.mkdir(parents=True, exist_ok=True)
    every = []
    for seed in given.seeds:
        every.append(measure(given.folder, given.share, seed))
        print(seed, {name: f"{area:.4f}, top {top:.3f}" for name, (area, top) in every[-1].items()}, flush=True)
    for name in every[0]:
        areas, tops = np.array([each[name] for each in every]).T
        mean = mean_with_interval(areas, within=(0, 1))
        ends = f"{mean.low:.3f}–{mean.high:.3f}, {areas.min():.3f} at least, {areas.max():.3f} at most"
        print(f"{name:34} {mean.value:.3f} ({ends}); {100 * tops.mean():.1f} % of as many first ones")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
