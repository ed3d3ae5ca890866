"""Captum, zennit, torchcam, pytorch-grad-cam on the network in torch: `python torch_peers.py captum case.npz`."""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
from export import ORACLE, Case
from serving import Method, parts, serve


def captum(network, images, target, layer) -> dict[str, Method]:
    """Its methods take any number of images; where they make copies of them, 64 images are given at a time."""
    from captum import attr

    cam = attr.LayerGradCam(network, getattr(network, layer))
    saliency, gradients = attr.Saliency(network), attr.IntegratedGradients(network)
    shap, none = attr.GradientShap(network), {"baselines": 0 * images[:1]}
    lift = attr.DeepLift(network)
    smooth, occlusion = attr.NoiseTunnel(attr.Saliency(network)), attr.Occlusion(network)

    def of(method, **settings):
        def work(count, rows):
            for part in parts(count, rows):
                method.attribute(images[part], target=target[part], **settings)

        return work

    def with_copies(method, name, per_image, **settings):
        """Name the setting that says how many copies go into a call: of each image, or of all together."""

        def work(count, rows):
            for part in parts(count, 64):
                size = max(1, rows // min(count, 64)) if per_image else rows
                method.attribute(images[part], target=target[part], **{name: size}, **settings)

        return work

    def sized(method, name, per_image, size_name, **settings):
        """The same with another number of steps or samples, as maps with added channels."""

        def maps(count, rows, size):
            made = []
            for part in parts(count, 64):
                some = max(1, rows // min(count, 64)) if per_image else rows
                given = {name: min(some, size) if per_image else some, size_name: size}
                found = method.attribute(images[part], target=target[part], **given, **settings)
                made.append(found.detach().sum(dim=1).numpy())
            return np.concatenate(made)

        return maps

    noise = {"nt_type": "smoothgrad", "stdevs": 0.2, "abs": False}
    batches, calls = "nt_samples_batch_size", "internal_batch_size"
    patches = {"sliding_window_shapes": (images.shape[1], 4, 4), "strides": (images.shape[1], 2, 2)}
    return {
        "grad-cam": Method(of(cam, relu_attributions=True)),
        "saliency": Method(of(saliency)),
        "smooth-grad": Method(
            with_copies(smooth, batches, True, nt_samples=50, **noise),
            copies=True,
            maps=sized(smooth, batches, True, "nt_samples", **noise),
        ),
        "integrated-gradients": Method(
            with_copies(gradients, calls, False, n_steps=50),
            copies=True,
            maps=sized(gradients, calls, False, "n_steps"),
        ),
        "gradient-shap": Method(of(shap, n_samples=50, stdevs=0.05, **none), copies=True),
        "deep-lift": Method(of(lift, **none)),
        "occlusion": Method(with_copies(occlusion, "perturbations_per_eval", True, **patches), copies=True),
    }


def zennit(network, images, target, layer) -> dict[str, Method]:
    """Its composite is put on the network once for all calls."""
    _let_torchvision_in()
    import torch
    from zennit.attribution import Gradient
    from zennit.composites import EpsilonPlus

    chosen = torch.nn.functional.one_hot(target, network(images[:1]).shape[1]).to(images.dtype)

    def lrp(count, rows):
        with Gradient(network, EpsilonPlus()) as attributor:
            for part in parts(count, rows):
                attributor(images[part], chosen[part])

    return {"lrp": Method(lrp)}


def torchcam(network, images, target, layer) -> dict[str, Method]:
    """Its maps keep the layer's size."""
    import torch
    from torchcam.methods import GradCAM, ScoreCAM

    def grad_cam(count, rows):
        with GradCAM(network, layer) as cam:
            for part in parts(count, rows):
                cam(target[part].tolist(), network(images[part]))

    def score_cam(count, rows):
        with ScoreCAM(network, layer, batch_size=rows) as cam, torch.no_grad():
            for part in parts(count, 64):
                network(images[part])
                cam(target[part].tolist())

    return {"grad-cam": Method(grad_cam), "score-cam": Method(score_cam, copies=True)}


def pytorch_grad_cam(network, images, target, layer) -> dict[str, Method]:
    """Its maps are scaled to the image, one by one."""
    _let_torchvision_in()
    from pytorch_grad_cam import AblationCAM, GradCAM, ScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(int(one)) for one in target]

    def of(kind, copies):
        def work(count, rows):
            with kind(network, [getattr(network, layer)]) as cam:
                if copies:
                    cam.batch_size = rows
                for part in parts(count, 64 if copies else rows):
                    cam(images[part], targets[part])

        return Method(work, copies=copies, resized=True)

    return {"grad-cam": of(GradCAM, False), "score-cam": of(ScoreCAM, True), "ablation-cam": of(AblationCAM, True)}


def _let_torchvision_in() -> None:
    """Let torchvision be imported where its compiled part was built for another torch, for example one with CUDA.

    Nothing here uses that part: it is enough that the operators which it declares at import have a name.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")


LIBRARIES = {
    "captum": ("captum", captum),
    "zennit": ("zennit", zennit),
    "torchcam": ("torchcam", torchcam),
    "pytorch-grad-cam": ("grad-cam", pytorch_grad_cam),
}


def prepare(case: Case) -> tuple[str, np.ndarray, dict[str, Method]]:
    """The logits of the torch port, the forward pass, and the library's methods."""
    import torch

    sys.path.insert(0, ORACLE)
    from torch_port import port, to_torch

    package, methods = LIBRARIES[sys.argv[1]]
    network = port(case.layers, dtype="float32")
    images, target = to_torch(case.images, "float32"), torch.from_numpy(case.target)

    def forward(count, rows):
        with torch.inference_mode():
            return [network(images[part]) for part in parts(count, rows)]

    with torch.inference_mode():
        logits = network(images).numpy()
    found = methods(network, images, target, case.layer)
    return f"{version(package)}, torch {version('torch')}", logits, {"forward": Method(forward), **found}


if __name__ == "__main__":
    serve(prepare)
