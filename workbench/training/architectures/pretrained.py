"""Weights of a backbone: fetched by Keras, or from a file that somebody brought."""

from __future__ import annotations

import socket
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files import load_model
from workbench.models.files.hdf5_check import count_stored

PATIENCE = 10
"""Seconds without an answer after which fetching is given up: Keras sets no limit."""
HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Published:
    """Where the weights for ImageNet are.

    Attributes:
        file: what Keras calls the file without the weights of the classifier.
        folder: of Keras's storage.
        md5: of the file, as in `keras.applications`.
    """

    file: str
    folder: str
    md5: str

    @property
    def url(self) -> str:
        """Where it is fetched."""
        return f"https://storage.googleapis.com/tensorflow/keras-applications/{self.folder}/{self.file}"


def load_weights(backbone: Any, weights: str, *, name: str, published: Published) -> None:
    """Put weights into a backbone.

    Args:
        backbone: a model of `keras.applications` without its classifier.
        weights: "imagenet", or the path of a file: `.weights.h5` of Keras 3 or `.h5` of Keras 2 ("notop"), with the
            weights of the backbone alone, or a `.keras` model whose layers, or those of a model "backbone" in it,
            have the same names and shapes.
        name: of the network, for messages.
        published: the weights for ImageNet.

    Raises:
        WorkbenchError: if the file holds something else.
        Unavailable: if there is no such file, or it cannot be fetched.
    """
    if weights == "imagenet":
        _load_h5(backbone, _fetched(name, published), name, published.file)
        return
    path = Path(weights)
    if not path.is_file():
        raise Unavailable(
            f"There is no file {weights} with weights for `{name}`. --weights takes imagenet, none, or the path of a "
            f"file such as {published.file}."
        )
    if path.suffix == ".keras":
        _copy(load_model(path), backbone, path, name)
    else:
        _load_h5(backbone, path, name, published.file)


def _fetched(name: str, published: Published) -> Path:
    """Return Keras's copy of ImageNet's weights, which it keeps in its folder."""
    import keras

    talks = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()  # its progress bar would be printed among our results
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return Path(keras.utils.get_file(published.file, published.url, cache_subdir="models", file_hash=published.md5))
    except Exception as error:  # noqa: BLE001 - Keras raises a bare Exception where the network fails
        said = " ".join(str(error).split()).rpartition(" -- ")[2] or type(error).__name__
        raise Unavailable(
            f"The weights of `{name}` for ImageNet could not be fetched from {published.url} ({said}). Bring that file "
            f"and name it with `--weights {published.file}`, or start from random weights with `--weights none`."
        ) from None
    finally:
        socket.setdefaulttimeout(patience)
        if talks:
            keras.config.enable_interactive_logging()


def _load_h5(backbone: Any, path: Path, name: str, file: str) -> None:
    """Load weights alone; such a file holds arrays and no code.

    Raises:
        WorkbenchError: if it is no HDF5 file, says that it has more than it can, or its weights are another network's.
    """
    with path.open("rb") as stream:
        signature = stream.read(len(HDF5))
    if signature != HDF5 or path.suffix not in (".h5", ".hdf5"):
        raise WorkbenchError(
            f"Weights for `{name}` must be a .weights.h5 or .h5 file (such as {file}) or a .keras model. "
            f"Got {path.name}, which is "
            + ("another kind of file." if signature != HDF5 else "HDF5 with another ending: rename it.")
        )
    wrong = f"{path.name} does not hold the weights of the backbone of `{name}` without its classifier, as {file} does"
    # Keras only warns of layers that it finds nothing for, and leaves them as they are.
    backbone.set_weights([np.full(each.shape, np.nan, each.dtype) for each in backbone.weights])
    try:
        import h5py

        with path.open("rb") as raw, h5py.File(path, "r") as stored:
            count_stored(path.name, stored, raw)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backbone.load_weights(path)
    except WorkbenchError:
        raise
    except (ValueError, KeyError, OSError, AttributeError, TypeError, IndexError) as error:
        raise WorkbenchError(f"{wrong}: {' '.join(str(error).split())[:200]}") from None
    if missing := [each.path for each in backbone.weights if np.isnan(np.asarray(each)).any()]:
        raise WorkbenchError(f"{wrong}: it has none, or no numbers, for {len(missing)} arrays such as {missing[0]}.")


def _copy(model: Any, backbone: Any, path: Path, name: str) -> None:
    """Copy the weights of the layers of the same name.

    Raises:
        WorkbenchError: if a layer is missing or has other shapes; nothing is copied then.
    """
    inner = next((layer for layer in model.layers if layer.name == "backbone" and hasattr(layer, "layers")), model)
    given = {layer.name: layer for layer in inner.layers}
    wanted = [layer for layer in backbone.layers if layer.weights]
    for layer in wanted:
        there = [tuple(each.shape) for each in given[layer.name].weights] if layer.name in given else None
        needed = [tuple(each.shape) for each in layer.weights]
        if there != needed:
            found = "has no such layer" if there is None else f"has {there}"
            raise WorkbenchError(
                f"{path.name} does not hold the backbone of `{name}`: its layer {layer.name!r} needs weights of the "
                f"shapes {needed}, and the file {found}."
            )
    for layer in wanted:
        layer.set_weights(given[layer.name].get_weights())
