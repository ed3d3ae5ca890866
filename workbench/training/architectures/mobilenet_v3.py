"""MobileNetV3, the small one, trained on ImageNet, with a new classifier: 0.9 million parameters, made for CPUs."""

from __future__ import annotations

from typing import Any

from workbench.training.architectures.pretrained import Published
from workbench.training.architectures.transfer import Backbone, build_transfer, centre_pixels

MOBILENET_V3 = Backbone(
    architecture="mobilenet-v3",
    application="MobileNetV3Small",
    prepare=centre_pixels,
    published=Published(
        "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", "mobilenet_v3", "d3e8ec802a04aa4fc771ee12a9a9b836"
    ),
    options={"include_preprocessing": False},  # it would take pixels of 0…255
)

RECIPE = "transfer"
"""The recipe that it is trained by where none is asked for."""


def build(image_shape: tuple[int, int, int], classes: int, weights: str | None = "imagenet") -> Any:
    """Build the network; see `build_transfer` for arguments and errors.

    Source: Howard et al. 2019, arXiv 1905.02244, table 2 (MobileNetV3-Small).
    """
    return build_transfer(MOBILENET_V3, image_shape, classes, weights)
