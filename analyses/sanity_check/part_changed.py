"""Some of the images are turned, mirrored or inverted, and the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.models.input_variants import Convention
from workbench.models.preprocessing_search import AS_THEY_ARE, correct_on
from workbench.statistics.rates import rate, wilson

if TYPE_CHECKING:
    from workbench.session.session import Session

MENDED = 0.5
"""Share of the errors that a change must surely mend. Of sound networks on letters, digits and shapes the best turn
mended 5 to 25 % of the errors; of those whose images were half turned, 65 to 95 %."""
FEWEST = 20
"""Errors that are enough to say so."""


def partly_changed(session: Session, right: Mapping[str, Array], ways: Mapping[str, Convention]) -> list[Finding]:
    """Report a change that mends most of the errors, though not of all images: some were changed, and others not.

    Args:
        session: model and data.
        right: which images of a sample are classified correctly, `(n,)` bool, with each way of giving them, by name.
        ways: those that change what a picture shows.
    """
    wrong = ~right[AS_THEY_ARE]
    if wrong.sum() < FEWEST or not ways:
        return []
    mended = {name: int((right[name] & wrong).sum()) for name in ways}
    first, *others = sorted(mended, key=lambda name: -mended[name])
    sure = wilson(mended[first], wrong.sum())[0]
    # What classes are symmetric in is mended by other turns, too; but then by fewer.
    if sure <= MENDED or sure <= max((mended[name] for name in others), default=0) / wrong.sum():
        return []
    way, said, data = ways[first], session.predictions, session.dataset
    rows = np.flatnonzero(~said.correct)
    better = correct_on(session.probe, data, rows, way.change)
    cost, of = rate(int(better.sum()), len(said)), len(said)
    return [
        Finding(
            f"Some of the images are changed: {percent(said.correct.mean())} of {plural(of, 'image')} "
            f"{verb(of, 'are')} classified correctly as they are, and {better.sum():,} of {plural(len(rows), 'error')} "
            f"({percent(better.mean())}) would be if these were {way.words}.",
            severity=Severity.CRITICAL,
            effect=rate(int(better.sum()), len(rows)),
            evidence=ImageSet(rows[better]),
            advice="Find out which files come from another source, or a reader that ignores how the camera was held, "
            "and make them alike, or train on images that are changed in this way, too.",
            kind="train-test-shift",
            cost=cost,
            confirm="Change these images in this way and look at them: they stand as the training images do.",
        )
    ]
