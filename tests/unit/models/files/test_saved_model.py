"""SavedModel folders of Keras and of plain TensorFlow, and programs that are refused."""

import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from workbench.core.errors import WorkbenchError
from workbench.models.files import file_fingerprint, is_inference_only, load_model, worker
from workbench.models.files.saved_model.operations import ALLOWED
from workbench.models.files.saved_model.program import read_program
from workbench.models.probe import Probe

SHAPE = (4, 5, 3)
KERNEL = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((5, *SHAPE), np.float32)
EXPECTED = IMAGES.reshape(5, 60) @ KERNEL


class Linear(tf.Module):
    """A linear classifier."""

    def __init__(self, taken=(None, *SHAPE)):
        super().__init__()
        self.kernel = tf.Variable(KERNEL)

        @tf.function(input_signature=[tf.TensorSpec(taken, tf.float32, name="images")])
        def call(images):
            scores = tf.reshape(images, (-1, 60)) @ self.kernel
            return {"scores": scores, "label": tf.argmax(scores, axis=1)}

        self.call = call

    def saved(self, path, **names):
        tf.saved_model.save(self, str(path), signatures=dict.fromkeys(names, self.call) or None)
        return path


def logits(path):
    return Probe(load_model(path), SHAPE).logits(IMAGES)


def test_it_runs_in_a_process_of_its_own(plain, monkeypatch):
    monkeypatch.setattr(worker, "open_in_worker", worker.open_in_worker.__wrapped__)
    model = load_model(plain)
    np.testing.assert_allclose(Probe(model, SHAPE).logits(IMAGES), EXPECTED, rtol=1e-4, atol=1e-5)
    assert model._foreign.run.__module__ == "workbench.models.files.worker"


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


def edited(plain, folder, change):
    """A copy of a SavedModel whose graph `change` was given."""
    shutil.copytree(plain, folder)
    program = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    change(program.meta_graphs[0].graph_def)
    (folder / "saved_model.pb").write_bytes(program.SerializeToString())
    return folder


def served(graph):
    """The function that computes the scores, called by that of the signature."""
    return next(each for each in graph.library.function if "inference_call" in each.signature.name)


def in_the_function(graph, op):
    served(graph).node_def.add(name="hidden", op=op)


def before_the_call(graph, op):
    graph.node.add(name="hidden", op=op)
    next(node for node in graph.node if node.name == "StatefulPartitionedCall").input.append("^hidden")


def in_another_function(graph, op, attribute="f"):
    added = graph.library.function.add()
    added.signature.name = "hidden"
    added.node_def.add(name="hidden", op=op)
    served(graph).node_def.add(name="caller", op="StatelessIf").attr[attribute].func.name = "hidden"


def in_a_branch(graph, op):
    in_another_function(graph, op, "then_branch")


def in_a_list_of_branches(graph, op):
    in_another_function(graph, op)
    served(graph).node_def[-1].ClearField("attr")
    served(graph).node_def[-1].attr["branches"].list.func.add(name="hidden")


def in_what_a_function_is_given(graph, op):
    in_another_function(graph, op)
    del served(graph).node_def[-1].attr["f"]
    called = served(graph).node_def[-1].attr["f"].func
    called.name = served(graph).signature.name
    called.attr["T"].func.name = "hidden"


def in_a_function_called_by_its_name(graph, op):
    in_another_function(graph, op)
    served(graph).node_def[-1].ClearField("attr")
    served(graph).node_def[-1].op = "hidden"


def behind_a_function_of_its_name(graph, op):
    graph.library.function.add().signature.name = op
    served(graph).node_def.add(name="caller", op=op)


PLACES = (
    in_the_function,
    before_the_call,
    in_another_function,
    in_a_branch,
    in_a_list_of_branches,
    in_what_a_function_is_given,
    in_a_function_called_by_its_name,
    behind_a_function_of_its_name,
)
REACHING = """
    Save SaveSlices SaveV2 MergeV2Checkpoints Restore RestoreSlice RestoreV2 ShardedFilename ImmutableConst ReadFile
    WriteFile MatchingFiles TextLineReaderV2 WholeFileReader ReaderReadV2 LMDBReader PyFunc PyFuncStateless
    EagerPyFunc Print PrintV2 DebugIdentityV3 DumpTensor CreateSummaryFileWriter WriteScalarSummary HashTableV2
    InitializeTableFromTextFileV2 IteratorFromStringHandleV2 IteratorGetNext TFRecordDataset OneShotIterator RpcCall
    RpcClient RemoteCall XlaCustomCallV2 XlaCallModule XlaHostCompute _XlaHostComputeMlir Send Recv
    CollectiveReduceV2 FIFOQueueV2 LoadAndRemapMatrix FileSystemSetConfiguration DecodePng StringJoin TPUExecute
    Batch BatchFunction SleepOp Abort NoSuchOperation
"""


