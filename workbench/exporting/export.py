"""A session's model as a file for other engines: converted, compared with the Keras model, and described."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.files import disk_trouble, put_in_place, replacing
from workbench.core.home import home
from workbench.core.locks import holding
from workbench.core.progress import report
from workbench.exporting.format import HEATMAP, IMAGES, PROBABILITIES, Exporter
from workbench.exporting.formats import FORMATS
from workbench.exporting.parity import Parity, measure
from workbench.session.session import Session

if TYPE_CHECKING:
    from workbench.models.probe import Probe

PACKAGES = ("classifier-workbench", "keras", "tensorflow", "ai-edge-litert", "onnx", "onnxruntime", "tf2onnx", "numpy")


class ParityError(WorkbenchError):
    """An export that does not say what the Keras model says; nothing was written.

    Attributes:
        parity: what was measured.
    """

    def __init__(self, message: str, parity: Parity) -> None:
        super().__init__(message)
        self.parity = parity


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: the file, or the folder of a SavedModel.
        sidecar: the JSON file beside it that describes it.
        parity: how it compares with the Keras model.
        description: content of the sidecar.
    """

    path: Path
    sidecar: Path
    parity: Parity
    description: dict[str, Any]


def export(
    session: Session,
    *,
    format: str,  # noqa: A002
    quantize: str | None = None,
    with_explanation: bool = False,
    layer: str | None = None,
    out: str | Path | None = None,
) -> Export:
    """Export a session's model, if the export says what the Keras model says.

    The graph takes images as the workbench does, float32 in [0, 1] of shape (N, H, W, C), whatever the model itself
    was trained on, and gives "probabilities", (N, K), and with an explanation "heatmap", (N, h, w): the Grad-CAM of
    the predicted class, not scaled, of the layer's native size.

    Args:
        session: model and the images on which the two are compared.
        format: "litert", "onnx" or "saved-model".
        quantize: "int8" or "float16", where the format has it.
        with_explanation: whether the graph gives the Grad-CAM map too.
        layer: whose map; the last spatial layer that is no pooling, if not given.
        out: file to write (for a SavedModel the folder), or a folder for it; exports/<run>/ in the working folder or
            in `WORKBENCH_HOME`, if not given. Beside it stands its description, under the same name with ".json"
            appended.

    Raises:
        WorkbenchError: if there is no such format, quantization or layer, or the model cannot be converted.
        ParityError: if it predicts another class than the Keras model for more than 0.5 % of the images (quantized:
            1 %), or its maps differ; nothing is written then, and what was there before is unchanged.
        Unavailable: if it cannot be written, another process is at it, or the extra `export` is not installed.
    """
    exporter = _exporter(format, quantize)
    if layer is not None and not with_explanation:
        raise WorkbenchError("`layer` names whose map is exported: ask for the explanation too (--with-explanation).")
    path = _place(exporter, session.name, quantize, None if out is None else Path(out))
    report("Loading the model", 0, 1)
    probe = session.probe
    if reason := getattr(probe, "inference_only", ""):
        raise WorkbenchError(
            f"{session.name!r} is {reason}, inference-only: it is an export already. Export the Keras model it is of."
        )
    chosen = probe.spatial_layer(layer, method="Grad-CAM") if with_explanation else None
    report("Loading the model", 1, 1)
    with holding(path, str(path)), _beside(path) as folder:
        made = folder / path.name
        with _writing(path):
            _convert(exporter, probe, chosen, quantize, made)
        served = exporter.open(made)
        sizes = {"size": _size(made), "size_keras": _size_of(session)}
        parity = measure(session, served, layer=chosen, quantized=quantize is not None, **sizes)
        if parity.failures:
            raise ParityError(f"The export is refused: {'; '.join(parity.failures)}. Nothing was written.", parity)
        explanation = None
        if chosen is not None:
            size = served(session.dataset.floats([0]))[HEATMAP].shape[1:]
            explanation = {"layer": chosen, "method": "grad-cam", "size": [int(each) for each in size]}
        description = _describe(session, exporter, made, quantize=quantize, explanation=explanation, parity=parity)
        text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
        with _writing(path), replacing(sidecar(path)) as described:
            described.write_text(text, encoding="utf-8")  # first, so that a full disk leaves both as they were
            put_in_place(made, path, aside=folder / "before")
    return Export(path, sidecar(path), parity, description)


