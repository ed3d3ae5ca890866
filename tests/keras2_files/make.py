"""Writes the files beside it: small networks as Keras 2 itself saves them, and what Keras 2 says of some images.

It is run by hand, in an environment of its own, since Keras 2 and Keras 3 cannot both be `keras` in one:

    python make.py            # TensorFlow 2.15 and its Keras 2.15, on Python 3.11
    python make.py tf_keras   # any TensorFlow with the package tf_keras
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parent
OWN = len(sys.argv) > 1
k = importlib.import_module(sys.argv[1] if OWN else "tensorflow.keras")
L = k.layers
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3)).astype(np.float32)


def depthwise():
    """The block of MobileNetV2, with an optimizer of old."""
    image = k.Input((12, 12, 3))
    x = L.Rescaling(1 / 255)(image)
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="Conv/1")(x)))
    y = L.ReLU(6.0)(L.BatchNormalization(name="Conv/BatchNorm")(L.DepthwiseConv2D(3, padding="same")(x)))
    y = L.LeakyReLU(alpha=0.2)(L.SeparableConv2D(4, 3, padding="same", activation="swish")(y))
    x = L.GlobalAveragePooling2D()(L.PReLU(shared_axes=[1, 2])(L.Add()([x, y])))
    model = k.Model(image, L.Dense(3, activation=tf.nn.softmax)(x), name="depthwise")
    model.compile(k.optimizers.legacy.Adam(1e-3, decay=1e-6), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def operations():
    """Scaling as operations, functions of `tf.nn`, Keras 2's own hard_sigmoid, and one unit."""
    image = k.Input((12, 12, 3))
    x = L.Conv2D(4, 3, activation="hard_sigmoid")(k.applications.mobilenet_v2.preprocess_input(image))
    x = L.Conv2D(4, 3, activation=tf.nn.relu6)(1.0 - x)
    x = tf.reduce_max(tf.nn.leaky_relu(x), axis=[1, 2])
    return k.Model(image, L.Dense(1, activation="sigmoid")(tf.concat([x, x * 0.5], axis=-1)), name="operations")


def turned():
    """Blue, green, red less their means: slices, which Keras 2 writes into HDF5 alone."""
    image = k.Input((12, 12, 3))
    x = L.Conv2D(3, 3, activation="relu")(k.applications.resnet50.preprocess_input(image))
    return k.Model(image, L.Dense(3)(L.GlobalMaxPooling2D()(x)), name="turned")


def nested():
    """A frozen backbone that is called twice, with two branches of the same shape, and a Sequential behind it."""
    inner = k.Input((12, 12, 3))
    branches = [L.Conv2D(3, 3, name=name)(inner) for name in ("zz", "aa")]
    backbone = k.Model(inner, L.BatchNormalization()(L.Subtract()(branches)), name="backbone")
    backbone.trainable = False
    top = k.Sequential([L.GlobalAveragePooling2D(), L.Dense(4, activation="relu")], name="top")
    image = k.Input((12, 12, 3))
    scaled = L.Rescaling(1 / 127.5, offset=-1)(L.RandomFlip()(image))
    x = L.Concatenate()([top(backbone(scaled, training=False)), top(backbone(-scaled, training=False))])
    return k.Model(image, L.Softmax()(L.Dense(3)(x)), name="nested")


def sequential():
    """A Sequential whose first layer has the input's shape, with statistics of its own, and a recurrent end."""
    first = L.Normalization(input_shape=(12, 12, 3), axis=-1)
    first.adapt(IMAGES)
    parts = [L.Conv2D(3, 3, activation="elu"), L.Reshape((10, 30)), L.Bidirectional(L.GRU(2, return_sequences=True))]
    last = [L.LSTM(3, recurrent_activation="hard_sigmoid"), L.Dropout(0.2), L.Dense(3, activation="softmax")]
    return k.Sequential([first, *parts, *last], name="sequential")


def mixed():
    """Mixed precision."""
    k.mixed_precision.set_global_policy("mixed_float16")
    image = k.Input((12, 12, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, activation="relu")(L.Rescaling(1 / 255)(image)))
    model = k.Model(image, L.Activation("softmax", dtype="float32")(L.Dense(3)(x)), name="mixed")
    k.mixed_precision.set_global_policy("float32")
    return model


def unreadable():
    """An operation that is not read."""
    image = k.Input((12, 12, 3))
    return k.Model(image, L.Dense(3)(L.Flatten()(tf.nn.max_pool2d(image, 4, 4, "VALID"))), name="unreadable")


def own_classes():
    """A layer called like one of Keras's that does something else."""

    @k.saving.register_keras_serializable("mine")
    class ReLU(L.Layer):
        def call(self, images):
            return -images

    image = k.Input((12, 12, 3))
    return k.Model(image, L.Dense(3)(L.Flatten()(ReLU()(image))), name="own_classes")


FILES = {
    depthwise: () if OWN else ("h5", "keras"),
    operations: ("keras",) if OWN else ("h5",),
    turned: () if OWN else ("h5",),
    nested: ("keras",) if OWN else ("h5",),
    sequential: ("keras",) if OWN else ("h5",),
    mixed: () if OWN else ("h5",),
    unreadable: () if OWN else ("keras",),
    own_classes: ("keras",) if OWN else (),
}


def main():
    version = "tf_keras" if OWN else "2.15"
    said = {"images": IMAGES}
    for build, kinds in FILES.items():
        k.utils.set_random_seed(1)
        model, chance = build(), np.random.default_rng(5)
        if build is not sequential:
            drawn = [(w + 0.3 * np.abs(chance.normal(size=w.shape))).astype(w.dtype) for w in model.get_weights()]
            model.set_weights(drawn)
        for kind in kinds:
            model.save(FOLDER / f"{build.__name__}-{version}.{kind}")
        said[build.__name__] = model.predict(IMAGES, verbose=0)
    np.savez_compressed(FOLDER / f"said-{version}.npz", **said)


main()
