"""What other programs can ask the page: predict, explain, analyze. The documented part of its HTTP interface.

A call goes behind every click: few run at a time, and what they compute lets the page's own work go first.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.answers import analyze, explain, predict
from workbench.app.page.jobs import UNEXPECTED, Bug, Busy
from workbench.core.errors import WorkbenchError
from workbench.core.jsonable import jsonable
from workbench.core.params import Params, make
from workbench.data.resizing import Fit, Interpolation

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

LOG = logging.getLogger("workbench.app.page")
PATIENCE = 120.0
"""Seconds that a call waits for the model to be loaded."""
WAITING = 64
"""Calls that may wait or run at a time, as many as clicks."""
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
    """Answers calls by name, or by the methods of that name, which gradio documents."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._inside = desk, 0
        # One analysis at a time: a worker of the page's stays free for who clicks.
        one, some = (ThreadPoolExecutor(workers, thread_name_prefix="workbench-api") for workers in (1, 2))
        self._answers: dict[str, tuple[type[Params], Callable[..., dict[str, Any]], ThreadPoolExecutor]] = {
            "predict": (_Predict, predict, some),
            "explain": (_Explain, explain, some),
            "analyze": (_Analyze, analyze, one),
        }

    @property
    def questions(self) -> Mapping[str, type[Params]]:
        """What can be asked, and with which parameters."""
        return {name: params for name, (params, _, _) in self._answers.items()}

    async def answer(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one question as JSON has it.

        Raises:
            WorkbenchError: if something given is wrong.
            Busy: if the model is not loaded yet, or too many calls wait.
            Bug: after anything else.
        """
        kind, work, pool = self._answers[name]
        params = make(kind, values)
        if self._inside >= WAITING:
            raise Busy(f"{WAITING} calls are waiting already; try again in a moment.")
        self._inside += 1

        def run() -> dict[str, Any]:
            self._wait()
            return jsonable(work(self._desk, **{field: getattr(params, field) for field in type(params).model_fields}))

        try:
            return await asyncio.wrap_future(pool.submit(run))
        except (WorkbenchError, Bug):
            raise
        except Exception as error:  # a surface: it must reach the terminal, and the page must stay
            LOG.exception("A call to %s failed.", name)
            raise Bug(UNEXPECTED) from error
        finally:
            self._inside -= 1

    def _wait(self) -> None:
        """Wait until the model is there, or its predictions where there is no more."""
        self._desk.start()
        self._desk.seen.set()
        until = time.monotonic() + PATIENCE
        while (step := self._desk.pending(model=not self._only_predictions)) is not None:
            if step[1].error:
                raise WorkbenchError(step[1].error)
            if self._desk.closed or time.monotonic() > until:
                raise Busy(f"{step[2]} Try again in a moment.")
            step[1].done.wait(0.2)

    @property
    def _only_predictions(self) -> bool:
        return self._desk.opened and self._desk.session.only_predictions

    async def predict(
        self, image: Image, invert: bool = False, fit: str | None = None, interpolation: str | None = None
    ) -> dict[str, Any]:
        """Predict the class of an image, with the probability of each class.

        Args:
            image: a data URI of an image file (PNG, JPEG, WebP, …; at most 16 MB and 40 megapixels; resized to the
                model's input), the row of an image of the dataset, or H × W × C whole numbers 0…255.
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
            verdict: whether to compare the map with random maps (about 0.1 s).
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
            return await self.answer(question, values)
        except (WorkbenchError, Bug) as error:
            raise gr.Error(str(error), print_exception=False) from None

    def close(self) -> None:
        """Start nothing more."""
        for _, _, pool in self._answers.values():
            pool.shutdown(wait=False, cancel_futures=True)


def description_of(question: Callable[..., object]) -> str:
    """Return the docstring as gradio's page of the API shows it: a line, the parameters, what comes back."""
    told = inspect.cleandoc(question.__doc__ or "")
    return f"{told}\n\nIn one request: POST /api/{question.__name__} with the same parameters as a JSON object."
