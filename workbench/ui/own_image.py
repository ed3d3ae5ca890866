"""An image of the user's own: uploaded, or drawn pixel by pixel."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from workbench.contracts import Array
from workbench.errors import WorkbenchError
from workbench.ui.pictures import fit
from workbench.ui.subject import Subject, of_user
from workbench.ui.view import View

if TYPE_CHECKING:
    from workbench.ui.desk import Desk

MEGABYTES = 2
CANVAS = 392


@dataclass(frozen=True, eq=False)
class OwnImage:
    """What was uploaded or drawn, as the model takes it, and what was done to it on the way."""

    pixels: Array
    name: str
    done: tuple[str, ...]


def receive(desk: Desk, sent: object) -> str:
    """Keep an image that the browser sent; return its key.

    Args:
        desk: where it is kept.
        sent: {"file": base64, "name": text} or {"pixels": base64 of H×W×C bytes}.

    Raises:
        WorkbenchError: if it is too large, no image, or of another size than the canvas.
    """
    got = sent if isinstance(sent, Mapping) else {}
    shape = desk.session.dataset.image_shape
    if isinstance(got.get("pixels"), str):
        raw = _decoded(got["pixels"])
        if len(raw) != int(np.prod(shape)):
            raise WorkbenchError(f"A drawing has {' × '.join(map(str, shape))} values. Got {len(raw)}.")
        image = OwnImage(np.frombuffer(raw, np.uint8).reshape(shape), "", ())
    elif isinstance(got.get("file"), str):
        raw = _decoded(got["file"])
        from workbench.datasets.image_file import read_image

        pixels, done = read_image(raw, shape)
        image = OwnImage(np.asarray(pixels, np.uint8), str(got.get("name", ""))[:120], tuple(done))
    else:
        raise WorkbenchError("Nothing arrived. Choose a PNG or JPEG file, or draw.")
    key = hashlib.sha256(image.pixels.tobytes() + repr((image.name, image.done)).encode()).hexdigest()[:16]
    desk.own_images.put(key, image)
    return key


def goes_on(desk: Desk, sent: object, old: View) -> bool:
    """Say whether a drawing only went on, so that the canvas, on which the user may be drawing, stays as it is."""
    before: OwnImage | None = desk.own_images.get(old.own) if old.own and not old.invert else None
    return isinstance(sent, Mapping) and "pixels" in sent and before is not None and not before.name


def _decoded(text: str) -> bytes:
    if len(text) > MEGABYTES * 1024 * 1024 * 4 // 3 + 4:
        raise WorkbenchError(f"An image may have at most {MEGABYTES} MB. This one has {len(text) * 3 / 4 / 1024**2:.1f} MB.")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise WorkbenchError("What arrived is no image; send it again.") from None


def current(desk: Desk, view: View) -> OwnImage | None:
    """Return the image of a view as it is explained; None where nothing was sent yet.

    Raises:
        WorkbenchError: if the server no longer holds it.
    """
    if not view.own:
        return None
    image: OwnImage | None = desk.own_images.get(view.own)
    if image is None:
        raise WorkbenchError("The image of this link is not kept any more; it never left this machine's memory. Upload or draw it again.")
    return OwnImage(255 - image.pixels, image.name, image.done) if view.invert else image


def subject_of(desk: Desk, view: View) -> Subject | None:
    """Return what is explained; asks the model."""
    image = current(desk, view)
    return None if image is None else of_user(desk, f"{view.own}{'-inverted' if view.invert else ''}", image.pixels)


def own_html(desk: Desk, view: View) -> str:
    """Build upload and canvas; the canvas holds the current image, or the one to start from."""
    dataset = desk.session.dataset
    height, width, channels = dataset.image_shape
    try:
        image, gone = current(desk, view), ""
    except WorkbenchError as error:
        image, gone = None, f'<p class="problem" role="alert">{escape(str(error))}</p>'
    pixels = image.pixels if image is not None else np.asarray(dataset.images[view.start]) if view.start is not None else None
    source = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode() if pixels is not None else ""
    size = fit(height, width, CANVAS)
    colour = (
        '<label>colour <input type="color" value="#ffffff" data-ink aria-label="colour of the brush"></label>' if channels == 3
        else '<label>brightness <input type="range" min="0" max="255" value="255" data-ink aria-label="brightness of the brush"></label>'
    )  # fmt: skip
    brush = max(1, round(max(height, width) / 14))
    return (
        f'<header><h2>Your image</h2><p>{height} × {width} pixels, {"grey" if channels == 1 else "colour"}, as the model takes it</p></header>{gone}'
        '<div class="upload"><label class="button main">Upload PNG or JPEG …<input type="file" accept="image/png,image/jpeg" data-upload '
        f'data-limit="{MEGABYTES}"></label><span>or drop it on the canvas, or draw. It stays on this machine.</span></div>'
        f'<div class="canvas"><canvas class="{"px" if size.pixelated else ""}" width="{width}" height="{height}" data-canvas data-channels="{channels}" '
        f'data-pixels="{source}" style="width:{size.width}px;height:{size.height}px" tabindex="0" role="img" '
        'aria-label="drawing canvas; use upload where no pointer is at hand"></canvas></div>'
        f'<div class="paint"><span role="group" class="seg" aria-label="tool"><button type="button" data-tool="brush" aria-pressed="true">Brush</button>'
        '<button type="button" data-tool="eraser" aria-pressed="false">Eraser</button></span>'
        f'<label>width <input type="range" min="1" max="{max(4, round(max(height, width) / 4))}" value="{brush}" data-width aria-label="width of the brush in pixels"></label>{colour}'
        '<button type="button" data-tool="undo">Undo</button><button type="button" data-tool="clear">Clear</button></div>'
        f"{_starts(desk, view)}{_invert(view, image, channels)}{_done(image)}"
    )


def _starts(desk: Desk, view: View) -> str:
    """Offer to begin with the image that was last looked at; app.js knows which, or with any by its row."""
    value = "" if view.start is None else str(view.start)
    return (
        '<div class="start"><button type="button" data-start>Start from the selected image</button>'
        f'<label>or from row <input type="number" min="0" max="{len(desk.session.dataset) - 1}" value="{value}" data-set="start" data-also="own=&amp;invert="></label></div>'
    )


def _invert(view: View, image: OwnImage | None, channels: int) -> str:
    if image is None:
        return ""
    from workbench.ui.words import go

    bright = channels == 1 and float(np.mean(_border(image.pixels))) > 127
    hint = '<b class="hint">It is bright at its border. If the training images are light on dark, invert it.</b>' if bright else ""
    mark = " checked" if view.invert else ""
    change = go({"invert": "" if view.invert else "1"})
    return f'<p class="invert"><label class="check"><input type="checkbox"{mark} {change}><span>Invert (dark ↔ light)</span></label>{hint}</p>'


def _border(pixels: Array) -> Array:
    return np.concatenate([pixels[0].ravel(), pixels[-1].ravel(), pixels[:, 0].ravel(), pixels[:, -1].ravel()])


def _done(image: OwnImage | None) -> str:
    if image is None or not (image.done or image.name):
        return ""
    name = f"<b>{escape(image.name)}</b> " if image.name else ""
    return f'<p class="done">{name}{escape("; ".join(image.done))}</p>'
