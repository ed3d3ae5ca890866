"""Slow float64 networks in plain numpy that read their weights from a Keras model, and the models to read from.

Forward and backward are written out by hand, layer by layer; `test_network.py` holds them to the Keras model and to
central differences. The replicas of the methods stand on them, one file a method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.deviations import WORST


class Network:
    """A chain of Keras layers in float64, one image at a time.

    Args:
        model: built of Conv2D (stride 1), BatchNormalization, ReLU, MaxPooling2D, GlobalAveragePooling2D, Flatten, Add,
            Dense and softmax at the end, which is left out.
        joins: the layers that an Add receives, by its name; every other layer receives the one before it.
    """

    def __init__(self, model, joins=None):
        self.layers = [layer for layer in model.layers if type(layer).__name__ not in ("InputLayer", "Softmax")]
        self.joins = joins or {}
        self.weights = {layer.name: [w.astype(np.float64) for w in layer.get_weights()] for layer in self.layers}
        self.names = [layer.name for layer in self.layers]

    def forward(self, image, changed=None):
        """(H, W, C) to the output of every layer by name; "image" is the image itself.

        The layers named in `changed` give what stands there, (h, w, F), whatever they receive.
        """
        outputs, last = {"image": np.asarray(image, np.float64)}, "image"
        for layer in self.layers:
            received = [outputs[name] for name in self.joins.get(layer.name, (last,))]
            outputs[layer.name], last = self._apply(layer, received), layer.name
            if layer.name in (changed or {}):
                outputs[layer.name] = changed[layer.name]
        return outputs

    def scores(self, image, changed=None):
        """(H, W, C) to (K,) logits."""
        return self.forward(image, changed)[self.names[-1]]

    def gradients(self, image, cotangent, rule="gradient"):
        """Outputs by name, and the gradient of `cotangent . scores(image)` by each of them.

        With another `rule`, "guided" or "deconvolved", each ReLU hands back something else: see `_through_relu`.
        """
        outputs = self.forward(image)
        gradients = {name: np.zeros_like(values) for name, values in outputs.items()}
        gradients[self.names[-1]] = np.asarray(cotangent, np.float64)
        order = ["image", *self.names]
        for layer in reversed(self.layers):
            givers = self.joins.get(layer.name, (order[order.index(layer.name) - 1],))
            received = [outputs[name] for name in givers]
            back = self._backward(layer, received, outputs[layer.name], gradients[layer.name], rule)
            for name, part in zip(givers, back, strict=True):
                gradients[name] = gradients[name] + part
        return outputs, gradients

    def _apply(self, layer, received):
        x = received[0]
        weights = self.weights[layer.name]
        match type(layer).__name__:
            case "Conv2D":
                kernel = weights[0]
                x = np.pad(x, _padding(layer, kernel))
                height, width = x.shape[0] - kernel.shape[0] + 1, x.shape[1] - kernel.shape[1] + 1
                output = np.zeros((height, width, kernel.shape[3]))
                for i, j in np.ndindex(kernel.shape[:2]):
                    output += x[i : i + height, j : j + width] @ kernel[i, j]
                output += weights[1] if layer.use_bias else 0
            case "BatchNormalization":
                gamma, beta, mean, variance = weights
                output = gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta
            case "ReLU":
                return np.maximum(x, 0)
            case "MaxPooling2D":
                return _windows(x).max(axis=2)
            case "GlobalAveragePooling2D":
                return x.mean(axis=(0, 1))
            case "Flatten":
                return x.reshape(-1)
            case "Add":
                return received[0] + received[1]
            case "Dense":
                output = x @ weights[0] + weights[1]
            case other:
                raise NotImplementedError(other)
        return np.maximum(output, 0) if _has_relu(layer) else output

    def _backward(self, layer, received, output, gradient, rule):
        """Gradients by what the layer received, one for each."""
        x = received[0]
        weights = self.weights[layer.name]
        if _has_relu(layer):
            gradient = _through_relu(gradient, output > 0, rule)
        match type(layer).__name__:
            case "Conv2D":
                kernel, padding = weights[0], _padding(layer, weights[0])
                wide, (height, width) = np.zeros_like(np.pad(x, padding)), gradient.shape[:2]
                for i, j in np.ndindex(kernel.shape[:2]):
                    wide[i : i + height, j : j + width] += gradient @ kernel[i, j].T
                return (wide[tuple(slice(a, wide.shape[n] - b) for n, (a, b) in enumerate(padding))],)
            case "BatchNormalization":
                return (gradient * weights[0] / np.sqrt(weights[3] + layer.epsilon),)
            case "ReLU":
                return (_through_relu(gradient, x > 0, rule),)
            case "MaxPooling2D":
                first, back = _windows(x).argmax(axis=2), np.zeros_like(x)  # of equal values the first one counts
                i, j, channel = np.indices(first.shape)
                back[2 * i + first // 2, 2 * j + first % 2, channel] = gradient  # windows do not overlap
                return (back,)
            case "GlobalAveragePooling2D":
                return (np.broadcast_to(gradient / (x.shape[0] * x.shape[1]), x.shape),)
            case "Flatten":
                return (gradient.reshape(x.shape),)
            case "Add":
                return (gradient, gradient)
        return (weights[0] @ gradient,)


def softmax(logits):
    """(K,) logits to (K,) probabilities."""
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def _through_relu(arriving, was_open, rule):
    """What a ReLU hands back of the R that arrives, by the three rules in figure 1 of arXiv:1412.6806."""
    match rule:
        case "gradient":
            return arriving * was_open
        case "guided":
            return arriving * was_open * (arriving > 0)
        case "deconvolved":
            return arriving * (arriving > 0)
    raise NotImplementedError(rule)


def _has_relu(layer):
    return getattr(getattr(layer, "activation", None), "__name__", "") == "relu"


def _padding(layer, kernel):
    if layer.padding == "valid":
        return ((0, 0), (0, 0), (0, 0))
    return (*(((size - 1) // 2, size - 1 - (size - 1) // 2) for size in kernel.shape[:2]), (0, 0))


def _windows(x):
    """(H, W, C) to (H // 2, W // 2, 4, C): what each 2x2 pooling window sees, row by row."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    cut = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return cut.transpose(0, 2, 1, 3, 4).reshape(height, width, 4, -1)


@dataclass(frozen=True)
class Case:
    """One tiny model with its float64 twin, three images, and a class to explain for each."""

    name: str
    model: object
    network: Network
    probe: object
    images: np.ndarray
    target: np.ndarray
    against: np.ndarray

    def value(self, point, number, score, changed=None):
        """The explained score at any point of the pixels' space, with the classes of image `number`."""
        logits, target = self.network.scores(point, changed), self.target[number]
        if score == "probability":
            return softmax(logits)[target]
        return logits[target] - (logits[self.against[number]] if score == "contrast" else 0)

    def cotangent(self, number, point, score):
        """Gradient of that score by the logits, (K,); a probability's depends on the point."""
        logits, target = self.network.scores(point), self.target[number]
        one = np.eye(len(logits))
        if score == "probability":
            p = softmax(logits)
            return p[target] * (one[target] - p)
        return one[target] - (one[self.against[number]] if score == "contrast" else 0)

    def cotangents(self, score):
        """The same at each of the images."""
        return [self.cotangent(number, image, score) for number, image in enumerate(self.images)]

    def attribute(self, name, score="logit", **params):
        """What the workbench gives, (N, h, w)."""
        return self.attribution(name, score, **params).values

    def attribution(self, name, score="logit", *, background=None, **params):
        """The same with everything that is told beside it."""
        from workbench.attribution.methods import explainer
        from workbench.core.params import make

        against = self.against if score == "contrast" else None
        return make(explainer(name), params).attribute(
            self.probe, self.images, self.target, against=against, score=score, background=background
        )


def _flat(keras):
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="scores")(x)), {}


