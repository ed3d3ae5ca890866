"""A Streamlit page around the Python API: upload an image, see its class, choose how it is explained.

Start it with `make example-streamlit`, or: streamlit run examples/streamlit_app/app.py
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import workbench as wb
from workbench.core.types import Array
from workbench.data.image_file import read_image
from workbench.plotting.colours import DIVERGING, SEQUENTIAL, rgba, scale_of

RUN = os.environ.get("WORKBENCH_RUN", "baseline")
BOX, OPACITY, TOP = 336, 0.85, 5


@st.cache_resource(show_spinner="Opening the model …")
def opened(run: str) -> wb.Session:
    """Open the run once for all who look."""
    session = wb.open_session(run)
    _ = session.probe  # loads the model now, with the spinner
    return session


def chosen(session: wb.Session, place: DeltaGenerator) -> tuple[Array, str]:
    """Return the image that is explained, `(H, W, C)` uint8, and a line about it."""
    file = st.file_uploader("An image of your own", ["png", "jpg", "jpeg", "webp", "gif", "bmp"])
    most = len(session.dataset) - 1
    row = int(place.number_input("or an image of the data", 0, most, min(23, most), disabled=file is not None))
    if file is not None:
        inverted = st.checkbox("turn dark on light to light on dark")
        pixels, notes = read_image(file.getvalue(), session.dataset.image_shape, invert=inverted)
        return pixels, f"{file.name}{': ' if notes else ''}{'; '.join(notes)}"
    label = session.class_names[session.dataset.labels[row]]
    return np.asarray(session.dataset.images[row]), f"{session.dataset.names[row]}, labelled {label}"


def overlay(pixels: Array, made: wb.Attribution) -> Array:
    """Lay a map over its image, small images enlarged by a whole number: `(n·H, n·W, 3)` uint8."""
    heat = rgba(made.at_pixels()[0], signed=made.signed, scale=scale_of(made.values, made.signed)).astype(float)
    alpha = OPACITY * heat[..., 3:] / 255
    return enlarged((pixels * (1 - alpha) + heat[..., :3] * alpha).round().astype(np.uint8))


def enlarged(pixels: Array) -> Array:
    """Repeat pixels, so that a small image is seen as it is."""
    times = max(1, BOX // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1).repeat(3 // pixels.shape[2], axis=2)


def legend(made: wb.Attribution) -> str:
    """Build the colour bar, with its raw ends."""
    end = f"{scale_of(made.values, made.signed):.3g}"
    colours = ", ".join(DIVERGING if made.signed else SEQUENTIAL)
    bar = f"<i style='flex:1;height:8px;border-radius:3px;background:linear-gradient(90deg,{colours})'></i>"
    low = f"−{end}" if made.signed else "0"
    style = "display:flex;gap:8px;align-items:center;font-size:12.5px;opacity:.75"
    return f"<div style='{style}'><span>{low}</span>{bar}<span>{end}</span></div>"


def main() -> None:
    """Show the page."""
    st.set_page_config(page_title="What is it, and why?", layout="centered")
    st.title("What is it, and why?")
    try:
        session = opened(RUN)
        upload, fields = st.container(), st.columns(3)
        with upload:
            pixels, about = chosen(session, fields[0])
    except wb.WorkbenchError as error:
        st.error(str(error))
        return
    names = session.class_names
    methods = {kind.title: name for name, kind in wb.methods().items() if kind.missing(session.probe) is None}
    first = list(methods.values()).index("grad-cam") if "grad-cam" in methods.values() else 0
    title = fields[1].selectbox("method", list(methods), index=first)

    logits = session.probe.logits(pixels[None].astype(np.float32) / np.float32(255))
    said = wb.Predictions(logits, np.zeros(1, np.int64))
    predicted = int(said.predicted[0])
    target = fields[2].selectbox("what speaks for", names, index=predicted)
    try:
        made = session.attribute_images(methods[title], pixels[None], np.array([names.index(target)]))
    except wb.WorkbenchError as error:
        st.error(str(error))
        return

    st.subheader(f"{names[predicted]}, {100 * said.confidence[0]:.1f} %")
    left, right = st.columns(2)
    left.image(enlarged(pixels), caption=about, output_format="PNG", width="stretch")
    right.image(overlay(pixels, made), caption=f"{title} for {target}", output_format="PNG", width="stretch")
    right.html(legend(made))
    right.caption(f"{made.unit}{f', {made.layer}' if made.layer else ''}. {wb.methods()[methods[title]].use}")
    order = np.argsort(-said.probabilities[0])[:TOP]
    shares = pd.DataFrame({"class": [names[k] for k in order], "probability": said.probabilities[0][order]})
    bar = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
    st.dataframe(shares, hide_index=True, width="stretch", column_config={"probability": bar})


main()
