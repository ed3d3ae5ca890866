"""Where the maps of each class concentrate, if not on the object: marks found through the model.

The maps of a class's images are clustered, as in Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4 (spectral
relevance analysis); a cluster whose evidence is concentrated outside its objects is searched for a mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.objects import object_masks, plain
from workbench.session import contrasts
from workbench.statistics.bootstrap import estimate
from workbench.statistics.clusters import LEAST, find_clusters
from workbench.statistics.rates import wilson

from .marks import Mark, mark_at

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

NARROW = 8
"""Evidence is concentrated if half of it lies in at most this many cells."""
UNCOVERED = 0.5
"""It is off the object if objects cover less than this share of these cells."""
COLUMNS = (
    "class",
    "group",
    "images",
    "of",
    "low",
    "high",
    "place",
    "half_in_cells",
    "object_covers",
    "elsewhere",
    "a_mark",
)


def map_groups(
    session: Session, images: Array, labels: Array, *, each: int, method: str, options: dict[str, Any]
) -> tuple[pd.DataFrame, list[Mark]]:
    """Cluster the maps of some images of each class, and look for a mark where the evidence of a cluster concentrates.

    Args:
        session: the model.
        images: `(N, H, W, C)` uint8.
        labels: `(N,)` int.
        each: images of each class to explain; fewer than 12 are not clustered.
        method: CLI name of the method.
        options: its parameters.

    Returns:
        A line for each group of each class, with `COLUMNS`; and the marks.
    """
    import pandas as pd

    lines, found = [], []
    known = np.unique(labels)
    for number, label in enumerate(known):
        report("Clustering maps", number, len(known))
        rows = np.flatnonzero(labels == label)[:each]
        if len(rows) < LEAST:
            continue
        explained = session.attribute_images(method, images[rows], np.full(len(rows), label), **options)
        cells = contrasts.sum_over_cells(np.abs(contrasts.spread_over_pixels(explained)))
        groups, masks = find_clusters(cells.reshape(len(rows), -1)), object_masks(images[rows])
        covered = contrasts.coverage(masks).reshape(len(rows), -1)
        covered[~plain(masks)] = np.nan
        for group in range(groups.count):
            own = groups.labels == group
            core, weights, place = contrasts.core(cells[own].mean(axis=0))
            on = estimate(covered[own][:, core] @ weights, within=(0, 1))
            uncovered = not np.isfinite(on.value) or on.high < UNCOVERED  # no mask tells, or it surely leaves them out
            elsewhere = bool(len(core) <= NARROW and uncovered and own.sum() >= 5)
            mark = None
            if elsewhere:
                some = np.concatenate([rows, np.flatnonzero(labels != label)])
                area = _area(core, cells.shape[1:], images.shape[1:3])
                mark = mark_at(images[some], labels[some], int(label), carriers=own, area=area)
            low, high = (float(end) for end in wilson(own.sum(), len(own)))
            values = (
                session.class_names[label],
                group + 1,
                int(own.sum()),
                len(own),
                low,
                high,
                place,
                len(core),
                on.value,
                elsewhere,
                mark is not None and mark.planted,
            )
            lines.append(dict(zip(COLUMNS, values, strict=True)))
            found += [] if mark is None else [mark]
    return pd.DataFrame(lines, columns=list(COLUMNS)), found


def _area(core: Array, cells: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """`(H, W)` bool, the pixels of some cells."""
    chosen = np.zeros(cells, bool)
    chosen.ravel()[core] = True
    down, across = (np.arange(side) * count // side for side, count in zip(shape, cells, strict=True))
    return np.asarray(chosen[np.ix_(down, across)])
