"""The same network in torch, for witnesses that know no Keras: a description of a Keras model, and what is built of it.

Imports neither Keras nor torch by itself, so that the description can be made where there is no torch, and the network
be built where there is no Keras.
"""

from __future__ import annotations

import operator

import numpy as np


def describe(model):
    """List the layers of a Keras model as plain values and arrays; softmax at the end and dropout are left out.

    Raises:
        NotImplementedError: for a layer that is not one of Conv2D (stride 1), BatchNormalization, ReLU, MaxPooling2D,
            GlobalAveragePooling2D, Flatten, Add and Dense, or has another activation than ReLU.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ not in ("InputLayer", "Dropout", "Softmax")]
    return [_described(layer, last=layer is layers[-1]) for layer in layers]


def _described(layer, last):
    kind, described = type(layer).__name__, {"name": layer.name}
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation not in ("linear", "relu", *(["softmax"] if last else [])):
        raise NotImplementedError(f"activation {activation!r} of {layer.name!r}")
    match kind:
        case "Conv2D" if (layer.strides, layer.dilation_rate, layer.groups) == ((1, 1), (1, 1), 1):
            described["padding"] = layer.padding
        case "BatchNormalization" if layer.scale and layer.center:
            described["epsilon"] = layer.epsilon
        case "MaxPooling2D" if layer.padding == "valid":
            described["size"], described["strides"] = list(layer.pool_size), list(layer.strides)
        case "ReLU" if layer.max_value is None and not layer.negative_slope and not layer.threshold:
            pass
        case "GlobalAveragePooling2D" | "Flatten" | "Add" | "Dense":
            pass
        case _:
            raise NotImplementedError(f"{kind} {layer.name!r} as it is configured")
    return {**described, "kind": kind, "relu": activation == "relu", "weights": layer.get_weights()}


def port(layers, joins=None, dtype="float64"):
    """Build what `describe` gave as a `torch.nn.Module` in evaluation mode: `(B, C, H, W)` images to `(B, K)` logits.

    Each Keras layer is a submodule of the same name, with the same output up to the order of axes: its ReLU is part of
    it, and Flatten flattens in Keras' order.

    Args:
        layers: from `describe`.
        joins: the layers that an Add receives, by its name; every other layer receives the one before it.
        dtype: name of torch's dtype for weights and images.
    """
    import torch

    graph, modules, nodes = torch.fx.Graph(), {}, {}
    last = graph.placeholder("images")
    for layer in layers:
        name = layer["name"]
        if layer["kind"] == "Flatten":
            last = graph.call_method("permute", (last, 0, 2, 3, 1))
        if layer["kind"] == "Add":
            one, two = (nodes[giver] for giver in joins[name])
            last = graph.call_function(operator.add, (one, two))
        modules[name] = _module(torch, layer)
        last = nodes[name] = graph.call_module(name, (last,))
    graph.output(last)
    return torch.fx.GraphModule(modules, graph, "Port").to(getattr(torch, dtype)).eval()


def _module(torch, layer):
    """Return the torch module of one layer, with its weights."""
    nn, weights = torch.nn, [torch.from_numpy(np.array(w, np.float64)) for w in layer["weights"]]
    match layer["kind"]:
        case "Conv2D":
            kernel = weights[0].permute(3, 2, 0, 1)  # (height, width, C, F) to (F, C, height, width)
            features, channels, *size = kernel.shape
            module = nn.Conv2d(channels, features, size, padding=layer["padding"], bias=len(weights) > 1)
            _load(torch, module, weight=kernel, **({"bias": weights[1]} if len(weights) > 1 else {}))
        case "Dense":
            module = nn.Linear(*weights[0].shape, bias=len(weights) > 1)
            _load(torch, module, weight=weights[0].T, **({"bias": weights[1]} if len(weights) > 1 else {}))
        case "BatchNormalization":
            module = nn.BatchNorm2d(len(weights[0]), eps=layer["epsilon"])
            names = ("weight", "bias", "running_mean", "running_var")
            _load(torch, module, **dict(zip(names, weights, strict=True)))
        case "ReLU":
            module = nn.ReLU()
        case "MaxPooling2D":
            module = nn.MaxPool2d(layer["size"], layer["strides"])
        case "GlobalAveragePooling2D":
            module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case "Flatten":
            module = nn.Flatten()
        case "Add":
            module = nn.Identity()  # of the sum, which is a node of the graph
    return nn.Sequential(module, nn.ReLU()) if layer["relu"] else module


def _load(torch, module, **arrays):
    """Set parameters and buffers by name, in float64."""
    module.double()
    with torch.no_grad():
        for name, values in arrays.items():
            getattr(module, name).copy_(values)


def to_torch(images, dtype="float64"):
    """`(B, H, W, C)` array to a `(B, C, H, W)` tensor."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1))).to(getattr(torch, dtype))


def to_numpy(maps):
    """`(B, F, h, w)` tensor to a `(B, h, w, F)` array; `(B, D)` as it is."""
    values = maps.detach().cpu().numpy()
    return np.moveaxis(values, 1, -1) if values.ndim == 4 else values
