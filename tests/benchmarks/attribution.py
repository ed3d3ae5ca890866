"""Grad-CAM against the model's own prediction, and tf-keras-vis beside it; ratios within one run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from timing import seconds

import workbench as wb


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and the bar of the issue."""
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    session = wb.open_session("baseline")
    model, images, target = session.model, session.dataset.floats(), session.predictions.predicted
    count = len(images)
    everything = np.arange(count)

    predict = ours = 0.0
    ratios = []
    for _ in range(3):  # in turn, so that a busy machine slows both
        predict = seconds(lambda: model.predict(images, batch_size=512, verbose=0), repeats=2)
        ours = seconds(lambda: session.attribute("grad-cam", everything, layer="conv3"), repeats=2)
        ratios.append(ours / predict)
    yield f"model.predict, batch 512, {count:,} images", f"{count / predict:,.0f} images/s", ""
    yield f"grad-cam, {count:,} images", f"{count / ours:,.0f} images/s", ""
    yield "grad-cam ÷ model.predict, wall time (median of 3)", f"{np.median(ratios):.2f}", "≤ 1.3"

    functional = keras.Model(model.inputs, model.outputs)  # its modifier takes no Sequential
    vis = Gradcam(functional, model_modifier=ReplaceToLinear(), clone=True)
    for batch in (64, 512):
        part = 2048 if batch == 512 else 1024

        def theirs(batch: int = batch, part: int = part) -> None:
            for start in range(0, part, batch):
                chosen = slice(start, min(start + batch, part))
                vis(CategoricalScore(target[chosen].tolist()), images[chosen], penultimate_layer="conv3")

        each = seconds(theirs, repeats=3) / part
        yield f"tf-keras-vis, batch {batch}", f"{1 / each:,.0f} images/s", ""
        yield f"grad-cam is faster than tf-keras-vis, batch {batch}", f"{each / (ours / count):.1f} ×", "≥ 10 ×"

    for method, part in (("saliency", 2048), ("integrated-gradients", 64), ("smooth-grad", 64), ("occlusion", 64)):
        each = seconds(lambda method=method, part=part: session.attribute(method, everything[:part]), repeats=3) / part
        yield method, f"{1 / each:,.0f} images/s", ""
