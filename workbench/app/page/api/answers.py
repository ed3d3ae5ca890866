"""The answers to the three questions that other programs can ask; the model is there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page import maps
from workbench.app.page.api.sent_image import subject_of
from workbench.app.page.jobs import STOPPED, UNEXPECTED, Bug, Job
from workbench.app.page.owners import Within
from workbench.app.page.refusals import Busy
from workbench.app.page.subject import Subject
from workbench.app.pictures import data_uri
from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution, half_pixel
from workbench.core.errors import WorkbenchError
from workbench.core.jsonable import records
from workbench.core.params import make
from workbench.core.pixels import as_floats
from workbench.core.predictions import scores_of
from workbench.core.progress import check
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.resizing import Fit, Interpolation
from workbench.diagnosis import registry
from workbench.diagnosis.record import finding_record
from workbench.models.turns import NEXT, TURNS
from workbench.plotting.colours import rgba, scale_of

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

OPACITY, BOX = 0.85, 336


def predict(
    desk: Desk, *, image: object, invert: bool, fit: Fit | None, interpolation: Interpolation | None
) -> dict[str, Any]:
    """Answer `predict`."""
    subject, notes = subject_of(desk, image, invert=invert, fit=fit, interpolation=interpolation)
    names = desk.session.class_names
    return {
        "predicted": names[subject.predicted],
        "class_names": names,
        "probabilities": subject.probabilities,
        "label": None if subject.label is None else names[subject.label],
        "notes": [*notes, *filter(None, [desk.assumed, desk.session.reading])],
    }


def explain(
    desk: Desk,
    *,
    image: object,
    invert: bool,
    fit: Fit | None,
    interpolation: Interpolation | None,
    method: str,
    target: str | int,
    against: str | int | None,
    params: Mapping[str, Any] | None,
    verdict: bool,
) -> dict[str, Any]:
    """Answer `explain`."""
    session = desk.session
    chosen = make(explainer(method), params or {})
    with _behind_clicks():
        subject, notes = subject_of(desk, image, invert=invert, fit=fit, interpolation=interpolation)
        classes = (
            _class_of(desk, subject, target, "target"),
            None if against is None else _class_of(desk, subject, against, "against"),
        )
        made = maps.attribution(desk, subject, chosen, classes)
        logits = session.probe.logits(as_floats(subject.pixels[None]))
    if classes[1] is None:
        score = scores_of(logits, one_unit=session.probe.one_unit)[0, classes[0]]
    else:
        score = logits[0, classes[0]] - logits[0, classes[1]]
    names, scale = session.class_names, scale_of(made.values, chosen.signed)
    contrast = subject.wrong and classes[1] is not None and chosen.signed
    colours: dict[str, Any] = {"signed": chosen.signed, "scale": scale, "contrast": contrast}
    return {
        "method": method,
        "title": chosen.title,
        "params": made.params,
        "layer": made.layer,
        "target": names[classes[0]],
        "against": None if classes[1] is None else names[classes[1]],
        "predicted": names[subject.predicted],
        "score": float(score),
        "unit": made.unit,
        "signed": made.signed,
        "scale": scale,
        "values": made.values[0],
        "details": {name: values[0] for name, values in made.details.items()},
        "heatmap": data_uri(rgba(made.at_pixels()[0], **colours)),
        "overlay": data_uri(_overlay(subject.pixels, made, colours)),
        "verdict": _verdict(desk, subject, made) if verdict else None,
        "notes": [*notes, *filter(None, [desk.assumed, desk.session.reading])],
    }


def analyze(
    desk: Desk, *, client: str, name: str, params: Mapping[str, Any] | None, rows: Sequence[int] | None, figure: bool
) -> dict[str, Any]:
    """Answer `analyze`, by the page's own jobs."""
    session, values, owner = desk.session, params or {}, Within(client, check())
    if rows is None:
        key, job = desk.answer(name, values, owner=owner)
    else:
        session = session.subset(_distinct(rows, len(session.dataset)))
        key = hashlib.sha256(f"{desk.analysis_key(name, values)} {list(rows)}".encode()).hexdigest()[:20]

        def work() -> Result:
            with _behind_clicks():
                return registry.compute(session, name, values)

        job = desk.jobs.start(key, work, owner=owner)
    result = _value_of(desk, job)
    drawn = desk.figure(key) if figure else None
    return {
        "analysis": name,
        "question": registry.analysis(name).question(),
        "params": result.params,
        "context": result.context,
        "rows": rows,
        "findings": [finding_record(name, each, session) for each in result.findings],
        "tables": {table: records(frame) for table, frame in result.named.items()},
        "notes": result.notes if result.names is None else result.names.values(result.notes),
        "assumed": desk.assumed,
        "figure": None if drawn is None else png_uri(drawn.png),
    }


def _distinct(rows: Sequence[int], images: int) -> Sequence[int]:
    """Return the rows; each is computed, and its answer kept, as often as it stands there."""
    if len(rows) > images or len(set(rows)) < len(rows):
        raise WorkbenchError(
            f"`rows` must be distinct rows of the {plural(images, 'image')}. Got {len(rows):,}, some twice."
        )
    return rows


def png_uri(content: bytes) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _value_of(desk: Desk, job: Job) -> Result:
    while not job.done.wait(0.1) and not desk.closed:
        check()()
    if job.error == UNEXPECTED:
        raise Bug(UNEXPECTED)
    if job.error == STOPPED or desk.closed:
        raise Busy("It was stopped; try again.")
    if job.error:
        raise WorkbenchError(job.error)
    result: Result = job.value
    return result


def _class_of(desk: Desk, subject: Subject, wanted: str | int, what: str) -> int:
    if wanted == "predicted":
        return subject.predicted
    if wanted == "label":
        if subject.label is None:
            raise WorkbenchError(f"`{what}`: your own image has no label; name a class.")
        return subject.label
    return desk.session.class_index(wanted)


def _verdict(desk: Desk, subject: Subject, made: Attribution) -> dict[str, Any]:
    """Wait for the verdict, which the page's own judges give, as long as they are asked for it."""
    key = desk.judges.put(subject, made)
    while (opinion := desk.judges.opinion(desk.session, key, wait=1.0, test=False)) is not None:
        check()()
        if opinion.error:
            raise WorkbenchError(opinion.error)
        if (found := opinion.verdict) is not None:
            return {"words": found.words, **found.record}
    raise WorkbenchError("The page is shutting down.")


def _overlay(pixels: Array, made: Attribution, colours: Mapping[str, Any]) -> Array:
    """Lay a map over `(H, W, C)` uint8: `(n·H, n·W, 3)` uint8, n times as large where the image is small."""
    times = max(1, BOX // max(pixels.shape[:2]))
    large = pixels.repeat(times, axis=0).repeat(times, axis=1)
    rows, columns = (half_pixel(n, m) for n, m in zip(made.values.shape[1:], large.shape[:2], strict=True))
    heat = rgba(rows @ made.values[0] @ columns.T, **colours)
    alpha = OPACITY * heat[..., 3:].astype(np.float64) / 255
    return np.asarray(large * (1 - alpha) + heat[..., :3] * alpha).round().astype(np.uint8)


def _behind_clicks() -> Any:
    return TURNS.claimed(NEXT)
