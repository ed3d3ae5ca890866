"""Which engine passes images forward through a model: chosen once for a model, by a measurement on this machine."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from workbench.core.cache import load_arrays, save_arrays
from workbench.core.cores import cores
from workbench.core.errors import WorkbenchError
from workbench.core.kept import Kept
from workbench.core.provenance import code_digest
from workbench.core.types import Array
from workbench.models.forward_passes.converted_model import ConvertedModel, Convertible, convert, measure
from workbench.models.forward_passes.engine_names import (
    AUTO,
    LIBRARIES,
    ONNXRUNTIME,
    TENSORFLOW,
    refuse_engine,
    version_of,
)
from workbench.models.forward_passes.onnx_session import OnnxSession
from workbench.models.forward_passes.traced_model import SCORES

FASTER = 1.1
"""How many times as fast as TensorFlow an engine has to be to take its place."""
WORTH = 1e9
"""Values of layers after which a choice, which takes some seconds, is worth it: about two seconds of passes."""
LARGEST = 2**29
"""Bytes of a converted model that is kept in the cache."""
LAYERS = 2
"""Layers whose converted models are kept at a time, each with all weights before it."""
LOG = logging.getLogger("workbench.models.forward_passes")


@dataclass(frozen=True)
class Choice:
    """Which engine a model has, and why.

    Attributes:
        engine: its name.
        reason: a sentence.
        difference: from TensorFlow, as a share of the largest value of an output; -1 where it was not measured.
        ratio: how many times as fast as TensorFlow; 0 where it was not measured.
    """

    engine: str
    reason: str
    difference: float = -1.0
    ratio: float = 0.0


class ForwardPasses:
    """Passes images forward by the engine that was chosen for a model; by TensorFlow until there is much to pass.

    Args:
        model: the model, whose weights do not change.
        wanted: an engine's name, or "auto" for the faster one that computes the same.
        kept: file of the choice and of the converted model in the cache; None to keep nothing.

    Raises:
        WorkbenchError: if there is no such engine, or it cannot compute this model.
        Unavailable: if what it needs is not installed.
    """

    def __init__(self, model: Convertible, wanted: str = AUTO, kept: Path | None = None) -> None:
        refuse_engine(wanted)
        self._model, self._wanted, self._kept = model, wanted, kept
        self._lock, self._passed = threading.RLock(), 0.0
        self._scores: OnnxSession | None = None
        self._of_layers: Kept[str, tuple[OnnxSession | None]] = Kept(LAYERS)
        self._maps_passed = False
        self.choice: Choice | None = None
        if wanted == TENSORFLOW:
            self.choice = Choice(TENSORFLOW, "It was asked for.")
        elif wanted == AUTO and tf.config.list_physical_devices("GPU"):
            self.choice = Choice(TENSORFLOW, "It has a GPU.")
        elif not self._restored() and wanted == ONNXRUNTIME:
            self._choose()
        if self.choice is not None and wanted not in (AUTO, self.choice.engine):
            raise WorkbenchError(f"The engine {wanted} cannot compute this model. {self.choice.reason}")

    @property
    def name(self) -> str:
        """The engine that is used now, with its version: "onnxruntime 1.22.0"."""
        engine = TENSORFLOW if self.choice is None else self.choice.engine
        return f"{engine} {version_of(engine)}"

    @property
    def session(self) -> OnnxSession | None:
        """What gives logits and embeddings in TensorFlow's place; None where TensorFlow does."""
        return self._scores

    @property
    def used(self) -> str:
        """The name of what has passed images forward in TensorFlow's place; empty where nothing has."""
        return self.name if self._maps_passed or (self._scores is not None and self._scores.passed) else ""

    def expect(self, rows: int) -> None:
        """Choose the engine, where with so many more images the choice is worth what it takes.

        Who comes while it is chosen for somebody else goes on with TensorFlow.
        """
        if self.choice is not None or not self._lock.acquire(blocking=False):
            return
        try:
            self._passed += float(rows) * self._model.values
            if self._passed >= WORTH and self.choice is None:
                self._choose()
        finally:
            self._lock.release()

    def run(self, images: Array, outputs: str = SCORES) -> list[Array] | None:
        """Pass `(N, H, W, C)` float32 images forward, in batches; None where TensorFlow is to do it.

        Args:
            images: as above.
            outputs: `SCORES`, or the name of a layer.

        Returns:
            `(N, K)` logits and `(N, D)` embeddings; or the outputs of the layer alone.
        """
        self.expect(len(images))
        session = self._session_of(outputs, len(images))
        if session is None or not len(images):
            return None
        size = self._model.rows
        parts = [session.run(images[start : start + size]) for start in range(0, len(images), size)]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _session_of(self, outputs: str, rows: int) -> OnnxSession | None:
        if self._scores is None or outputs == SCORES:
            return self._scores
        if (known := self._of_layers.get(outputs)) is None:
            if float(rows) * self._model.values < WORTH or not self._lock.acquire(blocking=False):
                return None
            try:
                known = self._of_layers.put(outputs, (convert(self._model, outputs).session,))
            finally:
                self._lock.release()
        self._maps_passed = self._maps_passed or known[0] is not None
        return known[0]

    def _choose(self) -> None:
        choice, taken = self._compared()
        LOG.info("Forward passes by %s: %s", choice.engine, choice.reason)
        if self._kept is not None:
            facts = {name: np.array(value) for name, value in asdict(choice).items()}
            held = np.frombuffer(taken.model if len(taken.model) <= LARGEST else b"", np.uint8)
            save_arrays(self._kept, {**facts, "model": held, "made_with": np.array(self._made_with())})
        self._scores, self.choice = taken.session, choice

    def _compared(self) -> tuple[Choice, ConvertedModel]:
        """Convert, compare and measure."""
        if lacking := [each for each in LIBRARIES if not version_of(each)]:
            need = "pip install 'classifier-workbench[export]'"
            return Choice(TENSORFLOW, f"{', '.join(lacking)} is not installed: {need}."), ConvertedModel()
        found = convert(self._model, SCORES)
        if found.session is None:
            return Choice(TENSORFLOW, found.reason, found.difference), found
        ratio = measure(self._model, found.session, SCORES)
        faster = f"onnxruntime is {ratio:.2g} × as fast as TensorFlow on this machine"
        if self._wanted == AUTO and ratio < FASTER:
            return Choice(TENSORFLOW, f"{faster}.", found.difference, ratio), ConvertedModel()
        said = f"{faster}, and differs by at most {found.difference:.1g} of the largest value."
        return Choice(ONNXRUNTIME, said, found.difference, ratio), found

    def _restored(self) -> bool:
        """Take the choice of before, if it was made on such a machine with the same libraries."""
        kept = None if self._kept is None else load_arrays(self._kept)
        if kept is None or str(kept.pop("made_with", "")) != self._made_with():
            return False
        model = kept.pop("model").tobytes()
        engine, reason = (str(kept[name]) for name in ("engine", "reason"))
        if engine == ONNXRUNTIME:
            # One that is too large to be kept is converted again, and compared, but not measured.
            self._scores = OnnxSession(model) if model else convert(self._model, SCORES).session
            if self._scores is None:
                return False
        self.choice = Choice(engine, reason, float(kept["difference"]), float(kept["ratio"]))
        return True

    def _made_with(self) -> str:
        """What the choice depends on besides the weights."""
        libraries = [f"{each} {version_of(each)}" for each in ("tensorflow", "keras", *LIBRARIES)]
        return ", ".join([*libraries, f"{cores()} cores", f"wanted {self._wanted}", self._model.about, code_digest()])