@pytest.mark.parametrize("hide", PLACES)
def test_a_program_with_an_operation_that_is_not_allowed_is_not_loaded_wherever_it_stands(tmp_path, plain, hide):
    for op in REACHING.split():
        if op == "NoSuchOperation" and hide is behind_a_function_of_its_name:
            continue  # then it is a function like any other
        with pytest.raises(WorkbenchError, match=rf"^{op} has the operation '{op}', .* so it is not loaded"):
            read_program(edited(plain, tmp_path / op, lambda graph, op=op: hide(graph, op)))


def test_what_is_allowed_takes_and_gives_no_text_and_is_known_to_tensorflow():
    from tensorflow.python.framework import op_def_registry

    for name in ALLOWED:
        definition = op_def_registry.get(name)
        kinds = [each.type for each in (*definition.input_arg, *definition.output_arg)]
        assert tf.string.as_datatype_enum not in kinds, name
    assert not ALLOWED & set(REACHING.split())


def test_of_the_file_nothing_runs_but_what_is_served(tmp_path, plain):
    """What TensorFlow's loader would run, or read, while it loads: all of it fails here if it is run."""

    def hostile(graph):
        for function in graph.library.function:
            if "traced" in function.signature.name:  # what saves and restores
                function.node_def.add(name="hidden", op="Abort")
        graph.node.add(name="init", op="Abort")

    path = edited(plain, tmp_path / "model", hostile)
    program = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    meta = program.meta_graphs[0]
    for name in ("main_op", "legacy_init_op", "saved_model_main_op"):
        meta.collection_def[name].node_list.value.append("init")
    meta.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = "init"
    meta.asset_file_def.add(filename="../../../../etc/passwd").tensor_info.name = "init:0"
    (path / "saved_model.pb").write_bytes(program.SerializeToString())
    (path / "fingerprint.pb").write_bytes(b"\xff" * 99)
    np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)
    (path / "saved_model.pbtxt").write_text(text_format.MessageToString(program))
    (path / "saved_model.pb").unlink()
    np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)


def test_variables_that_are_links_out_of_the_folder_are_refused(tmp_path, plain):
    path = shutil.copytree(plain, tmp_path / "model")
    weights = next((path / "variables").glob("*.data-*"))
    shutil.move(weights, tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkbenchError, match=r"in its own folder. 'variables/variables.data"):
        load_model(path)


def test_a_program_of_tensorflow_1_is_filled_by_what_its_restoring_says_and_does_not_run(tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, *SHAPE), name="images")
        halves = [v1.get_variable(f"half_{old}", initializer=KERNEL / 2, use_resource=not old) for old in (True, False)]
        scores = tf.reshape(images, (-1, 60)) @ (halves[0] + halves[1])
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(tmp_path / "old"))
        signature = v1.saved_model.predict_signature_def({"images": images}, {"scores": scores})
        saver = v1.train.Saver({"other name": halves[0], "half_False": halves[1]})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, saver=saver)
        builder.save()
    path = edited(tmp_path / "old", tmp_path / "hostile", lambda graph: graph.node.add(name="Save", op="SaveV2"))
    np.testing.assert_allclose(logits(path), EXPECTED, rtol=1e-4, atol=1e-5)


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


def test_a_pipe_in_it_is_not_waited_for_and_a_program_larger_than_any_is_not_read(tmp_path, plain):
    shutil.copytree(plain, tmp_path / "m")
    stored = tmp_path / "m/variables/variables.data-00000-of-00001"
    values = stored.read_bytes()
    stored.unlink()
    os.mkfifo(stored)
    with pytest.raises(WorkbenchError, match=r"m must hold regular files alone. 'variables/.*' is a pipe or a device"):
        load_model(tmp_path / "m")
    stored.unlink()
    stored.symlink_to("/dev/zero")
    with pytest.raises(WorkbenchError, match="is a pipe or a device"):
        load_model(tmp_path / "m")
    stored.unlink()
    stored.write_bytes(values)
    os.truncate(tmp_path / "m/saved_model.pb", 2**31 + 1)  # sparse
    with pytest.raises(
        WorkbenchError, match=r"m is no SavedModel: its saved_model.pb has 2\.0 GB, and .* can have 2\."
    ):
        file_fingerprint(tmp_path / "m")


def test_its_fingerprint_changes_with_a_weight_and_not_with_its_place(tmp_path, plain):
    before = file_fingerprint(plain)
    copy = shutil.copytree(plain, tmp_path / "elsewhere")
    assert file_fingerprint(copy) == before == load_model(plain).file_fingerprint
    weights = next((copy / "variables").glob("*.data-*"))
    content = bytearray(weights.read_bytes())
    content[0] ^= 1
    weights.write_bytes(bytes(content))
    assert file_fingerprint(copy) != before
    assert is_inference_only(copy)
