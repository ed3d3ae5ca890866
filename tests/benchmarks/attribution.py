"""Attribution methods against the model's own work, and tf-keras-vis beside them; ratios within one run."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator

import numpy as np
from timing import seconds

import workbench as wb

Row = tuple[str, str, str]
PATHS = ("integrated-gradients", "gradient-shap", "blur-ig", "guided-ig", "xrai", "full-grad")
MASKED = (
    ("occlusion", {"size": 4, "stride": 2}, 64),
    ("rise", {}, 16),
    ("sobol", {}, 16),
    ("hsic", {}, 32),
    ("score-cam", {}, 64),
    ("ablation-cam", {}, 64),
)


def rows() -> Iterator[Row]:
    """Yield what was measured, its number, and the bar of the issue."""
    session = wb.open_session("baseline")
    images = session.dataset.floats()
    yield from _grad_cam(session, images)
    yield from _gradients(session, images)
    yield from _masked(session, images)
    yield from _verdict(session)


def _in_turn(ours: Callable[[], object], theirs: Callable[[], object], times: int = 3) -> tuple[float, float, float]:
    """Time two pieces of work in turn, so that a busy machine slows both: seconds, and the median of theirs / ours."""
    pairs = [(seconds(ours, repeats=2), seconds(theirs, repeats=2)) for _ in range(times)]
    mine, other = np.median(pairs, axis=0)
    return float(mine), float(other), float(np.median([theirs / ours for ours, theirs in pairs]))


def _grad_cam(session: wb.Session, images: np.ndarray) -> Iterator[Row]:
    everything, count = np.arange(len(images)), len(images)
    ours, predict, ratio = _in_turn(
        lambda: session.attribute("grad-cam", everything, layer="conv3"),
        lambda: session.model.predict(images, batch_size=512, verbose=0),
    )
    yield f"model.predict, batch 512, {count:,} images", f"{count / predict:,.0f} images/s", ""
    yield f"grad-cam, {count:,} images", f"{count / ours:,.0f} images/s", ""
    yield "grad-cam ÷ model.predict, images/s", f"{ratio:.2f} ×", "≥ 0.9 ×"
    for batch in (64, 512):
        part = everything[: 2048 if batch == 512 else 1024]
        ours, other, ratio = _in_turn(
            lambda part=part: session.attribute("grad-cam", part, layer="conv3"),
            _vis(session, images, len(part), batch, "Gradcam", penultimate_layer="conv3"),
        )
        yield f"tf-keras-vis, grad-cam, batch {batch}", f"{len(part) / other:,.0f} images/s", ""
        yield f"grad-cam ÷ tf-keras-vis, batch {batch}", f"{ratio:.1f} ×", "≥ 10 ×"


def _vis(
    session: wb.Session, images: np.ndarray, count: int, batch: int, kind: str, **how: object
) -> Callable[[], None]:
    """Return what explains `count` images with tf-keras-vis."""
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    functional = keras.Model(session.model.inputs, session.model.outputs)  # its modifier takes no Sequential
    made = {"Gradcam": Gradcam, "Saliency": Saliency, "Scorecam": Scorecam}[kind]
    vis, target = made(functional, model_modifier=ReplaceToLinear(), clone=True), session.predictions.predicted

    def work() -> None:
        for start in range(0, count, batch):
            rows = slice(start, min(start + batch, count))
            with contextlib.redirect_stdout(io.StringIO()):  # Score-CAM shows a bar for each batch
                vis(CategoricalScore(target[rows].tolist()), images[rows], **how)

    return work


def _gradients(session: wb.Session, images: np.ndarray) -> Iterator[Row]:
    import tensorflow as tf

    from workbench.attribution.methods import explainer

    target = session.predictions.predicted
    model = session.model

    @tf.function(
        input_signature=[tf.TensorSpec((None, *images.shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int64)]
    )
    def bare(batch: object, classes: object) -> object:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            scores = tf.gather(model(batch, training=False), classes, batch_dims=1)
        return tape.gradient(scores, batch)

    def gradients() -> None:
        for start in range(0, 4096, 256):
            bare(tf.constant(images[start : start + 256]), tf.constant(target[start : start + 256])).numpy()

    ours, other, ratio = _in_turn(lambda: session.attribute("saliency", range(4096)), gradients)
    yield "a compiled bare gradient, batch 256", f"{4096 / other:,.0f} images/s", ""
    yield "saliency", f"{4096 / ours:,.0f} images/s", ""
    yield "saliency ÷ bare gradient, images/s", f"{ratio:.2f} ×", "≥ 1 ×"
    for name, bar in (("input-x-gradient", ""), ("lrp", "≥ 0.4 ×"), ("deep-lift", "≥ 0.25 ×")):
        ours, other, ratio = _in_turn(lambda name=name: session.attribute(name, range(4096)), gradients)
        yield name, f"{4096 / ours:,.0f} images/s", ""
        yield f"{name} ÷ bare gradient, images/s", f"{ratio:.2f} ×", bar
    ours, other, ratio = _in_turn(
        lambda: session.attribute("smooth-grad", range(64), samples=50),
        _vis(session, images, 64, 32, "Saliency", smooth_samples=50, smooth_noise=0.15),
        times=2,
    )
    yield "smooth-grad, 50 samples", f"{64 / ours:,.0f} images/s", ""
    yield "smooth-grad ÷ tf-keras-vis", f"{ratio:.1f} ×", "≥ 5 ×"
    for name in PATHS:
        params = {} if name in ("gradient-shap", "full-grad") else {"steps": 50}  # a number that is known before
        copies = explainer(name)(**params).copies(session.probe)
        ours, other, _ = _in_turn(
            lambda name=name, params=params: session.attribute(name, range(64), **params), gradients
        )
        yield f"{name}, {copies} gradients an image", f"{64 / ours:,.0f} images/s", "peers: make bench-peers"
        yield f"{name}: gradients ÷ bare gradients", f"{64 * copies / ours / (4096 / other):.2f} ×", ""


def _masked(session: wb.Session, images: np.ndarray) -> Iterator[Row]:
    """Compare masked evaluations a second with the model's own forward throughput, each pair in turn."""
    from workbench.attribution.methods import explainer

    forward = images[:4096]
    for name, params, count in MASKED:
        copies = explainer(name)(**params).copies(session.probe)
        ours, other, _ = _in_turn(
            lambda name=name, params=params, count=count: session.attribute(name, range(count), **params),
            lambda: session.probe.logits(forward),
        )
        rate, own = count * copies / ours, len(forward) / other
        yield f"{name}, {copies:,} evaluations an image", f"{count / ours:,.1f} images/s", ""
        yield f"{name}: evaluations ÷ the model's forward passes", f"{rate / own:.2f} ×", "≥ 0.8 ×"
        if name == "score-cam":
            _, _, ratio = _in_turn(
                lambda: session.attribute("score-cam", range(16), layer="conv3"),
                _vis(session, images, 16, 16, "Scorecam", penultimate_layer="conv3"),
                times=2,
            )
            yield "score-cam ÷ tf-keras-vis", f"{ratio:.1f} ×", "≥ 4 ×"


def _verdict(session: wb.Session) -> Iterator[Row]:
    from workbench.attribution.methods import explainer
    from workbench.session.judging import add_verdicts

    for name in ("grad-cam", "integrated-gradients"):
        maps = session.attribute(name, range(10))
        method, images = explainer(name)(), session.dataset.images[:10]
        each = seconds(lambda given=(session, method, maps, images): add_verdicts(*given, test=False)) / 10
        yield f"verdict on one map of {name}", f"{1000 * each:.0f} ms", "< 150 ms"
