import keras
import numpy as np
import pytest

from analyses.layer_story.layer_features import MOST, grid, layer_features, story_layers
from workbench.data.thumbnails import cells
from workbench.models.probe import Probe


@pytest.fixture(scope="module")
def probe():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = keras.Sequential([keras.Input((18, 14, 3)), layers.Conv2D(40, 3, activation="relu", name="deep")])
    return Probe(
        keras.Sequential(
            [
                keras.Input((18, 14, 3)),
                inner,
                layers.Dropout(0.5),
                layers.MaxPooling2D(2, name="pool"),
                layers.Flatten(),
                layers.Dense(7, name="hidden"),
                layers.Dense(4),
                layers.Softmax(),
            ]
        )
    )


def test_the_layers_of_the_story_are_those_with_weights_or_places_without_the_head(probe):
    names = story_layers(probe, 8)
    assert [name.rpartition("/")[2] for name in names] == ["deep", "pool", "hidden"]
    assert [name.rpartition("/")[2] for name in story_layers(probe, 2)] == ["deep", "hidden"]


def test_a_layer_is_averaged_over_its_cells_and_pixels_come_first(probe):
    images = np.random.default_rng(0).integers(0, 256, (5, 18, 14, 3), dtype=np.uint8)
    names = story_layers(probe, 8)
    (pixels, deep, pool, hidden), logits = layer_features(probe, images, names)
    floats = images.astype(np.float32) / 255
    np.testing.assert_allclose(pixels, floats.reshape(5, -1), atol=1e-6)  # 756 values are few enough
    maps = probe.feature_maps(floats, names[0])  # 16 × 12 × 40, over 5 × 5 cells
    edges = [0, 3, 6, 10, 13, 16], [0, 2, 5, 7, 10, 12]
    expected = [
        [maps[:, a:b, c:d].mean(axis=(1, 2)) for c, d in zip(edges[1], edges[1][1:], strict=False)]
        for a, b in zip(edges[0], edges[0][1:], strict=False)
    ]
    np.testing.assert_allclose(deep.reshape(5, 5, 5, 40), np.moveaxis(np.array(expected), 2, 0), atol=1e-5)
    assert deep.shape[1] <= MOST and pool.shape[1] <= MOST
    np.testing.assert_allclose(hidden, probe.feature_maps(floats, "hidden"), atol=1e-5)
    np.testing.assert_allclose(logits, probe.logits(floats), atol=1e-5)


def test_cells_by_hand():
    np.testing.assert_allclose(cells(5, 2), [[0.5, 0.5, 0, 0, 0], [0, 0, 1 / 3, 1 / 3, 1 / 3]])
    assert cells(3, 9).tolist() == np.eye(3).tolist()
    assert grid((2048,)) is None
    assert grid((7, 7, 2048))[0].shape == (1, 7)
