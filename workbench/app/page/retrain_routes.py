"""`POST /retrain/begin` and `/retrain/stop`: trainings on corrected data, in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

from workbench.app.page.api.replies import error_reply, json_reply
from workbench.app.page.jobs import Job
from workbench.app.page.retraining import RUNNING, Order, begin, stop, trainings
from workbench.core.errors import WorkbenchError, unknown
from workbench.training.corrected_data import Copies
from workbench.training.runs import runs_folder

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from workbench.app.page.desk import Desk

SEEDS = range(2, 21)


def retrain_routes(app: FastAPI, desk: Desk) -> None:
    """Add `/retrain/…`; the guard has read what was sent."""
    for name, do in (("begin", _begin), ("stop", _stop)):
        app.add_route(f"/retrain/{name}", _answered(desk, do), methods=["POST"])


def job_of(name: str) -> Job | None:
    """Return how far a training is, as the page watches all that takes long; None where there is none."""
    found = next((each for each in trainings(runs_folder()) if each.order.name == name), None)
    if found is None:
        return None
    job = Job(what=found.said.what, share=found.said.share)
    if found.state != RUNNING:
        job.done.set()
    return job


def _answered(desk: Desk, do: Callable[[Desk, Mapping[str, Any]], None]) -> Callable[[Request], Response]:
    def answered(request: Request) -> Response:
        try:
            do(desk, request.state.sent)
        except WorkbenchError as error:
            return error_reply(400, error)
        return json_reply(200, {"said": ""})

    return answered


def _begin(desk: Desk, sent: Mapping[str, Any]) -> None:
    """Begin what is asked for, or let one go on that was stopped."""
    run = desk.session.run
    if run is None:
        raise WorkbenchError("Only a run can be trained again, since its recipe is known. This is none.")
    runs = runs_folder().resolve()
    if "again" in sent:
        known = {each.order.name: each.order for each in trainings(runs)}
        if not isinstance(sent["again"], str) or sent["again"] not in known:
            raise unknown("training", sent["again"], known)
        return begin(known[sent["again"]])
    name, kind, copies, seeds = (sent.get(each) for each in ("name", "kind", "copies", "seeds"))
    if not (isinstance(name, str) and isinstance(kind, str)):
        raise WorkbenchError("A training needs a `name` and a `kind`, both text.")
    if copies not in get_args(Copies):
        raise unknown("kind of copies", copies, filter(None, get_args(Copies)))
    if type(seeds) is not int or seeds not in SEEDS:
        raise WorkbenchError(f"`seeds` must be a whole number from {SEEDS[0]} to {SEEDS[-1]}. Got {seeds!r}.")
    return begin(
        Order(
            kind=kind,
            name=name,
            run=str(run.path.resolve()),
            workspace=str(desk.session.workspace.path.resolve()),
            runs=str(runs),
            copies=cast("str", copies),
            seeds=seeds,
            control=sent.get("control") is True,
        )
    )


def _stop(_: Desk, sent: Mapping[str, Any]) -> None:
    name = sent.get("name")
    if not isinstance(name, str):
        raise WorkbenchError("Say the `name` of the training that is to be stopped.")
    stop(runs_folder(), name)
