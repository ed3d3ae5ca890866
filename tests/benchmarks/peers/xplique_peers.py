"""Xplique in an environment of its own: it wants an older TensorFlow than ours."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from export import Case, keras_network
from serving import Method, parts, serve


def prepare(case: Case) -> tuple[str, np.ndarray, dict[str, Method]]:
    """Its logits and what it has, of the methods that are compared."""
    import tensorflow as tf
    from xplique import attributions

    model, images = keras_network(case), case.images
    one_hot = np.eye(case.logits.shape[1], dtype=np.float32)[case.target]
    forward = tf.function(lambda batch: model(batch, training=False), autograph=False)

    def of(kind, **settings):
        made = {}  # a method keeps what it has compiled

        def work(count, rows):
            if rows not in made:
                made[rows] = getattr(attributions, kind)(model, batch_size=rows, **settings)
            return np.asarray(made[rows].explain(images[:count], one_hot[:count]))

        return work

    def predict(count, rows):
        return [np.asarray(forward(images[part])) for part in parts(count, rows)]

    methods = {
        "forward": Method(predict),
        "grad-cam": Method(of("GradCAM", conv_layer=case.layer), resized=True),
        "saliency": Method(of("Saliency")),
        "smooth-grad": Method(of("SmoothGrad", nb_samples=50, noise=0.2), copies=True),
        "integrated-gradients": Method(of("IntegratedGradients", steps=50), copies=True),
        "occlusion": Method(of("Occlusion", patch_size=4, patch_stride=2), copies=True),
        "rise": Method(of("Rise", nb_samples=1000), copies=True),
        "sobol": Method(of("SobolAttributionMethod", grid_size=7, nb_design=32), copies=True, resized=True),
        "hsic": Method(of("HsicAttributionMethod", grid_size=7, nb_design=500), copies=True, resized=True),
    }
    return version("xplique"), np.asarray(forward(images)), methods


if __name__ == "__main__":
    serve(prepare)
