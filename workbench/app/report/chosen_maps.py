"""Chosen images with their maps, each beside its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.pictures import data_uri
from workbench.app.report.content import Explained, MapPicture
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD, Attribution, Verdict
from workbench.core.image_names import find_image
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import percent, significant
from workbench.data.sampling import worst_first
from workbench.diagnosis.advice.record import kept
from workbench.diagnosis.advice.shown import fitting, origin
from workbench.plotting.colours import CONTRASTING, gradient, rgba, scale_of
from workbench.statistics.confusion import confusion_counts

if TYPE_CHECKING:
    from workbench.app.report.pictured import Pictures
    from workbench.attribution.explainer import Explainer
    from workbench.session.session import Session

USUAL = ("integrated-gradients", "grad-cam", "occlusion", "rise")
"""Methods of a report unless others are named: the first of them that apply."""
METHODS, IMAGES = 2, 6
BOX = 112
"""Pixels of the longer side."""
STYLES = {BELIEVED: "good", PARTLY: "open", BESIDE: "bad", UNTOLD: "", BLIND: "bad"}
NO_MODEL = "There are no maps: the model is not here, only its predictions."
NO_IMAGES = "There are no maps: the images are not here."


def explained(
    session: Session, pictures: Pictures, *, images: Sequence[str] = (), methods: Sequence[str] = ()
) -> tuple[tuple[Explained, ...], str]:
    """Explain some images by some methods, and judge every map.

    Args:
        session: model and data.
        pictures: makes the pictures.
        images: names of images; of the most frequent confusions the worst error each, if none are named.
        methods: names; if none are named, those that were advised for the model, else the usual ones that apply.

    Returns:
        The images in their order; and why there are none, empty if there are some.

    Raises:
        WorkbenchError: if there is no such image or method, or a named method does not apply.
    """
    if session.only_predictions:
        return (), NO_MODEL
    if not session.dataset.has_images:
        return (), NO_IMAGES
    rows = np.array([find_image(session.dataset.names, name, session.dataset.name) for name in images], np.int64)
    rows = rows if len(rows) else _telling(session)
    wrong = ~session.predictions.correct[rows]
    found: dict[int, list[MapPicture]] = {int(row): [] for row in rows}
    settings = {} if methods else _advised(session)
    chosen = methods_of([session], methods or tuple(settings))[: None if methods else METHODS]
    for done, kind in enumerate(chosen):
        report("Maps", done, len(chosen))
        for some, contrast in ((rows[wrong], True), (rows[~wrong], False)):
            if len(some):
                made = session.attribute(
                    kind.name,
                    some,
                    contrast=("label", "predicted") if contrast else None,
                    verdict=True,
                    **settings.get(kind.name, {}),
                )
                for place, row in enumerate(some):
                    found[int(row)].append(map_picture(session.class_names, made, place))
    report("Maps", len(chosen), len(chosen))
    return tuple(_explained(session, pictures, row, maps) for row, maps in found.items()), ""


def _advised(session: Session) -> dict[str, dict[str, Any]]:
    """Return the methods that `workbench advise` named for the model, with their parameters; empty for none."""
    advice = kept(session)
    return {} if advice is None else fitting(advice, session.probe)


def advised_said(session: Session) -> str:
    """Say of the maps that are made where no method is named that they were advised; empty where they were not."""
    advice = kept(session)
    names = {} if advice is None else fitting(advice, session.probe)
    if advice is None or not names:
        return ""
    return f"The methods are {origin(advice, session.dataset.fingerprint, names)}"


def _telling(session: Session) -> Array:
    """Of each of the most frequent confusions the error with the largest loss; of none the least sure images."""
    predictions, classes = session.predictions, len(session.class_names)
    counts = confusion_counts(predictions.labels, predictions.predicted, classes)
    np.fill_diagonal(counts, 0)
    cells = [cell for cell in np.argsort(-counts, axis=None, kind="stable")[:IMAGES] if counts.ravel()[cell]]
    if not cells:
        return np.argsort(predictions.confidence, kind="stable")[:IMAGES]
    inside = (predictions.labels * classes + predictions.predicted == cell for cell in cells)
    return np.array([worst_first(predictions, np.flatnonzero(cell))[0] for cell in inside], np.int64)


def methods_of(sessions: Sequence[Session], names: Sequence[str]) -> list[type[Explainer]]:
    """Return the methods that are named, or the usual ones that apply to all of some models."""
    from workbench.attribution.methods import explainer

    kinds = [explainer(name) for name in dict.fromkeys(names or USUAL)]
    return kinds if names else [kind for kind in kinds if not any(kind.missing(each.probe) for each in sessions)]


def _explained(session: Session, pictures: Pictures, row: int, maps: list[MapPicture]) -> Explained:
    said, names = session.predictions, session.class_names
    picture = pictures.one(row, box=BOX)
    assert picture is not None  # noqa: S101 - it is one of those under study
    true, predicted = names[int(session.dataset.labels[row])], names[int(said.predicted[row])]
    return Explained(picture=picture, true=true, predicted=predicted, maps=tuple(maps))


def map_picture(
    class_names: Sequence[str], made: Attribution, place: int, *, scale: float = 0.0, title: str = "", apart: str = ""
) -> MapPicture:
    """Return one of several maps as it is drawn.

    Args:
        class_names: of the model.
        made: the maps.
        place: which of them.
        scale: value that is drawn opaque, where several share one; its own, if not given.
        title: what stands above it; the method's, if not given.
        apart: what its signs tell apart, where it is the difference of two models' maps; else its classes are said.
    """
    from workbench.attribution.methods import explainer

    values = made.values[place]
    own = scale_of(values, made.signed)
    scale = scale or own
    setting = made.against is not None and made.signed and not apart
    ink = rgba(made.at_pixels()[place], signed=made.signed, scale=scale, contrast=setting)
    target = class_names[int(made.target[place])]
    against = None if made.against is None else class_names[int(made.against[place])]
    verdict, end = None if made.verdicts is None else made.verdicts[place], significant(scale)
    read = "×".join(map(str, values.shape)) + (f" places of {made.layer}" if made.layer else " pixels")
    colours = f"linear-gradient(90deg,{','.join(CONTRASTING)})" if setting else gradient(made.signed)
    grounds = "" if verdict is None else _grounds(verdict)
    return MapPicture(
        method=title or explainer(made.method).title,
        what=apart or (target if against is None else f"{target} rather than {against}"),
        uri=data_uri(ink) if own else "",
        verdict="" if verdict is None else verdict.words,
        grounds=grounds,
        style="" if verdict is None else STYLES[verdict.words],
        low=f"−{end}" if made.signed else "0",
        high=end,
        unit=f"{made.unit}; {read}",
        colours=colours,
    )


def _grounds(verdict: Verdict) -> str:
    if verdict.untold:
        return f"{verdict.untold}; {_weights(verdict.randomised)}"
    such = f"of maps with so much of it there, {verdict.reliability} show the evidence where it is known"
    beats = f"beats {verdict.percentile:.0f} % of {verdict.controls} random maps"
    return f"{percent(verdict.share, 0)} on the evidence; {such}; {beats}; {_weights(verdict.randomised)}"


def _weights(similarity: float | None) -> str:
    if similarity is None:
        return "dependence on the weights not tested"
    if math.isnan(similarity):
        return "maps of random networks are flat"
    return f"similarity under random weights {similarity:.2f}".replace("-", "−").replace("−0.00", "0.00")
