"""Verdicts of a session: its own images are what the randomisation test draws on, and its cache keeps the test."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.attribution import Attribution
from workbench.choosing import balanced
from workbench.contracts import Array
from workbench.provenance import code_digest
from workbench.store import load_arrays, save_arrays

if TYPE_CHECKING:
    from workbench.explainers.base import Explainer
    from workbench.randomisation import Randomisation
    from workbench.session import Session

IMAGES = 20
"""Images on which a method's maps are compared before and after the weights are drawn anew."""
_one_at_a_time = threading.RLock()
_known: dict[Path, Randomisation] = {}


def judged(session: Session, attribution: Attribution, images: Any, *, test: bool = True) -> Attribution:
    """Return the attribution with a verdict on each map.

    Args:
        session: whose model was explained.
        attribution: the maps.
        images: `(N, H, W, C)` what was explained, uint8 or float32 in [0, 1].
        test: whether to run the randomisation test of this method where it is not known yet; it takes seconds to
            minutes, once for a method and a model.
    """
    from workbench.explainers import explainer
    from workbench.params import make
    from workbench.verdict import judge

    whole = np.asarray(images[: len(attribution)])
    pixels = whole.astype(np.float32) / np.float32(255 if whole.dtype == np.uint8 else 1)
    method = make(explainer(attribution.method), attribution.params)
    test = test and not session.inference_only  # whose weights cannot be reached
    known = randomisation_of(session, method) if test else known_randomisation(session, method)
    return replace(attribution, verdicts=judge(session.probe, pixels, attribution, randomisation=known))


def known_randomisation(session: Session, method: Explainer) -> Randomisation | None:
    """Return how a method fared in the randomisation test on this model, if it was tested before."""
    from workbench.randomisation import Randomisation

    path = _path(session, method)
    if path not in _known and session.cache and (stored := load_arrays(path)) is not None:
        stages = tuple(str(each) for each in stored.pop("stages"))
        _known[path] = Randomisation(stages, **stored)
    return _known.get(path)


def randomisation_of(session: Session, method: Explainer) -> Randomisation:
    """Return how a method fares in the cascading randomisation test on this model; tested once, and kept.

    Args:
        session: whose model it is; up to 20 of its images are explained, some of each class.
        method: with its parameters.
    """
    with _one_at_a_time:
        if (known := known_randomisation(session, method)) is not None:
            return known
        from workbench.randomisation import randomise

        rows = balanced(session.dataset.labels, IMAGES, 0)
        found = randomise(
            session.probe, method, np.asarray(session.dataset.images[rows]), session.predictions.predicted[rows],
            background=session.background if method.needs_background else None,
        )  # fmt: skip
        found = replace(found, maps=np.zeros((0, 0, 1, 1), np.float32))  # only their numbers are kept
        _known[_path(session, method)] = found
        if session.cache:
            arrays: dict[str, Array] = {
                name: getattr(found, name) for name in ("spearman", "absolute", "ssim", "floor", "maps")
            }
            save_arrays(_path(session, method), {**arrays, "stages": np.array(found.stages, np.str_)})
        return found


def _path(session: Session, method: Explainer) -> Path:
    """Name what the answer depends on: model, data, method, parameters, and the code."""
    method = method.at_layer(session.probe)
    digest = hashlib.sha256(f"{code_digest()} {method.name} {method.key}".encode()).hexdigest()[:16]
    return session.cache_path(f"randomisation-{method.name}-{digest}.npz")
