"""LiteRT files, plain and quantized."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files import load_model
from workbench.models.files.litert import read_litert
from workbench.models.probe import Probe

IMAGES = np.random.default_rng(1).random((70, 6, 6, 1), np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def converted(model, path, quantized=False):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([IMAGES[n : n + 1]] for n in range(70))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return path


def test_plain_and_quantized_scores_and_damaged_files(model, tmp_path):
    path, expected = converted(model, tmp_path / "m.tflite"), np.asarray(model(IMAGES))
    np.testing.assert_allclose(Probe(load_model(path)).logits(IMAGES), expected, rtol=1e-4, atol=1e-5)
    probe = Probe(load_model(converted(model, tmp_path / "int8.tflite", quantized=True)))
    assert probe.preprocessing.name == "unit"  # what its whole numbers stand for
    np.testing.assert_allclose(probe.logits(IMAGES), expected, atol=0.05 * np.ptp(expected))
    whole = path.read_bytes()
    for content, words in (
        (b"", "lacks the mark"),
        (b"\x80\x04pickle", "lacks the mark"),
        (whole[:1000], "is not a LiteRT model that can be run here"),
    ):
        path.write_bytes(content)
        with pytest.raises(WorkbenchError, match=f"m.tflite .*{words}"):
            load_model(path)


def test_a_size_that_is_open_is_that_of_the_images(tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 1))  # for LiteRT 1 × 1 until it is told, on which no filter fits
    maps = keras.layers.Conv2D(4, 3, activation="relu")(image)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(maps)))
    probe = Probe(load_model(converted(model, tmp_path / "m.tflite")), IMAGES.shape[1:])
    np.testing.assert_allclose(probe.logits(IMAGES), np.asarray(model(IMAGES)), rtol=1e-4, atol=1e-5)


def test_without_its_own_package_tensorflow_s_interpreter_reads_it(model, tmp_path, monkeypatch):
    path, expected = converted(model, tmp_path / "m.tflite"), np.asarray(model(IMAGES))
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    (found,) = read_litert(path).run(IMAGES, [0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    monkeypatch.delattr(tf.lite, "Interpreter")
    with pytest.raises(Unavailable, match=r"\.tflite files needs ai-edge-litert, .* 'classifier-workbench\[export\]'"):
        read_litert(path)
