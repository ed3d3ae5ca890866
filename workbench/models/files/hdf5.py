"""Whole models in HDF5, as Keras 2 and 3 write them under a name that ends in `.h5`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files.keras import open_model
from workbench.models.training_loss import loss_name


def load_hdf5(path: Path) -> Any:
    """Load an HDF5 file for inference; optimizer and loss stay in the file.

    Raises:
        WorkbenchError: if it is damaged, holds weights only, has a Lambda layer, or needs a class that is not Keras's.
    """
    config, version, loss = _config(path)
    model = open_model(path, config, version, lambda model: _fill(model, path))
    model.saved_loss = loss
    return model


def _fill(model: Any, path: Path) -> None:
    import h5py

    from workbench.models.files.keras2.weights import load_hdf5_weights

    with h5py.File(path, "r") as file:
        load_hdf5_weights(model, file["model_weights"])


def _config(path: Path) -> tuple[dict[str, Any], str, str]:
    """Return the description of the model, the version of Keras that wrote it and the loss it was compiled with."""
    import h5py

    try:
        if not h5py.is_hdf5(path):
            raise WorkbenchError(f"{path.name} is not an HDF5 file: it is truncated, or of another format.")
        with h5py.File(path, "r") as file:
            text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "unknown")
            loss = _loss(file.attrs.get("training_config"))
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
    return config, version.decode() if isinstance(version, bytes) else str(version), loss


def _loss(compiled: Any) -> str:
    """Name the loss in the description of how the model was compiled; empty where it cannot be told."""
    try:
        described = json.loads(compiled)
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return ""
    return loss_name(described.get("loss")) if isinstance(described, dict) else ""
