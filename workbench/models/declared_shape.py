"""What size of image a model file asks for, read without loading the model where its format lets one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.models.files import SAVED_MODEL
from workbench.models.files.keras_archive import read_description
from workbench.models.input_shape import channels_first

Declared = tuple[int | None, int | None, int | None]


def declared_shape(path: str | Path) -> Declared:
    """Return (H, W, C) of a model file's input, None where it leaves one open; imports TensorFlow only where it must.

    Args:
        path: a model file or folder, as `model_files.load_model` takes it.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no model that can be loaded.
    """
    path = Path(path)
    shape = _input(_keras_config(path) if path.suffix == ".keras" else _hdf5_config(path))
    if shape is None and path.is_dir() and any((path / name).is_file() for name in SAVED_MODEL):
        from workbench.models.files.saved_model.program import read_program

        shape = read_program(path).taken
    elif shape is None:
        from workbench.models.files import load_model

        shape = getattr(load_model(path), "input_shape", None)
    return _sides(shape)


def _keras_config(path: Path) -> Any:
    """Return the description in a `.keras` file, None for what is none; damage is found when it is loaded."""
    try:
        return read_description(path)[0]
    except WorkbenchError:
        return None


def _hdf5_config(path: Path) -> Any:
    """Return the description in a `.h5` file, None for what is none."""
    if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file():
        return None
    from workbench.models.files.hdf5 import read_description as read

    try:
        return read(path)[0]
    except WorkbenchError:
        return None


def _input(config: Any) -> Any:
    """Return the shape with batch axis of a described model's only input, or None."""
    model = config.get("config") if isinstance(config, dict) else None
    if not isinstance(model, dict):
        return None
    layers = model.get("layers")
    inputs = [layer.get("config") for layer in (layers if isinstance(layers, list) else []) if _is_input(layer)]
    if len(inputs) == 1 and isinstance(inputs[0], dict):
        return inputs[0].get("batch_shape") or inputs[0].get("batch_input_shape")  # Keras 3, or 2
    built = config.get("build_config")
    if not inputs and isinstance(built, dict):
        return built.get("input_shape")
    return None


def _is_input(layer: Any) -> bool:
    return isinstance(layer, dict) and layer.get("class_name") == "InputLayer"


def _sides(shape: Any) -> Declared:
    """(None, H, W, C), (None, C, H, W) or (None, H, W) -> (H, W, C); nothing is known of a flat image."""
    if not isinstance(shape, list | tuple) or len(shape) not in (3, 4):
        return None, None, None
    height, width, channels = [*shape[1:], 1] if len(shape) == 3 else shape[1:]
    if len(shape) == 4 and channels_first(shape[1:]):
        channels, height, width = shape[1:]
    return tuple(side if isinstance(side, int) and side > 0 else None for side in (height, width, channels))  # type: ignore[return-value]