def _gap(keras):
    image = keras.Input((9, 7, 1))
    x = keras.layers.Conv2D(4, (3, 2), padding="same", activation="relu", name="first")(image)
    x = keras.layers.Conv2D(5, 3, activation="relu", name="last")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(4, name="scores")(x)), {}


def _residual(keras):
    image = keras.Input((8, 8, 1))
    one = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="one")(image)
    two = keras.layers.Conv2D(3, 3, padding="same", name="two")(one)
    x = keras.layers.Add(name="add")([two, one])
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(6, activation="relu", name="hidden")(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="scores")(x)), {"add": ("two", "one")}


def _colour(keras):
    image = keras.Input((10, 9, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="one")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    x = keras.layers.Conv2D(5, 2, activation="relu", name="two")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(5, name="scores")(x)
    return keras.Model(image, keras.layers.Softmax()(x)), {}


@pytest.fixture(scope="session", params=[_flat, _gap, _residual, _colour], ids=["flat", "gap", "residual", "colour"])
def case(request):
    """Each of the tiny models in turn, with weights that leave some places negative and biases that are not zero."""
    import keras

    from workbench.models.probe import Probe

    model, joins = request.param(keras)
    chance = np.random.default_rng(6)  # with it no score is flat and no layer gives empty maps only
    for layer in model.layers:
        weights = [chance.normal(0, 1 / np.sqrt(max(np.prod(w.shape[:-1]), 4)), w.shape) for w in layer.get_weights()]
        if type(layer).__name__ == "BatchNormalization":
            weights[0] += 1
            weights[3] = weights[3] ** 2 + 0.3
        layer.set_weights(weights)
    images = chance.random((3, *model.input_shape[1:]), np.float32)
    classes = model.output_shape[-1]
    target, against = np.array([0, classes - 1, 1]), np.array([1, 0, 2])
    name = request.param.__name__.strip("_")
    return Case(name, model, Network(model, joins), Probe(model), images, target, against)


@pytest.fixture(scope="session", params=[(1, True), (0, False)], ids=["class token", "mean of tokens"])
def tokens(request):
    """A small transformer with a class token, and one whose tokens are averaged."""
    from tests.oracle.token_network import token_case

    return token_case(*request.param)


@pytest.fixture(scope="session")
def agree():
    """Assert that values equal their replica up to a share of its largest magnitude, and remember the worst share."""

    def check(values, replica, within, name):
        scale = np.abs(replica).max()
        assert scale > 0, "a replica of zeros would agree with anything that is broken alike"
        deviation = float(np.abs(values - replica).max() / scale)
        WORST[name] = max(WORST[name], deviation)
        assert values.shape == replica.shape
        assert deviation <= within, f"{name} is off by {deviation:.1e} of the largest value"

    return check
