"""Maps held against evidence that is known, and the verdict held against them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from workbench.core.progress import report
from workbench.diagnosis.benchmark import Asked, DividedBenchmark, Measured

from .judged import (
    COSTLY,
    FEW,
    GOOD,
    Case,
    Judged,
    by_method,
    cases_of,
    claims,
    judged_case,
    reliability,
    within_methods,
)
from .parts_protocol import by_parts

QUICK = ("decoy", "parts", "grid 2×2")
"""Worlds that suffice quickly."""


class Maps(DividedBenchmark):
    """Do maps show what a prediction rests on, and does the verdict know which do?

    Small networks are trained in worlds where the evidence is known: a letter is the class and a digit is a decoy;
    classes are made of parts, each of which is left out to see what it is worth, to a class and to the difference of
    two; garments stand side by side, and one of them is asked about. Quick is one network in each of three worlds, and
    few images.
    """

    title: ClassVar[str] = "Maps and verdicts"
    minutes: ClassVar[float] = 40.0

    def parts(self, asked: Asked) -> int:
        """One a network."""
        return len(_cases(asked))

    def measure_part(self, asked: Asked, number: int) -> list[Judged]:
        """Train a network, explain its images by every method, and judge the maps."""
        found = list(judged_case(_cases(asked)[number], count=10 if asked.quick else 20, quick=asked.quick))
        report("Networks of made worlds", number + 1, self.parts(asked))
        return found

    def combine(self, asked: Asked, found: Sequence[list[Judged]]) -> Measured:
        """Put the maps of all networks together."""
        judged = [each for part in found for each in part]
        ranges = reliability(judged)
        weighed = [(each.method, each.library, each.parts) for each in judged if each.parts is not None]
        return Measured(
            tables={
                "Share of the positive attribution on the evidence": by_method(judged),
                "Parts that are left out": by_parts(weighed),
                "Whether the verdict knows the good maps of a method": within_methods(judged),
                "How often a map with such an excess share shows the evidence": ranges,
            },
            claims=claims(judged),
            notes=(
                f"A map shows the evidence if at least {100 * GOOD:.0f} % of its positive mass lies on it.",
                f"Methods that look at more than {COSTLY} changed copies explain the first {FEW} images of a network.",
                "Intervals of shares over maps resample networks, which differ more than the images of one.",
            ),
            records={"reliability.json": {"ranges": ranges.to_dict("records")}},
        )


def _cases(asked: Asked) -> list[Case]:
    seeds = range(asked.seed, asked.seed + asked.draws)
    return cases_of(only=QUICK if asked.quick else (), seeds=seeds, quick=asked.quick)
