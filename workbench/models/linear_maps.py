"""Steps of a walk as linear maps, whose contributions x·w can be asked for by their signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf
from keras import ops

from workbench.models.graph import Tensor
from workbench.models.passable_steps import Passable, made_by_keras
from workbench.models.pull_back import pull_back

Part = Literal["all", "positive", "negative", "even"]
"""Weights as they are, what of them is above or below zero, and ones in the place of all."""
Kind = Literal["dense", "convolution", "mixing", "attending"]
Box = Callable[[], tuple[Tensor, Tensor]]
SMALLEST = 1e-9
"""Share of the root mean square of a denominator that is added to it, so that nothing is divided by zero."""


@dataclass(frozen=True, kw_only=True)
class LinearMap:
    """One linear step, z_j = Σ x_i w_ij + b_j, in the precision of the pixels.

    Attributes:
        kind: "dense", "convolution", "mixing" without weights of its own: pooling by means, resizing; or "attending".
        received: x, `(B, …)`.
        kernel: what `apply` takes; None where there are no weights of its own, which then are not negative, or where
            they cannot be parted by their signs, as of attention.
        bias: b, in a shape that adds to z; None for none.
        apply: x and a kernel to Σ x_i w_ij.
        first: whether no weights lie between the image and it.
        positive: whether no x is negative, surely.
        box: returns what it receives for a black and for a white image, `(1, …)` each; None where nobody asks.
    """

    kind: Kind
    received: Tensor
    kernel: Tensor
    bias: Tensor
    apply: Callable[[Tensor, Tensor], Tensor]
    first: bool
    positive: bool
    box: Box | None = None

    def forward(self, values: Tensor, part: Part = "all") -> Tensor:
        """Σ v_i w_ij of any values in the place of x, over a part of the weights."""
        if self.kernel is None:
            found = self.apply(values, None)
            return tf.zeros_like(found) if part == "negative" else found
        return self.apply(values, self._weights(part))

    def back(self, arriving: Tensor, part: Part = "all") -> Tensor:
        """Σ w_ij s_j of what arrives, s, of the shape of z; of the shape of x."""
        if self.kernel is None and part == "negative":
            return tf.zeros_like(self.received)
        return pull_back(self.forward(self.received, part), [self.received], arriving)[0]

    def sums(self, sign: Literal["positive", "negative"]) -> Tensor:
        """Σ (x_i w_ij)⁺, or Σ (x_i w_ij)⁻."""
        above, below = self._signs(sign)
        found = self.forward(tf.nn.relu(self.received), above)
        return found if self.positive else found + self.forward(-tf.nn.relu(-self.received), below)

    def shares(self, arriving: Tensor, sign: Literal["positive", "negative"]) -> Tensor:
        """Σ (x_i w_ij)⁺ s_j over j, or Σ (x_i w_ij)⁻ s_j, of what arrives, s."""
        above, below = self._signs(sign)
        found = tf.nn.relu(self.received) * self.back(arriving, above)
        return found if self.positive else found - tf.nn.relu(-self.received) * self.back(arriving, below)

    @property
    def output(self) -> Tensor:
        """The z_j themselves."""
        found = self.forward(self.received)
        return found if self.bias is None else found + self.bias

    def biases(self, sign: Literal["positive", "negative"]) -> Tensor:
        """b⁺, or b⁻; 0 for none."""
        if self.bias is None:
            return tf.zeros((), self.received.dtype)
        return tf.nn.relu(self.bias) if sign == "positive" else -tf.nn.relu(-self.bias)

    def _weights(self, part: Part) -> Tensor:
        match part:
            case "positive":
                return tf.nn.relu(self.kernel)
            case "negative":
                return -tf.nn.relu(-self.kernel)
            case "even":
                return tf.ones_like(self.kernel)
        return self.kernel

    @staticmethod
    def _signs(sign: Literal["positive", "negative"]) -> tuple[Part, Part]:
        """Which weights give contributions of a sign where x is above, and where it is below zero."""
        return ("positive", "negative") if sign == "positive" else ("negative", "positive")


def quotient(arriving: Tensor, z: Tensor, epsilon: float = 0.0) -> Tensor:
    """Divide what arrives by z, which is moved away from zero by a share of its root mean square; 0 where all z are 0.

    Args:
        arriving: `(B, …)`.
        z: of the same shape.
        epsilon: the share, of the root mean square over all z of an image.
    """
    axes = list(range(1, len(z.shape)))
    size = tf.sqrt(tf.reduce_mean(tf.square(z), axis=axes, keepdims=True))
    return tf.math.divide_no_nan(arriving, z + tf.where(z < 0, -size, size) * (epsilon + SMALLEST))


def linear_maps(passable: Passable, floats: str, box: Box | None = None) -> list[LinearMap]:
    """Return the linear maps of a weighted step, in the order of execution: two of a separable convolution.

    Args:
        passable: the step; batch normalisation that is a part of it goes into its kernel and bias.
        floats: precision to compute in.
        box: what it receives for a black and for a white image.
    """
    layer, kind = passable.step.layer, made_by_keras(passable.step.layer)
    received = tf.cast(passable.received[0], floats)
    parts = list(_parts(layer, kind, floats))
    bias = None if layer.bias is None else tf.cast(layer.bias, floats)
    if passable.norm is not None:
        gain, shift = _affine(passable.norm, floats)
        bias = shift if bias is None else bias * gain + shift
        kernel, apply = parts[-1]
        parts[-1] = (kernel * _along_outputs(gain, kernel, kind), apply)
    if bias is not None and getattr(layer, "data_format", "") == "channels_first":
        bias = tf.reshape(bias, (1, -1, *[1] * (len(received.shape) - 2)))
    found = list[LinearMap]()
    for place, (kernel, apply) in enumerate(parts):
        before = found[-1].forward(found[-1].received) if found else received
        found.append(
            LinearMap(
                kind="dense" if kind == "Dense" else "convolution",
                received=before,
                kernel=kernel,
                bias=bias if place == len(parts) - 1 else None,
                apply=apply,
                first=passable.first and place == 0,
                positive=passable.positive and place == 0,
                box=box,
            )
        )
    return found


def mixing_map(passable: Passable, floats: str, box: Box) -> LinearMap:
    """Return the linear map of a step that mixes the values of one tensor and has no weights.

    Arguments are those of `linear_maps`.
    """
    received, layer = passable.received[0], passable.step.layer
    return LinearMap(
        kind="mixing",
        received=tf.cast(received, floats),
        kernel=None,
        bias=None,
        apply=lambda values, _: tf.cast(layer(tf.cast(values, received.dtype)), floats),
        first=passable.first,
        positive=passable.positive,
        box=box,
    )


def attending_map(passable: Passable, floats: str) -> LinearMap:
    """Return self-attention as a linear map of its tokens, `(B, T, D)`; how much each attends to others is held fixed.

    Arguments are those of `linear_maps`.
    """
    received, layer = passable.received[0], passable.step.layer
    weights = tf.stop_gradient(layer(received, received, return_attention_scores=True)[1])  # (B, heads, T, T)

    def attended(values: Tensor) -> Tensor:
        mixed = ops.einsum("bhts,bshd->bthd", weights, layer.value_dense(tf.cast(values, received.dtype)))
        return tf.cast(layer.output_dense(mixed), floats)

    given = tf.cast(received, floats)
    none = attended(tf.zeros_like(given))
    return LinearMap(
        kind="attending",
        received=given,
        kernel=None,
        bias=none,
        apply=lambda values, _: attended(values) - none,
        first=passable.first,
        positive=False,
    )


def _parts(layer: Any, kind: str, floats: str) -> Iterator[tuple[Tensor, Callable[[Tensor, Tensor], Tensor]]]:
    """Yield each kernel of a layer, and what applies it."""
    if kind == "Dense":
        yield tf.cast(layer.kernel, floats), ops.matmul
        return
    layout: dict[str, Any] = {"data_format": layer.data_format}
    how: dict[str, Any] = {
        **layout, "strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate
    }  # fmt: skip
    if kind.endswith("Transpose"):
        more = {**how, "output_padding": layer.output_padding}
        yield tf.cast(layer.kernel, floats), lambda x, kernel: ops.conv_transpose(x, kernel, **more)
        return
    if kind.startswith("Conv"):
        if layer.padding == "causal":
            padding = layer._compute_causal_padding()
            how["padding"] = "valid"
            yield tf.cast(layer.kernel, floats), lambda x, kernel: ops.conv(ops.pad(x, padding), kernel, **how)
        else:
            yield tf.cast(layer.kernel, floats), lambda x, kernel: ops.conv(x, kernel, **how)
        return
    first = layer.kernel if kind.startswith("Depthwise") else layer.depthwise_kernel
    yield tf.cast(first, floats), lambda x, kernel: ops.depthwise_conv(x, kernel, **how)
    if kind.startswith("Separable"):
        yield tf.cast(layer.pointwise_kernel, floats), lambda x, kernel: ops.conv(x, kernel, padding="valid", **layout)


def _affine(norm: Any, floats: str) -> tuple[Tensor, Tensor]:
    """Return what batch normalisation multiplies each channel by in inference, and what it adds, `(F,)` each."""
    mean, variance = tf.cast(norm.moving_mean, floats), tf.cast(norm.moving_variance, floats)
    gain = tf.math.rsqrt(variance + norm.epsilon)
    gain = gain * tf.cast(norm.gamma, floats) if norm.scale else gain
    return gain, (tf.cast(norm.beta, floats) if norm.center else 0.0) - mean * gain


def _along_outputs(gain: Tensor, kernel: Tensor, kind: str) -> Tensor:
    """Lay `(F,)` numbers along the axis of a kernel that stands for the outputs."""
    if kind.startswith("Depthwise"):  # (…, C, M), of which C × M are the outputs
        return tf.reshape(gain, kernel.shape[-2:])
    return gain[:, None] if kind.endswith("Transpose") else gain
