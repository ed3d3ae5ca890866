"""What is said of an image beside its name: its label, and what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.image_set import Part
from workbench.core.wording import probability

if TYPE_CHECKING:
    from workbench.session.study import Study


def said_of(study: Study, row: int, part: Part) -> str:
    """Say the label of an image and its prediction, as far as they can be had without loading the model."""
    data = study.dataset if part == "data" else study.train
    if data is None or not 0 <= row < len(data):
        return ""
    label = data.class_names[int(data.labels[row])]
    if part != "data" or not study.has_predictions:
        return label
    said = study.predictions
    sure = f"{probability(float(said.confidence[row]), 1)} %"
    if said.correct[row]:
        return f"{label}, predicted correctly with {sure}"
    return f"{label}, predicted {data.class_names[int(said.predicted[row])]} with {sure}"
