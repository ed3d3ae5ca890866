"""Exports of the small run: what stands in the files, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

import workbench as wb
from tests.tiny import HOSTILE
from workbench.attribution.methods.grad_cam import GradCAM
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.locks import holding
from workbench.exporting import export, parity
from workbench.exporting.formats import exporters, formats
from workbench.exporting.parity import Parity
from workbench.session.session import Session

FORMATS = ("litert", "onnx", "saved-model")
CONVERT = export._convert


@pytest.fixture(scope="module")
def session(tiny_run):
    return wb.open_session(tiny_run.folder / "tiny", data=tiny_run.data)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Convert as ever, but the same model to the same file only once: it is copied then."""
    before = {}

    def convert_once(exporter, probe, layer, quantize, made):
        wanted = probe, exporter.name, layer, quantize
        if wanted in before:
            (shutil.copytree if before[wanted].is_dir() else shutil.copy)(before[wanted], made)
            return
        CONVERT(exporter, probe, layer, quantize, made)
        before[wanted] = tmp_path_factory.mktemp("converted") / made.name
        (shutil.copytree if made.is_dir() else shutil.copy)(made, before[wanted])

    return convert_once


@pytest.fixture(autouse=True)
def quick(monkeypatch, converted):
    monkeypatch.setattr(parity, "SECONDS", 0.05)
    monkeypatch.setattr(export, "_convert", converted)


