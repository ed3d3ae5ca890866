"""What the most harmful training images have in common, and which of them harm many images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import plural, significant, verb
from workbench.session.influence import BY, TrainingInfluence
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

HOW = ("helpful", "harmful")
CROWD = 0.1
"""Share of the training images from which the most harmful ones that are counted are too many to tell any apart."""
FEW = 0.01
"""Images that are expected by chance, below which their number is not written."""
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
        found += _many(tables["training"], len(rows), top, len(asked.rows))
    return [*found, *_on_itself(asked), Finding(f"{asked.measured} {BY[asked.layers]}")]


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


def _many(training: pd.DataFrame, count: int, top: int, of: int) -> list[Finding]:
    """Name the training images that are among the most harmful of many images, beside how many would be by chance.

    By chance each image draws its most harmful ones from all training images alike: the count of one training image is
    then binomial, of `count` images, each with a probability of `top / of`.
    """
    from scipy.stats import binom

    if top >= CROWD * of:
        return []
    least = max(int(np.ceil(MANY * count)), 2)
    those = training[training["images_harmed"] >= least]
    which = "among the most harmful" if top == 1 else f"among the {top} most harmful"
    among = f"{which} of at least {least} of {plural(count, 'image')}"
    expected = of * float(binom.sf(least - 1, count, top / of))
    usual = f"by chance {significant(expected) if expected >= FEW else f'fewer than {FEW}'} would be"
    if those.empty:
        return [Finding(f"No training image is {among}; {usual}.")]
    doubted = int((those["predicted"] != those["label"]).sum())
    claim = (
        f"{plural(len(those), 'training image')} {verb(len(those), 'are')} {among}; {usual}. The model itself predicts "
        f"another class than the label for {doubted:,} of them."
    )
    advice = "Look at them: they may lie where both classes meet; check labels with `label-issues`."
    return [Finding(claim, evidence=ImageSet(those["train_row"].to_numpy()), part="train", advice=advice)]


def _on_itself(asked: TrainingInfluence) -> list[Finding]:
    """Name the training images with the largest self-influence, and say how many the model contradicts."""
    own = asked.on_itself()
    if own is None:
        return []
    count = max(round(SELF * len(own)), 1)
    order = np.lexsort((np.arange(len(own)), -own))[:count]
    rows, said = asked.rows[order], asked.training.predictions
    share = float(own[order].sum() / own.sum()) if own.sum() > 0 else 0.0
    wrong = rate(int((said.predicted[rows] != asked.labels[rows]).sum()), count)
    itself = "itself" if count == 1 else "themselves"
    claim = (
        f"{plural(count, 'training image')} with the largest influence on {itself} (last layer) {verb(count, 'have')} "
        f"{100 * share:.0f} % of all self-influence; the model predicts another class than the label for {wrong}."
    )
    advice = "Wrong labels may be among them, and unusual images; check labels with `label-issues`."
    return [Finding(claim, effect=wrong, evidence=ImageSet(rows), part="train", advice=advice)]
