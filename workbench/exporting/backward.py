"""The backward pass of a layer in operations that run forward: what LiteRT and ONNX can take.

A rule takes one step of a walk and the gradient of a score by its output; it returns the gradient by its input, or a
list with one for each of its arguments (None for what is no tensor). Rules are found by the kind of the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from workbench.exporting import slopes
from workbench.exporting.backward_places import RULES_OF_PLACES, convolved_back, depthwise_back
from workbench.exporting.slopes import SLOPES
from workbench.models.graph import IDENTITIES, Step

Tensor = Any
Rule = Callable[[Step, Tensor], Any]


def rule_of(layer: Any) -> Rule | None:
    """Return the rule of a layer or an operation of `keras.ops`; None where there is none."""
    activation = getattr(layer, "activation", None)
    if _slope(activation) is None and _name(activation) not in ("linear", "softmax"):
        return None
    if getattr(layer, "quantization_mode", None) is not None:
        return None
    if getattr(layer, "data_format", "") == "channels_first" or getattr(layer, "interpolation", "") == "bilinear":
        return None
    return RULES.get(kind_of(layer))


def kind_of(layer: Any) -> str:
    """Name the class of Keras that says what the layer computes, "ops.Add" for operations; "" for one's own."""
    for kind in type(layer).__mro__:
        if kind.__module__.partition(".")[0] == "keras":
            own = type(layer).call is not getattr(kind, "call", None)
            return "" if own else kind.__name__ if isinstance(layer, keras.Layer) else f"ops.{kind.__name__}"
    return ""


def before_activation(layer: Any, received: Tensor) -> Tensor:
    """Apply a convolution or dense layer without its activation."""
    kind = kind_of(layer)
    kernel = None if kind == "SeparableConv2D" else ops.cast(layer.kernel, received.dtype)
    if kind == "Dense":
        output = ops.matmul(received, kernel)
    elif kind == "Conv2D":
        output = layer.convolution_op(received, kernel)
    else:
        settings = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
        settings["data_format"] = layer.data_format
        if kind == "DepthwiseConv2D":
            output = ops.depthwise_conv(received, kernel, **settings)
        else:
            kernels = (ops.cast(each, received.dtype) for each in (layer.depthwise_kernel, layer.pointwise_kernel))
            output = ops.separable_conv(received, *kernels, **settings)
    return output if layer.bias is None else output + ops.cast(layer.bias, output.dtype)


def _name(activation: Any) -> str:
    if isinstance(activation, keras.Layer):
        return "a layer"
    return "linear" if activation is None else str(getattr(activation, "__name__", "unknown"))


def _slope(activation: Any) -> slopes.Slope | None:
    """The slope of an activation: a function of `keras.activations`, or a layer of that kind."""
    if isinstance(activation, keras.Layer | keras.Operation):
        return _slope_of_layer(activation)
    known = getattr(keras.activations, _name(activation), None) is activation
    return SLOPES.get(_name(activation)) if known else None


def _slope_of_layer(layer: Any) -> slopes.Slope | None:
    kind = kind_of(layer).removeprefix("ops.")
    if kind == "ReLU":
        return slopes.relu_slope(float(layer.negative_slope), layer.max_value, float(layer.threshold))
    if kind in ("LeakyReLU", "LeakyRelu"):
        return slopes.leaky(layer.negative_slope)
    if kind == "PReLU":
        return slopes.leaky(layer.alpha)
    if kind in ("ELU", "Elu"):
        return slopes.exponential_linear(float(layer.alpha))
    if kind == "Gelu":
        return slopes.gelu(bool(layer.approximate))
    named = {
        "Relu": "relu",
        "Relu6": "relu6",
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
        "Silu": "silu",
        "HardSilu": "hard_silu",
        "HardSigmoid": "hard_sigmoid",
        "Softplus": "softplus",
        "Selu": "selu",
        "Softsign": "softsign",
        "Exp": "exponential",
    }
    return SLOPES.get(named.get(kind, ""))


def _through(activation: Any, before: Callable[[], Tensor], output: Tensor, gradient: Tensor) -> Tensor:
    """Go back through an activation; its input is only computed where the slope needs it."""
    if _name(activation) == "linear":
        return gradient
    output = tf.cast(output, gradient.dtype)
    if _name(activation) == "softmax":
        return output * (gradient - tf.reduce_sum(gradient * output, axis=-1, keepdims=True))
    slope = _slope(activation)
    return gradient * slope(tf.cast(before(), gradient.dtype), output) if slope is not None else gradient


