"""What the same error costs: steps or samples that the tolerance chooses, beside another library's fixed number.

A map's error is the length of its difference to its limit, as a share of the limit's length; the limit is what the
library itself gives with very many steps or samples, so that each is held to what it estimates. The other library gets
the fewest steps or samples with which its mean error is no larger than ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from serving import errors, turn

import workbench as wb

COUNT = 16
Settings = dict[str, Any]
CASES: dict[str, list[Settings]] = {  # what ours is told
    "integrated-gradients": [{}, {"tolerance": 0.1}],
    "smooth-grad": [{"draws": "adaptive", "noise": 0.2}, {"samples": 50, "noise": 0.2}],
}
LIMITS: dict[str, tuple[int, list[Settings]]] = {  # very many of theirs; of ours the mean of these
    "integrated-gradients": (2000, [{"steps": 500, "rule": "gauss-legendre"}]),
    "smooth-grad": (5000, [{"samples": 500, "draws": "antithetic", "noise": 0.2, "seed": 1000 + k} for k in range(10)]),
}
TURNS = 5


@dataclass(frozen=True, kw_only=True)
class SameError:
    """What one of our settings and another library's take for the same error, or why that is not known.

    Attributes:
        ours, theirs: steps or samples an image, in the mean.
        errors: mean and largest error of ours, and of theirs.
        speeds: images per second in the quickest run, of ours and of theirs.
        ratios: ours ÷ theirs, one a turn, of its median run.
    """

    library: str
    method: str
    told: str = ""
    note: str = ""
    ours: float = 0.0
    theirs: float = 0.0
    errors: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    speeds: tuple[float, float] = (0.0, 0.0)
    ratios: tuple[float, ...] = ()


def same_error(
    session: wb.Session, library: str, method: str, ask: Callable[..., dict[str, Any]]
) -> Iterator[SameError]:
    """Yield a row for each of our settings."""
    rows, (many, settings) = np.arange(COUNT), LIMITS[method]
    limit = np.mean([session.attribute(method, rows, **each).values for each in settings], axis=0, dtype=np.float64)
    for params in CASES[method]:
        told = ", ".join(f"{name} {value}" for name, value in params.items()) or "as it stands"

        def work(params: Settings = params) -> wb.Attribution:
            return session.attribute(method, rows, **params)

        found = work()
        own = errors(found.values, limit)
        sizes = {**params, **found.details}
        asked = ask(method=method, count=COUNT, within=float(own.mean()), limit=many)
        ours, theirs = [turn(work)], []
        while len(theirs) < TURNS and "error" not in asked:
            asked |= ask(method=method, count=COUNT, rows=asked["rows"], size=asked["size"])
            theirs.append(asked.get("seconds", (np.nan, np.nan)))
            ours.append(turn(work))
        if "error" in asked:
            yield SameError(library=library, method=method, told=told, note=asked["error"])
            continue
        own_times, their_times = np.array(ours).T, np.array(theirs).T
        yield SameError(
            library=library,
            method=method,
            told=told,
            ours=float(np.mean(sizes.get("steps", sizes.get("samples")))),
            theirs=asked["size"],
            errors=((float(own.mean()), float(own.max())), tuple(asked["errors"])),
            speeds=(COUNT / own_times[1].min(), COUNT / their_times[1].min()),
            ratios=tuple(their_times[0] / ((own_times[0, 1:] + own_times[0, :-1]) / 2)),
        )
