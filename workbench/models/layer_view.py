"""What a model is made of, as far as it can be seen: its layers, where they lie on the image, and why not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.types import Array
from workbench.models.attention import Attention
from workbench.models.feature_layers import LayerInfo
from workbench.models.inside import Inside


class LayerView:
    """The layers of a model that was looked at.

    Attributes:
        inference_only: what kind of file the model is, if it gives predictions and no gradients; else empty.
        keras_layers: the Keras layer, or operation, behind each layer, by path.
    """

    inference_only: str
    keras_layers: dict[str, Any]
    _inside: Inside

    @property
    def layers(self) -> dict[str, LayerInfo]:
        """Every layer by path, in the order of execution."""
        return self._inside.layers

    @property
    def attention(self) -> Attention:
        """Where tokens attend to each other, or why that cannot be followed."""
        return self._inside.attention

    @property
    def spatial_layers(self) -> list[str]:
        """Names of the layers with feature maps of the image, or tokens on it, in the order of execution."""
        return [layer.name for layer in self.layers.values() if layer.spatial]

    @property
    def default_layer(self) -> str | None:
        """The last spatial layer that does not only pool or move: where class activation maps are read, or None."""
        return self._inside.features.default

    def no_maps(self, method: str) -> str:
        """Explain why `method` finds no feature maps in this model."""
        needs = f"{method} needs a layer that computes (N, h, w, F) feature maps from the image."
        if self.inference_only:
            return f"{needs} {self._closed()}, and no layers."
        return f"{needs} {self._inside.features.reason}"

    def no_attention(self, method: str) -> str:
        """Explain why `method` finds no attention that it can follow in this model."""
        needs = f"{method} needs attention of all tokens of the image to all others, from the first layer to the last."
        return f"{needs} {f'{self._closed()}.' if self.inference_only else self.attention.reason}"

    def no_gradients(self, method: str) -> str:
        """Explain why `method` finds no gradients in this model."""
        return f"{method} needs gradients. {self._closed()}."

    def _closed(self) -> str:
        return f"This model is {self.inference_only}, inference-only: it gives predictions but no gradients"

    def spatial_layer(self, name: str | None, *, method: str = "A feature map") -> str:
        """Return `name`, or the default layer for None.

        Raises:
            WorkbenchError: if there is no such layer, or its output is not (N, h, w, F).
        """
        if name is None:
            if self.default_layer is None:
                raise WorkbenchError(self.no_maps(method))
            return self.default_layer
        if name not in self.layers:
            raise unknown("layer", name, self.spatial_layers)
        if not self.spatial_layers:
            raise WorkbenchError(self.no_maps(method))
        if name not in self.spatial_layers:
            shape = ", ".join(["N", *("?" if size is None else str(size) for size in self.layers[name].shape)])
            raise WorkbenchError(
                f"`layer` must be one of {', '.join(self.spatial_layers)}. Got {name!r}; its output is ({shape}), "
                f"{method} needs (N, h, w, F) with more than one place, computed from the image."
            )
        return name

    @property
    def tokens_note(self) -> str:
        """What is assumed about places of tokens, in sentences; empty where they were given or found."""
        return " ".join(grid.note for grid in self._inside.assumed)

    @property
    def tokens_assumed(self) -> str:
        """The same in short: "7x7+1 (assumed)"."""
        return ", ".join(f"{grid.words} (assumed)" for grid in self._inside.assumed)

    @property
    def filter_layers(self) -> list[str]:
        """Names of the layers whose kernel is (height, width, C, F)."""
        return [name for name, layer in self.keras_layers.items() if len(getattr(_kernel(layer), "shape", ())) == 4]

    def filters(self, layer: str) -> Array:
        """Weights of `layer`: `(height, width, C, F)` float32."""
        if layer not in self.filter_layers:
            raise unknown("convolution", layer, self.filter_layers)
        return np.asarray(keras.ops.convert_to_numpy(_kernel(self.keras_layers[layer])), np.float32)


def _kernel(layer: Any) -> Any:
    return (
        getattr(layer, "depthwise_kernel", None)
        if hasattr(layer, "depthwise_kernel")
        else getattr(layer, "kernel", None)
    )
