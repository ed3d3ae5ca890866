"""What other programs can ask the page: predict, explain, analyze. The documented part of its HTTP interface.

What takes long goes behind every click, ends when who asked is gone, and takes turns with what others asked; a
prediction waits for none of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.answers import analyze, explain, predict
from workbench.app.page.jobs import STOPPED, UNEXPECTED, Bug, Job, Jobs
from workbench.app.page.owners import Caller, Listener
from workbench.app.page.refusals import Busy
from workbench.core.errors import WorkbenchError
from workbench.core.jsonable import jsonable
from workbench.core.params import Params, make
from workbench.data.resizing import Fit, Interpolation

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

PATIENCE = 120.0
"""Seconds that a call waits for the model to be loaded."""
LIMIT = 120.0
"""Seconds that a call may take, as long as nobody says otherwise."""
TICK = 0.2
"""Seconds after which a call looks whether somebody still waits for it."""
Image = str | int | list[Any]
Class = str | int


class _Predict(Params):
    image: Image
    invert: bool = False
    fit: Fit | None = None
    interpolation: Interpolation | None = None


class _Explain(_Predict):
    method: str = "grad-cam"
    target: Class = "predicted"
    against: Class | None = None
    params: dict[str, Any] | None = None
    verdict: bool = False


class _Analyze(Params):
    name: str
    params: dict[str, Any] | None = None
    rows: list[int] | None = None
    figure: bool = False


class Api:
    """Answers calls by name, or by the methods of that name, which gradio documents.

    Args:
        desk: who has the model and the data.
        limit: seconds that a call may take; 0 for any time.
    """

    def __init__(self, desk: Desk, limit: float = LIMIT) -> None:
        self._desk, self._limit = desk, limit

        def lane(name: str, workers: int) -> Jobs:
            return Jobs(workers, keep=0, name=f"workbench-{name}")

        # Nothing long is ever in the way of a prediction. An analysis is worked on by the page's jobs: here is waited.
        self._answers: dict[str, tuple[type[Params], Callable[..., dict[str, Any]], Jobs]] = {
            "predict": (_Predict, predict, lane("predict", 1)),
            "explain": (_Explain, explain, lane("explain", 6)),
            "analyze": (_Analyze, analyze, lane("analyze", 16)),
        }

    @property
    def questions(self) -> Mapping[str, type[Params]]:
        """What can be asked, and with which parameters."""
        return {name: params for name, (params, _, _) in self._answers.items()}

    def caller(self, client: str) -> Caller:
        """Return who asks now, from this address."""
        return Caller(client, self._limit)

    def _listener(self) -> Caller:
        """Return who asks by way of gradio: it is answered by a stream that it listens to."""
        from gradio.context import LocalContext

        request = LocalContext.request.get(None)
        session = "" if request is None else request.session_hash or ""
        client = "" if request is None or request.client is None else request.client.host
        return Listener(client=client, limit=self._limit, visits=self._desk.visits, session=session)

    async def answer(self, name: str, values: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer one question as JSON has it; those who ask the same at a time are answered together.

        Raises:
            WorkbenchError: if something given is wrong, or it takes longer than the caller may wait.
            Busy: if the model is not loaded yet, or too many calls wait.
            Bug: after anything else.
        """
        kind, work, _ = self._answers[name]
        # An image may be long: meanwhile others are answered.
        params, key = await asyncio.to_thread(_read, kind, values)

        def run() -> dict[str, Any]:
            given = {field: getattr(params, field) for field in type(params).model_fields}
            if work is analyze:  # it is handed on to the page's jobs
                given["client"] = caller.client
            return jsonable(work(self._desk, **given))

        return await self.worked(name, key, run, caller)

    async def worked(self, lane: str, key: str, run: Callable[[], dict[str, Any]], caller: Caller) -> dict[str, Any]:
        """Have something done in the lane of a question, once the model is there, and return what it answers.

        Raises:
            WorkbenchError, Busy, Bug: as `answer` does.
        """
        await self._wait(caller)
        job = self._answers[lane][2].start(key, run, owner=caller, again=True)
        end = job.end()
        while not job.done.is_set() and not caller.gone():
            await asyncio.wait([end], timeout=TICK)
        if caller.late and job.value is None:
            raise WorkbenchError(
                f"The answer took longer than {caller.limit:g} seconds and was stopped. Ask for less, for example "
                "fewer images, masks or samples, or open the page with a larger --limit-seconds."
            )
        if job.raised is not None:
            raise job.raised
        if job.error == UNEXPECTED:
            raise Bug(UNEXPECTED)
        if job.error == STOPPED or not job.done.is_set():
            raise Busy("It was stopped; try again.")
        answered: dict[str, Any] = job.value
        return answered

    def working(self, lane: str, key: str) -> Job | None:
        """Return the work of this key in the lane of a question; None where nobody asked for it, or it is forgotten."""
        return self._answers[lane][2].get(key)

    async def _wait(self, caller: Caller) -> None:
        """Wait until the model is there, or its predictions where there is no more."""
        self._desk.start()
        self._desk.seen.set()
        until = time.monotonic() + PATIENCE
        while (step := self._desk.pending(model=not self._only_predictions)) is not None:
            if step[1].error:
                raise WorkbenchError(step[1].error)
            if self._desk.closed or caller.left or time.monotonic() > until:
                raise Busy(f"{step[2]} Try again in a moment.")
            await asyncio.wait([step[1].end()], timeout=TICK)
        caller.since = time.monotonic()

    @property
    def _only_predictions(self) -> bool:
        return self._desk.opened and self._desk.session.only_predictions

    async def predict(
        self, image: Image, invert: bool = False, fit: str | None = None, interpolation: str | None = None
    ) -> dict[str, Any]:
        """Predict the class of an image, with the probability of each class.

        Args:
            image: a data URI of an image file (PNG, JPEG, WebP, …; at most 16 MB and 40 megapixels; resized to the
                model's input), the name or row of an image of the dataset, or H × W × C whole numbers 0…255.
            invert: invert the image first, for a model trained on light-on-dark images.
            fit: what is done about a file of other proportions: "stretch", "pad" with black or "crop" to the middle; as
                the dataset's own files, if not given.
            interpolation: "bilinear", "nearest", "bicubic", "area", …: Keras' names; as the dataset's own files, if not
                given.

        Returns:
            predicted (a class name), class_names (K), probabilities (K), label (of an image of the dataset, else null),
            notes (what was done to the image, and what is assumed about the model's input).
        """
        return await self._for_gradio("predict", image=image, invert=invert, fit=fit, interpolation=interpolation)

    async def explain(  # noqa: PLR0917  # the order in which gradio's clients may give them
        self,
        image: Image,
        method: str = "grad-cam",
        target: Class = "predicted",
        against: Class | None = None,
        params: dict[str, Any] | None = None,
        invert: bool = False,
        verdict: bool = False,
        fit: str | None = None,
        interpolation: str | None = None,
    ) -> dict[str, Any]:
        """Explain a prediction: an attribution map as numbers and as pictures.

        Args:
            image: as for predict.
            method: name of an attribution method, for example "grad-cam" or "integrated-gradients".
            target: "predicted", "label" (of an image of the dataset), or a class by name or number.
            against: a class to contrast it with, in the same forms: why the target and not this one?
            params: parameters of the method by name, for example {"layer": "conv2"}.
            invert: as for predict.
            verdict: whether to say where the map lies (about 0.1 s).
            fit: as for predict.
            interpolation: as for predict.

        Returns:
            values (h × w, raw, in `unit`), score (what is explained: a logit, or the difference of two), target and
            against (class names), layer, signed, scale (largest magnitude), heatmap (data URI of a PNG file of the
            image's size, transparent where the map is zero), overlay (the same over the image, enlarged), params (all
            of them), details, verdict (words, percentile; or null), notes.
        """
        return await self._for_gradio(
            "explain",
            image=image,
            method=method,
            target=target,
            against=against,
            params=params,
            invert=invert,
            verdict=verdict,
            fit=fit,
            interpolation=interpolation,
        )

    async def analyze(
        self, name: str, params: dict[str, Any] | None = None, rows: list[int] | None = None, figure: bool = False
    ) -> dict[str, Any]:
        """Run one analysis of the model and its data; cached results return at once.

        Args:
            name: of the analysis, for example "most-confused"; `workbench analyze` lists all.
            params: its parameters by name, for example {"top": 5}.
            rows: images to analyse instead of all; image numbers in the answer then count within these.
            figure: whether to draw the figure too.

        Returns:
            analysis, question, params (all of them), context, findings (as in `workbench diagnose --json`), tables (by
            name, a list of rows each), notes, assumed (about the model's input; empty where it is known), rows, figure
            (a data URI of a PNG file, or null).
        """
        return await self._for_gradio("analyze", name=name, params=params, rows=rows, figure=figure)

    async def _for_gradio(self, question: str, /, **values: Any) -> dict[str, Any]:
        """Answer a call by way of gradio, which sends only its own errors to who asked."""
        import gradio as gr

        try:
            return await self.answer(question, values, self._listener())
        except (WorkbenchError, Bug) as error:
            raise gr.Error(str(error), print_exception=False) from None

    def close(self) -> None:
        """Start nothing more."""
        for _, _, jobs in self._answers.values():
            jobs.close()


def _read(kind: type[Params], values: Mapping[str, Any]) -> tuple[Params, str]:
    """Return parameters, and a key that is equal for equal ones."""
    params = make(kind, values)
    return params, hashlib.sha256(params.key.encode("utf-8", "replace")).hexdigest()


def description_of(question: Callable[..., object]) -> str:
    """Return the docstring as gradio's page of the API shows it: a line, the parameters, what comes back."""
    told = inspect.cleandoc(question.__doc__ or "")
    return f"{told}\n\nIn one request: POST /api/{question.__name__} with the same parameters as a JSON object."
