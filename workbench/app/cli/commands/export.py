"""`workbench export`: a model as a file for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.options import Choice, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import command
from workbench.core.wording import plural
from workbench.exporting.formats import FORMATS, formats

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.exporting.parity import Parity

FAILED = 3
"""Exit code where the export does not say what the Keras model says."""


@command(
    params=source_params(),
    examples=[
        ("export --format litert", "the baseline, as exports/baseline/model.tflite"),
        ("export mine --format onnx --with-explanation", "your own run, with the Grad-CAM map of each prediction"),
        ("export mine --format litert --quantize int8 --out mine.tflite", "a quarter of the size"),
        ("export --model my.keras --data my.npz --format saved-model", "your own model and data"),
    ],
)
@with_source
@click.option("--format", "format_", type=Choice("format", formats), required=True, help="Output format.")
@click.option(
    "--quantize",
    type=Choice("quantization", ("int8", "float16")),
    help="Quantize the weights to int8 or float16 (litert, onnx).",
)
@click.option(
    "--with-explanation", is_flag=True, help="Add the Grad-CAM map of the predicted class as a second output."
)
@click.option("--layer", metavar="LAYER", help="Layer of the map.  [default: the last one that is not pooling]")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="PATH", help="File, or folder, to write.  [default: exports/RUN/]"
)
@as_json
def export(
    *,
    source: Source,
    format_: str,
    quantize: str | None,
    with_explanation: bool,
    layer: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Export a model to LiteRT, ONNX or TensorFlow Serving, and verify it against the Keras model.

    The file takes float32 images in [0, 1], (N, H, W, C), and returns `probabilities`, (N, K), and `heatmap`,
    (N, h, w). Both models are compared on 1,000 images of the split: if fewer than 99.5 % of the predictions agree
    (quantized: 99 %), or maps differ by more than a thousandth of the largest value (quantized: a tenth), nothing is
    written and the exit code is 3. A .json beside the file holds names, classes and measurements.
    """
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.quiet import without_chatter
    from workbench.exporting.export import ParityError
    from workbench.exporting.export import export as write

    settings: dict[str, Any] = {"quantize": quantize, "with_explanation": with_explanation, "layer": layer, "out": out}
    FORMATS.get(format_).check_installed()
    done = refused = None
    with progress():
        session = source.open()
        session.probe  # noqa: B018 - TensorFlow is imported before its chatter is held back
        try:
            with without_chatter():
                done = write(session, format=format_, **settings)
        except ParityError as error:
            refused = error
    tell_assumption(session, as_json=as_json)
    if refused is not None:
        if as_json:
            show_json({"path": None, "refused": str(refused), "parity": refused.parity})
        else:
            _show(refused.parity)
        click.echo(click.style("Error: ", fg="red", bold=True) + str(refused), err=True)
        click.get_current_context().exit(FAILED)
    if done is None:
        return
    if as_json:
        show_json({"path": done.path, **done.description})
        return
    images = plural(done.parity.images, "image")
    headline(f"{session.name} as {format_}: {done.path}", f"{session.dataset.name} · {images}")
    say()
    _show(done.parity)
    say()
    say(f"Names, classes and these numbers are in {done.sidecar}.", "dim")


def _show(parity: Parity) -> None:
    import pandas as pd

    from workbench.app.cli.console import say
    from workbench.app.cli.tables import show_table

    rows = [
        ("accuracy", f"{parity.accuracy_keras:.2%}", f"{parity.accuracy:.2%}"),
        ("size", _kilobytes(parity.bytes_keras), _kilobytes(parity.bytes)),
        ("one image, median", f"{parity.latency_keras_ms:.2f} ms", f"{parity.latency_ms:.2f} ms"),
    ]
    show_table(pd.DataFrame(rows, columns=["measured", "Keras", "export"]))
    say()
    say(
        f"Same class predicted for {parity.agreement:.2%} of {plural(parity.images, 'image')} "
        f"(at least {parity.agreement_limit:.1%})."
    )
    say(f"Probabilities differ by at most {parity.largest_difference:.1e}.")
    if parity.map_difference is not None:
        say(
            f"Maps of {plural(parity.map_images, 'image')} differ by at most {parity.map_difference:.1e} of the "
            f"largest value (at most {parity.map_limit:g})."
        )


def _kilobytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} KB"
