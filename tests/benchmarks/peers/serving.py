"""A library in a process of its own: it says what it can do, then measures what it is asked for, a line of JSON each.

Asked for one turn of one method at a time, so that ours can be measured between its turns.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from export import TOLERANCE, Case, read

LADDER = (8, 16, 32, 64, 128, 256, 512, 1024)  # steps or samples
ROWS = (64, 128, 256)  # images, or changed copies of images, that one call of the network may take


@dataclass(frozen=True)
class Method:
    """How a library computes one method.

    Attributes:
        work: explains the first `count` images, with `rows` rows a call; "count, rows".
        copies: whether `rows` counts changed copies, of which an image has many, or images.
        resized: whether its maps have the size of the image although the layer's are smaller.
        maps: the maps, `(count, H, W)`, with so many steps or samples; "count, rows, size". None where it has no such
            number.
    """

    work: Callable[[int, int], object]
    copies: bool = False
    resized: bool = False
    maps: Callable[[int, int, int], np.ndarray] | None = None


def timed(work: Callable[[], object]) -> float:
    """Return the wall time of `work` in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def turn(work: Callable[[], object]) -> tuple[float, float]:
    """Return median and minimum of the wall time of `work`, in seconds, over runs that take a third of a second."""
    times: list[float] = []
    while sum(times) < 1 / 3:
        times.append(timed(work))
    return float(np.median(times)), min(times)


def parts(count: int, rows: int) -> Iterator[slice]:
    """Cut `count` images into batches."""
    for start in range(0, count, rows):
        yield slice(start, min(start + rows, count))


def best_rows(method: Method, count: int) -> int:
    """Return how many rows a call serve the library best; everything is compiled and warm afterwards."""
    choices = sorted(set(ROWS if method.copies else (min(rows, count) for rows in ROWS)))
    seconds = {}
    for rows in choices:
        work = partial(method.work, count, rows)
        work()
        seconds[rows] = turn(work)[1] if len(choices) > 1 else 0.0
    return min(seconds, key=seconds.get)


def errors(maps: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return how far maps are from their limit, as shares of its length: `(N,)`."""
    away = (maps - limit).reshape(len(limit), -1)
    return np.linalg.norm(away, axis=1) / np.linalg.norm(limit.reshape(len(limit), -1), axis=1)


def reached(method: Method, count: int, within: float, limit: int) -> dict[str, object]:
    """Find the fewest steps or samples with which the mean error is within what is wanted.

    Args:
        method: has `maps`.
        count: images.
        within: mean error.
        limit: steps or samples of the maps that errors are measured from.

    Returns:
        "size", "errors" (mean and largest), and "rows", how many rows a call serve it best with so many.
    """
    wanted = method.maps(count, ROWS[-1], limit)

    def error(size: int) -> np.ndarray:
        return errors(method.maps(count, ROWS[-1], size), wanted)

    high = next((size for size in LADDER if error(size).mean() <= within), None)
    if high is None:
        return {"error": f"its mean error is {error(LADDER[-1]).mean():.3f} with {LADDER[-1]} steps or samples"}
    low = max((size for size in LADDER if size < high), default=2)
    while high - low > max(1, low // 20):
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle).mean() <= within else (middle, high)
    found = error(high)
    work = Method(lambda count, rows: method.maps(count, rows, high), copies=True)
    rows = best_rows(work, count)
    return {"size": high, "errors": [float(found.mean()), float(found.max())], "rows": rows}


def serve(prepare: Callable[[Case], tuple[str, np.ndarray, dict[str, Method]]]) -> None:
    """Answer until there is nothing more to read.

    Args:
        prepare: gives the library's version, the logits of its network, and its methods by our names.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    case = read(Path(sys.argv[-1]))
    try:
        version, logits, methods = prepare(case)
    except ImportError as error:
        answer(missing=str(error).splitlines()[0])
        return
    difference = float(np.abs(logits - case.logits).max())
    if not difference <= TOLERANCE:
        answer(missing=f"its network's logits differ from ours by {difference:.1e}")
        return
    resized = [name for name, method in methods.items() if method.resized]
    sized = [name for name, method in methods.items() if method.maps is not None]
    answer(version=version, difference=difference, methods=list(methods), resized=resized, sized=sized)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            method, count = methods[asked["method"]], asked["count"]
            if "within" in asked:
                answer(**reached(method, count, asked["within"], asked["limit"]))
            elif "size" in asked:
                answer(seconds=turn(partial(method.maps, count, asked["rows"], asked["size"])))
            elif "rows" in asked:
                answer(seconds=turn(partial(method.work, count, asked["rows"])))
            else:
                answer(rows=best_rows(method, count))
        except Exception as error:  # noqa: BLE001 - whatever a library raises is told, and the next method measured
            answer(error=f"{type(error).__name__}: {error}".splitlines()[0])
