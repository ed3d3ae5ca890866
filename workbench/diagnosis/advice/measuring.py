"""What the methods' maps of some images are worth, by measures that rank maps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.params import describe, make
from workbench.core.progress import Stop, report, reporting, silent, stoppable
from workbench.core.types import Array
from workbench.faithfulness.hiding import hiding_effects
from workbench.faithfulness.verdict import DISAGREE, controls

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.attribution.explainer import Explainer
    from workbench.faithfulness.measure import Measure, Subject
    from workbench.models.probe import Probe

EXCESS = "excess-share"
TITLES = {EXCESS: "Excess share"}
MEASURES = ("deletion", "insertion", "average-drop", "mu-fidelity")
"""Besides the excess share: each takes the map for something else, an order, a mask, or numbers to be added."""
NO_TIME, TIME_OVER = "there was no time left to measure it", "it was not measured when the time was over"
"""Why a method was not measured."""


class OutOfTime(Stop):
    """The work inside was given so long, and is ended."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Images:
    """Images whose maps are measured.

    Attributes:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1].
        target: `(N,)` int64, the explained class, the score being its logit.
        background: for methods that compare with images.
    """

    probe: Probe
    images: Array
    target: Array
    background: Array

    def first(self, count: int) -> Images:
        """Return the first `count` of them."""
        return replace(self, images=self.images[:count], target=self.target[:count])


def measures_on(probe: Probe, seed: int) -> dict[str, Measure]:
    """Return the measures of `MEASURES` that a model allows, by name; the excess share is no measure of its own.

    What a measure would choose by the size of the images is fixed, so that it is the same one in the known world.
    """
    from workbench.faithfulness.measures import measure
    from workbench.faithfulness.measures.mu_fidelity import CELLS, SMALL

    given: dict[str, object] = {"within": "object", "seed": seed, "samples": 100}
    if max(probe.image_shape[:2]) > SMALL:
        given["cells"] = CELLS
    found = {}
    for name in MEASURES:
        kind = measure(name)
        known = {each.name for each in describe(kind)}
        own = {key: value for key, value in given.items() if key in known}
        if not (kind.of_probability and probe.sigmoid):
            found[name] = make(kind, own)
    return found


def titles_of(measures: Mapping[str, Measure]) -> dict[str, str]:
    """Return what each row of `measured` is called, by name."""
    return {EXCESS: TITLES[EXCESS], **{name: each.title for name, each in measures.items()}}


def maps_of(method: Explainer, some: Images) -> Subject:
    """Explain the images by a method.

    Raises:
        WorkbenchError: if it cannot.
    """
    from workbench.faithfulness.measure import Subject

    background = some.background if method.needs_background else None
    made = method.attribute(some.probe, some.images, some.target, background=background, progress=report)
    return Subject(probe=some.probe, images=some.images, attribution=made, method=method, background=background)


@dataclass(frozen=True, eq=False, kw_only=True)
class Worth:
    """What N maps are worth by M measures, larger is better, beside as many random maps of their kind.

    Attributes:
        values: `(M, N)` float64; NaN where there is no number.
        control: `(M, N)`, of random maps with the values and the smoothness of each.
        maps, random: `(N, H, W)` both, where they were asked for; else none, which many of large images need.
        seconds: how long it took; 0 where nobody looked.
    """

    values: Array
    control: Array
    maps: Array = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    random: Array = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    seconds: float = 0.0


def worth_of(
    method: Explainer, some: Images, measures: Mapping[str, Measure], seed: int, *, with_maps: bool = False
) -> Worth:
    """Explain images, and measure the maps and a random one of each kind.

    Args:
        method: with its parameters.
        some: the images.
        measures: by name.
        seed: of the random maps.
        with_maps: whether the maps are kept.

    Raises:
        WorkbenchError: if it cannot explain them.
    """
    subject = maps_of(method, some)
    made = subject.attribution
    drawn = np.stack([controls(values, 1, seed + n)[0] for n, values in enumerate(made.values)])
    random = replace(subject, attribution=replace(made, values=drawn))
    found = Worth(values=measured(subject, measures), control=measured(random, measures))
    return replace(found, maps=subject.maps, random=random.maps) if with_maps else found


def measured(subject: Subject, measures: Mapping[str, Measure]) -> Array:
    """Measure maps: `(1 + M, N)` float64, larger is better; first the excess share. NaN where there is no number.

    Where it cannot be told where the evidence is, the excess share of every map is 0, so that it prefers none.
    """
    made = subject.attribution
    effects = hiding_effects(subject.probe, subject.images, made.target, made.against, score=made.score)
    told = (effects.drop > 0) & (effects.agreement >= DISAGREE)
    rows = [np.where(told, effects.excess(subject.maps), 0.0)]
    rows += [(-1 if each.better == "lower" else 1) * each.values(subject) for each in measures.values()]
    return np.stack(rows)


def all_measured(
    methods: Mapping[str, Explainer],
    some: Images,
    measures: Mapping[str, Measure],
    *,
    seed: int,
    until: float,
    with_maps: bool = False,
    told: Callable[[int], None] | None = None,
) -> tuple[dict[str, Worth], dict[str, str]]:
    """Measure the maps of several methods, in the order of `in_turn`.

    Args:
        methods: by name.
        some: the images.
        measures: by name.
        seed: of the random maps.
        until: monotonic time after which no method is begun, and one that is at work is ended.
        with_maps: whether the maps are kept.
        told: called with how many methods are done.

    Returns:
        By name what its maps are worth; and for each that could not be measured the reason.
    """
    found: dict[str, Worth] = {}
    left: dict[str, str] = {}
    for place, name in enumerate(in_turn(methods, some.probe)):
        begun = time.monotonic()
        if begun >= until:
            left[name] = NO_TIME
            continue
        try:
            with reporting(silent), stoppable(deadline(until)):
                worth = worth_of(methods[name], some, measures, seed, with_maps=with_maps)
            found[name] = replace(worth, seconds=time.monotonic() - begun)
        except OutOfTime:
            left[name] = TIME_OVER
        except WorkbenchError as error:
            left[name] = str(error)
        if told is not None:
            told(place + 1)
    return found, left


def in_turn(methods: Mapping[str, Explainer], probe: Probe) -> list[str]:
    """Order methods for a time that may not suffice: one of each family in turn, of each that of the fewest copies."""
    families: dict[str, list[str]] = {}
    for name in sorted(methods, key=lambda name: methods[name].copies(probe)):
        families.setdefault(methods[name].kin(), []).append(name)
    turns = zip_longest(*families.values())
    return [name for turn in turns for name in turn if name is not None]


def deadline(until: float) -> Callable[[], None]:
    """Return what ends work that reports its progress after a monotonic time."""

    def check() -> None:
        if time.monotonic() >= until:
            raise OutOfTime

    return check
