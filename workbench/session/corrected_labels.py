"""How good a model is by the labels as they are, and as people corrected them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.wording import plural
from workbench.statistics.rates import rate
from workbench.workspace.correction_source import corrections_from
from workbench.workspace.corrections import applicable
from workbench.workspace.identities import Identities
from workbench.workspace.workspace import Workspace

if TYPE_CHECKING:
    from workbench.session.session import Session


@dataclass(frozen=True, kw_only=True)
class CorrectedAccuracy:
    """The accuracy of a model by two sets of labels.

    Attributes:
        source: where the corrections were read, in words.
        as_they_were: by the labels of the data.
        corrected: by the corrected labels, without the images that were dropped.
        relabelled: how many images got another label.
        agreeing: how many of these got the label that this model predicts.
        dropped: how many images were left out.
    """

    source: str
    as_they_were: Estimate
    corrected: Estimate
    relabelled: int
    agreeing: int
    dropped: int

    @property
    def sentence(self) -> str:
        """What the second number may not be taken for."""
        if not self.relabelled + self.dropped:
            return "No label of these images was corrected, so both accuracies are the same."
        agree = "is what this model predicts" if self.relabelled == 1 else "are what this model predicts"
        share = f"{self.agreeing:,} of {plural(self.relabelled, 'new label')} {agree}. " if self.relabelled else ""
        return (
            f"{share}Corrected labels flatter a model that had a part in choosing which images were looked at: compare "
            "models by the labels as they were, or correct what any of them gets wrong."
        )


def corrected_accuracy(session: Session, corrections: Workspace | str | Path | None = None) -> CorrectedAccuracy:
    """Measure the model of a session by the labels as they are, and as they were corrected.

    Args:
        session: model and data.
        corrections: a workspace, the path of one, or of a table; the workspace of the session, if not given.

    Raises:
        WorkbenchError: if a correction does not fit the data any more; names the images.
        Unavailable: if there are no corrections.
    """
    known, said = Identities.of(session.dataset), session.predictions
    marks, source = corrections_from(session.workspace if corrections is None else corrections, lambda: known)
    found = applicable(marks, known, part=session.dataset.name.rpartition("/")[2])
    if found.refused:
        raise WorkbenchError(f"Corrections do not fit the data as it is now: {' '.join(found.refused)}")
    labels, stays = session.dataset.labels.copy(), np.ones(len(known), bool)
    places = {name: number for number, name in enumerate(session.class_names)}
    labels[found.relabelled] = [places[name] for name in found.new_labels.tolist()]
    stays[found.dropped] = False
    right = labels == said.predicted
    return CorrectedAccuracy(
        source=source,
        as_they_were=rate(int(said.correct.sum()), len(said)),
        corrected=rate(int(right[stays].sum()), int(stays.sum())),
        relabelled=len(found.relabelled),
        agreeing=int(right[found.relabelled].sum()),
        dropped=len(found.dropped),
    )
