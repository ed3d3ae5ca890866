"""Upload and canvas: how an image of one's own gets to the model. app.js does the painting."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, button, go, link, problem
from workbench.app.page.own_image import MEGABYTES, OwnImage, current
from workbench.app.page.view import View
from workbench.app.pictures import Size, fit, tag
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

BOX = 392
EXAMPLE, EXAMPLES = 84, 20
FILES = "image/png,image/jpeg,image/gif,image/bmp,image/webp,image/tiff,image/avif"


def easel_html(desk: Desk, view: View) -> Html:
    """Build the pane; the canvas holds the current image, or the one to start from, or nothing yet."""
    height, width, channels = desk.session.dataset.image_shape
    gone, image = Html(), None
    try:
        image = current(desk, view)
    except WorkbenchError as error:
        gone = problem(error)
    kind = "grey" if channels == 1 else "colour"
    size = element("p", f"{height} × {width} pixels, {kind}: the model’s input")
    return join(
        [
            element("header", element("h2", "Your image"), size),
            gone,
            _upload(),
            _canvas(image, height, width, channels),
            _tools(),
            brush_html(height, width, channels),
            _start(desk, view),
            _invert(view, image),
            _fits(image),
            _changes(image),
        ]
    )


def examples_html(desk: Desk) -> Html:
    """Say what will stand beside an empty canvas, and offer an image of each class to begin with."""
    words = "Upload or draw an image to see its probabilities and maps, or start from one of these:"
    invitation = element("p", words, class_="empty")
    dataset, board = desk.session.dataset, desk.board
    if board is None:
        return invitation
    size = fit(*dataset.image_shape[:2], box=EXAMPLE)
    links = []
    for k, name in enumerate(dataset.class_names[:EXAMPLES]):
        rows = board.rows(k, k)
        if len(rows):
            image = tag(desk.picture(int(rows[0]), max(size.width, size.height)), size)
            label = image + element("span", breakable(name))
            links.append(link(label, {"section": "own", "start": str(int(rows[0]))}, title=f"start from: {name}"))
    return element("div", invitation, element("div", *links, class_="evidence"), class_="examples")


def _upload() -> Html:
    field = element("input", type="file", accept=FILES, data_upload=True, data_limit=MEGABYTES)
    label = element("label", "Upload PNG or JPEG …", field, class_="button main")
    hint = element("span", "or drop it on the canvas, or draw. Nothing leaves this machine.")
    return element("div", label, hint, class_="upload")


def _canvas(image: OwnImage | None, height: int, width: int, channels: int) -> Html:
    size = fit(height, width, BOX)
    canvas = canvas_html(
        None if image is None else image.pixels,
        (height, width, channels),
        size,
        role="img",
        style=f"width:{size.width}px;aspect-ratio:{width}/{height}",
        data_canvas=True,
        aria_label="drawing canvas; without a pointer, upload a file",
    )
    return element("div", canvas, class_="canvas")


def canvas_html(pixels: Array | None, shape: tuple[int, int, int], size: Size, **told: Any) -> Html:
    """Build a canvas that one draws on; easel.js puts the pixels on it.

    Args:
        pixels: `(H, W, C)` uint8; None for black ones.
        shape: H, W and C.
        size: how large it is shown.
        told: further attributes.
    """
    height, width, channels = shape
    given = "" if pixels is None else base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    kind = "px" if size.pixelated else None
    about = {"width": width, "height": height, "tabindex": 0, "data_channels": channels, "data_pixels": given}
    return element("canvas", class_=kind, **about, **told)


def _tools() -> Html:
    def tool(name: str, pressed: str | None = None) -> Html:
        return element("button", name.capitalize(), type="button", data_tool=name, aria_pressed=pressed)

    kinds = element(
        "span", tool("brush", "true"), tool("eraser", "false"), class_="seg", role="group", aria_label="tool"
    )
    return element("div", kinds, tool("undo"), tool("clear"), class_="paint")


def brush_html(height: int, width: int, channels: int) -> Html:
    """Build the fields for the width and the colour of a brush."""
    longest = max(height, width)
    size = element(
        "input",
        type="range",
        min=1,
        max=max(4, longest // 4),
        value=max(1, round(longest / 14)),
        data_width=True,
        aria_label="width of the brush in pixels",
    )
    if channels == 3:
        ink = element("input", type="color", value="#ffffff", data_ink=True, aria_label="colour of the brush")
    else:
        name = "brightness of the brush"
        ink = element("input", type="range", min=0, max=255, value=255, data_ink=True, aria_label=name)
    word = "colour" if channels == 3 else "brightness"
    return element("div", element("label", "width ", size), element("label", f"{word} ", ink), class_="paint")


def _start(desk: Desk, view: View) -> Html:
    """Offer to begin with the image that was last looked at; app.js knows which, or with any by its row."""
    field = element(
        "input",
        type="number",
        min=0,
        max=len(desk.session.dataset) - 1,
        value="" if view.start is None else view.start,
        data_set="start",
        data_also=go({"own": "", "invert": ""}),
    )
    button = element("button", "Start from the selected image", type="button", data_start=True)
    return element("div", button, element("label", "or from row ", field), class_="start")


def _invert(view: View, image: OwnImage | None) -> Html:
    if image is None:
        return Html()
    box = element("input", type="checkbox", checked=view.invert, data_go=go({"invert": "" if view.invert else "1"}))
    hint = "Bright background. Invert it if the training images are light on dark."
    bright = image.pixels.shape[2] == 1 and _bright_border(image.pixels)
    label = element("label", box, element("span", "Invert (dark ↔ light)"), class_="check")
    return element("p", label, element("b", hint, class_="hint") if bright else None, class_="invert")


def _fits(image: OwnImage | None) -> Html:
    """Offer the other ways to fit a file to the model's size, where they give other pixels."""
    if image is None or not image.others:
        return Html()
    words = {"stretch": "Stretch", "pad": "Pad with black", "crop": "Crop to the middle"}
    there = {image.fit, *(other.fit for other in image.others)}
    buttons = [button(word, {"fit": f}, pressed=f == image.fit) for f, word in words.items() if f in there]
    group = element("span", *buttons, class_="seg", role="group", aria_label="fit to the model’s size")
    return element("p", "Other proportions than the model’s: ", group, class_="fits")


def _bright_border(pixels: Array) -> bool:
    border = np.concatenate([pixels[0].ravel(), pixels[-1].ravel(), pixels[:, 0].ravel(), pixels[:, -1].ravel()])
    return float(border.mean()) > 127


def _changes(image: OwnImage | None) -> Html:
    if image is None or not (image.done or image.name):
        return Html()
    name = element("b", image.name) + " " if image.name else None
    return element("p", name, "; ".join(image.done), class_="done")
