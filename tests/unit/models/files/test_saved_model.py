"""SavedModel folders of Keras and of plain TensorFlow, and programs that are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.models.files import file_fingerprint, is_inference_only, load_model
from workbench.models.probe import Probe

SHAPE = (4, 5, 3)
KERNEL = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((5, *SHAPE), np.float32)
EXPECTED = IMAGES.reshape(5, 60) @ KERNEL


class Linear(tf.Module):
    """A linear classifier; `read` is the name of a file that it reads at each call."""

    def __init__(self, taken=(None, *SHAPE), read=""):
        super().__init__()
        self.kernel = tf.Variable(KERNEL)
        self.read = read

        @tf.function(input_signature=[tf.TensorSpec(taken, tf.float32, name="images")])
        def call(images):
            scores = tf.reshape(images, (-1, 60)) @ self.kernel
            if self.read:
                scores += tf.cast(tf.strings.length(tf.io.read_file(self.read)), tf.float32)
            return {"scores": scores, "label": tf.argmax(scores, axis=1)}

        self.call = call

    def saved(self, path, **names):
        tf.saved_model.save(self, str(path), signatures=dict.fromkeys(names, self.call) or None)
        return path


def logits(path):
    return Probe(load_model(path), SHAPE).logits(IMAGES)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return Linear().saved(tmp_path_factory.mktemp("saved") / "model", serving_default=1)


def test_of_keras_and_of_tensorflow_with_any_or_one_batch(tmp_path, plain):
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)])
    model.set_weights([KERNEL])
    model.export(tmp_path / "exported", verbose=False)
    for path in (
        plain,
        tmp_path / "exported",
        Linear((1, *SHAPE)).saved(tmp_path / "one", serving_default=1),
        Linear((2, *SHAPE)).saved(tmp_path / "two", mine=1),
    ):
        np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)
    probe = Probe(load_model(plain))
    assert probe.image_shape == SHAPE and probe.note.startswith(
        "It is a SavedModel: it gives predictions but no gradients"
    )
    assert not probe.gradient(IMAGES, np.zeros(5, int)).any()


def test_without_a_signature_or_with_others(tmp_path):
    both = Linear().saved(tmp_path / "both", one=1, other=1)
    with pytest.raises(
        WorkbenchError, match=r"both must have a signature 'serve' or 'serving_default'. It has \['one'"
    ):
        load_model(both)
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    with pytest.raises(WorkbenchError, match=r"none has no signature.*model.export\(folder\)"):
        load_model(tmp_path / "none")


def test_a_program_that_reads_files_or_calls_python_is_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("secret")
    reading = Linear(read=str(tmp_path / "secret")).saved(tmp_path / "reading", serving_default=1)

    class Python(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE))])
        def call(self, images):
            return tf.numpy_function(lambda given: given, [images], tf.float32)

    calling = Python()
    tf.saved_model.save(calling, str(tmp_path / "python"), signatures={"serve": calling.call})
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(
        WorkbenchError, match="reading has the operation 'ReadFile', which accesses files, the network or Python"
    ):
        load_model(reading)
    with pytest.raises(WorkbenchError, match="python has the operation 'PyFunc"):
        load_model(tmp_path / "python")


def test_folders_that_are_none_and_damaged_ones(tmp_path, plain):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkbenchError, match=r"empty is a folder without a saved_model.pb"):
        load_model(tmp_path / "empty")
    broken = tmp_path / "broken"
    broken.mkdir()
    whole = (plain / "saved_model.pb").read_bytes()
    for content in (b"", b"\x80\x04pickle", whole[: len(whole) // 2], whole):  # the last one without its variables
        (broken / "saved_model.pb").write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"broken is (damaged|not a SavedModel)") as caught:
            load_model(broken)
        assert "\n" not in str(caught.value)


def test_its_fingerprint_changes_with_a_weight_and_not_with_its_place(tmp_path, plain):
    import shutil

    before = file_fingerprint(plain)
    copy = shutil.copytree(plain, tmp_path / "elsewhere")
    assert file_fingerprint(copy) == before == load_model(plain).file_fingerprint
    weights = next((copy / "variables").glob("*.data-*"))
    content = bytearray(weights.read_bytes())
    content[0] ^= 1
    weights.write_bytes(bytes(content))
    assert file_fingerprint(copy) != before
    assert is_inference_only(copy)
