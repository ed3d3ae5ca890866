"""The input that excites a filter most, by tf-keras-vis, for any model that a probe takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.contracts import Array
from workbench.progress import report

if TYPE_CHECKING:
    from workbench.probe import Probe


def excite(probe: Probe, layer: str, filters: Sequence[int], *, steps: int, seed: int = 0) -> Array:
    """Climb from noise to the inputs that the given filters of `layer` respond to most, on average over places.

    tf-keras-vis wants a functional model whose output is the layer. The probe's walk through the model is
    therefore wrapped in one layer of a new functional model; the model itself is neither cut nor cloned.

    Source: Erhan et al. 2009, "Visualizing higher-layer features of a deep network"; tf-keras-vis'
        `ActivationMaximization` with total variation and L2 norm, jitter of one pixel, RMSprop.

    Args:
        probe: the model.
        layer: a spatial layer of it.
        filters: which of its F outputs, n of them.
        steps: steps of the ascent.
        seed: of the noise and the jitter.

    Returns:
        `(n, H, W, C)` float32 in [0, 1].
    """
    import keras
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.activation_maximization.regularizers import Norm, TotalVariation2D

    @keras.saving.register_keras_serializable("workbench")
    class Outputs(keras.layers.Layer):
        def call(self, images: Any) -> Any:
            return keras.ops.cast(probe.trace(images).outputs[layer], "float32")

    images = keras.Input(probe.image_shape)
    model = keras.Model(images, Outputs(dtype="float32")(images))
    random = np.random.default_rng(seed)
    start = random.uniform(0.4, 0.6, (len(filters), *probe.image_shape)).astype(np.float32)

    def score(outputs: Any) -> list[Any]:
        return [keras.ops.mean(outputs[place, ..., each]) for place, each in enumerate(filters)]

    def jitter(given: Any) -> Any:
        return keras.ops.roll(given, tuple(random.integers(-1, 2, 2).tolist()), axis=(1, 2))

    def told(step: int, *_: Any, **__: Any) -> None:
        report(f"Exciting {layer}", step + 1, steps)

    found = ActivationMaximization(model)(
        score, seed_input=start, input_range=(0.0, 1.0), steps=steps, input_modifiers=[jitter], callbacks=_callback(told),
        regularizers=[TotalVariation2D(weight=0.2), Norm(weight=0.2, p=2)],
        optimizer=keras.optimizers.RMSprop(learning_rate=0.05, rho=0.95),
    )  # fmt: skip
    return np.asarray(found, np.float32)


def _callback(told: Any) -> Any:
    from tf_keras_vis.activation_maximization.callbacks import Callback

    class Told(Callback):
        def __call__(self, step: int, *args: Any, **kwargs: Any) -> None:
            told(step, *args, **kwargs)

    return Told()
