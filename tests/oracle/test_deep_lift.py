"""DeepLIFT's rescale rule, arXiv:1704.02685, section 3.5.2, by explicit multipliers in float64, and against captum."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle.test_integrated_gradients import background, difference, references


def multipliers(network, image, start, at_logits):
    """m = C / Δx of every pixel, (H, W, C), for a start image and multipliers of the logits, (K,)."""
    ours, theirs = network.forward(image), network.forward(start)
    found = {name: np.zeros_like(values) for name, values in ours.items()}
    found[network.names[-1]] = at_logits
    order = ["image", *network.names]
    for layer in reversed(network.layers):
        name, kind = layer.name, type(layer).__name__
        givers = network.joins.get(name, (order[order.index(name) - 1],))
        m, x, before = found[name], ours[givers[0]], theirs[givers[0]]
        fused = getattr(getattr(layer, "activation", None), "__name__", "") == "relu"
        if fused:
            m = m * secants(
                *(linear(network, layer, each[givers[0]]) for each in (ours, theirs)), ours[name], theirs[name]
            )
        if kind == "ReLU":
            back = [m * secants(x, before, ours[name], theirs[name])]
        elif kind == "MaxPooling2D":
            rise = ours[name] - theirs[name]
            taken = [(x, m * np.maximum(rise, 0)), (before, m * np.minimum(rise, 0))]
            given = sum(network._backward(layer, [each], None, part, "gradient")[0] for each, part in taken)
            back = [np.divide(given, x - before, out=np.zeros_like(x), where=given != 0)]
        else:
            open_ = np.ones_like(ours[name]) if fused else ours[name]  # as if its ReLU were open everywhere
            back = network._backward(layer, [ours[giver] for giver in givers], open_, m, "gradient")
        for giver, part in zip(givers, back, strict=True):
            found[giver] = found[giver] + part
    return found["image"]


def linear(network, layer, x):
    """What a layer with a ReLU gives before it: what it gives of more and more bias, less that."""
    lift = 1e6
    weights = network.weights[layer.name]
    network.weights[layer.name] = [weights[0], weights[1] + lift]
    try:
        return network._apply(layer, [x]) - lift
    finally:
        network.weights[layer.name] = weights


def secants(x, before, y, y_before):
    """Δy / Δx, or where Δx is nothing, the slope of a ReLU."""
    apart = x - before
    return np.where(np.abs(apart) > 1e-7, (y - y_before) / np.where(np.abs(apart) > 1e-7, apart, 1), x > 0)


def of_score(case, number, image, start, score):
    """Multipliers of the logits: constants, or of 1 / Σ exp(f_k - f_c) by one function after the other."""
    if score != "probability":
        return case.cotangent(number, image, score)
    target = case.target[number]
    d, d_before = (
        network_scores - network_scores[target] for network_scores in map(case.network.scores, (image, start))
    )
    total, total_before = np.exp(d).sum(), np.exp(d_before).sum()
    of_sum = (1 / total - 1 / total_before) / (total - total_before)
    m = np.array(
        [
            of_sum * (np.exp(a) - np.exp(b)) / (a - b) if k != target else 0
            for k, (a, b) in enumerate(zip(d, d_before, strict=True))
        ]
    )
    m[target] = -m.sum()
    return m


@pytest.mark.parametrize(
    ("score", "reference"),
    [
        ("logit", "black"),
        ("contrast", "mean"),
        ("probability", "grey"),
        ("logit", "training"),
        ("probability", "blurred"),
    ],
)
def test_every_model(case, agree, score, reference):
    """Contributions m Δx, added over channels, their mean over references; and what they miss."""
    expected, given = (
        [],
        case.attribution(
            "deep-lift", score, reference=reference, background=background(case) if reference == "training" else None
        ),
    )
    for number, image in enumerate(case.images.astype(np.float64)):
        starts = references(reference, image, case)
        maps = [
            (image - start) * multipliers(case.network, image, start, of_score(case, number, image, start, score))
            for start in starts
        ]
        expected.append(np.mean(maps, axis=0).sum(axis=2))
        np.testing.assert_allclose(expected[-1].sum(), difference(case, number, score, reference), rtol=1e-6, atol=1e-8)
    agree(given.values, np.stack(expected), 1e-4, "deep-lift")
    assert list(given.details) == ["completeness gap"]
    scale = max(1, *(np.abs(case.network.scores(image)).max() for image in case.images))
    np.testing.assert_allclose(given.details["completeness gap"], 0, atol=1e-5 * scale)


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize("reference", ["black", "white"])
def test_second_witness_captum(case, agree, reference):
    """DeepLift of captum keeps the channels; its sum over them is ours.

    It has the same rule for a maximum, but with captum 0.9 the maps of a network that pools behind a ReLU do not add up
    to the difference (by 0.02 where that is 0.9), so that they are no witness there.
    """
    if any(type(layer).__name__ == "MaxPooling2D" for layer in case.network.layers):
        pytest.skip("captum's maps do not add up where a maximum follows a ReLU")
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    witness = attr.DeepLift(port(describe(case.model), case.network.joins))
    images = to_torch(case.images)
    baselines = torch.zeros_like(images) if reference == "black" else torch.ones_like(images)
    found = witness.attribute(images, baselines, target=torch.from_numpy(case.target))
    given = case.attribute("deep-lift", reference=reference)
    agree(given, to_numpy(found).sum(axis=-1), 1e-4, "deep-lift, captum")
