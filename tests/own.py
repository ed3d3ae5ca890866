"""Classifiers that are not the baseline, with their data: made and trained in seconds, shared by tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
from keras import layers

from tests.transformers import transformer
from workbench.core.dataset import Dataset

NAMES = ("colour residual", "nested transfer", "two classes", "transformer")
GREY, CLOSED = "grey transfer", ("ONNX", "SavedModel")
"""A nested model that makes colour images of grey ones; and "colour residual" in files that give predictions only."""
ASKED = frozenset({"hsic", "kernel-shap", "lime", "occlusion", "random", "rise", "sobol"})
"""The methods that need predictions alone."""
OF_RELU = frozenset({"deconvnet", "guided-backprop", "guided-grad-cam"})
OF_TOKENS = frozenset({"attention-rollout", "gradient-rollout", "le-grad"})
BY_LAYERS = frozenset({"deep-lift", "lrp"})


@dataclass(frozen=True)
class Own:
    """A trained model or its file, images it has not seen, and the methods that do not apply to it."""

    model: keras.Model | Path
    train: Dataset
    test: Dataset
    refused: frozenset[str] = OF_TOKENS


def dataset(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], part: str) -> Dataset:
    return Dataset(
        images, labels.astype(np.int64), class_names=names, indices=np.arange(len(labels)), name=f"own/{part}"
    )


def shapes(count: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`(N, side, side, 3)` uint8: a bright square, cross or frame of any colour at any place, before noise."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, 50, (count, side, side, 3))
    labels = np.arange(count) % 3
    size = side // 3
    for image, label in zip(images, labels, strict=True):
        top, left = chance.integers(0, side - size, 2)
        drawn = np.ones((size, size), bool)
        if label == 1:
            drawn = np.abs(np.arange(size) - size // 2) < max(size // 6, 1)
            drawn = drawn[:, None] | drawn[None]
        elif label == 2:
            drawn[size // 4 : -(size // 4), size // 4 : -(size // 4)] = False
        image[top : top + size, left : left + size][drawn] += chance.integers(90, 200, 3)
    return images.astype(np.uint8), labels


def _trained(model: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int, *, unit: float = 255) -> None:
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(images / unit, labels, epochs=epochs, batch_size=32, verbose=0)


@cache
def own(name: str) -> Own:
    """Make and train a model, by its name above."""
    if name in CLOSED:
        return _exported(own("colour residual"), name)
    keras.utils.set_random_seed(3)
    return {
        "colour residual": _residual,
        "nested transfer": _transfer,
        "two classes": _two,
        GREY: _grey,
        "transformer": _attending,
    }[name]()


def _exported(trained: Own, kind: str) -> Own:
    from workbench.attribution.methods import explainers

    folder = Path(tempfile.mkdtemp(prefix="workbench-own-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / ("own.onnx" if kind == "ONNX" else "own")
    trained.model.export(path, format="onnx" if kind == "ONNX" else "tf_saved_model", verbose=False)
    return replace(trained, model=path, refused=frozenset(explainers()) - ASKED)


def _residual() -> Own:
    image = keras.Input((24, 20, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.7)(x))
    x = layers.MaxPooling2D()(x)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization(momentum=0.7)(y))
    y = layers.Conv2D(8, 1)(y)
    x = layers.ReLU(name="joined")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(12, 3, activation="relu", name="last")(x))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(x), name="residual")
    (images, labels), (seen, known) = ((i[:, :, :20], k) for i, k in (shapes(600, 24, 0), shapes(60, 24, 1)))
    _trained(model, images, labels, 6)
    names = ("square", "<b>cross</b>", "frame $x^2$")
    return Own(model, dataset(images, labels, names, "train"), dataset(seen, known, names, "test"))


def _transfer() -> Own:
    """The lower part of a network of keras.applications inside a model of one's own, fine-tuned."""
    whole = keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None)
    backbone = keras.Model(whole.input, whole.get_layer("conv_pw_3_relu").output, name="mobilenet")
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.6  # a few steps have to do for its statistics
    image = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(backbone(layers.Rescaling(1 / 127.5, offset=-1)(image)))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Dropout(0.2)(x)), name="transfer")
    (images, labels), (seen, known) = shapes(600, 32, 2), shapes(45, 32, 3)
    _trained(model, images, labels, 10, unit=1)
    backbone.trainable = False
    names = ("square", "cross", "frame")
    return Own(model, dataset(images, labels, names, "train"), dataset(seen, known, names, "test"))


def _grey() -> Own:
    """The lower part of MobileNetV3, with its gates, for grey images that are enlarged, tripled and scaled first."""
    whole = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None, include_preprocessing=False
    )
    backbone = keras.Model(whole.input, whole.get_layer("expanded_conv_2_add").output, name="mobilenet")
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.6
    image = keras.Input((24, 24, 1))
    x = layers.Resizing(32, 32)(layers.Concatenate()([image, image, image]))
    x = layers.GlobalAveragePooling2D()(backbone(layers.Rescaling(1 / 127.5, offset=-1)(x)))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(x), name="grey")
    (images, labels), (seen, known) = shapes(400, 24, 4), shapes(45, 24, 5)
    images, seen = (each.mean(axis=-1, keepdims=True).astype(np.uint8) for each in (images, seen))
    _trained(model, images, labels, 12, unit=1)
    names = ("square", "cross", "frame")
    return Own(
        model, dataset(images, labels, names, "train"), dataset(seen, known, names, "test"), BY_LAYERS | OF_TOKENS
    )


def _attending() -> Own:
    """Patches of 4×4 pixels and a class token, without a ReLU."""
    whole = transformer((24, 24, 3), patch=4, width=32, convolution=True)
    model = keras.Model(whole.input, layers.Softmax()(whole.output), name="transformer")
    (images, labels), (seen, known) = shapes(600, 24, 0), shapes(60, 24, 1)
    _trained(model, images, labels, 14)
    names = ("square", "cross", "frame")
    return Own(model, dataset(images, labels, names, "train"), dataset(seen, known, names, "test"), OF_RELU | BY_LAYERS)


def _two() -> Own:
    """8×8 digits, ones and sevens, by a network without a single ReLU."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = np.isin(digits.target, (1, 7))
    images = (digits.images[chosen] * 15.9).astype(np.uint8)[..., None]
    labels = (digits.target[chosen] == 7).astype(np.int64)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="tanh"),
            layers.Conv2D(8, 3, activation="gelu"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ],
        name="ones-and-sevens",
    )
    _trained(model, images[:280], labels[:280], 12)
    names = ("one", "seven")
    return Own(
        model,
        dataset(images[:280], labels[:280], names, "train"),
        dataset(images[280:], labels[280:], names, "test"),
        OF_RELU | OF_TOKENS,
    )
