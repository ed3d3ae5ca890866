"""`.keras` files of others -> Keras models, without running code that came with the file."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from workbench.core.array_file import ArrayFile
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.models.files.foreign import printable, said
from workbench.models.files.keras_archive import read_description, read_weights
from workbench.models.training_loss import loss_name

MOST = 450
"""Letters of what Keras says that are repeated."""
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Keras raises about a file."""


def load_model(path: str | Path) -> Any:
    """Load a `.keras` file (Keras 3) for inference; optimizer and loss stay in the file.

    Args:
        path: a file written by `model.save("name.keras")`.

    Raises:
        Unavailable: if there is no such file; offers the `.keras` files beside it.
        WorkbenchError: if the file is truncated or of another format, holds a Lambda layer, or needs a custom class.
    """
    path = Path(path)
    config, version, loss = _config(path)
    name, weights = read_weights(path)
    stored = _stored(path, name, weights)

    def fill(model: Any) -> None:
        import h5py

        from workbench.models.files.keras2.weights import load_keras_weights

        with h5py.File(weights, "r") as file:
            load_keras_weights(model, config, file)

    model = open_model(path, config, version, fill, stored=stored)
    model.saved_loss = loss
    return model


def look_at(path: Path) -> None:
    """See whether a `.keras` file is refused for what it says; imports no TensorFlow.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no model, or brings code.
    """
    refuse_code(path, _config(path)[0])


def open_model(path: Path, config: dict[str, Any], version: str, fill: Callable[[Any], None], *, stored: int) -> Any:
    """Let Keras open a file whose description of the model was read; one of Keras 2 is built anew.

    Args:
        path: of the file.
        config: the description.
        version: of the Keras that wrote it.
        fill: puts the weights of a file of Keras 2 into the model that was built.
        stored: values that the file holds; a model that asks for many more is not built.

    Raises:
        WorkbenchError: if the description names code of the file's own, or Keras cannot read it.
    """
    refuse_code(path, config)
    import keras
    import tensorflow as tf

    from workbench.models.files.allocation import weights_within
    from workbench.models.files.keras2 import build, written_by_keras_2
    from workbench.models.files.keras2.words import FUNCTIONS

    old = written_by_keras_2(config, version)
    if not old:
        _refuse_custom(path, config)
    functions = {name: getattr(keras.activations, known) for name, known in FUNCTIONS.items()}  # as `tf.nn` calls them
    with weights_within(path.name, stored) as refused:
        try:
            if not old:
                return keras.models.load_model(path, custom_objects=functions, compile=False, safe_mode=True)
            model = build(config)
            fill(model)
        except (*UNREADABLE, WorkbenchError, MemoryError, tf.errors.OpError) as error:
            if refused:  # which Keras puts into a sentence of its own
                raise refused[0] from None
            if old:
                raise WorkbenchError(
                    f"{path.name} was written by Keras {version} and cannot be built with Keras {keras.__version__}: "
                    f"{_cause(error).rstrip('.')}. {_help(path, error)}"
                ) from None
            raise WorkbenchError(
                f"{path.name} is not a model that Keras {keras.__version__} can read "
                f"(it was written by Keras {version}): {_cause(error)}"
            ) from None
        return model


def _stored(path: Path, name: str, weights: IO[bytes]) -> int:
    """Count the values in the file of weights, which is looked at before Keras reads it."""
    try:
        if name.endswith(".npz"):
            with ArrayFile(weights) as arrays:
                return sum(int(each.size) for each in arrays.values())
        import h5py

        from workbench.models.files.hdf5_check import count_stored

        with h5py.File(weights, "r") as file:
            return count_stored(path.name, file, weights)
    except WorkbenchError as error:
        raise WorkbenchError(str(error) if path.name in str(error) else f"{path.name} is damaged: {error}.") from None
    except UNREADABLE as error:
        raise WorkbenchError(f"{path.name} is damaged: the weights in it cannot be read ({said(error)}).") from None


def _help(path: Path, error: Exception) -> str:
    if path.suffix == ".keras" and not isinstance(error, WorkbenchError):
        return "What helps: `model.save('m.h5')` in Keras 2."
    return "What helps: `model.export('folder')` in Keras 2, a SavedModel (predictions only)."


def _cause(error: Exception) -> str:
    """What went wrong in Keras: its sentences quote whole descriptions, and have their cause at the end."""
    said = str(error).split("Exception encountered:")[-1].split("Full object config:")[0]
    said = printable(said) or type(error).__name__
    return said if len(said) <= MOST else f"{said[: MOST // 3]} … {said[-2 * MOST // 3 :]}"


def _config(path: Path) -> tuple[dict[str, Any], str, str]:
    """Return the description of the model, the version of Keras that wrote it and the loss it was compiled with."""
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder. Name the .keras file in it.")
    if not path.is_file():
        beside = sorted(file.name for file in path.parent.glob("*.keras")) if path.parent.is_dir() else []
        raise Unavailable(f"{unknown('model file', path.name, beside)} Looked in {path.parent.resolve()}.")
    if path.suffix != ".keras":
        raise WorkbenchError(
            f"A model must be a .keras file of Keras 3, as `model.save('name.keras')` writes it. Got {path.name!r}."
        )
    config, metadata = read_description(path)
    compiled = config.pop("compile_config", None)  # optimizer and loss are never loaded, so they may be anything
    loss = loss_name(compiled.get("loss")) if isinstance(compiled, dict) else ""
    return config, str(metadata.get("keras_version", "unknown")), loss


def refuse_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a description that holds code.

    Raises:
        WorkbenchError: if it has a Lambda layer.
    """
    for part in serialized_objects(config):
        if part["class_name"] in ("Lambda", "__lambda__"):
            inner = part.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            raise WorkbenchError(
                f"{path.name} has a Lambda layer{f' ({name!r})' if name else ''}: opening it would run code from the "
                "file, so it is refused. Replace the Lambda by a layer of Keras and save the model again."
            )


def _refuse_custom(path: Path, config: dict[str, Any]) -> None:
    import keras

    custom = [name for name in _custom_classes(config) if keras.saving.get_registered_object(name) is None]
    if custom:
        raise WorkbenchError(
            f"{path.name} needs the custom class {custom[0]!r}, which is not part of Keras. Register it with "
            "`keras.saving.register_keras_serializable`, load the model in Python, and give the model to `Session`."
        )


def _custom_classes(config: dict[str, Any]) -> Iterator[str]:
    """Yield the registered name of every class that is neither Keras's nor Python's."""
    for part in serialized_objects(config):
        module = part.get("module")
        if isinstance(module, str) and module != "builtins" and module.split(".")[0] != "keras":
            yield str(part.get("registered_name") or part["class_name"])


def serialized_objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every serialized object in a nest of lists and dictionaries."""
    nodes = [node]
    while nodes:  # not recursive: the nest is the file's, and may be deeper than Python's stack
        node = nodes.pop()
        if isinstance(node, dict):
            if "class_name" in node:
                yield node
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)


def fingerprint(model: Any) -> str:
    """16 hexadecimal digits that change with the structure of a Keras model and with any weight."""
    if known := getattr(model, "file_fingerprint", ""):  # its weights are not Keras's
        return str(known)
    try:
        structure = model.to_json()
    except (NotImplementedError, TypeError, ValueError):  # a model with a `call` of its own
        structure = repr([(weights.path, weights.shape) for weights in model.weights])
    digest = hashlib.sha256(structure.encode())
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    return digest.hexdigest()[:16]
