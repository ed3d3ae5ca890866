"""Whether a model's failure is put down to the labels: right labels, models that fail, and what is said of the labels.

`python tests/benchmarks/weak_models.py` asks `triage` and `label-issues` about models of each kind of failure, for 2 to
120 classes, in two worlds: "logits" are made (`tests/failing.py`); "images" are Fashion-MNIST's, of which small
networks learn some (more than ten classes are a garment and how its picture is drawn). It prints a line for each
world, number of classes and kind, and ends with 1 where a finding about labels is serious or an accuracy is claimed
instead of the measured one, in an answer or in the ranking of both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

import numpy as np
from failing import FAILING, RARELY, failing, study

import workbench as wb

KINDS = (*FAILING, "sound")
CLASSES = (2, 3, 5, 10, 60, 120)
SIZES = ((None, 0), (2500, 0), (1000, 1000))
"""Images of the world of logits, and training images, of one draw after the other; None: few."""
REMEMBERED = 8
"""Answers about training images."""
FIELDS = ("serious", "instead of", "mild")


def judge(session: SimpleNamespace) -> dict[str, bool]:
    """Say what is claimed about the labels of a session."""
    from analyses.label_issues import LabelIssues, LabelIssuesParams
    from analyses.triage import Triage, TriageParams
    from workbench.diagnosis.ranking import rank

    answers = {
        "triage": Triage().compute(session, TriageParams(k=20, compared=500)),
        "label-issues": LabelIssues().compute(session, LabelIssuesParams()),
    }
    findings = [finding for answer in answers.values() for finding in answer.findings]
    findings += [each.finding for each in rank(answers)]
    severities = {each.severity for each in findings if each.kind == "label-noise"}
    return {
        "serious": bool(severities & {"serious", "critical"}),
        "instead of": any("instead of" in each.claim for each in findings),
        "mild": "mild" in severities,
    }


def of_logits(kinds: tuple[str, ...], classes: int, draw: int) -> Iterator[tuple[str, SimpleNamespace]]:
    """Make a session of each kind."""
    count, learned = SIZES[draw % len(SIZES)]
    for kind in kinds:
        yield kind, failing(kind, classes, draw, count=count, learned=learned)[0]


def draw_as(images: np.ndarray, style: int) -> np.ndarray:
    """Draw `(n, 28, 28)` uint8 garments in one of twelve styles, each of which survives turning and cropping."""
    count, values = len(images), images.astype(np.float32)
    small = values.reshape(count, 14, 2, 14, 2).mean(axis=(2, 4))
    blocks = values.reshape(count, 7, 4, 7, 4).mean(axis=(2, 4))
    rows, columns = np.indices((28, 28)) // 4
    drawn = (
        lambda: values,
        lambda: 255 - values,
        lambda: np.hypot(*np.gradient(values, axis=(1, 2))) * 1.5,
        lambda: np.tile(small, (1, 2, 2)),
        lambda: np.maximum(values, 90 * ((rows + columns) % 2)),
        lambda: blocks.repeat(4, axis=1).repeat(4, axis=2),
    )[style % 6]()
    grey = drawn if style < 6 else 100 + 0.6 * drawn
    return np.clip(grey, 0, 255).astype(np.uint8)[..., None]


def turn(kind: str, images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Change studied images as no training image was."""
    if kind == "cropped":
        return images[:, 6:22, 6:22].repeat(2, axis=1).repeat(2, axis=2)[:, 2:30, 2:30]
    if kind not in ("half turned", "all turned"):
        return images
    turned, rows = images.copy(), chance.permutation(len(images))
    rows = rows[: len(rows) // 2] if kind == "half turned" else rows
    turned[rows] = np.rot90(images[rows], axes=(1, 2))
    return turned


class Network:
    """A small convolutional network that is trained anew for each draw, without being compiled anew."""

    def __init__(self, classes: int) -> None:
        import keras
        from keras import layers

        image = keras.Input((28, 28, 1))
        x = layers.Conv2D(16, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
        x = layers.Conv2D(32, 3, strides=2, activation="relu")(x)
        embedding = layers.Dense(64, activation="relu")(layers.Flatten()(x))
        logits = layers.Dense(classes)(embedding)
        self.model, self.both = keras.Model(image, logits), keras.Model(image, [logits, embedding])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(3e-3), loss)
        self.model.optimizer.build(self.model.trainable_variables)
        self.start = [variable.numpy() for variable in self.model.optimizer.variables]

    def fit(self, images: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> list[np.ndarray]:
        """Train from the beginning; return the weights."""
        import keras

        keras.utils.set_random_seed(seed)
        for variable, value in zip(self.model.optimizer.variables, self.start, strict=True):
            variable.assign(value)
        new = keras.initializers.GlorotUniform(seed)
        self.model.set_weights([new(w.shape) if w.ndim > 1 else np.zeros_like(w) for w in self.model.get_weights()])
        self.model.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
        return self.model.get_weights()

    def ask(self, weights: list[np.ndarray], images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and embeddings."""
        self.model.set_weights(weights)
        return tuple(self.both.predict(images, batch_size=512, verbose=0))


network = cache(Network)
fashion = cache(lambda split: wb.load_dataset("fashion-mnist", split=split))


class Images:
    """Training and test images of one draw, and what networks learn of them."""

    def __init__(self, classes: int, draw: int) -> None:
        self.classes, self.draw, self.chance = classes, draw, np.random.default_rng([draw, classes])
        garments = self.chance.permutation(10)[: min(classes, 10)]
        self.each = min(300, max(15, 1500 // classes))
        self.train = self._part("train", garments, self.each)
        self.test = self._part("test", garments, max(8, 600 // classes))
        self.weights = cache(self._weights)

    def _part(self, split: str, garments: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
        of = fashion(split)
        rows = [np.flatnonzero(of.labels == garment) for garment in garments]
        images = [
            draw_as(of.images[self.chance.choice(rows[k % len(garments)], each, replace=False), :, :, 0], k // 10)
            for k in range(self.classes)
        ]
        order = self.chance.permutation(self.classes * each)
        return np.concatenate(images)[order], np.arange(self.classes).repeat(each)[order]

    def learned(self, kind: str) -> np.ndarray:
        """Rows of the training images that the model had."""
        of_class, labels = np.zeros(len(self.train[1]), int), self.train[1]
        for k in range(self.classes):
            of_class[labels == k] = np.arange(self.each)
        least = max(1, self.each // RARELY)
        most = {"few images": 5}.get(kind, self.each)
        starved = (labels < max(1, self.classes // 3)) & (kind == "starved")
        return np.flatnonzero(of_class < np.where(starved, least, most))

    def _weights(self, kind: str) -> list[np.ndarray]:
        rows = self.learned(kind)
        images, labels = (each[rows] for each in self.train)
        return network(self.classes).fit(images, labels, self.draw, 1 if kind == "one epoch" else 12)

    def session(self, kind: str) -> SimpleNamespace:
        """Return what a model that fails in one way says of both parts."""
        rows, chance = self.learned(kind), np.random.default_rng([self.draw, self.classes, 1])
        learned, labels = (each[rows] for each in self.train)
        seen = turn(kind, self.test[0], chance)
        weights = self.weights(kind if kind in ("one epoch", "few images", "starved") else "sound")
        parts = [network(self.classes).ask(weights, images) for images in (seen, learned)]
        if kind == "weak":  # all it sees are three pixels
            places = chance.choice(28 * 28, 3, replace=False)
            pixels = [images.reshape(len(images), -1)[:, places] / 255 for images in (seen, learned)]
            parts = head(pixels, labels)
        if kind == "shuffled":
            parts = head([embeddings for _, embeddings in parts], chance.permutation(labels))
        change = {
            "all equal": lambda logits: 0 * logits,
            "one class": lambda logits: logits + 60 * np.eye(self.classes)[0],
            "over-confident": lambda logits: 5 * logits,
            "under-confident": lambda logits: 0.15 * logits,
        }.get(kind, lambda logits: logits)
        studied, training = (
            study(self._dataset(images, of, part), change(logits), embeddings)
            for (logits, embeddings), images, of, part in zip(
                parts, (seen, learned), (self.test[1], labels), ("test", "train"), strict=True
            )
        )
        studied.training = training
        return studied

    def _dataset(self, images: np.ndarray, labels: np.ndarray, part: str) -> wb.Dataset:
        names = tuple(f"c{k}" for k in range(self.classes))
        return wb.Dataset(images, labels, class_names=names, indices=np.arange(len(labels)), name=f"drawn/{part}")


def remember(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Answer the same question from memory: kinds of one draw share training images, and mostly embeddings."""
    known: dict[str, np.ndarray] = {}

    def answer(features: np.ndarray | wb.Dataset, *more: object, **named: object) -> np.ndarray:
        asked = hashlib.sha256(repr([named, *more[1:]]).encode())
        for each in (features, *more[:1]):
            asked.update(each.fingerprint.encode() if isinstance(each, wb.Dataset) else np.ascontiguousarray(each))
        if (key := asked.hexdigest()) not in known:
            while len(known) >= REMEMBERED:
                known.pop(next(iter(known)))
            known[key] = function(features, *more, **named)
        return known[key]

    return answer


def head(features: list[np.ndarray], labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fit a linear discriminant to the training part's features, the second; return log-probabilities and features."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(features[1], labels)
    return [(np.maximum(fitted.predict_log_proba(each), -40), each) for each in features]


def of_images(kinds: tuple[str, ...], classes: int, draw: int) -> Iterator[tuple[str, SimpleNamespace]]:
    """Train what the kinds need, and make a session of each."""
    world = Images(classes, draw)
    for kind in kinds:
        yield kind, world.session(kind)


WORLDS = {"logits": of_logits, "images": of_images}


def main() -> int:
    """Measure each world, number of classes and kind; return 1 if labels were blamed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw, which seeds it")
    parser.add_argument("--classes", default=",".join(map(str, CLASSES)))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--world", default=",".join(WORLDS))
    given = parser.parse_args()
    blamed = False
    from analyses.label_issues import out_of_sample
    from workbench.session import second_look

    for name in ("cross_validated", "untrained_features"):
        known = remember(getattr(second_look, name))
        for module in (out_of_sample, second_look):
            setattr(module, name, known)
    second_look.neighbour_votes = remember(second_look.neighbour_votes)
    for world in given.world.split(","):
        for classes in map(int, given.classes.split(",")):
            found = {kind: [] for kind in given.kinds.split(",")}
            for draw in range(given.first, given.first + given.draws):
                for kind, session in WORLDS[world](tuple(found), classes, draw):
                    said = judge(session)
                    found[kind].append(said)
                    if said["serious"] or said["instead of"]:
                        blamed = True
                        print(f"{world}, K = {classes}, {kind}, draw {draw}: {said}", file=sys.stderr, flush=True)
            for kind, answers in found.items():
                counts = ", ".join(f"{sum(each[field] for each in answers)} {field}" for field in FIELDS)
                print(f"{world:6} K = {classes:3} {kind:15} {len(answers):3} runs: {counts}", flush=True)
    return int(blamed)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