def sidecar(path: Path) -> Path:
    """Return where the description of an export stands."""
    return path.with_name(f"{path.name}.json")


def _exporter(name: str, quantize: str | None) -> Exporter:
    exporter = FORMATS.get(name)()
    if quantize is not None and quantize not in exporter.quantizations:
        able = [each.name for each in FORMATS.all().values() if quantize in each.quantizations]
        if not able:
            raise unknown("quantization", quantize, exporter.quantizations or ("int8", "float16"))
        raise WorkbenchError(f"{name} cannot be quantized to {quantize}. These can: {', '.join(able)}.")
    exporter.check_installed()
    return exporter


def _place(exporter: Exporter, name: str, quantize: str | None, out: Path | None) -> Path:
    """Find what to write, and see that it replaces nothing but an export."""
    suffix, stem = Path(exporter.file).suffix, Path(exporter.file).stem
    file = f"{stem}-{quantize}{suffix}" if quantize else exporter.file
    if out is None:
        path = home() / "exports" / (re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model") / file
    elif not suffix or out.suffix == suffix:
        path = out
    elif out.suffix and not out.is_dir():
        raise WorkbenchError(f"`out` must end in {suffix} for {exporter.name}, or be a folder. Got {str(out)!r}.")
    else:
        path = out / file
    if path.is_dir() and (suffix or (any(path.iterdir()) and not (path / "saved_model.pb").is_file())):
        raise WorkbenchError(f"{path} is a folder with other things in it, and is not replaced. Choose another `out`.")
    if path.is_file() and not suffix:
        raise WorkbenchError(f"{path} is a file; {exporter.name} needs a folder. Choose another `out`.")
    return path


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Make a folder on the same disk, for what is not whole yet; it is gone afterwards, whatever happened."""
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.*"):  # by one that was killed: no other is at it now
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    with folder:
        yield Path(folder.name)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        if said := disk_trouble(error):
            raise Unavailable(f"{path} could not be written: {said}. Nothing was changed.") from error
        raise


def _convert(exporter: Exporter, probe: Probe, layer: str | None, quantize: str | None, made: Path) -> None:
    from workbench.exporting.served_graph import write_graph

    graph, what = made.parent / "graph", f"Converting to {exporter.name}"
    report(what, 0, 2)
    write_graph(probe, graph, layer)
    report(what, 1, 2)
    exporter.write(graph, made, quantize)
    report(what, 2, 2)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())


def _size_of(session: Session) -> int:
    if session.run is not None:
        return _size(session.run.model_path)
    return sum(int(np.prod(each.shape)) * 4 for each in session.probe.model.variables)


def _describe(
    session: Session,
    exporter: Exporter,
    made: Path,
    *,
    quantize: str | None,
    explanation: dict[str, Any] | None,
    parity: Parity,
) -> dict[str, Any]:
    whole = made / "saved_model.pb" if made.is_dir() else made
    return {
        "format": exporter.name,
        "file": made.name,
        "sha256": hashlib.sha256(whole.read_bytes()).hexdigest(),
        "model": session.name,
        "model_sha256": (session.model_fingerprint if session.run is None else session.run.manifest.model_sha256),
        "image_shape": list(session.dataset.image_shape),
        "class_names": list(session.class_names),
        "preprocessing": "unit",
        "inputs": [IMAGES],
        "outputs": [PROBABILITIES, *([HEATMAP] if explanation else [])],
        "explanation": explanation,
        "quantize": quantize,
        "dataset": session.dataset.name,
        "parity": asdict(parity),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
