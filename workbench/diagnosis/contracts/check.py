"""What a contract's check is: a claim, and what tries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.types import Array


class Broken(AssertionError):
    """A contract that does not hold; says in one sentence what was expected and what was got."""


@dataclass(frozen=True)
class Check:
    """One thing that is owed.

    Attributes:
        claim: in words.
        run: given a trial and the name of what is tried, raises `Broken` where the claim does not hold.
    """

    claim: str
    run: Callable[[Any, str], None]


def hold(fact: object, otherwise: str) -> None:
    """See that something holds.

    Raises:
        Broken: if not.
    """
    if not fact:
        raise Broken(otherwise)


def agree(values: Array, expected: Array, what: str, share: float = 1e-5) -> None:
    """See that two arrays agree to a share of the largest value.

    Raises:
        Broken: if they do not, or have other shapes.
    """
    hold(values.shape == expected.shape, f"{what}: the shape is {values.shape} instead of {expected.shape}.")
    apart = np.abs(values.astype(np.float64) - expected).max(initial=0)
    limit = share * np.abs(expected).max(initial=0)
    hold(apart <= limit, f"{what}: values differ by {apart:.3g}, at most {limit:.3g} is float32's rounding.")


def differ(values: Array, others: Array) -> bool:
    """Whether two arrays differ by more than rounding."""
    return values.shape != others.shape or bool(np.abs(values - others).max() > 1e-4 * np.abs(others).max())
