"""The fewest regions of an image that keep its prediction, and the fewest whose removal flips it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.progress import about, report
from workbench.core.result import Result
from workbench.data.sampling import errors_and_right, in_turn
from workbench.data.thumbnails import small, thumbnails_of
from workbench.session.analysis import Analysis
from workbench.session.smallest_evidence import SIDE, Filling, Reference, Regions, Side, smallest_evidence
from workbench.session.smallest_evidence import SmallestEvidence as Evidence

from .figure import draw_evidence
from .findings import ONE_FLIPS, by_group, findings_of, overlaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session


class SmallestEvidenceParams(Params):
    """Which images, what their regions are, and what hides one."""

    images: int = Field(40, ge=1, le=1000, description="images to look at, half of them errors, evenly spaced")
    examples: int = Field(6, ge=1, le=20, description="images to show, errors and right predictions in turn")
    row: int = Field(
        -1, ge=-1, description="a single image to look at instead, by name or row; -1 for errors and right ones"
    )
    regions: Regions = "grid"
    side: Side = SIDE
    reference: Reference = "black"
    beside: Filling = Field("blurred", description="a second reference, set beside the first; the same for none")


class SmallestEvidence(Analysis[SmallestEvidenceParams]):
    """Which few regions suffice for a prediction, and which few change it when they are hidden?"""

    group = "Explanations"
    title = "Smallest evidence"
    Params = SmallestEvidenceParams
    needs_model = True
    needs_inside = "outputs"
    needs_images = True

    def compute(self, session: Session, params: SmallestEvidenceParams) -> Result:
        """Search both sets for each image, once for each of the two references."""
        import pandas as pd

        correct = session.predictions.correct
        rows = session.dataset.rows([params.row]) if params.row >= 0 else errors_and_right(correct, params.images)
        references = list(dict.fromkeys([params.reference, params.beside]))
        found: list[list[Evidence]] = []
        for place, row in enumerate(rows.tolist()):
            report("Searching evidence", place, len(rows))
            with about(f"Image {place + 1} of {len(rows)}"):
                found.append(
                    [
                        smallest_evidence(session, row, reference=each, regions=params.regions, side=params.side)
                        for each in references
                    ]
                )
        lines = [
            _line(session, row, each) for row, several in zip(rows.tolist(), found, strict=True) for each in several
        ]
        images, shared = pd.DataFrame(lines), overlaps(rows, found)
        shown = in_turn(images["correct"].to_numpy()[:: len(references)])[: params.examples]
        tables = {"images": images, "groups": by_group(images)}
        if len(references) > 1:
            tables["references"] = shared
        pictures = np.stack([[small(each.pictures) for each in found[place]] for place in shown])
        fragile = images[images["removed"] == 1]
        sets = {
            f"{ONE_FLIPS} {name}": ImageSet(part["row"].to_numpy())
            for name, part in fragile.groupby("reference", sort=False)
        }
        return Result(
            tables,
            arrays={"images": thumbnails_of(session.dataset, rows[shown]), "pictures": pictures},
            findings=tuple(findings_of(tables, found[0] if params.row >= 0 else [])),
            sets=sets,
            notes={"shown": shown.tolist(), "references": references},
        )

    def draw(self, result: Result) -> Figure:
        """Draw images beside what suffices and what remains, and how many regions both are of all images."""
        return draw_evidence(result, self.question())


def _line(session: Session, row: int, found: Evidence) -> dict[str, Any]:
    """Tell what was found of an image with one reference, and its certificate."""
    kept, removed, names = found.kept, found.removed, found.class_names
    after = found.after
    return {
        "row": row,
        "index": session.dataset.indices[row],
        "true": names[found.label],
        "predicted": names[found.predicted],
        "correct": bool(session.predictions.correct[row]),
        "whole_probability": found.whole[found.predicted],
        "reference": found.reference,
        "all_hidden": names[int(found.nothing.argmax())],
        "regions": found.count,
        "kept": len(kept.regions or ()),
        "kept_proved": kept.proved,
        "kept_at_least": kept.at_least,
        "kept_probability": found.only[found.predicted],
        "kept_margin": kept.score,
        "margin_with_one_less": max(kept.without, default=np.nan),
        "kept_others": np.nan if kept.others is None else kept.others,
        "removed": np.nan if removed.regions is None else len(removed.regions),
        "removed_proved": removed.proved,
        "removed_at_least": removed.at_least,
        "becomes": "" if after is None else names[int(after.argmax())],
        "becomes_probability": np.nan if after is None else after.max(),
        "removed_margin": -removed.score,
        "margin_with_one_back": -max(removed.without, default=np.nan),
        "removed_others": np.nan if removed.others is None else removed.others,
        "copies_asked": found.asked,
    }
