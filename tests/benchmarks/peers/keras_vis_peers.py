"""tf-keras-vis in our own environment."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from export import Case, keras_network
from serving import Method, parts, serve


def prepare(case: Case) -> tuple[str, np.ndarray, dict[str, Method]]:
    """Its logits and what it has; integrated gradients and occlusion it has not."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    model, images, target, layer = keras_network(case), case.images, case.target, case.layer
    cam, saliency, score_cam = Gradcam(model), Saliency(model), Scorecam(model)

    def of(method, **settings):
        def work(count, rows):
            for part in parts(count, rows):
                method(CategoricalScore(target[part].tolist()), images[part], **settings)

        return work

    def scored(count, rows):
        score_cam(CategoricalScore(target[:count].tolist()), images[:count], penultimate_layer=layer, batch_size=rows)

    methods = {
        "grad-cam": Method(of(cam, penultimate_layer=layer), resized=True),
        "saliency": Method(of(saliency)),
        "smooth-grad": Method(of(saliency, smooth_samples=50, smooth_noise=0.2)),
        "score-cam": Method(scored, copies=True, resized=True),
    }
    return version("tf-keras-vis"), np.asarray(model(images)), methods


if __name__ == "__main__":
    serve(prepare)
