"""An image of the user's own: uploaded, or drawn pixel by pixel."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.subject import Subject
from workbench.app.page.subjects import of_user
from workbench.app.page.view import View
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.data.image_file import read_fits
from workbench.data.resizing import FITS

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

MEGABYTES = 16
"""A photo of 40 megapixels, which is the most that is read, has about as many."""
NOT_WHOLE = "The image did not arrive whole; send it again."


@dataclass(frozen=True, eq=False)
class OwnImage:
    """What was uploaded or drawn, as the model takes it, and what was done to it on the way.

    Attributes:
        pixels: `(H, W, C)` uint8.
        name: of the file; empty for a drawing.
        done: a phrase for each change.
        fit: how the file was fitted to (H, W).
        others: the same file with each other fit that gives other pixels.
    """

    pixels: Array
    name: str
    done: tuple[str, ...]
    fit: str = ""
    others: tuple[OwnImage, ...] = ()


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
        raw = bytes_of(got["pixels"], NOT_WHOLE)
        if len(raw) != int(np.prod(shape)):
            raise WorkbenchError(f"A drawing has {' × '.join(map(str, shape))} values. Got {len(raw)}.")
        image = OwnImage(np.frombuffer(raw, np.uint8).reshape(shape), "", ())
    elif isinstance(got.get("file"), str):
        raw = bytes_of(got["file"], NOT_WHOLE)
        image = _of_file(raw, shape, str(got.get("name", ""))[:120], *desk.session.dataset.fit)
    else:
        raise WorkbenchError("No image received. Choose a PNG or JPEG file, or draw.")
    key = hashlib.sha256(image.pixels.tobytes() + repr((image.name, image.done)).encode()).hexdigest()[:16]
    desk.own_images.put(key, image)
    return key


def _of_file(raw: bytes, shape: tuple[int, int, int], name: str, fit: str, interpolation: str) -> OwnImage:
    """Read a file in each fit, the dataset's own first."""
    made: list[OwnImage] = []
    fits = sorted(FITS, key=lambda one: one != fit)
    for each, (pixels, done) in zip(fits, read_fits(raw, shape, fits, interpolation=interpolation), strict=True):  # type: ignore[arg-type]
        if not any(np.array_equal(pixels, other.pixels) for other in made):
            made.append(OwnImage(np.asarray(pixels, np.uint8), name, tuple(done), each))
    return replace(made[0], others=tuple(made[1:]))


def goes_on(desk: Desk, sent: object, old: View) -> bool:
    """Say whether a drawing only went on, so that the canvas, on which the user may be drawing, stays as it is."""
    before: OwnImage | None = desk.own_images.get(old.own) if old.own and not old.invert else None
    return isinstance(sent, Mapping) and "pixels" in sent and before is not None and not before.name


def bytes_of(text: str, otherwise: str) -> bytes:
    """Read what was sent as base64.

    Args:
        text: what was sent.
        otherwise: the sentence for what is no base64.

    Raises:
        WorkbenchError: if it is none, or has more than 16 MB.
    """
    if len(text) > MEGABYTES * 2**20 * 4 // 3 + 4:
        raise WorkbenchError(
            f"An image may have at most {MEGABYTES} MB. This one has {len(text) * 3 / 4 / 2**20:.1f} MB."
        )
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise WorkbenchError(otherwise) from None


def current(desk: Desk, view: View) -> OwnImage | None:
    """Return the image of a view as it is explained: sent, or the one to start from; None for a blank canvas.

    Raises:
        WorkbenchError: if the server no longer holds it.
    """
    if not view.own:
        start = None if view.start is None else OwnImage(np.asarray(desk.session.dataset.images[view.start]), "", ())
        return start if start is None or not view.invert else OwnImage(255 - start.pixels, "", ())
    image: OwnImage | None = desk.own_images.get(view.own)
    if image is None:
        raise WorkbenchError("The image of this link is no longer in memory. Upload or draw it again.")
    others = (image, *image.others)
    chosen = next((each for each in others if each.fit == view.fit), image)
    pixels = 255 - chosen.pixels if view.invert else chosen.pixels
    return replace(chosen, pixels=pixels, others=tuple(each for each in others if each is not chosen))


def subject_of(desk: Desk, view: View) -> Subject | None:
    """Return what is explained; asks the model."""
    image = current(desk, view)
    return (
        None
        if image is None
        else of_user(desk, f"{view.own or view.start}{'-inverted' if view.invert else ''}-{image.fit}", image.pixels)
    )
