"""Models that never answer, take all memory, or crash: the process that runs them is ended, and it is said."""

import gc
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from tests.patience import PATIENCE
from workbench.core.errors import WorkbenchError
from workbench.models.files import load_model, worker
from workbench.models.files.worker import Limits, resident_memory
from workbench.models.probe import Probe

SHAPE = (2, 2, 1)
PATIENT = Limits(start=PATIENCE, load=PATIENCE, first=PATIENCE, later=PATIENCE)
KERNEL = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def _in_a_process_of_their_own(monkeypatch):
    monkeypatch.setattr(worker, "open_in_worker", worker.open_in_worker.__wrapped__)
    monkeypatch.setattr(worker, "LIMITS", PATIENT)


def written(path, *nodes, first="images", **numbers):
    """A linear classifier behind operations that lead from "images" to `first`; `numbers` are their constants."""
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Flatten", [first], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "kernel"], ["scores"]),
        ],
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [
            numpy_helper.from_array(KERNEL, "kernel"),
            *(numpy_helper.from_array(np.asarray(each), name) for name, each in numbers.items()),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def endless(path, rounds):
    """A loop over the image, of as many rounds as the output of the operations `rounds` says."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Cos", ["in"], ["out"])],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("in", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("out", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["rounds", "true", "images"], ["looped"], body=body)
    return written(path, *rounds, loop, first="looped", true=True, most=np.int64(2**62), none=np.float32(0))


def test_one_that_never_answers_is_ended_after_a_time(tmp_path, monkeypatch):
    path = endless(tmp_path / "m.onnx", [helper.make_node("Identity", ["most"], ["rounds"])])
    monkeypatch.setattr(worker, "LIMITS", replace(PATIENT, first=1.0))
    with pytest.raises(WorkbenchError, match=r"^m.onnx was ended: after 1 s it was not yet run on 2 images\.$"):
        Probe(load_model(path), SHAPE)


def test_one_that_answers_at_first_and_then_never_is_ended_too_and_stays_so(tmp_path, monkeypatch):
    bright = [  # endless only where a pixel is not black
        helper.make_node("ReduceMax", ["images"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "none"], ["bright"]),
        helper.make_node("Cast", ["bright"], ["one"], to=TensorProto.INT64),
        helper.make_node("Mul", ["one", "most"], ["rounds"]),
    ]
    monkeypatch.setattr(worker, "LIMITS", replace(PATIENT, later=1.0))
    model = load_model(endless(tmp_path / "m.onnx", bright))
    for _ in range(2):
        with pytest.raises(WorkbenchError, match=r"^m.onnx was ended: after \d+ s it was not yet run on \d images?\.$"):
            Probe(model, SHAPE)


def test_one_that_takes_too_much_memory_is_ended(tmp_path, monkeypatch):
    size = np.array([2**31], np.int64)  # 8 GB, touched
    nodes = [
        helper.make_node("Expand", ["one", "size"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["images", "sum"], ["first"]),
    ]
    path = written(tmp_path / "m.onnx", *nodes, first="first", one=np.ones(1, np.float32), size=size)
    monkeypatch.setattr(worker, "LIMITS", replace(PATIENT, memory=2**28))
    monkeypatch.setattr(worker, "free_memory", lambda: None)  # what others leave is another limit
    with pytest.raises(WorkbenchError, match=r"m.onnx was ended: it took more than 0.3 GB of memory while it was "):
        Probe(load_model(path), SHAPE)


def process_of(model):
    return model._foreign.run.__closure__[-1].cell_contents._process


def test_a_crash_is_a_sentence_also_in_the_middle_of_an_analysis(tmp_path):
    model = load_model(written(tmp_path / "m.onnx"))
    probe = Probe(model, SHAPE)
    images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.testing.assert_allclose(probe.logits(images), images.reshape(3, 4) @ KERNEL, rtol=1e-4, atol=1e-5)
    process_of(model).send_signal(signal.SIGSEGV)
    with pytest.raises(
        WorkbenchError, match=r"^m.onnx made its process crash \(SIGSEGV\) while it was run on 3 images"
    ):
        probe.logits(images)


def differences(run, first):
    """Ask for batches of every size, of images of one's own; return the sizes whose answer was another's."""
    wrong = []
    for count in range(1, 40):
        images = np.random.default_rng(first + count).random((count, *SHAPE), np.float32)
        if not np.allclose(run(images, [0])[0], images.reshape(count, 4) @ KERNEL, atol=1e-5):
            wrong.append(count)
    return wrong


def test_several_threads_get_their_own_answers_and_the_process_ends_with_the_model(tmp_path):
    model = load_model(written(tmp_path / "m.onnx"))
    process = process_of(model)
    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(differences, [model._foreign.run] * 4, range(0, 400, 100))] == [[]] * 4
    assert process.poll() is None
    del model
    gc.collect()
    assert process.wait(PATIENCE) is not None


def test_it_ends_with_the_process_that_started_it_even_while_it_works(tmp_path):
    path = endless(tmp_path / "m.onnx", [helper.make_node("Identity", ["most"], ["rounds"])])
    code = (
        "import sys, threading, time, numpy as np\n"
        "from pathlib import Path\n"
        "from workbench.models.files import worker\n"
        "started = worker.subprocess.Popen\n"
        "def popen(*a, **k):\n"
        "    process = started(*a, **k); print(process.pid, flush=True); return process\n"
        "worker.subprocess.Popen = popen\n"
        f"foreign = worker.open_in_worker('onnx', Path({str(path)!r}), size=1)\n"
        "print('loaded', flush=True)\n"
        "foreign.run(np.zeros((1, 2, 2, 1), np.float32), [0])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "loaded\n"
        time.sleep(0.3)
        parent.kill()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if resident_memory(child) == 0:  # gone, or nobody has asked for its exit code yet
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it was still there")
