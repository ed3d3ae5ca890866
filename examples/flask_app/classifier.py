"""An exported model and its description: an image in, probabilities and a map out. Needs no TensorFlow."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
COMMAND = "workbench export --format litert --with-explanation"


class Missing(RuntimeError):
    """There is no such model, or it gives no map; in one sentence, with the command that makes one."""


@dataclass(frozen=True)
class Answer:
    """What the model said about one image: `(K,)` probabilities, and the `(h, w)` map of the likeliest class."""

    probabilities: Array
    heatmap: Array

    @property
    def predicted(self) -> int:
        """The likeliest class."""
        return int(self.probabilities.argmax())


class Classifier:
    """A model file as `workbench export --with-explanation` writes it, in LiteRT's format or in ONNX.

    Args:
        path: the file; beside it stands its description, under the same name with `.json` appended.

    Raises:
        Missing: if one of them is not there, or the model gives no map.
    """

    def __init__(self, path: Path) -> None:
        described = path.with_name(f"{path.name}.json")
        for file in (path, described):
            if not file.is_file():
                raise Missing(f"There is no {file}. Make it with `{COMMAND}`.")
        about = json.loads(described.read_text(encoding="utf-8"))
        if not about["explanation"]:
            raise Missing(f"{path} gives no map. Export it again with `{COMMAND}`.")
        self.name: str = about.get("model", path.stem)
        self.class_names: list[str] = about["class_names"]
        self.image_shape: tuple[int, int, int] = tuple(about["image_shape"])
        self.layer: str = about["explanation"]["layer"]
        self._run = _onnx(path) if path.suffix == ".onnx" else _litert(path)
        self._lock = threading.Lock()  # neither engine runs one model in two threads at once

    def answer(self, pixels: Array) -> Answer:
        """Ask about one image, `(H, W, C)` uint8."""
        with self._lock:
            said = self._run(pixels[None].astype(np.float32) / np.float32(255))
        return Answer(said["probabilities"][0], said["heatmap"][0])


def _litert(path: Path) -> Callable[[Array], Mapping[str, Array]]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    (given,) = runner.get_input_details()
    return lambda images: {name: np.array(values) for name, values in runner(**{given: images}).items()}


def _onnx(path: Path) -> Callable[[Array], Mapping[str, Array]]:
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {session.get_inputs()[0].name: images}), strict=True))
