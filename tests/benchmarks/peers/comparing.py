"""Ours and another library's in turn, on the same images of the same network."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import HERE, LIBRARIES, NotInstalledError, python, reason
from same_error import CASES, SameError, same_error
from serving import turn

import workbench as wb
from workbench.attribution.methods import explainers

METHODS: dict[str, tuple[int, dict[str, Any]]] = {  # how many images, and what ours is told
    "forward": (256, {}),
    "grad-cam": (256, {}),
    "saliency": (256, {}),
    "lrp": (256, {"composite": "epsilon-plus"}),
    "deep-lift": (256, {"reference": "black"}),
    "smooth-grad": (64, {"samples": 50}),
    "integrated-gradients": (64, {"steps": 50}),
    "gradient-shap": (64, {"samples": 50, "reference": "black"}),
    "occlusion": (64, {"size": 4, "stride": 2}),
    "rise": (16, {"masks": 1000}),
    "sobol": (16, {"side": 7, "designs": 32}),
    "hsic": (2, {"side": 7, "masks": 500}),
    "score-cam": (32, {}),
    "ablation-cam": (32, {}),
}
TURNS = 5
Ask = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """What was measured of one method of one library, or why it was not; without a method, what the library said."""

    library: str
    method: str = ""
    note: str = ""
    ours: float = 0.0  # images per second in the quickest run
    theirs: float = 0.0
    ratios: Sequence[float] = ()  # ours ÷ theirs, one a turn, of its median run
    rows: int = 0  # a call, of theirs


def compared(session: wb.Session, name: str, case: Path, say: Callable[[str], None]) -> Iterator[Row | SameError]:
    """Yield what a library says first, then a row for each of its methods, then what the same error costs."""
    say(f"{name}: installing what it needs, if it is not there")
    try:
        with served(name, case) as ask:
            said = ask()
            if "missing" in said:
                yield Row(name, note=f"not measured: {said['missing']}")
                return
            yield Row(name, note=f"{said['version']}; its logits differ from ours by {said['difference']:.1e} at most")
            for method in (each for each in METHODS if each in said["methods"]):
                say(f"{name}: {method}")
                yield _row(session, name, method, ask, method in said["resized"])
            for method in (each for each in CASES if each in said["sized"]):
                say(f"{name}: {method} at the same error")
                yield from same_error(session, name, method, ask)
    except NotInstalledError as error:
        yield Row(name, note=f"not installed: {error}")


def _row(session: wb.Session, name: str, method: str, ask: Ask, resized: bool) -> Row:
    if method != "forward" and method not in explainers():
        return Row(name, method, note="the workbench has none")
    count, work = METHODS[method][0], _ours(session, method, resized)
    asked: dict[str, Any] = {"method": method, "count": count}
    try:
        work()
    except wb.WorkbenchError as error:
        return Row(name, method, note=f"ours: {error}")
    asked |= ask(**asked)
    ours, theirs = [turn(work)], []
    while len(theirs) < TURNS and "error" not in asked:
        asked |= ask(**asked)
        theirs.append(asked.get("seconds", (np.nan, np.nan)))
        ours.append(turn(work))
    if "error" in asked:
        return Row(name, method, note=asked["error"])
    ours, theirs = np.array(ours).T, np.array(theirs).T
    ratios = theirs[0] / ((ours[0, 1:] + ours[0, :-1]) / 2)
    return Row(name, method, "", count / ours[1].min(), count / theirs[1].min(), ratios.tolist(), asked["rows"])


def _ours(session: wb.Session, method: str, resized: bool) -> Callable[[], object]:
    """Return what is timed of ours."""
    count, params = METHODS[method]
    rows = np.arange(count)
    images = session.dataset.floats(rows)

    def work() -> object:
        if method == "forward":
            return session.probe.logits(images)
        maps = session.attribute(method, rows, **params)
        return maps.at_pixels() if resized else maps.values

    return work


@contextmanager
def served(name: str, case: Path) -> Iterator[Ask]:
    """Start a library; calling what is given asks it, or without arguments hears what it says first.

    Raises:
        NotInstalledError: if it cannot be installed.
    """
    script = HERE / LIBRARIES[name].script
    with tempfile.TemporaryFile("w+") as said:
        command = [python(name), str(script), name, str(case)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True)

        def ask(**values: Any) -> dict[str, Any]:
            try:
                if values:
                    process.stdin.write(json.dumps(values) + "\n")
                    process.stdin.flush()
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = ""
            if answer:
                return json.loads(answer)
            process.wait()
            said.seek(0)
            text = f"ended with {process.returncode}: {reason(said.read())}"
            return {"error": text, "missing": text}

        try:
            yield ask
        finally:
            process.kill()
            process.communicate()