def _linear_part(step: Step, gradient: Tensor) -> Tensor:
    layer = step.layer
    return _through(layer.activation, lambda: before_activation(layer, step.received), step.output, gradient)


def _activation(step: Step, gradient: Tensor) -> Tensor:
    return _through(step.layer.activation, lambda: step.received, step.output, gradient)


def _rectifier(step: Step, gradient: Tensor) -> Tensor:
    return _through(step.layer, lambda: step.received, step.output, gradient)


def _softmax(step: Step, gradient: Tensor) -> Tensor:
    output, axis = tf.cast(step.output, gradient.dtype), step.layer.axis
    return output * (gradient - tf.reduce_sum(gradient * output, axis=axis, keepdims=True))


def dense(layer: Any, gradient: Tensor) -> Tensor:
    """Go back through the kernel of a Dense layer."""
    kernel = tf.cast(ops.convert_to_tensor(layer.kernel), gradient.dtype)
    return tf.matmul(gradient, kernel, transpose_b=True)


def _separable(step: Step, gradient: Tensor) -> Tensor:
    layer = step.layer
    gradient = _linear_part(step, gradient)
    pointwise = tf.cast(ops.convert_to_tensor(layer.pointwise_kernel), gradient.dtype)
    gradient = tf.nn.conv2d(gradient, tf.transpose(pointwise, (0, 1, 3, 2)), 1, "VALID")
    return depthwise_back(layer, layer.depthwise_kernel, step.received, gradient)


def _batch_normalization(step: Step, gradient: Tensor) -> Tensor:
    layer = step.layer
    scale = tf.math.rsqrt(tf.cast(ops.convert_to_tensor(layer.moving_variance), gradient.dtype) + layer.epsilon)
    if layer.gamma is not None:
        scale *= tf.cast(ops.convert_to_tensor(layer.gamma), gradient.dtype)
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    shape = [1] * len(gradient.shape)
    shape[axis] = -1
    return gradient * tf.reshape(scale, shape)


def _layer_normalization(step: Step, gradient: Tensor) -> Tensor:
    """With x̂ the normalised values and g' = g γ: (g' - mean(g') - x̂ mean(g' x̂)) / σ."""
    layer, values = step.layer, tf.cast(step.received, gradient.dtype)
    axes = [axis % len(values.shape) for axis in (layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis])]
    shape = [size if axis in axes else 1 for axis, size in enumerate(values.shape)]
    mean, variance = (tf.reduce_mean(values, axes, keepdims=True), tf.math.reduce_variance(values, axes, keepdims=True))
    deviation = tf.math.rsqrt(variance + layer.epsilon)
    normal = (values - mean) * deviation
    if layer.gamma is not None:
        gradient = gradient * tf.reshape(tf.cast(ops.convert_to_tensor(layer.gamma), gradient.dtype), shape)
    along = tf.reduce_mean(gradient * normal, axes, keepdims=True)
    return deviation * (gradient - tf.reduce_mean(gradient, axes, keepdims=True) - normal * along)


def _scaled(step: Step, gradient: Tensor) -> Tensor:
    return gradient * tf.cast(step.layer.scale, gradient.dtype)


def _normalized(step: Step, gradient: Tensor) -> Tensor:
    layer = step.layer
    deviation = tf.maximum(tf.sqrt(tf.cast(ops.convert_to_tensor(layer.variance), gradient.dtype)), 1e-7)
    return gradient * deviation if layer.invert else gradient / deviation


def _layer_scale(step: Step, gradient: Tensor) -> Tensor:
    """ConvNeXt's: each feature map times a weight of its own."""
    return gradient * tf.cast(ops.convert_to_tensor(step.layer.gamma), gradient.dtype)


def _reshaped(step: Step, gradient: Tensor) -> Tensor:
    return tf.reshape(gradient, (-1, *step.received.shape[1:]))


def _permuted(step: Step, gradient: Tensor) -> Tensor:
    return tf.transpose(gradient, np.argsort((0, *step.layer.dims)))


def _sums(signs: tuple[int, ...] = ()) -> Rule:
    def rule(step: Step, gradient: Tensor) -> list[Any]:
        weights = signs or (1,) * len(step.arguments)
        return [_fitted(sign * gradient, each) for sign, each in zip(weights, step.arguments, strict=True)]

    return rule


