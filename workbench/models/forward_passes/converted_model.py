"""A model converted for onnxruntime, held against TensorFlow: does it compute the same, and how fast?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.forward_passes.onnx_session import OnnxSession
from workbench.models.turns import TURNS

CLOSE = 1e-5
"""Share of the largest value of an output that both may differ by."""
CHECKED = 64
"""Images that both are compared on."""
SECONDS, TIMES = 1.0, 7
"""How long a measurement takes at most, and how often both run in turn."""


class Convertible(Protocol):
    """A model that can be converted, as far as it is asked here."""

    image_shape: tuple[int, int, int]
    rows: int
    values: int

    @property
    def about(self) -> str:
        """What its outputs depend on besides its weights: shapes, scaling, how its scores are read."""

    def some_images(self) -> Array:
        """`(n, H, W, C)` float32 images of the data, or none."""

    def by_tensorflow(self, images: Array, outputs: str) -> list[Array]:
        """Compute some outputs by TensorFlow, at most `rows` images at a time."""

    def converted(self, outputs: str) -> bytes:
        """Return an ONNX model that gives the same outputs."""


@dataclass(frozen=True)
class ConvertedModel:
    """What a conversion came to.

    Attributes:
        model: the ONNX model; empty where there is none that computes the same.
        session: which runs it.
        difference: from TensorFlow, as a share of the largest value of an output; -1 where it could not be measured.
        reason: a sentence where there is none.
    """

    model: bytes = b""
    session: OnnxSession | None = None
    difference: float = -1.0
    reason: str = ""


def convert(model: Convertible, outputs: str) -> ConvertedModel:
    """Convert a model, and compare both on images of the data, noise, black and white.

    Args:
        model: the model.
        outputs: which, as it names them.
    """
    images = _compared_images(model)
    try:
        made = model.converted(outputs)
        session = OnnxSession(made)
        found = _in_parts(session, images, model.rows)
    except MemoryError:
        raise
    except WorkbenchError as error:
        return ConvertedModel(reason=str(error))
    except Exception as error:  # noqa: BLE001 - a converter fails in many ways, and TensorFlow is there
        said = " ".join(str(error).split())[:200]
        return ConvertedModel(reason=f"This model cannot be converted to ONNX: {said}")
    pairs = zip(found, model.by_tensorflow(images, outputs), strict=True)
    difference = max(_difference(one, other) for one, other in pairs)
    if difference <= CLOSE:
        return ConvertedModel(made, session, difference)
    said = f"onnxruntime differs from TensorFlow by {difference:.2g} of the largest value, more than {CLOSE:g}."
    return ConvertedModel(difference=difference, reason=said)


def _in_parts(session: OnnxSession, images: Array, rows: int) -> list[Array]:
    """Pass images forward, not as many at a time as TensorFlow does: what depends on the batch is not the same."""
    first = max(1, min(rows - 1, 5))
    starts = [0, *range(first, len(images), rows)]
    parts = []
    for start, stop in zip(starts, [*starts[1:], len(images)], strict=True):
        with TURNS:
            parts.append(session.tried(images[start:stop]))
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def measure(model: Convertible, session: OnnxSession, outputs: str) -> float:
    """How many times as fast as TensorFlow a converted model is: the ratio of medians of runs in turn on one batch."""
    batch = np.resize(_compared_images(model), (model.rows, *model.image_shape))
    ways: tuple[Callable[[], object], ...] = (lambda: session.tried(batch), lambda: model.by_tensorflow(batch, outputs))
    times: list[list[float]] = [[], []]
    begun = time.perf_counter()
    while len(times[0]) <= TIMES and (len(times[0]) <= 3 or time.perf_counter() - begun < SECONDS):
        for way, taken in zip(ways, times, strict=True):
            taken.append(_seconds(way))
    own, other = (statistics.median(taken[1:]) for taken in times)  # a first run also makes ready
    return other / own


def _seconds(way: Callable[[], object]) -> float:
    since = time.perf_counter()
    way()
    return time.perf_counter() - since


def _compared_images(model: Convertible) -> Array:
    """`(64, H, W, C)` float32."""
    some = model.some_images()[: CHECKED * 3 // 4]
    noise = np.random.default_rng(0).random((CHECKED - 2 - len(some), *model.image_shape), np.float32)
    black = np.zeros((1, *model.image_shape), np.float32)
    return np.concatenate([some, noise, black, black + 1]).astype(np.float32)


def _difference(one: Array, other: Array) -> float:
    """The largest, as a share of the largest value; infinite where shapes differ or a value is not finite."""
    if one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("inf")
    if not other.size:
        return 0.0
    largest = float(np.abs(other).max())
    apart = float(np.abs(one.astype(np.float64) - other).max())
    return apart / largest if largest else float(apart > 0)
