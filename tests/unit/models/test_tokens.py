"""How tokens lie on the image: as the model's operations tell, as is said, or as is assumed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.transformers import transformer
from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe
from workbench.models.tokens import TokenGrid, read_tokens

SHAPE = (12, 8, 1)


def attended(tokens):
    return layers.LayerNormalization(name="attended")(tokens + layers.MultiHeadAttention(2, 3)(tokens, tokens))


def of(build, shape=SHAPE):
    image = keras.Input(shape)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(build(image))))


def cut_by_reshaping(image):
    """(N, h, 4, w, 4, C), its axes exchanged: as patches are cut by hand."""
    parts = ops.transpose(ops.reshape(image, (-1, 3, 4, 2, 4, 1)), (0, 1, 3, 2, 4, 5))
    return attended(layers.Dense(6, name="embedded")(ops.reshape(parts, (-1, 6, 16))))


def behind(image):
    """Two tokens behind those of the patches."""
    tokens = layers.Reshape((6, 5))(layers.Conv2D(5, 4, strides=4)(image))
    return attended(ops.concatenate([tokens, tokens[:, :2]], axis=1))


def both_sides(image):
    tokens = layers.Reshape((6, 5))(layers.Conv2D(5, 4, strides=4)(image))
    tokens = ops.concatenate([ops.zeros_like(tokens[:, :1]), tokens], axis=1)
    return attended(ops.concatenate([tokens, ops.zeros_like(tokens[:, :1])], axis=1))


def pooled(image):
    """Tokens, their grid again, half of it, and tokens again."""
    tokens = attended(layers.Reshape((24, 5))(layers.Conv2D(5, 2, strides=2)(image)))
    grid = layers.MaxPooling2D()(layers.Reshape((6, 4, 5))(tokens))
    return layers.LayerNormalization(name="later")(layers.Reshape((6, 5))(grid))


FOUND = {
    "patches and a dense layer": (lambda: transformer((12, 8, 1), patch=4, further=0), TokenGrid(3, 2)),
    "a convolution and a class token": (
        lambda: transformer((12, 8, 1), patch=4, convolution=True),
        TokenGrid(3, 2, before=1),
    ),
    "registers": (lambda: transformer((12, 8, 1), patch=2, further=5), TokenGrid(6, 4, before=5)),
    "cut by hand": (lambda: of(cut_by_reshaping), TokenGrid(3, 2)),
    "tokens behind": (lambda: of(behind), TokenGrid(3, 2, after=2)),
    "tokens on both sides": (lambda: of(both_sides), TokenGrid(3, 2, before=1, after=1)),
    "fewer later": (lambda: of(pooled), TokenGrid(3, 2)),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_grid_is_read_off_the_operations(name):
    build, grid = FOUND[name]
    probe = Probe(build(), given="unit")
    assert probe.layers[probe.default_layer].grid == grid
    assert probe.tokens_note == "" and "tokens" not in probe.note
    maps, slopes = probe.feature_maps_and_gradients(
        np.random.default_rng(0).random((2, 12, 8, 1), np.float32), np.array([0, 1]), probe.default_layer
    )
    assert maps.shape[:3] == slopes.shape[:3] == (2, grid.height, grid.width)
    assert maps.std() > 0 and slopes.any()


def test_the_token_of_a_place_is_the_one_whose_pixels_lie_there():
    """Of tokens that do not attend yet, only that one changes with a patch."""
    probe = Probe(transformer((12, 8, 1), patch=4, convolution=True), given="unit")
    image = np.random.default_rng(0).random((1, 12, 8, 1), np.float32)
    for i, j in np.ndindex(3, 2):
        changed = image.copy()
        changed[:, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4] = 0
        moved = np.abs(probe.feature_maps(changed, "placed") - probe.feature_maps(image, "placed"))[0].max(axis=2)
        assert np.argwhere(moved > 1e-6).tolist() == [[i, j]]


@keras.saving.register_keras_serializable("tests")
class Gathered(layers.Layer):
    """Patches in their order, by way of an operation that does not show their grid."""

    def __init__(self, rows, further=0, **how):
        super().__init__(**how)
        self.rows, self.further = rows, further

    def call(self, images):
        count = images.shape[1] * images.shape[2] // 16
        flat = ops.reshape(images, (-1, images.shape[1] * images.shape[2]))
        order = np.arange(flat.shape[1]).reshape(self.rows, 4, -1, 4).transpose(0, 2, 1, 3).reshape(-1)
        tokens = ops.reshape(ops.take(flat, order, axis=1), (-1, count, 16))
        return ops.pad(tokens, ((0, 0), (self.further, 0), (0, 0)))


def hidden(shape, further=0):
    return of(lambda image: attended(layers.Dense(6)(Gathered(shape[0] // 4, further)(image))), shape)


@pytest.mark.parametrize(
    ("shape", "further", "words", "said"),
    [
        ((12, 12, 1), 0, "3x3", "Its 9 tokens are assumed to be 3×3 places; --tokens says otherwise."),
        (
            (12, 12, 1),
            1,
            "3x3+1",
            "Its 10 tokens are assumed to be 3×3 places and 1 further token in front; --tokens says otherwise.",
        ),
        ((24, 48, 1), 0, "6x12", "Its 72 tokens are assumed to be 6×12 places; --tokens says otherwise."),
    ],
)
def test_where_nothing_tells_the_image_s_proportions_are_assumed_and_said(shape, further, words, said):
    probe = Probe(hidden(shape, further), given="unit")
    assert (probe.tokens_note, probe.tokens_assumed) == (said, f"{words} (assumed)")
    assert probe.note.endswith(said)
    given = Probe(hidden(shape, further), given="unit", tokens=words)
    assert given.tokens_note == "" and given.layers[given.default_layer].grid.words == words
    images = np.random.default_rng(1).random((2, *shape), np.float32)
    for name in ("grad-cam", "attention-rollout"):
        assert explainer(name)().attribute(given, images, np.array([0, 1])).values.std() > 0


@pytest.mark.parametrize(("further", "given"), [(3, "3x3+3"), (2, "3x3+2")])
def test_what_cannot_be_told_is_asked_for(further, given):
    """Twelve tokens may be the rows of the image; eleven are no square, nor one with a class token."""
    model, image, target = hidden((12, 12, 1), further), np.full((1, 12, 12, 1), 90, np.uint8), np.zeros(1, int)
    count = 9 + further
    said = rf"goes on with {count} tokens, \(N, {count}, F\), and nothing tells which places .*: --tokens says it"
    for name in ("grad-cam", "attention-rollout"):
        with pytest.raises(WorkbenchError, match=said):
            explainer(name)().attribute(Probe(model, given="unit"), image, target)
    maps = explainer("grad-cam")().attribute(Probe(model, given="unit", tokens=given), image, target)
    assert maps.values.shape == (1, 3, 3)


def test_what_does_not_fit_is_said():
    build = FOUND["a convolution and a class token"][0]
    with pytest.raises(WorkbenchError, match=r"`tokens` 3x3 are 9 tokens\. Its layers hold 6, 7\. `--tokens`"):
        Probe(build(), tokens="3x3")
    dense = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(WorkbenchError, match=r"are 9 tokens\. No layer of this model holds any"):
        Probe(dense, tokens="3x3")
    for wrong in ("", "3", "3x", "0x4", "axb", "3x3+", "99999x1", "3x3+1+1"):
        with pytest.raises(WorkbenchError, match=r"takes rows × columns .* 14x14\+1\. Got "):
            read_tokens(wrong)
    assert read_tokens(" 14 × 7 + 2 ") == TokenGrid(14, 7, before=2, known="given")


def test_what_is_given_wins_and_keeps_the_side_of_further_tokens():
    probe = Probe(of(behind), given="unit", tokens="3x2+2")
    assert probe.layers["attended"].grid == TokenGrid(3, 2, after=2, known="given")
    other = Probe(of(behind), given="unit", tokens="2x4")
    assert other.layers["attended"].grid == TokenGrid(2, 4, known="given")