def _average(step: Step, gradient: Tensor) -> list[Any]:
    return [_fitted(gradient / len(step.arguments), each) for each in step.arguments]


def _product(step: Step, gradient: Tensor) -> list[Any]:
    found = []
    for number, each in enumerate(step.arguments):
        others = gradient
        for other in (*step.arguments[:number], *step.arguments[number + 1 :]):
            others *= tf.cast(other, gradient.dtype)
        found.append(_fitted(others, each))
    return found


def _quotient(step: Step, gradient: Tensor) -> list[Any]:
    above, below = (tf.cast(each, gradient.dtype) for each in step.arguments)
    return [_fitted(gradient / below, step.arguments[0]), _fitted(-gradient * above / below**2, step.arguments[1])]


def _joined(step: Step, gradient: Tensor) -> list[Any]:
    tensors = [each for each in step.arguments if hasattr(each, "shape")]
    return [*tf.split(gradient, [each.shape[step.layer.axis] for each in tensors], axis=step.layer.axis)]


def _fitted(gradient: Tensor, argument: Any) -> Tensor | None:
    """Sum over what was broadcast, so that the gradient has the argument's shape; None for a number."""
    if not hasattr(argument, "shape") or not len(argument.shape):
        return None
    before = len(gradient.shape) - len(argument.shape)
    gradient = tf.reduce_sum(gradient, axis=list(range(before))) if before else gradient
    axes = [axis for axis, size in enumerate(argument.shape) if size == 1 and gradient.shape[axis] != 1]
    return tf.reduce_sum(gradient, axis=axes, keepdims=True) if axes else gradient


def _mean(step: Step, gradient: Tensor) -> Tensor:
    """`ops.mean` over given axes."""
    shape, axes = step.received.shape, step.layer.axis
    axes = [axis % len(shape) for axis in (axes if isinstance(axes, list | tuple) else [axes])]
    kept = [-1, *(1 if axis in axes else shape[axis] for axis in range(1, len(shape)))]
    spread = [1, *(shape[axis] if axis in axes else 1 for axis in range(1, len(shape)))]
    return tf.tile(tf.reshape(gradient, kept), spread) / float(np.prod([shape[axis] for axis in axes]))


RULES: dict[str, Rule] = {
    **RULES_OF_PLACES,
    **{kind: lambda _, gradient: gradient for kind in IDENTITIES},
    **dict.fromkeys(("ReLU", "LeakyReLU", "PReLU", "ELU"), _rectifier),
    **{
        f"ops.{kind}": _rectifier
        for kind in (
            "Relu",
            "Relu6",
            "LeakyRelu",
            "Elu",
            "Selu",
            "Gelu",
            "Silu",
            "HardSilu",
            "HardSigmoid",
            "Sigmoid",
            "Tanh",
            "Softplus",
            "Softsign",
            "Exp",
        )
    },
    **dict.fromkeys(("Flatten", "Reshape", "ops.Reshape", "ops.Squeeze", "ops.ExpandDims"), _reshaped),
    **dict.fromkeys(("Add", "ops.Add"), _sums()),
    **dict.fromkeys(("Subtract", "ops.Subtract"), _sums((1, -1))),
    **dict.fromkeys(("Multiply", "ops.Multiply"), _product),
    **dict.fromkeys(("ops.Divide", "ops.TrueDivide"), _quotient),
    **dict.fromkeys(("Concatenate", "ops.Concatenate"), _joined),
    "Dense": lambda step, gradient: dense(step.layer, _linear_part(step, gradient)),
    "Conv2D": lambda step, gradient: convolved_back(step.layer, step.received, _linear_part(step, gradient)),
    "DepthwiseConv2D": lambda step, gradient: depthwise_back(
        step.layer, step.layer.kernel, step.received, _linear_part(step, gradient)
    ),
    "SeparableConv2D": _separable,
    "Activation": _activation,
    "Softmax": _softmax,
    "ops.Softmax": _softmax,
    "ops.Mean": _mean,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Rescaling": _scaled,
    "Normalization": _normalized,
    "LayerScale": _layer_scale,
    "Permute": _permuted,
    "Average": _average,
}
"""By the name of the layer's class in Keras, "ops.…" for an operation of `keras.ops`."""
