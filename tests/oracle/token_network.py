"""A slow float64 transformer in plain numpy that reads its weights from `tests.transformers.transformer`.

Only its forward pass is written out. Gradients are central differences of it, by any attention or any tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf

from tests.transformers import transformer

STEP = 1e-5
DEPTH, HEADS, WIDTH, PATCH = 2, 2, 8, 4


class TokenNetwork:
    """One image at a time; attention and tokens of any layer can be put in its place."""

    def __init__(self, model: Any, *, further: int, convolution: bool) -> None:
        self.further, self.convolution = further, convolution
        self._known: dict[tuple[bytes, bytes, str], np.ndarray] = {}
        self.weights = {each.name: [w.astype(np.float64) for w in each.get_weights()] for each in model.layers}

    def forward(self, image: np.ndarray, changed: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """(H, W, C) to everything by name: "attention0" is (heads, T, T), "norm0" and "block0" are (T, F)."""
        changed, seen = changed or {}, {}

        def note(name: str, values: np.ndarray) -> np.ndarray:
            seen[name] = changed.get(name, values)
            return seen[name]

        rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
        kernel, bias = self.weights["patches" if self.convolution else "embedded"]
        kernel, tokens = kernel.reshape(-1, WIDTH), []
        for i in range(rows):
            for j in range(columns):
                patch = image[i * PATCH : (i + 1) * PATCH, j * PATCH : (j + 1) * PATCH]
                tokens.append(patch.reshape(-1) @ kernel + bias)
        *more, places = self.weights["placed"]
        x = note("placed", np.concatenate([*(each[0] for each in more), tokens]) + places[0])
        for n in range(DEPTH):
            given = note(f"norm{n}", self._normalise(x, f"norm{n}"))
            x = x + self._attend(given, n, note)
            wide = self._normalise(x, f"second{n}") @ self.weights[f"wide{n}"][0] + self.weights[f"wide{n}"][1]
            wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
            x = note(f"block{n}", x + wide @ self.weights[f"narrow{n}"][0] + self.weights[f"narrow{n}"][1])
        x = note("norm", self._normalise(x, "norm"))
        read = x[0] if self.further else x.mean(axis=0)
        note("scores", read @ self.weights["scores"][0] + self.weights["scores"][1])
        return seen

    def gradient(self, image: np.ndarray, cotangent: np.ndarray, name: str) -> np.ndarray:
        """Gradient of `cotangent` · scores by what stands at `name`, by central differences."""
        key = image.tobytes(), cotangent.tobytes(), name
        if key in self._known:
            return self._known[key]
        values = self.forward(image)[name]
        found = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            both = []
            for sign in (1, -1):
                moved = values.copy()
                moved[place] += sign * STEP
                both.append(cotangent @ self.forward(image, {name: moved})["scores"])
            found[place] = (both[0] - both[1]) / (2 * STEP)
        self._known[key] = found
        return found

    def _normalise(self, x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta = self.weights[name]
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3) * gamma + beta

    def _attend(self, x: np.ndarray, n: int, note: Any) -> np.ndarray:
        of_query, b_query, of_key, b_key, of_value, b_value, out, b_out = self.weights[f"attention{n}"]
        count, attention = len(x), np.zeros((HEADS, len(x), len(x)))
        for h in range(HEADS):
            query, key = x @ of_query[:, h] + b_query[h], x @ of_key[:, h] + b_key[h]
            for i in range(count):
                odds = np.exp(key @ query[i] / np.sqrt(query.shape[1]))
                attention[h, i] = odds / odds.sum()
        attention = note(f"attention{n}", attention)
        return b_out + sum(attention[h] @ (x @ of_value[:, h] + b_value[h]) @ out[h] for h in range(HEADS))


@dataclass(frozen=True)
class TokenCase:
    """A transformer, its float64 twin, images, and two classes for each."""

    model: Any
    network: TokenNetwork
    probe: Any
    images: np.ndarray
    target: np.ndarray
    against: np.ndarray
    rows: int
    columns: int
    further: int

    def cotangents(self, score: str) -> list[np.ndarray]:
        """Gradient of a logit, or a contrast, by the logits, one for each image."""
        one = np.eye(self.probe.classes)
        taken = one[self.against] if score == "contrast" else 0
        return list(one[self.target] - taken)

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """(T, …) of all tokens to (h, w, …) of those that have a place."""
        return values[self.further :].reshape(self.rows, self.columns, *values.shape[1:])

    def read(self, relevance: np.ndarray) -> np.ndarray:
        """(T, T) to (h, w): the class token's row, or the mean of all."""
        return self.on_grid(relevance[0] if self.further else relevance.mean(axis=0))

    def attribute(self, name: str, score: str = "logit", **params: Any) -> np.ndarray:
        """What the workbench gives, (N, h, w)."""
        from workbench.attribution.methods import explainer
        from workbench.core.params import make

        against = self.against if score == "contrast" else None
        method = make(explainer(name), params)
        return method.attribute(self.probe, self.images, self.target, against=against, score=score).values


def token_case(further: int, convolution: bool) -> TokenCase:
    """Make one: 8×12 pixels are 2×3 tokens."""
    from workbench.models.probe import Probe

    model = transformer(
        (8, 12, 2), patch=PATCH, width=WIDTH, depth=DEPTH, further=further, classes=4, convolution=convolution
    )
    chance = np.random.default_rng(7)
    for layer in model.layers:
        weights = [
            chance.normal(0, 1 / np.sqrt(max(np.prod(w.shape[:-1]) / 3, 1)), w.shape) for w in layer.get_weights()
        ]
        if type(layer).__name__ == "LayerNormalization":
            weights[0] += 1
        layer.set_weights(weights)
    network = TokenNetwork(model, further=further, convolution=convolution)
    images = chance.random((3, 8, 12, 2), np.float32)
    probe = Probe(model, given="unit")
    return TokenCase(model, network, probe, images, np.array([0, 3, 1]), np.array([2, 0, 3]), 2, 3, further)
