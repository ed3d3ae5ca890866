"""What every library gets: the baseline's weights, images, the classes to explain, and our logits to be held to."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ORACLE = str(Path(__file__).resolve().parents[2] / "oracle")  # torch_port.py; a folder, since tests are no package
TOLERANCE = 1e-3  # largest difference of logits at which a library still explains the same network


@dataclass(frozen=True)
class Case:
    """One network with what is asked about it, without Keras.

    Attributes:
        images: `(N, H, W, C)` float32 in [0, 1].
        target: `(N,)` int64, the predicted classes.
        logits: `(N, K)` float32, ours.
        layer: name of the layer whose maps are read.
        layers: the network as `torch_port.describe` gives it.
        keras_file: the same network with its softmax, if it has one.
    """

    images: np.ndarray
    target: np.ndarray
    logits: np.ndarray
    layer: str
    layers: list[dict]
    keras_file: Path


def write(session, folder: Path, count: int) -> Path:
    """Write the first `count` images of a session and its network under `folder`; return the file to `read`."""
    sys.path.insert(0, ORACLE)
    from torch_port import describe

    images = session.dataset.subset(np.arange(count)).floats()
    logits = session.probe.logits(images)
    layers = describe(session.model)
    weights = {f"{n}.{m}": w for n, layer in enumerate(layers) for m, w in enumerate(layer.pop("weights"))}
    about = json.dumps({"layer": session.probe.default_layer, "layers": layers})
    session.model.save(folder / "model.keras")
    np.savez(folder / "case.npz", images=images, target=logits.argmax(1), logits=logits, about=about, **weights)
    return folder / "case.npz"


def read(path: Path) -> Case:
    """Read what `write` wrote; needs nothing but numpy."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        for n, layer in enumerate(about["layers"]):
            names = sorted((name for name in file.files if name.startswith(f"{n}.")), key=lambda name: name.split("."))
            layer["weights"] = [file[name] for name in names]
        arrays = {name: file[name] for name in ("images", "target", "logits")}
    return Case(**arrays, **about, keras_file=path.with_name("model.keras"))


def keras_network(case: Case):
    """Load the network in whatever Keras 3 there is, as a functional model that gives logits."""
    import keras

    loaded = keras.models.load_model(case.keras_file, compile=False)
    functional = keras.Model(loaded.inputs, loaded.outputs)
    model = keras.models.clone_model(functional)  # a Sequential's layers stand in two graphs, which confuses some
    model.set_weights(functional.get_weights())
    if type(model.layers[-1]).__name__ == "Softmax":
        return keras.Model(model.inputs, model.layers[-1].input)
    model.layers[-1].activation = keras.activations.linear
    return model
