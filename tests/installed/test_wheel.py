"""The wheel, in an environment where the repository is not: every command from a folder that is empty."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
SOURCE = ("workbench", "analyses", "saved_models/baseline", "saved_models/residual")
RUN_FILES = {
    "baseline": {"history.csv", "model.keras", "predictions-test.npz", "run.json"},
    "residual": {"dynamics.npz", "history.csv", "model.keras", "predictions-test.npz", "run.json"},
}
LATER = {"saved_models/mine/run.json", "saved_models/baseline/checkpoints/epoch-0001.keras", "figures/baseline/a.png"}
LATER |= {"build/lib/analyses/of_an_older_build.py", "tests/test_it.py", "data/train-images-idx3-ubyte.gz"}
"""What lies about in a clone that is worked in, and must not be installed."""


@dataclass(frozen=True)
class Installed:
    """A Python that has the wheel, and the libraries of this one without its editable workbench."""

    wheel: Path
    python: Path
    site: Path
    cache: Path

    def environment(self, **others: str) -> dict[str, str]:
        """Variables of a process of its own: nothing of this one says where the workbench is."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        return {**kept, "WORKBENCH_CACHE": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **others}

    def run(self, *words: object, cwd: Path, code: int = 0, **others: str) -> subprocess.CompletedProcess[str]:
        """Run the command `workbench`, as the wheel installed it."""
        command = [str(self.python.with_name("workbench")), *map(str, words)]
        done = subprocess.run(
            command, cwd=cwd, env=self.environment(**others), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def files(self) -> dict[str, bytes]:
        """Every file that was installed."""
        return {str(path.relative_to(self.site)): path.read_bytes() for path in self.site.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    place = tmp_path_factory.mktemp("wheel")
    for name in SOURCE:
        shutil.copytree(ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source")
    for name in LATER:
        (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "source" / name).touch()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(place), str(place / "source")]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    python = place / "venv/bin/python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (place / "venv/lib").glob("python*/site-packages")
    # The libraries. No .pth file in a folder that is added this way is read, so the editable install is out.
    libraries = dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib"))
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    return Installed(wheel, python, site, place / "cache")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images that the baseline takes."""
    chance = np.random.default_rng(0)
    images, labels = chance.integers(0, 256, (60, 28, 28), dtype=np.uint8), np.arange(60) % 10
    path = tmp_path_factory.mktemp("data") / "mine.npz"
    np.savez(path, x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:])
    return path


def _hear_interrupts() -> None:
    """A shell's background job, as a test run may be, has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def page(installed, data, tmp_path_factory):
    """Address of the page of the baseline that came with the wheel."""
    folder = tmp_path_factory.mktemp("empty")
    process = subprocess.Popen(
        [installed.python.with_name("workbench"), "page", "--data", data, "--port", "0", "--no-browser"],
        cwd=folder,
        env=installed.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - no other thread runs yet, and it takes no lock
    )
    watchdog = threading.Timer(3 * PATIENCE, process.kill)
    watchdog.start()
    said = ""
    while not (found := re.search(r"http://\S+", said)):
        line = process.stdout.readline()
        assert line, f"it ended before it said where the page is\n{said}"
        said += line
    yield found[0].rstrip("/")
    process.send_signal(signal.SIGINT)
    rest = process.communicate()[0]
    watchdog.cancel()
    assert process.returncode == 0, said + rest
    assert list(folder.iterdir()) == []


def test_the_wheel_holds_the_source_the_page_s_files_and_the_committed_runs_and_nothing_else(installed):
    expected = {
        str(path.relative_to(ROOT))
        for package in ("workbench", "analyses")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {f"workbench/saved_models/{run}/{file}" for run, files in RUN_FILES.items() for file in files}
    with zipfile.ZipFile(installed.wheel) as file:
        found = {name for name in file.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert installed.wheel.stat().st_size < 8e6


def test_the_base_needs_nothing_of_the_extras(installed):
    about = next(installed.site.glob("*.dist-info/METADATA")).read_text()
    needed = re.findall(r"^Requires-Dist: ([\w-]+)([^\n;]*)(;[^\n]*)?$", about, re.MULTILINE)
    extras = {}
    for name, _, marker in needed:
        extras.setdefault((re.findall(r'extra == "(\w+)"', marker) or [""])[0], set()).add(name)
    heavy = {"ai-edge-litert", "flask", "onnx", "onnxruntime", "streamlit", "tf2onnx"}
    assert not extras[""] & heavy
    assert {"tensorflow", "keras", "gradio"} <= extras[""]
    assert heavy - {"flask", "streamlit"} <= extras["export"]
    assert {"ai-edge-litert", "flask", "streamlit"} <= extras["examples"]


def test_it_lists_its_runs_and_where_they_lie_from_an_empty_folder(installed, tmp_path):
    before = installed.files()
    code = "import workbench, workbench.diagnosis.registry as r; print(workbench.__file__, len(r.analyses()))"
    asked = [installed.python, "-c", code]
    said = subprocess.run(
        asked, cwd=tmp_path, env=installed.environment(), capture_output=True, text=True, check=True
    ).stdout.split()
    assert Path(said[0]).is_relative_to(installed.site)
    assert int(said[1]) >= 35
    assert "Where is my image classifier wrong" in installed.run("--help", cwd=tmp_path).stdout
    runs = json.loads(installed.run("runs", "--json", cwd=tmp_path).stdout)
    assert {run["name"]: run["path"] for run in runs} == {
        name: str(installed.site / "workbench/saved_models" / name) for name in RUN_FILES
    }
    shutil.copytree(ROOT / "saved_models/baseline", tmp_path / "home/saved_models/baseline")
    runs = json.loads(installed.run("runs", "--json", cwd=tmp_path, WORKBENCH_HOME="home").stdout)
    assert next(run["path"] for run in runs) == "home/saved_models/baseline"
    assert installed.files() == before


@pytest.mark.real_data
def test_the_committed_predictions_are_read_without_tensorflow(installed, tmp_path):
    said = json.loads(installed.run("evaluate", "--json", cwd=tmp_path).stdout)
    assert (said["images"], said["errors"]) == (10_000, 913)
    assert list(tmp_path.iterdir()) == []


def test_figures_go_to_the_working_folder_and_nothing_to_the_package(installed, data, tmp_path):
    before = installed.files()
    installed.run("figures", "--data", data, "--only", "samples", cwd=tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")} == {"figures/baseline/samples.png"}
    assert installed.files() == before


def test_the_page_is_served_with_its_files_and_answers(page):
    with urllib.request.urlopen(f"{page}/", timeout=PATIENCE) as answer:
        assert (answer.status, "<html" in answer.read().decode()) == (200, True)
    for name in ("app.css", "app.js", "easel.js", "maps.js", "scatter.js"):
        with urllib.request.urlopen(f"{page}/workbench/{name}", timeout=PATIENCE) as answer:
            assert (answer.status, answer.read()) == (200, (ROOT / "workbench/app/page/static" / name).read_bytes())
    question = urllib.request.Request(
        f"{page}/api/predict", json.dumps({"image": 3}).encode(), {"Content-Type": "application/json"}
    )
    with asked(question) as answer:
        assert answer.status == 200


def asked(question):
    """Ask; who is told to come again, since the model is still being loaded, does so."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return urllib.request.urlopen(question, timeout=PATIENCE)
        except urllib.error.HTTPError as said:
            if said.code != 503 or time.monotonic() > until:
                raise


@pytest.mark.browser
def test_the_page_s_first_view_is_drawn(page, browser, complaints_of):
    view = browser.new_page()
    complaints = complaints_of(view, console=True)
    view.goto(page)
    view.get_by_role("heading", name="Problems").wait_for()
    view.close()
    assert complaints == []


def test_plug_ins_are_checked_and_a_folder_called_analyses_in_the_way_is_not(installed, tmp_path):
    (tmp_path / "mine/properties").mkdir(parents=True)
    (tmp_path / "mine/properties/light.py").write_text(
        "from workbench.data.image_property import ImageProperty\n\n\nclass Light(ImageProperty):\n"
        "    '''How bright it is.'''\n\n    words, unit = 'light', 'of 1'\n\n"
        "    def measure(self, pixels):\n        return pixels.mean(axis=(1, 2, 3))\n"
    )
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses/__init__.py").write_text("raise SystemExit('hostile')\n")
    command = [installed.python, "-m", "workbench", "plugin-check", "mine"]  # the working folder is first on the path
    done = subprocess.run(
        command, cwd=tmp_path, env=installed.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "5 of 5 checks hold."
