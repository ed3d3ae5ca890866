"""Whole models in HDF5, as Keras 2 and 3 write them under a name that ends in `.h5`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files.hdf5_check import count_stored
from workbench.models.files.keras import open_model, refuse_code
from workbench.models.files.keras_archive import MOST_TEXT, check_description, parse_description
from workbench.models.training_loss import loss_name


def load_model(path: Path) -> Any:
    """Load an HDF5 file for inference; optimizer and loss stay in the file.

    Raises:
        WorkbenchError: if it is damaged, holds weights only, has a Lambda layer, or needs a class that is not Keras's.
    """
    config, version, loss, stored = read_description(path)
    model = open_model(path, config, version, lambda model: _fill(model, path), stored=stored)
    model.saved_loss = loss
    return model


def look_at(path: Path) -> None:
    """See whether an HDF5 file is refused for what it says; imports no TensorFlow.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no model, or brings code.
    """
    refuse_code(path, read_description(path)[0])


def _fill(model: Any, path: Path) -> None:
    import h5py

    from workbench.models.files.keras2.weights import load_hdf5_weights

    with h5py.File(path, "r") as file:
        load_hdf5_weights(model, file["model_weights"])


def read_description(path: Path) -> tuple[dict[str, Any], str, str, int]:
    """Return the description of a model, the version of Keras that wrote it, its loss, and how many values it has."""
    import h5py

    try:
        if not h5py.is_hdf5(path):
            raise WorkbenchError(f"{path.name} is not an HDF5 file: it is truncated, or of another format.")
        with path.open("rb") as stream, h5py.File(path, "r") as file:
            stored = count_stored(path.name, file, stream)
            text, version = _text(path, file, "model_config"), _text(path, file, "keras_version") or "unknown"
            loss = _loss(_text(path, file, "training_config"))
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
        config = parse_description(path, text)
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise WorkbenchError(f"{path.name} is damaged: the description of the model in it cannot be read.")
    check_description(path, config)
    return config, version.decode() if isinstance(version, bytes) else str(version), loss, stored


def _text(path: Path, file: Any, name: str) -> Any:
    """Read an attribute, if it is no longer than a description may be."""
    if name not in file.attrs:
        return None
    size = file.attrs.get_id(name).get_storage_size()
    found = file.attrs[name] if size <= MOST_TEXT else ""
    if size > MOST_TEXT or (isinstance(found, str | bytes) and len(found) > MOST_TEXT):
        raise WorkbenchError(
            f"{path.name} is refused: its {name!r} has {max(size, len(found)):,} bytes, and at most {MOST_TEXT:,} are "
            "taken."
        )
    return found


def _loss(compiled: Any) -> str:
    """Name the loss in the description of how the model was compiled; empty where it cannot be told."""
    try:
        described = json.loads(compiled)
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return ""
    return loss_name(described.get("loss")) if isinstance(described, dict) else ""
