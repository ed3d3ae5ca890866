"""Classes whose images fall into two separate groups: perhaps two classes under one name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.finding import Finding, Severity
from workbench.core.image_set import CALLED, ImageSet, Part
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.sampling import evenly
from workbench.session.patch_features import untrained_features
from workbench.statistics.rates import capped, rate
from workbench.statistics.two_parts import LEAST, TwoParts, two_parts

if TYPE_CHECKING:
    from workbench.session.session import Session

RECOGNISED = 0.8
"""Share of a class that the model must recognise: of others, what it sees in them says little."""
CLASSES, EACH, TOGETHER = 100, 600, 6000
"""Classes that are looked at, images of each, and of all, at most; evenly spaced."""
MOST = 5
"""Classes that are named, the most separate first."""
LOW = 0.01
"""Density, as a share, below which it is not said more exactly."""
VIEWS = ("the model's embeddings", "features of the pixels that no label has shaped")
"""What is looked at; either may show two groups. A model is trained to see one thing in a class, and may forget two."""


@dataclass(frozen=True, eq=False)
class Divided:
    """A class whose images fall into two groups.

    Attributes:
        label: the class.
        rows: `(n,)` int64, its images that were looked at.
        parts: which of both groups each is in.
        view: one of `VIEWS`, where the groups are most separate.
    """

    label: int
    rows: Array
    parts: TwoParts
    view: str


def classes_of_two_groups(session: Session) -> tuple[list[Finding], dict[str, ImageSet]]:
    """Look for groups in the images of each class that the model recognises: in its embeddings and in the pixels.

    Images that it takes for another class are left out, since they lie apart for that alone. Where only scores of a
    model are known, nothing is said: they show what tells a class from others, not what it consists of.

    Args:
        session: the model on the evaluated images; its training images are looked at, where they are known.

    Returns:
        A finding for each such class, and its two groups of images, by name.
    """
    of = session.training or session
    part: Part = "data" if session.training is None else "train"
    if session.only_predictions:
        return [], {}
    findings, sets = list[Finding](), dict[str, ImageSet]()
    for each in sorted(_divided(of), key=lambda each: -each.parts.gain)[:MOST]:
        name = of.class_names[each.label]
        groups = {
            size: ImageSet(each.rows[each.parts.parts == which], part=part, title=f"{name}, the {size} group")
            for which, size in enumerate(("larger", "smaller"))
        }
        sets |= {f"{size} group of {each.label}": group for size, group in groups.items()}
        findings.append(_finding(each, name, groups["smaller"]))
    return findings, sets


def _divided(of: Session) -> Iterator[Divided]:
    """Yield the classes that fall into two groups."""
    labels, right = of.dataset.labels, of.predictions.correct
    counts, known = (np.bincount(labels[rows], minlength=len(of.class_names)) for rows in (slice(None), right))
    wanted = np.flatnonzero((known >= LEAST) & (known >= RECOGNISED * counts))
    classes = wanted[evenly(len(wanted), CLASSES)].tolist()
    if not classes:
        return
    most = min(EACH, max(LEAST, TOGETHER // len(classes)))
    chosen = [np.flatnonzero((labels == label) & right) for label in classes]
    chosen = [rows[evenly(len(rows), most)] for rows in chosen]
    views = [of.embeddings[np.concatenate(chosen)]]
    if of.dataset.has_images:
        views.append(untrained_features(of.dataset.subset(np.concatenate(chosen))))
    ends = np.cumsum([len(rows) for rows in chosen])
    for place, (label, rows, end) in enumerate(zip(classes, chosen, ends.tolist(), strict=True)):
        report("Looking for classes of two groups", place, len(classes))
        seen = [(two_parts(view[end - len(rows) : end]), words) for view, words in zip(views, VIEWS, strict=False)]
        told = [(parts, words) for parts, words in seen if parts is not None and parts.separate]
        if told:
            parts, words = max(told, key=lambda each: each[0].gain)
            yield Divided(label, rows, parts, words)


def _finding(found: Divided, name: str, smaller: ImageSet) -> Finding:
    """Say into which groups a class falls; `smaller` is the smaller one."""
    share, count, lowest = rate(len(smaller), len(found.rows)), len(found.rows), found.parts.valley
    seen = plural(count, "evaluated image" if smaller.part == "data" else CALLED[smaller.part].removesuffix("s"))
    falls = f"to {percent(lowest)}" if lowest >= LOW else f"below {percent(LOW)}"
    return Finding(
        f"{name} falls into two separate groups, {percent(1 - share.value)} and {percent(share.value)} of {seen} that "
        f"the model recognises: between the groups the density of {found.view} falls {falls} of the lower peak, on "
        "images held out. It may be two classes under one name, or one class of two looks.",
        severity=capped(Severity.MILD, count),
        effect=share,
        evidence=smaller,
        advice=f"Look at the images of {name}, first those of the smaller group. If they show two things, "
        "give each a class of its own; if two looks of one thing, see that both are tested.",
        kind="merged-class",
        classes=(found.label,),
        part=smaller.part,
        confirm=f"Show images of both groups, mixed, to two people: do they see one {name}, and sort them alike?",
    )
