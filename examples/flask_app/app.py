"""A web page around an exported model: upload an image, see its class and what speaks for it.

Start it with `make example-flask`, or: flask --app examples/flask_app/app.py run
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from classifier import Answer, Classifier, Missing  # beside this file
from flask import Flask, render_template, request

from workbench.app.pictures import data_uri, fit
from workbench.core.attribution import half_pixel
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.data.image_file import read_image
from workbench.plotting.colours import gradient, rgba, scale_of

MODEL = "exports/baseline/model.tflite"
MEGABYTES = 16
BOX, TOP = 336, 5


def create_app(model: str | os.PathLike[str] | None = None) -> Flask:
    """Build the app around a model file: `model`, else `$WORKBENCH_EXPORT`, else the baseline's export."""
    try:
        classifier = Classifier(Path(model or os.environ.get("WORKBENCH_EXPORT", MODEL)))
    except Missing as error:
        raise click.ClickException(str(error)) from None
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MEGABYTES * 2**20

    def page(status: int = 200, **shown: Any) -> tuple[str, int]:
        return render_template("index.html", model=classifier, **shown), status

    @app.get("/")
    def ask() -> tuple[str, int]:
        return page()

    @app.post("/")
    def answer() -> tuple[str, int]:
        sent = request.files.get("image")
        if sent is None or not sent.filename:
            return page(400, problem="Choose an image first.")
        try:
            inverted = "invert" in request.form
            pixels, notes = read_image(sent.read(), classifier.image_shape, invert=inverted)
        except WorkbenchError as error:
            return page(400, problem=str(error))
        said = classifier.answer(pixels)
        return page(result=_shown(classifier, pixels, said), notes=notes, name=sent.filename, inverted=inverted)

    @app.errorhandler(413)
    def too_large(_: Exception) -> tuple[str, int]:
        return page(413, problem=f"An image may have at most {MEGABYTES} MB.")

    return app


def _shown(classifier: Classifier, pixels: Array, said: Answer) -> dict[str, Any]:
    """Turn numbers into what the page shows: pictures as data URIs, and classes with their share."""
    height, width = pixels.shape[:2]
    rows, columns = half_pixel(said.heatmap.shape[0], height), half_pixel(said.heatmap.shape[1], width)
    scale = scale_of(said.heatmap, signed=False)
    order = said.probabilities.argsort()[::-1][:TOP]
    return {
        "image": data_uri(pixels),
        "size": fit(height, width, BOX),
        "scale": scale,
        "colours": gradient(signed=False),
        "map": data_uri(rgba(rows @ said.heatmap @ columns.T, signed=False, scale=scale)),
        "classes": [(classifier.class_names[k], float(said.probabilities[k])) for k in order],
    }
