"""A method's parameters, tried one after the other on the images that choose."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.core.errors import WorkbenchError
from workbench.core.params import Parameter, describe, make
from workbench.core.types import Array

from .comparing import duel

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.models.probe import Probe

LAYERS = 6
"""Layers that are tried, the last ones of the model."""
FACTORS = (0.5, 2.0)
"""A number is tried at half and at twice its default."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The best values that were found.

    Attributes:
        values: those that are not the default; empty where nothing was better.
        won: share of the comparisons with the default that its maps win, on the images that choose.
        tried: how many values were tried.
        cut: whether the time was over before all were.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    won: float = 0.5
    tried: int = 0
    cut: bool = False


def tune(
    kind: type[Explainer], probe: Probe, default: Array, measure: Callable[[Explainer], Array], *, until: float
) -> Tuned:
    """Try the values of one parameter after the other; each keeps its best one while the next is tried.

    Args:
        kind: the method.
        probe: the model, which has the layers.
        default: `(M, N)`, what the maps with the default parameters are worth, larger is better.
        measure: the same of a method with other parameters. It may raise `OutOfTime`.
        until: monotonic time after which nothing more is tried.
    """
    from .measuring import OutOfTime

    best, tried = Tuned(), 0
    for parameter in describe(kind):
        before = dict(best.values)
        for value in values_of(parameter, kind, probe):
            if time.monotonic() >= until:
                return Tuned(values=best.values, won=best.won, tried=tried, cut=True)
            try:
                method = make(kind, {**before, parameter.name: value})
                won = float(duel(measure(method), default).mean())
            except OutOfTime:
                return Tuned(values=best.values, won=best.won, tried=tried, cut=True)
            except WorkbenchError:  # values that do not go together
                continue
            tried += 1
            if won > best.won:
                best = Tuned(values={**before, parameter.name: getattr(method, parameter.name)}, won=won)
    return Tuned(values=best.values, won=best.won, tried=tried)


def values_of(parameter: Parameter, kind: type[Explainer], probe: Probe) -> Iterator[Any]:
    """Yield the values of a parameter that are tried: the other options, the last layers, half and twice a number.

    Seeds are not: a map that a seed makes better is luck. Nor are lists, and what has no effect by default.
    """
    defaults = {each.name: each.default for each in describe(kind)}
    if parameter.name == "seed" or parameter.many or any(defaults[k] != v for k, v in parameter.needs.items()):
        return
    if parameter.choose_from == "layers":
        yield from (name for name in probe.spatial_layers[-LAYERS:] if name != probe.default_layer)
    elif parameter.options:
        yield from (each for each in parameter.options if each != str(parameter.default))
    elif parameter.kind in (int, float) and parameter.default is not None:
        for factor in FACTORS:
            value = parameter.kind(parameter.default * factor)
            inside = (parameter.low is None or value >= parameter.low) and (
                parameter.high is None or value <= parameter.high
            )
            if inside and value != parameter.default:
                yield value
