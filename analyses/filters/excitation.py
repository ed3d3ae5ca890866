"""The input that excites a filter most, by tf-keras-vis, for any model that a probe takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.ascent import Wanted, climb

if TYPE_CHECKING:
    from workbench.models.probe import Probe

FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What another library may raise on a model it was not made for."""


def excite(probe: Probe, layer: str, filters: Sequence[int], *, steps: int, seed: int = 0) -> Array:
    """Climb from noise to the inputs that the given filters of `layer` respond to most, on average over places.

    tf-keras-vis wants a functional model that ends with the layer, so the probe's walk through the model becomes
    the only layer of a new one; the model itself is neither cut nor cloned. Behind a ReLU most noise
    gives no gradient at all, so each filter starts from the one of 64 noise images with the largest response.

    Where tf-keras-vis cannot be imported, the ascent in Fourier coefficients of `models/ascent.py` stands in for it.

    Source: Erhan et al. 2009, "Visualizing higher-layer features of a deep network"; tf-keras-vis'
        `ActivationMaximization` with total variation, L2 norm, RMSprop; jitter by a 64th of the image, hence none
        on small ones, where one pixel is a detail.

    Args:
        probe: the model.
        layer: a spatial layer of it.
        filters: which of its F outputs, n of them.
        steps: steps of the ascent.
        seed: of the noise and the jitter.

    Returns:
        `(n, H, W, C)` float32 in [0, 1].

    Raises:
        Unavailable: if tf-keras-vis cannot take this model; with its reason.
    """
    import keras
    import tensorflow as tf

    try:  # it imports a name of SciPy that is going away
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.activation_maximization.regularizers import Norm, TotalVariation2D
    except (ImportError, AttributeError):
        wanted = Wanted(what="channel", layer=layer, units=tuple(filters))
        return climb(probe, wanted, steps=steps, moves=0, seed=seed)

    random = np.random.default_rng(seed)
    noise = _noise(random, probe.image_shape, 64)
    responses = probe.feature_maps(noise, layer).mean(axis=(1, 2))[:, list(filters)]
    best = responses.argmax(axis=0)
    # In units of its first response, so that the weights of the penalties suit every layer.
    scale = np.maximum(np.abs(responses.max(axis=0)), 1e-3).tolist()

    step = 0
    reach = max(probe.image_shape[:2]) // 64

    def maps(batch: Any) -> Any:
        return tf.cast(probe.trace(batch).maps(layer), tf.float32)

    class Outputs(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
        call = staticmethod(tf.function(maps, autograph=False))

    def score(outputs: Any) -> list[Any]:
        return [keras.ops.mean(outputs[n, ..., each]) / scale[n] for n, each in enumerate(filters)]

    def jitter(given: Any) -> Any:
        nonlocal step
        step += 1
        report(f"Maximising {layer}", step, steps)
        by = random.integers(-reach, reach + 1, 2).tolist()
        return keras.ops.roll(given, by, axis=(1, 2)) if reach else given

    images = keras.Input(probe.image_shape)
    try:
        model = keras.Model([images], [Outputs(dtype="float32")(images)])
        found = ActivationMaximization(model)(
            score,
            seed_input=noise[best],
            input_range=(0.0, 1.0),
            steps=steps,
            input_modifiers=[jitter],
            regularizers=[TotalVariation2D(weight=1.5), Norm(weight=0.2, p=2)],
            optimizer=keras.optimizers.RMSprop(learning_rate=0.05, rho=0.95),
        )
    except (*FAULTS, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise Unavailable(f"tf-keras-vis could not excite {layer!r} of this model: {reason}") from error
    return np.asarray(found, np.float32)


def _noise(random: np.random.Generator, shape: tuple[int, int, int], count: int) -> Array:
    """`(count, H, W, C)` float32 in [0, 1]: noise whose grains are 1 to an eighth of the image wide."""
    height, width, channels = shape
    images = np.empty((count, *shape), np.float32)
    for number in range(count):
        grain = max(1, round(max(height, width) / 8 * (number / count) ** 2))
        coarse = random.random((-(-height // grain), -(-width // grain), channels), np.float32)
        images[number] = coarse.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width]
    return images
