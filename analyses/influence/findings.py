"""What the most harmful training images have in common, and which of them harm many images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import plural, significant, verb
from workbench.session.influence import BY, TrainingInfluence, at_checkpoints
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

HOW = ("helpful", "harmful")
MANY = 0.1
"""Share of the images from which a training image that harms them harms many."""
LEAST = 10
"""Images of which it can be said that many are harmed by the same."""
SELF = 0.01
"""Share of the training images that is named for its self-influence."""


def findings_of(
    session: Session, asked: TrainingInfluence, tables: Mapping[str, pd.DataFrame], rows: Array, top: int
) -> list[Finding]:
    """Say it of one image, or of several."""
    images = tables["images"]
    if images.empty:
        of = session.image_names.one(int(rows[0])) if len(rows) == 1 else plural(len(rows), "image")
        return [Finding(f"No training image changes the loss of {of} through the last layer.", evidence=ImageSet(rows))]
    found = [_of_one(session, images, int(rows[0]))] if len(rows) == 1 else [_classes(images)]
    if len(rows) >= LEAST:
        found.append(_many(tables["training"], len(rows), top))
    return [*found, _on_itself(asked), Finding(f"{at_checkpoints(asked.checkpoints)} {BY[asked.layers]}")]


def _of_one(session: Session, images: pd.DataFrame, row: int) -> Finding:
    names, first = session.image_names, images.iloc[0]
    said = [
        f"training image {names.one(line['train_row'], 'train')} ({line['its_label']}) is the most {how} "
        f"({significant(line['influence'])})"
        for how in HOW
        for _, line in images[images["did"] == how].head(1).iterrows()
    ]
    return Finding(
        f"For {names.one(row)}, a {first['label']} that is predicted as {first['predicted']}, {'; '.join(said)}.",
        evidence=ImageSet(images["train_row"].drop_duplicates().to_numpy()),
        part="train",
    )


def _classes(images: pd.DataFrame) -> Finding:
    """Say how often the most harmful training image is of the predicted class, and the most helpful of the true one."""
    parts, share = list[str](), None
    for how, column, what in zip(reversed(HOW), ("predicted", "label"), ("predicted", "true"), strict=True):
        first = images[images["did"] == how].drop_duplicates("row")
        if len(first):
            of = rate(int((first["its_label"] == first[column]).sum()), len(first))
            parts.append(f"the most {how} training image has the {what} class as its label for {of}")
            share = share or of
    count = images["row"].nunique()
    return Finding(
        f"Of {plural(count, 'image')}, {' and '.join(parts)}.",
        effect=share,
        evidence=ImageSet(images["row"].drop_duplicates().to_numpy()),
    )


def _many(training: pd.DataFrame, count: int, top: int) -> Finding:
    """Name the training images that are among the most harmful of many images."""
    least = max(int(np.ceil(MANY * count)), 2)
    those = training[training["images_harmed"] >= least]
    which = "among the most harmful" if top == 1 else f"among the {top} most harmful"
    among = f"{which} of at least {least} of {plural(count, 'image')}"
    if those.empty:
        return Finding(f"No training image is {among}.")
    doubted = int((those["predicted"] != those["label"]).sum())
    return Finding(
        f"{plural(len(those), 'training image')} {verb(len(those), 'are')} {among}; the model itself predicts another "
        f"class than the label for {doubted:,} of them.",
        evidence=ImageSet(those["train_row"].to_numpy()),
        part="train",
        advice="Look at them: they lie where both classes meet. Few have wrong labels; ask `label-issues` for these.",
    )


def _on_itself(asked: TrainingInfluence) -> Finding:
    """Name the training images with the largest self-influence, and say how many the model contradicts."""
    own = asked.on_itself()
    count = max(round(SELF * len(own)), 1)
    order = np.lexsort((np.arange(len(own)), -own))[:count]
    rows, said = asked.rows[order], asked.training.predictions
    share = float(own[order].sum() / own.sum()) if own.sum() > 0 else 0.0
    wrong = rate(int((~said.correct[rows]).sum()), count)
    itself = "itself" if count == 1 else "themselves"
    return Finding(
        f"{plural(count, 'training image')} with the largest influence on {itself} (last layer) {verb(count, 'have')} "
        f"{100 * share:.0f} % of all self-influence; the model predicts another class than the label for {wrong}.",
        effect=wrong,
        evidence=ImageSet(rows),
        part="train",
        advice="Wrong labels are among them, and so are unusual images; `label-issues` tells them apart better.",
    )
