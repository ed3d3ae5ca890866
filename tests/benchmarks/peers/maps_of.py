"""Maps by Captum or Xplique, in their own environment: `python maps_of.py captum case.npz maps.npz`.

Each method is as the library makes it, with what the comparison of speed gives it, too. A map of channels is their sum
where it is signed, and the largest where it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from export import ORACLE, TOLERANCE, Case, keras_network, read
from serving import parts

ROWS = 16
"""Images that a library is given at a time."""
Explain = Callable[[np.ndarray], np.ndarray]


def captum(case: Case) -> dict[str, Explain]:
    """Captum's on the torch port: each gives `(N, C, H, W)`, or `(N, 1, h, w)` of a layer."""
    import torch
    from captum import attr

    sys.path.insert(0, ORACLE)
    from torch_port import port, to_torch

    network, images = port(case.layers, dtype="float32"), to_torch(case.images, "float32")
    with torch.inference_mode():
        _same(network(images).numpy(), case)
    layer = getattr(network, case.layer)
    patches = {"sliding_window_shapes": (images.shape[1], 4, 4), "strides": (images.shape[1], 2, 2)}
    noise = {"nt_type": "smoothgrad", "nt_samples": 50, "stdevs": 0.15}
    kinds = {
        "saliency": (attr.Saliency(network), {}),
        "smooth-grad": (attr.NoiseTunnel(attr.Saliency(network)), noise),
        "integrated-gradients": (attr.IntegratedGradients(network), {"n_steps": 50}),
        "input-x-gradient": (attr.InputXGradient(network), {}),
        "guided-backprop": (attr.GuidedBackprop(network), {}),
        "deconvnet": (attr.Deconvolution(network), {}),
        "occlusion": (attr.Occlusion(network), {**patches, "perturbations_per_eval": 16}),
        "grad-cam": (attr.LayerGradCam(network, layer), {"relu_attributions": True}),
        "guided-grad-cam": (attr.GuidedGradCam(network, layer), {}),
    }

    def of(method, settings) -> Explain:
        def explain(target: np.ndarray) -> np.ndarray:
            found = []
            for part in parts(len(images), ROWS):
                given = images[part].clone().requires_grad_()
                made = method.attribute(given, target=torch.from_numpy(target[part]), **settings)
                if made.shape[2:] != images.shape[2:]:
                    made = torch.nn.functional.interpolate(made, images.shape[2:], mode="bilinear")
                found.append(np.moveaxis(made.detach().numpy(), 1, -1))
            return np.concatenate(found)

        return explain

    return {name: of(*how) for name, how in kinds.items()}


def xplique(case: Case) -> dict[str, Explain]:
    """Xplique's on the same Keras file: each gives `(N, H, W)` or `(N, H, W, C)`."""
    from xplique import attributions

    model = keras_network(case)
    _same(np.asarray(model(case.images, training=False)), case)
    kinds = {
        "saliency": ("Saliency", {}),
        "smooth-grad": ("SmoothGrad", {"nb_samples": 50, "noise": 0.15}),
        "integrated-gradients": ("IntegratedGradients", {"steps": 50}),
        "input-x-gradient": ("GradientInput", {}),
        "guided-backprop": ("GuidedBackprop", {}),
        "deconvnet": ("DeconvNet", {}),
        "occlusion": ("Occlusion", {"patch_size": 4, "patch_stride": 2}),
        "rise": ("Rise", {"nb_samples": 1000}),
        "sobol": ("SobolAttributionMethod", {}),
        "hsic": ("HsicAttributionMethod", {}),
        "grad-cam": ("GradCAM", {"conv_layer": case.layer}),
        "grad-cam-plus-plus": ("GradCAMPP", {"conv_layer": case.layer}),
    }

    def of(kind: str, settings) -> Explain:
        method = getattr(attributions, kind)(model, batch_size=128, **settings)
        classes = case.logits.shape[1]
        return lambda target: np.asarray(method.explain(case.images, np.eye(classes, dtype=np.float32)[target]))

    return {name: of(*how) for name, how in kinds.items()}


def _same(logits: np.ndarray, case: Case) -> None:
    difference = float(np.abs(logits - case.logits).max())
    if not difference <= TOLERANCE:
        sys.exit(f"its network's logits differ from ours by {difference:.1e}")


def main() -> None:
    """Explain the images for both classes of each, and write `(2, N, H, W)` maps by method."""
    library, case = {"captum": captum, "xplique": xplique}[sys.argv[1]], read(Path(sys.argv[2]))
    targets = np.load(Path(sys.argv[2]).with_name("targets.npy"))  # (2, N)
    made = {}
    for name, explain in library(case).items():
        maps = np.stack([explain(target) for target in targets])
        if maps.ndim == 5:
            maps = maps.sum(axis=-1) if (maps < 0).any() else maps.max(axis=-1)
        made[name] = maps.astype(np.float32)
    np.savez(sys.argv[3], **made)


if __name__ == "__main__":
    main()
