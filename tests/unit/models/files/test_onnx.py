"""ONNX files written by hand: every arrangement of input and output that is about."""

import os
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save

from tests.patience import at_once
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files import file_fingerprint, is_inference_only, load_model
from workbench.models.probe import Probe

SHAPE = (4, 5, 3)  # H, W, C
CHANCE = np.random.default_rng(0)
KERNEL = CHANCE.normal(size=(60, 3)).astype(np.float32)  # of (H, W, C) pixels
IMAGES = CHANCE.integers(0, 256, (5, *SHAPE)).astype(np.float32) / 255


def written(path, *, taken, kind=TensorProto.FLOAT, kernel=KERNEL, outputs=("scores",), softmax=False):
    """A linear classifier; further outputs are "label" (N,), "twice" (N, K) and "maps" (N, 2, 2)."""
    nodes, source = [], "images"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT))
        source = "floats"
    nodes.append(helper.make_node("Flatten", [source], ["flat"], axis=1))
    nodes.append(helper.make_node("MatMul", ["flat", "kernel"], ["products"]))
    nodes.append(helper.make_node("Softmax" if softmax else "Identity", ["products"], ["scores"]))
    nodes.append(helper.make_node("ArgMax", ["products"], ["label"], axis=1, keepdims=0))
    nodes.append(helper.make_node("Add", ["scores", "scores"], ["twice"]))
    nodes.append(helper.make_node("Slice", ["flat", "zero", "four", "one"], ["four_of"]))
    nodes.append(helper.make_node("Reshape", ["four_of", "square"], ["maps"]))
    numbers = {"zero": [0], "one": [1], "four": [4], "square": [-1, 2, 2]}
    kinds = {"label": (TensorProto.INT64, ["n"]), "maps": (TensorProto.FLOAT, ["n", 2, 2])}
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", kind, taken)],
        [helper.make_tensor_value_info(n, *kinds.get(n, (TensorProto.FLOAT, ["n", kernel.shape[1]]))) for n in outputs],
        [
            numpy_helper.from_array(kernel, "kernel"),
            *(numpy_helper.from_array(np.array(v, np.int64), n) for n, v in numbers.items()),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def logits(path, images=IMAGES, **given):
    return Probe(load_model(path, **given), images.shape[1:]).logits(images)


EXPECTED = IMAGES.reshape(5, 60) @ KERNEL
FIRST = KERNEL.reshape(*SHAPE, 3).transpose(2, 0, 1, 3).reshape(60, 3)  # the kernel of (C, H, W) pixels


@pytest.mark.parametrize(
    ("taken", "kernel"),
    [
        (["n", 4, 5, 3], KERNEL),
        ([None, 4, 5, 3], KERNEL),
        ([1, 4, 5, 3], KERNEL),
        ([2, 4, 5, 3], KERNEL),
        (["n", 3, 4, 5], FIRST),
        ([1, 3, 4, 5], FIRST),
        ([3, 3, 4, 5], FIRST),
        (["n", 3, "h", "w"], FIRST),
        (["n", "c", "h", "w"], FIRST),
        (["n", "h", "w", 3], KERNEL),
        (["n", 60], KERNEL),
    ],
)
def test_channels_first_and_last_and_batches_of_any_or_one_size(tmp_path, taken, kernel):
    path = written(tmp_path / "m.onnx", taken=taken, kernel=kernel)
    np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)


def test_bytes_are_given_pixels_and_half_precision_is_near(tmp_path):
    path = written(tmp_path / "bytes.onnx", taken=["n", 4, 5, 3], kind=TensorProto.UINT8)
    np.testing.assert_allclose(logits(path), 255 * EXPECTED, rtol=1e-4)
    assert Probe(load_model(path)).preprocessing.name == "pixels"
    path = written(tmp_path / "half.onnx", taken=["n", 4, 5, 3], kind=TensorProto.FLOAT16)
    np.testing.assert_allclose(logits(path), EXPECTED, atol=0.01)


def test_probabilities_become_their_logarithm(tmp_path):
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3], softmax=True)
    expected = EXPECTED - np.log(np.exp(EXPECTED).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)


def test_of_several_outputs_the_one_with_a_score_for_each_class_is_taken(tmp_path):
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3], outputs=("label", "maps", "scores"))
    np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3], outputs=("scores", "twice"))
    with pytest.raises(WorkbenchError, match=r"m.onnx must have one output .* It has 'scores' \(N, 3\), 'twice'"):
        logits(path)
    np.testing.assert_allclose(logits(path, classes=3), EXPECTED, rtol=1e-4, atol=1e-5)  # the first of that many
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3], outputs=("label", "maps"))
    with pytest.raises(WorkbenchError, match=r"\(N, K\), or one .* It has 'label' \(N\), 'maps' \(N, 2, 2\)"):
        logits(path)


def test_it_says_what_it_is_and_gives_no_gradient(tmp_path):
    probe = Probe(load_model(written(tmp_path / "m.onnx", taken=["n", 4, 5, 3])))
    assert probe.image_shape == SHAPE and probe.classes == 3
    assert probe.note.startswith("It is an ONNX model: it gives predictions but no gradients.")
    assert not probe.gradient(IMAGES, np.zeros(5, int)).any()
    assert probe.no_maps("Grad-CAM") == (
        "Grad-CAM needs a layer that computes (N, h, w, F) feature maps from the image. This model is an ONNX model, "
        "inference-only: it gives predictions but no gradients, and no layers."
    )
    np.testing.assert_allclose(probe.embeddings(IMAGES), probe.logits(IMAGES), rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match=r"m.onnx is an ONNX model"):
        probe.model.get_config()


