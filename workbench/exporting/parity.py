"""Whether an exported model says what the Keras model says, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.exporting.format import HEATMAP, PROBABILITIES, Served
from workbench.session.session import Session

IMAGES, MAPS = 1000, 256
"""Images on which predictions, and maps, are compared."""
BATCH = 50
CALLS, SECONDS = 200, 2.0
"""Of one image at a time, for the latency: so many, or as many as this time allows."""
AGREEMENT, AGREEMENT_QUANTIZED = 0.995, 0.99
MAP_DIFFERENCE, MAP_DIFFERENCE_QUANTIZED = 1e-3, 0.1


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What was measured.

    Attributes:
        images: how many were compared.
        agreement: share for which both predict the same class.
        largest_difference: of any probability.
        accuracy, accuracy_keras: share of right predictions of both.
        bytes, bytes_keras: size of the files.
        latency_ms, latency_keras_ms: median for one image, in milliseconds; with its map, where one is exported.
        map_difference: largest difference of a value of the maps, as a share of the largest value; None without maps.
        map_images: on how many images, of those for which both predict the same class.
        agreement_limit, map_limit: what it must reach, and must not pass.
    """

    images: int
    agreement: float
    largest_difference: float
    accuracy: float
    accuracy_keras: float
    bytes: int
    bytes_keras: int
    latency_ms: float
    latency_keras_ms: float
    map_difference: float | None
    map_images: int
    agreement_limit: float
    map_limit: float

    @property
    def failures(self) -> list[str]:
        """What does not hold, a clause each; empty where all does."""
        said = []
        if not self.agreement >= self.agreement_limit:
            said.append(
                f"it predicts the same class for {self.agreement:.2%} of {self.images:,} images, "
                f"{self.agreement_limit:.1%} are needed"
            )
        if self.map_difference is not None and not self.map_difference <= self.map_limit:
            said.append(
                f"its maps differ by up to {self.map_difference:.2g} of the largest value, "
                f"{self.map_limit:g} is allowed (a layer nearer to the end has fewer ReLUs behind it to turn over)"
            )
        return said


def measure(
    session: Session, served: Served, *, layer: str | None, quantized: bool, size: int, size_keras: int
) -> Parity:
    """Compare an exported model with the session's.

    Args:
        session: model and images; a seeded sample of 1,000 is looked at.
        served: the exported model.
        layer: whose Grad-CAM it gives; None for none.
        quantized: which limits hold.
        size: bytes of its file.
        size_keras: bytes of the Keras model's.
    """
    data = session.dataset
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:IMAGES])  # a folder's are sorted by class
    mapped = rows[: MAPS if layer is not None else 0]
    ours, theirs, deviation, largest, compared = [], [], 0.0, 0.0, 0
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        images = data.floats(part)
        outputs = served(images)
        logits = session.probe.logits(images)
        ours.append(_softmax(logits))
        theirs.append(outputs[PROBABILITIES])
        if layer is not None and start < len(mapped):
            same = logits.argmax(axis=1) == outputs[PROBABILITIES].argmax(axis=1)
            maps = _maps(session, images, logits.argmax(axis=1), layer)[same]
            deviation = max(deviation, _largest(np.abs(maps - outputs[HEATMAP][same])))
            largest, compared = max(largest, _largest(maps)), compared + len(maps)
        report("Parity", start + len(part), len(rows))
    keras, export = np.concatenate(ours), np.concatenate(theirs)
    labels, image = data.labels[rows], data.floats(rows[:1])
    return Parity(
        images=len(rows),
        agreement=float((keras.argmax(axis=1) == export.argmax(axis=1)).mean()),
        largest_difference=_largest(np.abs(keras - export)),
        accuracy=float((export.argmax(axis=1) == labels).mean()),
        accuracy_keras=float((keras.argmax(axis=1) == labels).mean()),
        bytes=size,
        bytes_keras=size_keras,
        latency_ms=latency(lambda: served(image)),
        latency_keras_ms=latency(lambda: _ask(session, image, layer)),
        map_difference=None if layer is None else deviation / largest if largest > 0 else deviation,
        map_images=compared,
        agreement_limit=AGREEMENT_QUANTIZED if quantized else AGREEMENT,
        map_limit=MAP_DIFFERENCE_QUANTIZED if quantized else MAP_DIFFERENCE,
    )


def latency(call: Callable[[], Any]) -> float:
    """Median milliseconds of a call, after ten that do not count."""
    for _ in range(10):
        call()
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < CALLS and time.perf_counter() - began < SECONDS:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return float(np.median(taken)) * 1000


def _maps(session: Session, images: Array, target: Array, layer: str) -> Array:
    from workbench.attribution.methods.grad_cam import GradCAM

    return GradCAM(layer=layer).attribute(session.probe, images, target).values


def _ask(session: Session, image: Array, layer: str | None) -> None:
    logits = session.probe.logits(image)
    if layer is not None:
        _maps(session, image, logits.argmax(axis=1), layer)


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _largest(values: Array) -> float:
    return float(values.max()) if values.size else 0.0
