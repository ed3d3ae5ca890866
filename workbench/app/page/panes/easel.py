"""Upload and canvas: how an image of one's own gets to the model. app.js does the painting."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.html import breakable, element, escape, go, link, problem
from workbench.app.page.own_image import MEGABYTES, OwnImage, current
from workbench.app.page.pictures import fit, tag
from workbench.app.page.view import View
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

BOX = 392
EXAMPLE, EXAMPLES = 84, 20
FILES = "image/png,image/jpeg,image/gif,image/bmp,image/webp,image/tiff"


def easel_html(desk: Desk, view: View) -> str:
    """Build the pane; the canvas holds the current image, or the one to start from, or nothing yet."""
    height, width, channels = desk.session.dataset.image_shape
    gone, image = "", None
    try:
        image = current(desk, view)
    except WorkbenchError as error:
        gone = problem(error)
    kind = "grey" if channels == 1 else "colour"
    head = f"<header><h2>Your image</h2><p>{height} × {width} pixels, {kind}, as the model takes it</p></header>"
    return (
        f"{head}{gone}{_upload()}{_canvas(image, height, width, channels)}{_tools()}{_brush(height, width, channels)}"
        f"{_start(desk, view)}{_invert(view, image)}{_done(image)}"
    )


def examples_html(desk: Desk) -> str:
    """Say what will stand beside an empty canvas, and offer an image of each class to begin with."""
    words = "Upload or draw an image: its probabilities and maps appear here. Or begin with one of these:"
    said = f'<p class="empty">{words}</p>'
    dataset, board = desk.session.dataset, desk.board
    if board is None:
        return said
    size = fit(*dataset.image_shape[:2], box=EXAMPLE)
    links = []
    for k, name in enumerate(dataset.class_names[:EXAMPLES]):
        rows = board.rows(k, k)
        if len(rows):
            image = tag(desk.picture(int(rows[0]), max(size.width, size.height)), size)
            label = f"{image}<span>{breakable(name)}</span>"
            links.append(link(label, {"section": "own", "start": str(int(rows[0]))}, title=f"begin with: {name}"))
    return f'<div class="examples">{said}<div class="evidence">{"".join(links)}</div></div>'


def _upload() -> str:
    field = element("input", type="file", accept=FILES, data_upload=True, data_limit=MEGABYTES)
    label = element("label", f"Upload PNG or JPEG …{field}", class_="button main")
    return f'<div class="upload">{label}<span>or drop it on the canvas, or draw. It stays on this machine.</span></div>'


def _canvas(image: OwnImage | None, height: int, width: int, channels: int) -> str:
    size = fit(height, width, BOX)
    pixels = "" if image is None else base64.b64encode(np.ascontiguousarray(image.pixels).tobytes()).decode()
    canvas = element(
        "canvas",
        class_="px" if size.pixelated else None,
        width=width,
        height=height,
        tabindex=0,
        role="img",
        style=f"width:{size.width}px;aspect-ratio:{width}/{height}",
        data_canvas=True,
        data_channels=channels,
        data_pixels=pixels,
        aria_label="drawing canvas; upload a file where no pointer is at hand",
    )
    return f'<div class="canvas">{canvas}</div>'


def _tools() -> str:
    def tool(name: str, pressed: str | None = None) -> str:
        return element("button", name.capitalize(), type="button", data_tool=name, aria_pressed=pressed)

    kinds = element(
        "span", tool("brush", "true") + tool("eraser", "false"), class_="seg", role="group", aria_label="tool"
    )
    return f'<div class="paint">{kinds}{tool("undo")}{tool("clear")}</div>'


def _brush(height: int, width: int, channels: int) -> str:
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
    return f'<div class="paint"><label>width {size}</label><label>{word} {ink}</label></div>'


def _start(desk: Desk, view: View) -> str:
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
    return f'<div class="start">{button}<label>or from row {field}</label></div>'


def _invert(view: View, image: OwnImage | None) -> str:
    if image is None:
        return ""
    box = element("input", type="checkbox", checked=view.invert, data_go=go({"invert": "" if view.invert else "1"}))
    hint = "It is bright at its border. If the training images are light on dark, invert it."
    told = f'<b class="hint">{hint}</b>' if image.pixels.shape[2] == 1 and _bright_border(image.pixels) else ""
    return f'<p class="invert"><label class="check">{box}<span>Invert (dark ↔ light)</span></label>{told}</p>'


def _bright_border(pixels: Array) -> bool:
    border = np.concatenate([pixels[0].ravel(), pixels[-1].ravel(), pixels[:, 0].ravel(), pixels[:, -1].ravel()])
    return float(border.mean()) > 127


def _done(image: OwnImage | None) -> str:
    if image is None or not (image.done or image.name):
        return ""
    name = f"<b>{escape(image.name)}</b> " if image.name else ""
    return f'<p class="done">{name}{escape("; ".join(image.done))}</p>'
