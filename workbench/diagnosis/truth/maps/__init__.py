"""Maps held against evidence that is known, and the verdict held against them."""

from __future__ import annotations

from typing import ClassVar

from workbench.diagnosis.benchmark import Asked, Benchmark, Measured

from .judged import COSTLY, FEW, GOOD, by_method, claims, judged_maps, reliability, within_methods
from .parts_protocol import by_parts

QUICK = ("decoy", "parts", "grid 2×2")
"""Worlds that suffice quickly."""


class Maps(Benchmark):
    """Do maps show what a prediction rests on, and does the verdict know which do?

    Small networks are trained in worlds where the evidence is known: a letter is the class and a digit is a decoy;
    classes are made of parts, each of which is left out to see what it is worth, to a class and to the difference of
    two; garments stand side by side, and one of them is asked about. Quick is one network in each of three worlds, and
    few images.
    """

    title: ClassVar[str] = "Maps and verdicts"
    minutes: ClassVar[float] = 18.0

    def measure(self, asked: Asked) -> Measured:
        """Train the networks, explain their images by every method, and judge the maps."""
        seeds = range(asked.seed, asked.seed + asked.draws)
        only = QUICK if asked.quick else ()
        judged = list(judged_maps(only=only, count=10 if asked.quick else 20, seeds=seeds, quick=asked.quick))
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