def test_what_does_not_fit_is_told_in_a_sentence(tmp_path):
    path = written(tmp_path / "m.onnx", taken=["n", 3, 4, 5], kernel=FIRST)
    with pytest.raises(WorkbenchError, match=r"takes images of shape \(4, 5, 3\) .* The data has \(8, 8, 1\)"):
        Probe(load_model(path), (8, 8, 1))
    path = written(tmp_path / "open.onnx", taken=["n", "c", "h", "w"], kernel=FIRST)
    with pytest.raises(WorkbenchError, match=r"open.onnx cannot be run on images of shape \(1, 8, 8\): .*MatMul"):
        Probe(load_model(path), (8, 8, 1))
    path = written(tmp_path / "rank.onnx", taken=["n", 1, 4, 5, 3])
    with pytest.raises(WorkbenchError, match=r"rank.onnx must take images.* It takes \(N, 1, 4, 5, 3\)"):
        load_model(path)


def test_a_batch_that_nobody_has_and_a_file_that_memory_does_not_hold_are_refused(tmp_path):
    path = written(tmp_path / "many.onnx", taken=[10**9, 4, 5, 3])
    with pytest.raises(WorkbenchError, match=r"many.onnx takes 1,000,000,000 images at a time, and at most 4,096"):
        load_model(path)
    path = written(tmp_path / "large.onnx", taken=["n", 4, 5, 3])
    os.truncate(path, 2**43)  # of nothing: it takes no disk
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(WorkbenchError, match=r"pipe.onnx is no regular file"):
        load_model(tmp_path / "pipe.onnx")
    for ask in (file_fingerprint, load_model):
        with at_once(5), pytest.raises(WorkbenchError, match=r"large.onnx has 8,192.0 GB, more than the"):
            ask(path)


def test_damaged_files(tmp_path):
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3])
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(100), b"\x80\x04\x95pickle"):
        path.write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"m.onnx (is not a model that onnxruntime|must take)") as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


def beside(path, name, where):
    """The linear classifier with its kernel in another file, in one of the places that a tensor can have."""
    model = load(written(path, taken=["n", 4, 5, 3]))
    kernel = next(each for each in model.graph.initializer if each.name == "kernel")
    model.graph.initializer.remove(kernel)
    outside = TensorProto(
        name="kernel", data_type=kernel.data_type, dims=kernel.dims, data_location=TensorProto.EXTERNAL
    )
    outside.external_data.add(key="location", value=name)
    if where == "initializer":
        model.graph.initializer.append(outside)
    elif where == "sparse":
        model.graph.sparse_initializer.add(values=outside)
    elif where == "function":
        model.functions.add(name="f", domain="own").node.append(helper.make_node("Constant", [], ["k"], value=outside))
    else:
        inner = helper.make_graph([helper.make_node("Constant", [], ["k"], value=outside)], "inner", [], [])
        model.graph.node.append(helper.make_node("If", ["c"], ["k"], then_branch=inner, else_branch=inner))
    path.write_bytes(model.SerializeToString())
    return path, kernel.raw_data


@pytest.mark.parametrize("where", ["initializer", "sparse", "function", "branch"])
def test_the_fingerprint_knows_every_byte_also_of_the_weights_that_the_file_names(tmp_path, where):
    path, weights = beside(tmp_path / "m.onnx", "any name", where)
    (tmp_path / "m.onnx.data").write_bytes(b"not named")
    alone = file_fingerprint(path)
    (tmp_path / "any name").write_bytes(weights)
    whole = file_fingerprint(path)
    (tmp_path / "m.onnx.data").write_bytes(b"Not named")
    assert whole == file_fingerprint(path) != alone and is_inference_only(path)
    if where == "initializer":
        np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)
        assert load_model(path).file_fingerprint == whole
    (tmp_path / "any name").write_bytes(bytes([weights[0] ^ 1]) + weights[1:])
    assert file_fingerprint(path) not in (whole, alone)


def test_weights_outside_of_the_folder_are_refused_also_behind_links(tmp_path):
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(bytes(720))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    for name in ("../secret", str(tmp_path / "secret"), "deep/../../secret", "link", "up/secret"):
        path, _ = beside(folder / "m.onnx", name, "branch")
        for ask in (file_fingerprint, load_model):
            with pytest.raises(WorkbenchError, match=r"^m.onnx must have its weights in its own folder. It names "):
                ask(path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(WorkbenchError, match="names 'pipe' for its weights, which is no regular file"):
        load_model(beside(folder / "m.onnx", "pipe", "initializer")[0])
    (tmp_path / "blobs").mkdir()  # a store of links: both files lie elsewhere, and together
    path, weights = beside(tmp_path / "blobs" / "b1", "weights", "initializer")
    (tmp_path / "blobs" / "b2").write_bytes(weights)
    (folder / "linked.onnx").symlink_to(path)
    (folder / "weights").symlink_to(tmp_path / "blobs" / "b2")
    assert file_fingerprint(folder / "linked.onnx") != file_fingerprint(path)


def test_without_onnxruntime_it_says_what_to_install(tmp_path, monkeypatch):
    path = written(tmp_path / "m.onnx", taken=["n", 4, 5, 3])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unavailable) as caught:
        load_model(path)
    assert str(caught.value) == (
        "Reading .onnx files needs onnxruntime, not installed here: pip install 'classifier-workbench[export]'"
    )
