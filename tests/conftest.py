"""What all tests share: a surrounding of their own, and one small trained run."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

from tests.chromium import FLAGS, MILLISECONDS, chromium
from tests.deviations import WORST
from tests.tiny import HOSTILE, made_images

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What `make data` fetched stays usable, though the tests have a cache of their own.
FETCHED = Path(os.environ.get("WORKBENCH_CACHE") or user_cache_path("classifier-workbench")) / "fashion-mnist"
if FETCHED.is_dir():
    os.environ.setdefault("WORKBENCH_DATA", str(FETCHED))

# Before TensorFlow and Gradio are imported by any test.
SCRATCH = Path(tempfile.mkdtemp(prefix="workbench-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
os.environ["WORKBENCH_CACHE"] = str(SCRATCH / "cache")
os.environ["WORKBENCH_WORKSPACE"] = str(SCRATCH / "workspaces")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["COLUMNS"] = "100"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(name, "1")  # as many processes as cores run tests; threads would wait for each other
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")  # a function of Python in a graph needs one beside the graph's
for name in ("WORKBENCH_RUNS", "WORKBENCH_HOME", "WORKBENCH_PLUGINS"):
    os.environ.pop(name, None)
for name in [name for name in os.environ if name.startswith("GRADIO_") and name != "GRADIO_ANALYTICS_ENABLED"]:
    del os.environ[name]

# TensorFlow makes so many objects that Python looks for garbage all the time: a tenth of what tests of training take.
gc.set_threshold(50_000, 10, 10)

# How long an example takes is the machine's business.
settings.register_profile("workbench", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("workbench")

ROOT = Path(__file__).parents[1]
# What takes longest, the longest first. A file is one process's, so one that began last would be waited for alone.
SLOWEST = (
    "contracts/test_analyses.py",
    "contracts/test_faults.py",
    "contracts/test_own_models.py",
    "browser/test_accessibility.py",
    "browser/test_corrections.py",
    "browser/test_real_run.py",
    "faults/test_ray_shards.py",
    "faults/test_killed_page.py",
    "contracts/test_one_unit.py",
    "browser/test_explorer.py",
    "browser/test_sections.py",
    "docs/test_readme.py",
    "unit/training/test_distribution.py",
    "browser/test_other_models.py",
    "unit/training/test_killed_training.py",
    "browser/test_maps.py",
    "contracts/test_explainers.py",
    "contracts/test_explainers_on_models.py",
    "docs/test_contributing.py",
    "unit/analyses/label_issues/test_folds.py",
    "unit/analyses/layer_story/test_layer_story.py",
    "unit/training/test_trainer.py",
    "examples/test_examples.py",
    "unit/exporting/test_export.py",
    "unit/faithfulness/test_verdict.py",
    "oracle/faithfulness/test_forecasts.py",
    "contracts/test_measures.py",
    "oracle/test_kernel_shap.py",
    "installed/test_wheel.py",
    "faults/test_commands.py",
    "fuzz/test_parsers.py",
)


@dataclass(frozen=True)
class TinyRun:
    """A run trained for two epochs on 240 made images of four classes with hostile names."""

    folder: Path
    name: str
    data: Path
    model: Path


@pytest.fixture(scope="session")
def complaints_of() -> Callable[..., list[str]]:
    """Have the list of what a page of Playwright's complains about from now on; with `console`, also of what it logs.

    A request that the page itself gives up, since it goes elsewhere or asks something newer, ends as an AbortError.
    Whether one is under way at that moment depends on how busy the machine is, and nothing is wrong: it is left out.
    """

    def listening(page: Any, *, console: bool = False) -> list[str]:
        complaints = []

        def hear(text: str, name: str = "") -> None:
            if name != "AbortError" and not re.search(r"\bAbortError: ", text):
                complaints.append(text)

        page.on("pageerror", lambda error: hear(str(error), error.name or ""))
        if console:
            page.on("console", lambda said: hear(said.text) if said.type == "error" else None)
        return complaints

    return listening


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Make every test start from the same random state, whichever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for what libraries draw; our tests have generators of their own
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_tidied_up() -> None:
    """Give no memory back while a page has nothing to do: with all that tests hold, each time takes half a second."""
    from workbench.app.page import idle

    idle.PAUSE = 3600.0


@pytest.fixture(scope="session", autouse=True)
def _models_here() -> None:
    """Open SavedModel, ONNX and LiteRT in the tests' own process: another for each would import their libraries again.

    Files of Keras are opened without a trial. A test of that process, or of trials, puts back what is `__wrapped__`.
    """
    from workbench.models.files import serving, trial, worker

    @functools.wraps(worker.open_in_worker)
    def open_here(kind: str, path: Path, **_: Any) -> Any:
        return getattr(importlib.import_module(f"workbench.models.files.{kind}"), serving.READERS[kind])(path)

    worker.open_in_worker = open_here
    trial.try_model = functools.wraps(trial.try_model)(lambda *_, **__: None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process: a second Playwright in it would not start. Its pages are waited for."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=MILLISECONDS)

    def patient(make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(make)
        def made(*given: Any, **settings: Any) -> Any:
            new = make(*given, **settings)
            new.set_default_timeout(MILLISECONDS)
            return new

        return made

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium(), args=FLAGS, timeout=MILLISECONDS)
        for name in ("new_context", "new_page"):
            setattr(opened, name, patient(getattr(opened, name)))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def tiny_npz() -> Path:
    """An `.npz` in the Keras convention: 240 training and 80 test images, of which the last four are labelled wrong."""
    (x_train, y_train), (x_test, y_test) = made_images(240, 0), made_images(80, 1)
    y_test[-4:] = (y_test[-4:] + 1) % len(HOSTILE)
    path = SCRATCH / "tiny.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, class_names=np.array(HOSTILE))
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny_npz: Path) -> TinyRun:
    """A small trained run in a folder of its own; give the folder to commands as WORKBENCH_RUNS."""
    from workbench.training.recipes import TrainingJob
    from workbench.training.trainer import train

    folder = SCRATCH / "runs"
    changes = {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3}
    job = TrainingJob.plan("report", changes, dataset=str(tiny_npz), seed=1)
    run = train("tiny", job=job, folder=folder)
    return TinyRun(folder, "tiny", tiny_npz, run.model_path)


def _data_is_there() -> bool:
    from workbench.data.sources.fashion_mnist import CHECKSUMS, DEBIAN_FOLDER

    places = [Path(os.environ["WORKBENCH_DATA"])] if "WORKBENCH_DATA" in os.environ else []
    places += [DEBIAN_FOLDER, Path.home() / ".keras" / "datasets" / "fashion-mnist"]
    return any(all(list(place.glob(f"{name}*")) for name in CHECKSUMS) for place in places)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files; skip, with a reason, what cannot run here. Continuous integration skips nothing."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(SLOWEST)}
    assert all(path.is_file() for path in places), "SLOWEST names a file that is not there"
    items.sort(key=lambda item: places.get(item.path, len(places)))
    if os.environ.get("CI"):
        return
    lacking = {}
    if not _data_is_there():
        lacking["real_data"] = "Fashion-MNIST is not on this machine: `make data` fetches it"
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        lacking["browser"] = "there is no Chromium on this machine: apt-get install chromium"
    for item in items:
        for marker, reason in lacking.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Leave what the imports made out of every later look for garbage: there are many, and they would find it whole."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker process saw over to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["worst"] = dict(WORST)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take it over."""
    for name, deviation in getattr(node, "workeroutput", {}).get("worst", {}).items():
        WORST[name] = max(WORST[name], deviation)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how far the methods are from the equations."""
    if WORST:
        terminalreporter.section("largest relative deviation from the float64 replica, or a second witness", sep="-")
        for name, deviation in sorted(WORST.items()):
            terminalreporter.write_line(f"{name:34s} {deviation:.1e}")
