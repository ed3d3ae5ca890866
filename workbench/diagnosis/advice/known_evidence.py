"""A network of the model's architecture class in a world whose evidence is known: which measures can be believed there.

The world is the decoy world of `workbench truth --only maps`: a letter is the class, a digit beside it means nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.progress import stoppable
from workbench.core.provenance import code_digest, digest_of
from workbench.core.types import Array
from workbench.diagnosis.truth.maps import decoy, networks

from . import measuring
from .measuring import EXCESS, Images, OutOfTime, all_measured, deadline

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.faithfulness.measure import Measure
    from workbench.models.probe import Probe

CLASSES: Mapping[str, str] = {
    "pooled": "convolutions and global pooling",
    "dense": "convolutions and dense layers",
    "residual": "convolutions with additions (residual blocks)",
    "transformer": "patches that attend to each other",
}
"""In words, by the network that stands for the class."""
LEARNED = 0.8
"""Accuracy that the made network must reach to judge anything: one that learned little may look at anything."""
COUNT, BACKGROUND = 20, 8
"""Images that are explained there; and how many of them methods compare with."""
FEWEST = 10
"""Methods by whose maps a measure is judged, at least, or all that apply."""

PARTS = ("truth", "random", "values")


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownEvidence:
    """What methods' maps of N images of the made network showed.

    Attributes:
        make: which network stands for the class.
        accuracy: of the network on images that it was not trained on.
        truth: by method, `(N,)` share of the map's positive mass on the true evidence.
        random: by method, the same of random maps with the values and the smoothness of its own.
        values: by method, `(M, N)` what `measured` gives.
        measures: names of the M rows.
    """

    make: str
    accuracy: float
    truth: Mapping[str, Array]
    random: Mapping[str, Array]
    values: Mapping[str, Array]
    measures: tuple[str, ...]


def architecture_class(probe: Probe) -> str:
    """Return which of `CLASSES` a model is of, by its layers; empty where none of them is like it.

    Attention of places makes a transformer, an addition of feature maps a residual network; of others a global pooling
    tells those with one from those whose feature maps go flat into a dense layer.
    """
    if probe.inference_only or not probe.spatial_layers:
        return ""
    if probe.attention.numbers:
        return "transformer"
    layers = list(probe.layers.values())
    if any(each.kind == "Add" and each.spatial for each in layers):
        return "residual"
    pooled = any(each.kind.startswith("Global") or each.kind in {"Mean", "Max"} for each in layers)
    return "pooled" if pooled else "dense"


def known_evidence(
    make: str,
    methods: Mapping[str, Explainer],
    measures: Mapping[str, Measure],
    *,
    seed: int,
    until: float,
    cache: bool,
) -> KnownEvidence | None:
    """Train a network of a class in the decoy world, and hold maps and measures against the truth; None without time.

    Nothing of it depends on the model that is advised on but its class, so the answer is kept for others of the class.

    Args:
        make: one of `CLASSES`.
        methods: by name; those that do not apply to the made network are left out.
        measures: by name, as `measures_on` gives them.
        seed: of the world and the network's weights.
        until: monotonic time at which it is to be over.
        cache: whether the answer is kept.
    """
    if make not in networks.MAKES:
        return None
    asked = {name: method.key for name, method in sorted(methods.items())}
    kept = {name: each.key for name, each in sorted(measures.items())}
    own = digest_of(Path(each) for each in (decoy.__file__, networks.__file__, measuring.__file__, __file__))
    key = json.dumps([code_digest(), own, make, seed, asked, kept])
    path = cache_folder() / "known-evidence" / f"{make}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if cache and (stored := load_arrays(path)) is not None:
        return _read(make, stored)
    try:
        with stoppable(deadline(until)):
            known = decoy.Decoy().known(make, COUNT, seed)
    except OutOfTime:
        return None
    some = Images(probe=known.probe, images=known.images, target=known.target, background=known.images[:BACKGROUND])
    there = {name: method for name, method in methods.items() if method.missing(known.probe) is None}
    if not there:
        return None
    found, left = all_measured(there, some, measures, seed=seed, until=until, with_maps=True)
    if len(found) < min(FEWEST, len(there)):
        return None  # a measure that ranks a few methods well may rank others badly
    result = KnownEvidence(
        make=make,
        accuracy=known.accuracy,
        truth={name: known.true_share(each.maps) for name, each in found.items()},
        random={name: known.true_share(each.random) for name, each in found.items()},
        values={name: each.values for name, each in found.items()},
        measures=(EXCESS, *measures),
    )
    if cache and not left:
        arrays = {f"{part}/{name}": each for part in PARTS for name, each in getattr(result, part).items()}
        save_arrays(path, {**arrays, "accuracy": np.array(known.accuracy), "measures": np.array(result.measures)})
    return result


def _read(make: str, stored: Mapping[str, Array]) -> KnownEvidence:
    parts = {
        part: {name.removeprefix(f"{part}/"): each for name, each in stored.items() if name.startswith(f"{part}/")}
        for part in PARTS
    }
    return KnownEvidence(
        make=make, accuracy=float(stored["accuracy"]), **parts, measures=tuple(str(each) for each in stored["measures"])
    )
