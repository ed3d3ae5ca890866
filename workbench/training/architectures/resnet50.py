"""ResNet-50, trained on ImageNet, with a new classifier: 23.6 million parameters."""

from __future__ import annotations

from typing import Any

from workbench.training.architectures.pretrained import Published
from workbench.training.architectures.transfer import Backbone, blue_first, build_transfer

RESNET50 = Backbone(
    architecture="resnet50",
    application="ResNet50",
    prepare=blue_first,
    published=Published(
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "resnet", "4d473c1dd8becc155b73f8504c6f6626"
    ),
)

RECIPE = "transfer"
"""The recipe that it is trained by where none is asked for."""


def build(image_shape: tuple[int, int, int], classes: int, weights: str | None = "imagenet") -> Any:
    """Build the network; see `build_transfer` for arguments and errors.

    Source: He et al. 2015, arXiv 1512.03385, table 1, in Keras's version.
    """
    return build_transfer(RESNET50, image_shape, classes, weights)
