"""The contract of a rule of layer-wise relevance propagation: relevance of a linear map's outputs -> of its inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from workbench.core.params import Named
from workbench.models.linear_maps import LinearMap
from workbench.models.scorer import Tensor


class Rule(Named, ABC):
    """Base of all rules; the fields of a subclass are the rule's parameters.

    The first line of a subclass's docstring says whom the relevance goes to; its source stands below.
    """

    @abstractmethod
    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        """Hand relevance back through z_j = Σ x_i w_ij + b_j.

        It must be linear in the relevance, and an image's values must not depend on the other images of the batch.

        Args:
            linear: the map.
            arriving: relevance of z, `(B, …)`.

        Returns:
            Relevance of x, of its shape.
        """
