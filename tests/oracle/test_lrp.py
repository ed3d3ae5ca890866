"""Layer-wise relevance propagation by explicit sums over z_ij = x_i w_ij in float64, and against zennit.

Bach et al. 2015 (doi:10.1371/journal.pone.0130140), equations 56, 58 and 60; Montavon et al. 2017 (arXiv:1512.02479),
z⁺ and zᴮ; Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10), γ.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from workbench.attribution.composites import COMPOSITES
from workbench.attribution.methods import explainer
from workbench.models.way_back import WayBack

EPSILON, GAMMA = 0.05, 0.5
MIXTURES = {  # rules of dense layers, convolutions, and the first layer
    "epsilon": ("epsilon", "epsilon", None),
    "epsilon-plus": ("epsilon", "z-plus", None),
    "epsilon-plus-flat": ("epsilon", "z-plus", "flat"),
    "epsilon-gamma-box": ("epsilon", "gamma", "box"),
    "alpha1-beta0": ("alpha1-beta0", "alpha1-beta0", None),
}


def matrix(layer, weights, shape):
    """A layer's weights as (I, J), each output and input by itself, its bias as (J,), and which pairs are joined."""
    if type(layer).__name__ == "Dense":
        return weights[0], weights[1], np.ones_like(weights[0])
    kernel = weights[0]
    top, left = (0, 0) if layer.padding == "valid" else ((kernel.shape[0] - 1) // 2, (kernel.shape[1] - 1) // 2)
    height, width = shape[0], shape[1]
    out = (height, width) if layer.padding == "same" else (height - kernel.shape[0] + 1, width - kernel.shape[1] + 1)
    full, joined = np.zeros((*shape, *out, kernel.shape[3])), np.zeros((*shape, *out, kernel.shape[3]))
    for i, j, p, q in np.ndindex(*out, *kernel.shape[:2]):
        y, x = i + p - top, j + q - left
        if 0 <= y < height and 0 <= x < width:
            full[y, x, :, i, j] = kernel[p, q]
            joined[y, x, :, i, j] = 1
    bias = np.tile(weights[1] if layer.use_bias else np.zeros(kernel.shape[3]), out[0] * out[1])
    inputs = int(np.prod(shape))
    return full.reshape(inputs, -1), bias, joined.reshape(inputs, -1)


def quotient(relevance, z):
    """R / z, nothing where z is nothing."""
    return np.divide(relevance, z, out=np.zeros_like(z), where=z != 0)


def handed_back(rule, x, layer, relevance):
    """Relevance of the I inputs of one layer, from that of its J outputs; what they were in `x`."""
    weights, bias, joined = layer
    z_ij = x[:, None] * weights
    above, below = np.maximum(z_ij, 0), np.minimum(z_ij, 0)
    match rule:
        case "epsilon":
            z = z_ij.sum(axis=0) + bias
            room = EPSILON * np.sqrt((z**2).mean())
            return (z_ij * quotient(relevance, z + np.where(z < 0, -room, room))).sum(axis=1)
        case "z-plus":
            return (above * quotient(relevance, above.sum(axis=0))).sum(axis=1)
        case "alpha1-beta0":
            return (above * quotient(relevance, above.sum(axis=0) + np.maximum(bias, 0))).sum(axis=1)
        case "gamma":
            found = np.zeros_like(x)
            for j, z in enumerate(z_ij.sum(axis=0) + bias):
                favoured = above[:, j] if z >= 0 else below[:, j]
                extra = max(bias[j], 0) if z >= 0 else min(bias[j], 0)
                shares = z_ij[:, j] + GAMMA * favoured
                found += shares / (shares.sum() + bias[j] + GAMMA * extra) * relevance[j]
            return found
        case "flat":
            return (joined * quotient(relevance, joined.sum(axis=0))).sum(axis=1)
        case "box":  # of pixels from 0 to 1
            shares = z_ij - 0 * np.maximum(weights, 0) - 1 * np.minimum(weights, 0)
            return (shares * quotient(relevance, shares.sum(axis=0))).sum(axis=1)
    raise NotImplementedError(rule)


def only(relevance, name, kept):
    """What goes on from a layer: of the one in `kept` a part of each channel, and nothing of any other tensor."""
    if kept is None or name != kept[0]:
        return relevance
    return {each: values * (kept[1] if each == name else 0) for each, values in relevance.items()}


def replica(case, number, score, mixture, *, kept=None):
    """The relevance of each tensor, and what the scores begin with.

    `kept` is a layer and a part of each channel of it: of what has arrived anywhere, only that goes on.
    """
    network, image = case.network, case.images[number].astype(np.float64)
    outputs = network.forward(image)
    logits, slope = outputs[network.names[-1]], case.cotangent(number, image, score)
    relevance = {name: np.zeros_like(values) for name, values in outputs.items()}
    relevance[network.names[-1]] = logits * slope
    dense, convolution, first = MIXTURES[mixture]
    order, folded, seen_first = (
        ["image", *network.names],
        {},
        next(each.name for each in network.layers if type(each).__name__ in ("Conv2D", "Dense")),
    )
    for layer in reversed(network.layers):
        name, kind = layer.name, type(layer).__name__
        relevance = only(relevance, name, kept)
        givers = network.joins.get(name, (order[order.index(name) - 1],))
        received, arriving = [outputs[giver] for giver in givers], relevance[name]
        x = received[0]
        match kind:
            case "ReLU":
                back = [arriving]
            case "BatchNormalization":  # a part of the convolution before it
                gamma, beta, mean, variance = network.weights[name]
                gain = gamma / np.sqrt(variance + layer.epsilon)
                folded[givers[0]], back = (gain, beta - mean * gain), [arriving]
            case "Flatten":
                back = [arriving.reshape(x.shape)]
            case "MaxPooling2D":
                back = [network._backward(layer, received, outputs[name], arriving, "gradient")[0]]
            case "GlobalAveragePooling2D":
                back = [x / x.shape[0] / x.shape[1] * quotient(arriving, x.mean(axis=(0, 1)))]
            case "Add":
                back = [part * quotient(arriving, sum(received)) for part in received]
            case "Conv2D" | "Dense":
                weights, bias, joined = matrix(layer, network.weights[name], x.shape)
                if name in folded:
                    gain, shift = (np.tile(each, len(bias) // len(each)) for each in folded[name])
                    weights, bias = weights * gain, bias * gain + shift
                if name == network.names[-1]:  # ε = 0 at the scores, where z / z is 1
                    back = [(x.ravel()[:, None] * weights * slope).sum(axis=1)]
                else:
                    rule = first if first and name == seen_first else (dense if kind == "Dense" else convolution)
                    back = [handed_back(rule, x.ravel(), (weights, bias, joined), arriving.ravel()).reshape(x.shape)]
        for giver, part in zip(givers, back, strict=True):
            relevance[giver] = relevance[giver] + part.reshape(outputs[giver].shape)
    return relevance, (logits * slope).sum()


def test_every_mixture_is_here():
    assert MIXTURES.keys() == COMPOSITES.keys()


@pytest.mark.parametrize(
    ("composite", "score"),
    [*((name, "logit") for name in MIXTURES), ("epsilon-gamma-box", "contrast"), ("epsilon-plus", "probability")],
)
def test_every_model(case, agree, composite, score):
    found = [replica(case, number, score, composite) for number in range(len(case.images))]
    expected = np.stack([relevance["image"].sum(axis=2) for relevance, _ in found])
    given = case.attribution("lrp", score, composite=composite, epsilon=EPSILON, gamma=GAMMA)
    agree(given.values, expected, 1e-4, f"lrp, {composite}")

    assert list(given.details) == ["conservation"]
    kept = [relevance["image"].sum() / start for relevance, start in found]
    np.testing.assert_allclose(given.details["conservation"], kept, rtol=1e-3, atol=1e-4)


def test_through_some_channels_of_a_layer(case, agree):
    """Achtibat et al. 2023 (arXiv:2206.03208): relevance of all other channels of the layer is set to zero there."""
    composite = "epsilon-gamma-box"
    rules, images = COMPOSITES[composite].rules(epsilon=EPSILON, gamma=GAMMA), case.images.astype(np.float32)
    numbers = range(len(images))

    def back(batch, target):
        return WayBack.of(case.probe, batch, lambda trace: tf.gather(trace.scores, target, axis=1, batch_dims=1), rules)

    for layer in {case.probe.spatial_layers[0], case.probe.spatial_layers[-1]}:

        def at_it(batch, target, channel, layer=layer):
            return back(batch, target).maps(layer)

        def through(batch, target, channel, layer=layer):
            way = back(batch, target)
            return way.through(layer, tf.one_hot(channel, way.trace.outputs[layer].shape[-1]))

        maps = case.probe.run(("maps", layer), at_it, images, case.target, None)
        found = [replica(case, number, "logit", composite)[0] for number in numbers]
        agree(maps, np.stack([each[layer] for each in found]), 1e-4, "lrp, at a layer")
        pixels, alone = [], []
        for channel, one in enumerate(np.eye(maps.shape[-1])):
            chosen = np.full(len(images), channel)
            pixels.append(case.probe.run(("through", layer), through, images, case.target, chosen))
            alone.append([replica(case, n, "logit", composite, kept=(layer, one))[0]["image"] for n in numbers])
        agree(np.stack(pixels), np.array(alone), 1e-4, "lrp, through a channel")
        if not case.network.joins or layer == case.probe.spatial_layers[-1]:  # no way goes around it
            every = case.attribute("lrp", composite=composite, epsilon=EPSILON, gamma=GAMMA)
            agree(np.sum(pixels, axis=(0, 4)), every.astype(np.float64), 1e-4, "lrp, all channels added")


def test_with_epsilon_zero_it_is_input_times_gradient_where_all_activations_are_relu(case, agree):
    """Bias or no bias: R_j = a_j · slope at each layer, so that x_i w_ij / z_j · R_j adds up to x_i · slope."""
    given = case.attribute("lrp", composite="epsilon", epsilon=0.0)
    agree(given, case.attribute("input-x-gradient").astype(np.float64), 1e-4, "lrp, input × gradient")


def zennits(composites, rules, types):
    """What zennit takes for our mixtures: the scores' layer with ε = 0, biases out of z⁺ as in deep Taylor."""
    dense = rules.Epsilon(epsilon=1e-9)
    base = [(types.Activation, rules.Pass()), (types.AvgPool, rules.Norm())]
    plus = [*base, (types.Convolution, rules.ZPlus(zero_params="bias")), (types.Linear, dense)]
    gamma = [*base, (types.Convolution, rules.Gamma(gamma=GAMMA)), (types.Linear, dense)]
    box = [(types.Convolution, rules.ZBox(low=0.0, high=1.0))]
    return {
        "epsilon": lambda: composites.LayerMapComposite([*base, (types.Linear, dense), (types.Convolution, dense)]),
        "epsilon-plus": lambda: composites.LayerMapComposite(plus),
        "epsilon-plus-flat": lambda: composites.SpecialFirstLayerMapComposite(
            plus, first_map=[(types.Linear, rules.Flat())]
        ),
        "epsilon-gamma-box": lambda: composites.SpecialFirstLayerMapComposite(gamma, first_map=box),
    }


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-plus", "epsilon-plus-flat", "epsilon-gamma-box"])
def test_second_witness_zennit(case, agree, composite):
    """Its rules by kinds of module; a sum has to be a module of its own for it, so that one network is left out.

    =====================  =============================================  =======================================
    what                   zennit 0.5.1                                   here
    =====================  =============================================  =======================================
    ε                      absolute, 1e-6                                 a share of the layer's root mean square
    z⁺ and biases          the bias takes its positive part               it takes none
    scores' layer          ε as in the other dense layers                 ε = 0
    batch normalisation    by a canonizer, here multiplied out            folded into the layer before it
    =====================  =============================================  =======================================
    """
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    composites = pytest.importorskip("zennit.composites", reason="zennit is not installed: pip install -e '.[witness]'")
    from zennit import rules, types

    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    if case.network.joins:
        pytest.skip("zennit wants its own module for a sum")
    network = port(folded(describe(case.model)))
    images = to_torch(case.images).requires_grad_()
    rows = torch.arange(len(case.target))
    with zennits(composites, rules, types)[composite]().context(network) as changed:
        scores = changed(images)
        start = torch.zeros_like(scores)
        start[rows, case.target] = scores.detach()[rows, case.target]
        (found,) = torch.autograd.grad(scores, images, start)
    given = explainer("lrp")(composite=composite, epsilon=0.0, gamma=GAMMA)
    values = given.attribute(case.probe, case.images, case.target).values
    agree(values, to_numpy(found).sum(axis=-1), 1e-3, f"lrp, zennit, {composite}")


def folded(layers):
    """The description of a network with its batch normalisations multiplied out."""
    found = []
    for layer in layers:
        if layer["kind"] == "BatchNormalization":
            gamma, beta, mean, variance = (np.asarray(each, np.float64) for each in layer["weights"])
            gain, before = gamma / np.sqrt(variance + layer["epsilon"]), found[-1]["weights"]
            bias = before[1] if len(before) > 1 else 0.0
            found[-1] = {**found[-1], "weights": [before[0] * gain, (bias - mean) * gain + beta]}
        else:
            found.append(layer)
    return found
