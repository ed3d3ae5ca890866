"""Reference images: what integrated gradients starts from, and what occlusion fills with."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from workbench.scorer import Tensor

Reference = Annotated[
    Literal["black", "grey", "white", "mean"],
    Field(description="image without evidence: black, mid-grey, white, or the image's own mean colour"),
]


def reference_images(kind: str, images: Tensor) -> Tensor:
    """`(B, H, W, C)` images to their references, of the same shape."""
    if kind == "mean":
        return ops.zeros_like(images) + ops.mean(images, axis=(1, 2), keepdims=True)
    return ops.zeros_like(images) + {"black": 0.0, "grey": 0.5, "white": 1.0}[kind]
