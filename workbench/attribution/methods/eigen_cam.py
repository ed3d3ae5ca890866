"""Eigen-CAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer, Layer
from workbench.models.scorer import Scorer, Tensor


class EigenCAM(Explainer):
    """First principal component of a layer's feature maps, the same for every class.

    The maps, one a column, are projected on their first right singular vector, without centring. Its sign is free: the
    one is taken that makes the map's sum positive. Source: Muhammad and Yeasin 2020, arXiv:2008.00299, section III.
    """

    title: ClassVar[str] = "Eigen-CAM"
    paper: ClassVar[str] = "arXiv:2008.00299, sec. III"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "activation"
    use: ClassVar[str] = "Good for what a layer responds to; not for why a class was predicted: all share one map."
    of_class: ClassVar[bool] = False

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps = score.feature_maps(images, self.layer)
        height, width, count = maps.shape[1:]
        columns = ops.reshape(maps, (-1, height * width, count))  # O, (B, Z, F)
        if count <= height * width:  # the smaller of the two matrices whose eigenvectors are singular vectors of O
            vectors = ops.eigh(ops.einsum("bzf,bzg->bfg", columns, columns))[1]
            pattern = ops.einsum("bzf,bf->bz", columns, vectors[:, :, -1])
        else:
            squares, vectors = ops.eigh(ops.einsum("bzf,byf->bzy", columns, columns))
            pattern = ops.sqrt(ops.relu(squares[:, -1:])) * vectors[:, :, -1]
        pattern = ops.where(ops.sum(pattern, axis=1, keepdims=True) < 0, -pattern, pattern)
        return ops.reshape(pattern, (-1, height, width))
