"""Whole models in HDF5, as Keras 2 and 3 write them under a name that ends in `.h5`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files.keras import open_model, serialized_objects

OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
"""How Keras 2 wrote TensorFlow operations that stand in a model; Keras 3 has no such layers."""


def load_hdf5(path: Path) -> Any:
    """Load an HDF5 file for inference; optimizer and loss stay in the file.

    Raises:
        WorkbenchError: if it is damaged, holds weights only, has a Lambda layer, or needs a class that is not Keras's.
    """
    config, version = _config(path)
    foreign = next(
        (each["class_name"] for each in serialized_objects(config) if each["class_name"] in OPERATIONS), None
    )
    if foreign is not None:
        raise WorkbenchError(
            f"{path.name} has a layer {foreign!r}, a TensorFlow operation that only Keras 2 can call. Open it there "
            "and save it as a SavedModel (predictions only), or rebuild it with Keras layers."
        )
    return open_model(path, config, version)


def _config(path: Path) -> tuple[dict[str, Any], str]:
    """Return the description of the model and the version of Keras that wrote it."""
    import h5py

    try:
        if not h5py.is_hdf5(path):
            raise WorkbenchError(f"{path.name} is not an HDF5 file: it is truncated, or of another format.")
        with h5py.File(path, "r") as file:
            text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "unknown")
    except WorkbenchError:
        raise
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error}.") from None
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WorkbenchError(f"{path.name} is damaged: {error}.") from None
    if text is None:
        raise WorkbenchError(
            f"{path.name} holds no whole model, only weights or other data. Build the network in Python, load them "
            "with `model.load_weights(...)`, and write it with `model.save('name.keras')`."
        )
    try:
        config = json.loads(text)
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise WorkbenchError(f"{path.name} is damaged: the description of the model in it cannot be read.")
    return config, version.decode() if isinstance(version, bytes) else str(version)
