"""A small vision transformer, as tests share it: patches, a class token or a mean over tokens, and blocks."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("tests")
class Patches(layers.Layer):
    """Cuts an image into squares, each a token of its pixels; it has no weights."""

    def __init__(self, size: int, **how: Any) -> None:
        super().__init__(**how)
        self.size = size

    def call(self, images: Any) -> Any:
        patches = ops.image.extract_patches(images, self.size)
        return ops.reshape(patches, (-1, patches.shape[1] * patches.shape[2], patches.shape[3]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("tests")
class Positions(layers.Layer):
    """Adds what is learned of each place, behind some more tokens that have none."""

    def __init__(self, further: int = 0, **how: Any) -> None:
        super().__init__(**how)
        self.further = further

    def build(self, shape: Any) -> None:
        chance = keras.initializers.RandomNormal(stddev=0.1, seed=1)
        if self.further:
            self.tokens = self.add_weight(shape=(1, self.further, shape[2]), initializer=chance, name="further")
        self.places = self.add_weight(shape=(1, shape[1] + self.further, shape[2]), initializer=chance, name="places")
        self.built = True

    def call(self, tokens: Any) -> Any:
        if self.further:
            more = ops.broadcast_to(self.tokens, (ops.shape(tokens)[0], self.further, tokens.shape[2]))
            tokens = ops.concatenate([more, tokens], axis=1)
        return tokens + self.places

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "further": self.further}


@keras.saving.register_keras_serializable("tests")
class Encoder(layers.Layer):
    """All blocks in one layer of somebody's own, as Keras Hub has them."""

    def __init__(self, depth: int, width: int, **how: Any) -> None:
        super().__init__(**how)
        self.depth, self.width = depth, width

    def build(self, shape: Any) -> None:
        self.norms = [layers.LayerNormalization(name=f"norm{n}") for n in range(self.depth)]
        self.attentions = [
            layers.MultiHeadAttention(2, self.width // 2, name=f"attention{n}") for n in range(self.depth)
        ]
        for norm, attention in zip(self.norms, self.attentions, strict=True):
            norm.build(shape)
            attention.build(shape, shape)
        self.built = True

    def call(self, tokens: Any) -> Any:
        for norm, attention in zip(self.norms, self.attentions, strict=True):
            given = norm(tokens)
            tokens = tokens + attention(given, given)
        return tokens

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth, "width": self.width}


def transformer(
    shape: tuple[int, int, int] = (28, 28, 1),
    *,
    patch: int = 7,
    width: int = 24,
    depth: int = 2,
    further: int = 1,
    classes: int = 3,
    convolution: bool = False,
    inside: bool = False,
) -> Any:
    """Build it: with a class token (`further` = 1), or a mean over tokens (0).

    Args:
        shape: of the images.
        patch: pixels of a side of a patch.
        width: F.
        depth: blocks.
        further: tokens in front of those of the patches.
        classes: K.
        convolution: whether a convolution makes the tokens, or patches and a dense layer.
        inside: whether the blocks are one layer.
    """
    image = keras.Input(shape)
    if convolution:
        maps = layers.Conv2D(width, patch, strides=patch, name="patches")(image)
        tokens = layers.Reshape((-1, width))(maps)
    else:
        tokens = layers.Dense(width, name="embedded")(Patches(patch, name="cut")(image))
    tokens = Positions(further, name="placed")(tokens)
    if inside:
        tokens = Encoder(depth, width, name="encoder")(tokens)
    for n in range(0 if inside else depth):
        given = layers.LayerNormalization(name=f"norm{n}")(tokens)
        attended = layers.MultiHeadAttention(2, width // 2, name=f"attention{n}")(given, given)
        tokens = layers.Add(name=f"added{n}")([tokens, attended])
        given = layers.LayerNormalization(name=f"second{n}")(tokens)
        given = layers.Dense(width, name=f"narrow{n}")(
            layers.Dense(2 * width, activation="gelu", name=f"wide{n}")(given)
        )
        tokens = layers.Add(name=f"block{n}")([tokens, given])
    tokens = layers.LayerNormalization(name="norm")(tokens)
    read = tokens[:, 0] if further else layers.GlobalAveragePooling1D()(tokens)
    return keras.Model(image, layers.Dense(classes, name="scores")(read))
