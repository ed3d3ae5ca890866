"""A benchmark: what the workbench says, held against a truth that it does not see, beside what others say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.core.estimate import Estimate
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that the workbench says, and how often it was true.

    Attributes:
        said: the sentence, in short.
        right: how often it was true.
        of: how often it was said, at least once.
        wanted: share that it should be true in; None where it only informs.
    """

    said: str
    right: int
    of: int
    wanted: float | None = None

    @property
    def share(self) -> Estimate:
        """How often it was true, with its 95 % Wilson interval."""
        return rate(self.right, self.of)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a benchmark found.

    Attributes:
        tables: by title; a row is a method, a world, or a peer.
        claims: how often what is said was true.
        notes: sentences beneath the tables: what was left out and why, and where quoted numbers are from.
        records: files that others read, by name: JSON objects.
    """

    tables: Mapping[str, pd.DataFrame]
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    records: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a benchmark is to be run.

    Attributes:
        quick: whether it is to draw fewer worlds, and say less surely.
        seed: of everything that is drawn.
        draws: how often everything is drawn, for narrower intervals.
        human_labels: folder of held-out probabilities with known wrong labels; None where there is none.
    """

    quick: bool = False
    seed: int = 0
    draws: int = 1
    human_labels: Path | None = None


class Benchmark(ABC):
    """Base of all benchmarks; the first line of a subclass's docstring is the question that it answers.

    Attributes:
        title: heading, the field's word for what is measured.
        minutes: about how long the whole takes on one core; the longest begins first.
    """

    title: ClassVar[str]
    minutes: ClassVar[float] = 0.0

    @classmethod
    def question(cls) -> str:
        """First line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @abstractmethod
    def measure(self, asked: Asked) -> Measured:
        """Make what is needed, ask the workbench and its peers, and compare with the truth."""


class DividedBenchmark(Benchmark):
    """A benchmark of parts that are measured one by one, in any order, also in several processes."""

    @abstractmethod
    def parts(self, asked: Asked) -> int:
        """Return how many parts there are."""

    @abstractmethod
    def measure_part(self, asked: Asked, number: int) -> Any:
        """Measure one of them, 0 … parts - 1; what is found can be pickled."""

    @abstractmethod
    def combine(self, asked: Asked, found: Sequence[Any]) -> Measured:
        """Sum up what was found of all parts, in their order."""

    def measure(self, asked: Asked) -> Measured:
        """Measure all parts, one after the other."""
        return self.combine(asked, [self.measure_part(asked, number) for number in range(self.parts(asked))])
