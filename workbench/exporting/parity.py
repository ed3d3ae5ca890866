"""Whether an exported model predicts what the Keras model predicts, and its size and latency."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.exporting.format import HEATMAP, PROBABILITIES, Served
from workbench.session.session import Session

IMAGES = 1000
"""Images on which predictions are compared."""
MAPS = 256
"""Images on which maps are compared."""
BATCH = 50
CALLS = 200
"""Calls with one image, for the latency."""
SECONDS = 2.0
"""Time after which no more calls are made."""
AGREEMENT = 0.995
"""Least share of equal predicted classes."""
AGREEMENT_QUANTIZED = 0.99
"""The same for a quantized model."""
MAP_DIFFERENCE = 1e-3
"""Largest difference of the maps, as a share of their largest value."""
MAP_DIFFERENCE_QUANTIZED = 0.1
"""The same for a quantized model."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What was measured.

    Attributes:
        images: how many were compared.
        agreement: share for which both predict the same class.
        largest_difference: of any probability.
        accuracy, accuracy_keras: of both models.
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
        """What is outside the limits, a clause each; empty if nothing is."""
        clauses = []
        if not self.agreement >= self.agreement_limit:
            clauses.append(
                f"it predicts the same class for {self.agreement:.2%} of {plural(self.images, 'image')}, "
                f"at least {self.agreement_limit:.1%} is needed"
            )
        if self.map_difference is not None and not self.map_difference <= self.map_limit:
            clauses.append(
                f"its maps differ by up to {self.map_difference:.2g} of the largest value, "
                f"at most {self.map_limit:g} is allowed (a later layer has fewer ReLUs behind it that can flip)"
            )
        return clauses


def measure(
    session: Session, served: Served, *, layer: str | None, quantized: bool, size: int, size_keras: int
) -> Parity:
    """Compare an exported model with the session's.

    Args:
        session: model and images; a seeded sample of 1,000 is used.
        served: the exported model.
        layer: whose Grad-CAM it gives; None for none.
        quantized: which limits hold.
        size: bytes of its file.
        size_keras: bytes of the Keras model's.
    """
    from scipy.special import softmax

    data = session.dataset
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:IMAGES])  # a folder's are sorted by class
    mapped = rows[: MAPS if layer is not None else 0]
    keras_parts, export_parts = [], []
    deviation = largest = 0.0
    map_images = 0
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        images = data.floats(part)
        outputs = served(images)
        logits = session.probe.logits(images)
        keras_parts.append(softmax(logits, axis=1))
        export_parts.append(outputs[PROBABILITIES])
        if layer is not None and start < len(mapped):
            same = logits.argmax(axis=1) == outputs[PROBABILITIES].argmax(axis=1)
            maps = _maps(session, images, logits.argmax(axis=1), layer)[same]
            deviation = max(deviation, _largest(np.abs(maps - outputs[HEATMAP][same])))
            largest = max(largest, _largest(maps))
            map_images += len(maps)
        report("Comparing with Keras", start + len(part), len(rows))
    keras, export = np.concatenate(keras_parts), np.concatenate(export_parts)
    labels, image = data.labels[rows], data.floats(rows[:1])
    map_difference = None
    if layer is not None:
        map_difference = deviation / largest if largest > 0 else deviation
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
        map_difference=map_difference,
        map_images=map_images,
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


def _largest(values: Array) -> float:
    return float(values.max()) if values.size else 0.0
