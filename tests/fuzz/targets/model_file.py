"""A model of Keras in a file, .keras or .h5: what is loaded has finite weights of the shapes that it says."""

import atexit
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

INPUTS = 150  # each loads a model
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)


@cache
def seeds() -> list[bytes]:
    import keras
    from keras import layers

    found = []
    for kind, suffix in ((b"\0", ".keras"), (b"\1", ".h5")):
        model = keras.Sequential(
            [
                keras.Input((6, 5, 1)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(2, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )
        path = Path(FOLDER.name) / f"seed{suffix}"
        model.save(path)
        found.append(kind + path.read_bytes())
    return found


def attack(data: bytes) -> None:
    from workbench.models.files import hdf5, keras

    kind, rest = data[:1].ljust(1, b"\0")[0] % 2, data[1:]
    path = Path(FOLDER.name) / f"model{('.keras', '.h5')[kind]}"
    path.write_bytes(rest)
    # Without a trial: what it is opened with afterwards is attacked.
    for weights in (keras, hdf5)[kind].load_model(path).get_weights():
        assert isinstance(weights, np.ndarray)
