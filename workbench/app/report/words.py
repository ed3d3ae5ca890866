"""What every report says about how it was made, and what it does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.report.content import Report

SEVERITIES = (
    "A mild finding is worth knowing, and good models have such findings too. A serious one should be fixed before the "
    "model is trusted. With a critical one the model, or the number, should not be used."
)
INTERVALS = (
    "Intervals are 95 % intervals: of shares after Wilson, of means after Student, of calibration errors from "
    "resampled images. A fault above mild lies beyond its limit with the whole of its interval, on at least twenty "
    "images."
)
RANKING = (
    "Every analysis that can find faults was asked. Findings that follow from another one stand with it, and problems "
    "are in the order of their severity, then of the images that are wrong because of them."
)
VERDICTS = (
    "Parts of an image are hidden one by one; its evidence is where that lowers the explained score by at least a "
    "quarter of the largest drop. How often a map of which so much more than of an even one lies there is right was "
    "measured on networks whose evidence is known: a map is on the evidence if at least 80 % of such maps were "
    "right, beside it if at most 20 % were, and nothing is told where different ways of hiding disagree. A "
    "map does not depend on the weights where the method draws nearly the same map when the "
    "network's weights are drawn anew (arXiv:1810.03292). Of an error, the map sets the true class against the "
    "predicted one."
)
PAIRED = (
    "Both models are compared on the same images, paired by what these hold: McNemar's exact test, intervals of paired "
    "differences after Bonett and Price, p-values of classes and of confusions adjusted after Holm."
)
FAST = "Only analyses that take seconds were asked, and some of them on a part of the images."
ONE_SAMPLE = "All numbers are of these images. Images from elsewhere may be harder, and no interval tells how much."
LABELS = "Labels are taken as they are: an error of a label counts as an error of the model, unless a finding says so."
ONE_RUN = "This is one training. Another seed gives other errors; `workbench compare-recipes` measures how other."
CAUSES = "A map shows what moved this model's score. It is no proof of a cause in the world."


def methods(report: Report) -> Iterator[str]:
    """How the numbers of a report were made, a paragraph each."""
    yield from (RANKING, SEVERITIES, INTERVALS)
    if report.explained:
        yield VERDICTS
    if report.versus is not None:
        yield PAIRED


def limits(report: Report) -> Iterator[str]:
    """What a report does not tell, a sentence each."""
    if report.quick:
        yield FAST
    yield from (ONE_SAMPLE, LABELS, ONE_RUN)
    if report.explained:
        yield CAUSES


def sections(report: Report) -> Iterator[tuple[str, str]]:
    """Address and title of each part of a report, in their order."""
    yield from (("numbers", "In numbers"), ("studied", "What was studied"))
    if report.versus is not None:
        yield "comparison", f"Compared with {report.versus.names[1]}"
    yield from (("problems", "Problems"), ("maps", "Chosen images"), ("figures", "Figures"))
    yield from (("methods", "Methods and limits"), ("reproduce", "How to reproduce it"))
