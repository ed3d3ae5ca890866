"""Verdicts of a study: its own images are what the randomisation test draws on, and its cache keeps the test."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.attribution import Attribution
from workbench.core.cache import load_arrays, save_arrays
from workbench.core.kept import Kept
from workbench.core.pixels import as_floats
from workbench.core.provenance import code_digest
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.faithfulness.randomisation import Randomisation
    from workbench.session.study import Study

IMAGES = 20
"""Images on which a method's maps are compared before and after the weights are drawn anew."""
_one_at_a_time = threading.RLock()
_known: Kept[Path, Randomisation] = Kept(256)


def add_verdicts(
    study: Study, method: Explainer, attribution: Attribution, images: Any, *, test: bool = True
) -> Attribution:
    """Return the attribution with a verdict on each map.

    Args:
        study: whose model was explained.
        method: what made the maps.
        attribution: the maps.
        images: `(N, H, W, C)` what was explained, uint8 or float32 in [0, 1].
        test: whether to run the randomisation test of this method where it is not known yet; it takes seconds to
            minutes, once for a method and a model.
    """
    from workbench.faithfulness.verdict import judge

    pixels = as_floats(images[: len(attribution)])
    test = test and not study.inference_only  # whose weights cannot be reached
    known = randomisation_of(study, method) if test else known_randomisation(study, method)
    return replace(attribution, verdicts=judge(study.probe, pixels, attribution, randomisation=known))


def known_randomisation(study: Study, method: Explainer) -> Randomisation | None:
    """Return how a method fared in the randomisation test on this model, if it was tested before."""
    from workbench.faithfulness.randomisation import Randomisation

    path = _path(study, method)
    if (known := _known.get(path)) is not None or not study.cache or (stored := load_arrays(path)) is None:
        return known
    stages = tuple(str(each) for each in stored.pop("stages"))
    return _known.put(path, Randomisation(stages=stages, **stored))


def randomisation_of(study: Study, method: Explainer) -> Randomisation:
    """Return how a method fares in the cascading randomisation test on this model; tested once, and kept.

    Args:
        study: whose model it is; up to 20 of its images are explained, some of each class.
        method: with its parameters.
    """
    with _one_at_a_time:
        if (known := known_randomisation(study, method)) is not None:
            return known
        from workbench.faithfulness.randomisation import randomise

        rows = balanced_rows(study.dataset.labels, IMAGES, 0)
        found = randomise(
            study.probe,
            method,
            np.asarray(study.dataset.images[rows]),
            study.predictions.predicted[rows],
            background=study.background if method.needs_background else None,
        )
        found = replace(found, maps=np.zeros((0, 0, 1, 1), np.float32))  # only their numbers are kept
        _known.put(_path(study, method), found)
        if study.cache:
            arrays: dict[str, Array] = {
                name: getattr(found, name) for name in ("spearman", "absolute", "ssim", "floor", "maps")
            }
            save_arrays(_path(study, method), {**arrays, "stages": np.array(found.stages, np.str_)})
        return found


def _path(study: Study, method: Explainer) -> Path:
    """Name what the answer depends on: model, data, method, parameters, and the code."""
    method = method.at_layer(study.probe)
    digest = hashlib.sha256(f"{code_digest()} {method.name} {method.key}".encode()).hexdigest()[:16]
    return study.cache_path(f"randomisation-{method.name}-{digest}.npz")