def run_by_the_engine_alone(path, images):
    """What somebody does who has the file and not the workbench."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(str(path)).get_signature_runner("serving_default")(images=images)
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return dict(
            zip([each.name for each in session.get_outputs()], session.run(None, {"images": images}), strict=True)
        )
    return keras.layers.TFSMLayer(str(path), call_endpoint="serving_default")(images)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_gives_the_probabilities_and_maps_of_the_workbench(session, tmp_path, name):
    done = wb.export(session, format=name, with_explanation=True, out=tmp_path / exporters()[name].file)
    for images in (session.dataset.floats([7]), session.dataset.floats(slice(0, 5))):  # any number of images
        outputs = {key: np.asarray(values) for key, values in run_by_the_engine_alone(done.path, images).items()}
        assert sorted(outputs) == ["heatmap", "probabilities"]
        np.testing.assert_allclose(outputs["probabilities"], session.model(images), atol=1e-5)
        target = np.asarray(session.model(images)).argmax(axis=1)
        expected = GradCAM().attribute(session.probe, images, target).values
        assert outputs["heatmap"].shape == expected.shape == (len(images), 3, 3)
        np.testing.assert_allclose(outputs["heatmap"], expected, atol=1e-4 * expected.max())
    assert expected.max() > 0


@pytest.mark.parametrize("name", FORMATS)
def test_one_unit_is_exported_as_the_two_classes_that_it_stands_for(tmp_path, name):
    chance = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    *rest, kernel, _ = model.get_weights()
    model.set_weights([*rest, 9 * kernel, np.zeros(1)])
    images = (chance.random((40, 8, 8, 1)) * np.linspace(10, 255, 40)[:, None, None, None]).astype(np.uint8)
    middle = np.median(np.log(1 / np.asarray(model(images / np.float32(255))) - 1))
    model.set_weights([*rest, 9 * kernel, np.full(1, middle)])
    data = Dataset(images, np.arange(40) % 2, class_names=("cat", "dog"), indices=np.arange(40), name="two/test")
    session = Session(model, data, name="one", cache=False)
    done = wb.export(session, format=name, with_explanation=True, out=tmp_path / exporters()[name].file)
    floats = data.floats()
    outputs = {key: np.asarray(values) for key, values in run_by_the_engine_alone(done.path, floats).items()}
    dog = np.asarray(model(floats)).ravel()
    assert outputs["probabilities"].shape == (40, 2) and 5 < (dog > 0.5).sum() < 35
    np.testing.assert_allclose(outputs["probabilities"], np.stack([1 - dog, dog], axis=1), atol=1e-5)
    expected = GradCAM().attribute(session.probe, floats, (dog > 0.5).astype(int)).values
    assert expected[dog > 0.5].max() + expected[dog < 0.5].max() > 0
    np.testing.assert_allclose(outputs["heatmap"], expected, atol=1e-4 * expected.max())
    assert done.description["class_names"] == ["cat", "dog"]


@pytest.mark.parametrize("name", FORMATS)
def test_beside_the_file_stands_what_it_is(session, tmp_path, name, tiny_run):
    done = wb.export(session, format=name, out=tmp_path / exporters()[name].file)
    assert done.sidecar == done.path.with_name(f"{done.path.name}.json")
    said = json.loads(done.sidecar.read_text())
    assert said == done.description
    assert (said["format"], said["model"], said["quantize"], said["explanation"]) == (name, "tiny", None, None)
    assert (said["inputs"], said["outputs"]) == (["images"], ["probabilities"])
    assert (said["image_shape"], said["class_names"], said["preprocessing"]) == ([28, 28, 1], list(HOSTILE), "unit")
    assert said["model_sha256"] == hashlib.sha256(tiny_run.model.read_bytes()).hexdigest()
    whole = done.path / "saved_model.pb" if done.path.is_dir() else done.path
    assert said["sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert said["versions"]["tensorflow"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([done.path.name, done.sidecar.name])


def test_the_parity_is_counted_as_one_would_by_hand(session, tmp_path):
    began = time.monotonic()
    done = wb.export(session, format="litert", with_explanation=True, layer="conv2", out=tmp_path)
    took = time.monotonic() - began
    images, found = session.dataset.floats(), done.parity
    outputs, keras_said = run_by_the_engine_alone(done.path, images), np.asarray(session.model(images))
    labels = session.dataset.labels
    assert (found.images, found.map_images) == (80, 80)
    assert found.accuracy == (outputs["probabilities"].argmax(1) == labels).mean() < 1  # four labels are wrong
    assert found.accuracy_keras == (keras_said.argmax(1) == labels).mean()
    assert found.agreement == 1
    assert found.largest_difference == pytest.approx(np.abs(outputs["probabilities"] - keras_said).max(), abs=1e-6)
    expected = GradCAM(layer="conv2").attribute(session.probe, images, keras_said.argmax(1)).values
    assert found.map_difference == pytest.approx(np.abs(outputs["heatmap"] - expected).max() / expected.max(), abs=1e-6)
    assert found.bytes == done.path.stat().st_size
    assert found.bytes_keras == session.run.model_path.stat().st_size
    assert done.description["explanation"] == {"layer": "conv2", "method": "grad-cam", "size": [11, 11]}
    assert 0 < found.latency_ms < 1000 * took


@pytest.mark.parametrize(
    ("name", "kind", "most"),
    [("litert", "int8", 0.4), ("litert", "float16", 0.6), ("onnx", "int8", 0.4), ("onnx", "float16", 0.6)],
)
def test_a_quantized_file_is_smaller_and_has_limits_of_its_own(session, tmp_path, name, kind, most):
    done = wb.export(session, format=name, quantize=kind, out=tmp_path)
    assert done.path.name == f"model-{kind}{'.tflite' if name == 'litert' else '.onnx'}"
    assert done.parity.bytes < most * 447_000  # what its weights take in float32
    assert done.parity.agreement_limit == 0.99
    assert 0 < done.parity.largest_difference < 0.05
    assert done.description["quantize"] == kind


def test_int8_of_onnx_is_the_nearest_of_255_steps(session, tmp_path):
    import onnx
    from onnx import numpy_helper

    done = wb.export(session, format="onnx", quantize="int8", out=tmp_path)
    stored = {each.name: numpy_helper.to_array(each) for each in onnx.load(done.path).graph.initializer}
    small = next(values for name, values in stored.items() if name.endswith("int8") and values.shape[-1] == 3)
    scale = stored[next(name for name in stored if name.endswith("int8") and stored[name] is small)[:-4] + "scale"]
    layer = {64: "conv2", 128: "conv3"}[len(small)]
    kernel = np.transpose(session.model.get_layer(layer).get_weights()[0], (3, 2, 0, 1))
    np.testing.assert_allclose(small * scale, kernel, atol=float(scale.max()) / 2 + 1e-7)
    np.testing.assert_array_equal(np.abs(small).max(axis=(1, 2, 3)), 127)


def test_an_export_that_says_something_else_is_refused_and_nothing_is_written(session, tmp_path, monkeypatch):
    first = wb.export(session, format="litert", out=tmp_path / "model.tflite")
    before = first.path.read_bytes(), first.sidecar.read_text()
    opened = type(exporters()["litert"]()).open

    def turned(self, path):
        served = opened(self, path)

        def run(images):
            outputs = dict(served(images))
            if len(images) > 1:
                outputs["probabilities"][0] = np.roll(outputs["probabilities"][0], 1)
            return outputs

        return run

    monkeypatch.setattr(exporters()["litert"], "open", turned)
    with pytest.raises(export.ParityError) as caught:
        wb.export(session, format="litert", out=tmp_path / "model.tflite")
    assert caught.value.parity.agreement == 78 / 80  # the first of each batch of fifty
    assert "the same class for 97.50% of 80 images, at least 99.5% is needed" in str(caught.value)
    assert (first.path.read_bytes(), first.sidecar.read_text()) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_what_fails():
    values = dict.fromkeys(Parity.__dataclass_fields__, 0)
    fine = {**values, "images": 1000, "agreement": 0.995, "agreement_limit": 0.995, "map_difference": None}
    assert Parity(**fine).failures == []
    assert len(Parity(**{**fine, "agreement": 0.9949}).failures) == 1
    assert len(Parity(**{**fine, "agreement": float("nan")}).failures) == 1
    mapped = {**fine, "map_limit": 1e-3}
    assert Parity(**{**mapped, "map_difference": 1e-3}).failures == []
    assert "its maps differ by up to 0.0011" in Parity(**{**mapped, "map_difference": 1.1e-3}).failures[0]
    assert len(Parity(**{**mapped, "map_difference": float("nan")}).failures) == 1


def test_what_a_killed_export_left_behind_is_removed_by_the_next(session, tmp_path):
    for name in (".model.tflite.killed", ".model.tflite.mine", "others"):
        (tmp_path / name).mkdir()
    (tmp_path / ".model.tflite.file").touch()
    with pytest.raises(WorkbenchError), holding(tmp_path / "model.tflite", "it"):
        wb.export(session, format="litert", out=tmp_path / "model.tflite")
    assert (tmp_path / ".model.tflite.killed").exists()  # while another is at it, it is not looked at
    wb.export(session, format="litert", out=tmp_path / "model.tflite")
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"model.tflite", "model.tflite.json", "others", ".model.tflite.file"}


def test_stopped_it_leaves_nothing_behind(session, tmp_path, monkeypatch):
    def stop(self, graph, path, quantize):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "_convert", CONVERT)
    monkeypatch.setattr(exporters()["litert"], "write", stop)
    with pytest.raises(KeyboardInterrupt):
        wb.export(session, format="litert", out=tmp_path / "new" / "model.tflite")
    assert not (tmp_path / "new").exists()


def test_a_saved_model_replaces_one_and_no_other_folder(session, tmp_path):
    first = wb.export(session, format="saved-model", out=tmp_path / "served")
    (first.path / "stale").touch()
    wb.export(session, format="saved-model", out=tmp_path / "served")
    assert not (first.path / "stale").exists()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").touch()
    with pytest.raises(WorkbenchError, match="is a folder with other things in it"):
        wb.export(session, format="saved-model", out=tmp_path / "photos")
    assert (tmp_path / "photos" / "one.png").exists()


def test_a_place_of_its_own_for_each_run(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(wb.export(session, format="litert").path) == "exports/tiny/model.tflite"
    odd = Session(session.model, session.dataset, name="../<b>evil</b>")
    assert str(wb.export(odd, format="litert").path) == "exports/b-evil-b/model.tflite"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": "litrt"}, "There is no format 'litrt'. Did you mean 'litert'"),
        ({"format": "onnx", "quantize": "int4"}, "There is no quantization 'int4'"),
        ({"format": "saved-model", "quantize": "int8"}, "cannot be quantized to int8. These can: litert, onnx."),
        ({"format": "onnx", "layer": "conv1"}, "ask for the explanation too"),
        ({"format": "onnx", "with_explanation": True, "layer": "conv9"}, "There is no layer 'conv9'"),
        ({"format": "onnx", "with_explanation": True, "layer": "dense"}, "its output is (N, 128)"),
        ({"format": "onnx", "out": "model.tflite"}, "must end in .onnx for onnx, or be a folder"),
    ],
)
def test_errors(session, values, said):
    with pytest.raises(WorkbenchError) as caught:
        wb.export(session, **values)
    assert said in str(caught.value)


def test_a_place_that_takes_no_file_is_said(session, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        wb.export(session, format="litert", out=tmp_path / "file" / "model.tflite")


def test_a_model_that_is_an_export_already_is_refused(tmp_path):
    probe = SimpleNamespace(inference_only="an ONNX file")
    closed = SimpleNamespace(name="mine", probe=probe)
    with pytest.raises(WorkbenchError, match="'mine' is an ONNX file, inference-only: it is an export already"):
        export.export(closed, format="litert", out=tmp_path)


def test_a_model_that_scales_its_input_takes_images_in_0_to_1_all_the_same(tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    images = np.random.default_rng(0).integers(0, 256, (30, 10, 10, 3), dtype=np.uint8)
    data = Dataset(images, np.arange(30) % 2, class_names=("a", "b"), indices=np.arange(30), name="own/test")
    done = wb.export(Session(model, data, cache=False), format="litert", with_explanation=True, out=tmp_path)
    found = run_by_the_engine_alone(done.path, images[:4].astype(np.float32) / 255)["probabilities"]
    np.testing.assert_allclose(found, keras.ops.softmax(model(images[:4].astype(np.float32))), atol=1e-5)


def small_session(*inside):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((15, 14, 3)), *inside, layers.Dense(3, activation="softmax")], name="small")
    images = np.random.default_rng(0).integers(0, 256, (30, 15, 14, 3), dtype=np.uint8)
    data = Dataset(images, np.arange(30) % 3, class_names=("a", "b", "c"), indices=np.arange(30), name="own/test")
    return Session(model, data, cache=False)


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_heads_of_other_make_are_converted_too(tmp_path, name):
    session = small_session(
        layers.Conv2D(6, 3, activation="relu", name="seen"),
        layers.DepthwiseConv2D(3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="gelu"),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.Conv2D(6, 2, strides=2, activation="silu"),
        layers.AveragePooling2D(2, strides=1, padding="same"),
        layers.Activation("hard_silu"),
        layers.Flatten(),
        layers.LayerNormalization(),
    )
    done = wb.export(session, format=name, with_explanation=True, layer="seen", out=tmp_path)
    assert done.parity.map_images == 30
    assert done.parity.map_difference < 1e-4
    maps = run_by_the_engine_alone(done.path, session.dataset.floats())["heatmap"]
    assert maps.shape == (30, 13, 12)
    assert maps.max() > 0


def test_what_a_format_lacks_is_said(tmp_path):
    session = small_session(layers.Activation(keras.ops.erfinv), layers.GlobalAveragePooling2D())
    with pytest.raises(WorkbenchError, match=r"This model cannot be converted to LiteRT: .*Erfinv"):
        wb.export(session, format="litert", out=tmp_path)
    with pytest.raises(WorkbenchError, match="This model cannot be converted to ONNX: no operation for Erfinv"):
        wb.export(session, format="onnx", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_names_of_the_formats_cost_no_import():
    assert tuple(formats()) == FORMATS == tuple(exporters())
    assert "workbench.exporting.formats" in sys.modules
