"""VGG-16, trained on ImageNet, with a new classifier: 14.7 million parameters, and a last map twice as wide."""

from __future__ import annotations

from typing import Any

from workbench.training.architectures.pretrained import Published
from workbench.training.architectures.transfer import Backbone, blue_first, build_transfer

VGG16 = Backbone(
    architecture="vgg16",
    application="VGG16",
    prepare=blue_first,
    published=Published(
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "vgg16", "6d6bbae143d832006294945121d1f1fc"
    ),
)

RECIPE = "transfer"
"""The recipe that it is trained by where none is asked for."""


def build(image_shape: tuple[int, int, int], classes: int, weights: str | None = "imagenet") -> Any:
    """Build the network; see `build_transfer` for arguments and errors.

    Source: Simonyan and Zisserman 2014, arXiv 1409.1556, table 1, column D, without its dense layers.
    """
    return build_transfer(VGG16, image_shape, classes, weights)
