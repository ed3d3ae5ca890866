"""A policy: what a model has to be, so that it may go on. A file says it, and `check` measures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from workbench.core.finding import Kind, Severity

EVERY = "*"
"""In place of a class: all that are not named."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Images that a query finds, and how accurate the model has to be on them.

    Attributes:
        where: the query, in the language of `session.images.where`.
        min_accuracy: which the lower end of the interval must reach.
        name: what they are called; the query, if not given.
    """

    where: str
    min_accuracy: float
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules; one that is None, or empty, is none.

    Attributes:
        min_accuracy: which the lower end of the accuracy's interval must reach.
        min_recall: the same of the recall of classes, by their names; `EVERY` for those that are not named.
        max_ece: which the upper end of the calibration error's interval may reach.
        max_severity: the worst that a finding may be.
        allowed_kinds: kinds of findings that may be worse.
        fast: whether the diagnosis asks only what takes seconds.
        against: run, model file or saved predictions that the model is compared with.
        max_drop: by how much it may be less accurate than that; it fails only where it surely is.
        slices: images on which it has to be accurate.
        source: the file, for errors.
    """

    min_accuracy: float | None = None
    min_recall: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    max_ece: float | None = None
    max_severity: Severity | None = None
    allowed_kinds: tuple[Kind, ...] = ()
    fast: bool = False
    against: str | None = None
    max_drop: float | None = None
    slices: tuple[Slice, ...] = ()
    source: str = "the policy"
