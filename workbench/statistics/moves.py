"""Codes that identify an image after it was mirrored, rotated, or shifted by one pixel."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

MIRRORED, TURNED, SHIFTED = "mirrored", "turned", "shifted"
LEAST = 8
"""Pixels a side from which on an image is identified without its border."""


class Moves:
    """Codes of images of one size: weighted sums over all pixels, and over the inner ones.

    If an image equals another one mirrored, its code equals the other's code with mirrored weights. All codes of a
    batch are one product of matrices. The weights are whole numbers, so small that float64 sums them exactly in
    whatever order; two different images share a code by chance about once in 2^40 pairs.

    Args:
        height, width, channels: of the images.
    """

    def __init__(self, height: int, width: int, channels: int) -> None:
        most = int(min(2**36, 2**53 // (256 * height * width * channels)))
        whole = np.random.default_rng(0).integers(1, most, (height, width, channels)).astype(np.float64)
        made = [("", whole), (MIRRORED, whole[:, ::-1]), (MIRRORED, whole[::-1]), (TURNED, whole[::-1, ::-1])]
        if height == width:
            made.append((TURNED, np.rot90(whole)))
        self._inner = len(made)
        if min(height, width) >= LEAST:
            middle = whole[1:-1, 1:-1]
            places = [(0, 0), *((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))]
            padding = [((1 + y, 1 - y), (1 + x, 1 - x), (0, 0)) for y, x in places]
            made += [(SHIFTED, np.pad(middle, each)) for each in padding]
        self._ways = [way for way, _ in made]
        self._weights = np.stack([weights.ravel() for _, weights in made], axis=1)

    def codes(self, images: Array) -> Array:
        """`(B, H, W, C)` uint8 to `(B, M)` float64; NaN for an image that is uniform inside: it would match any."""
        codes = np.asarray(images.reshape(len(images), -1).astype(np.float64) @ self._weights)
        middle = images[:, 1:-1, 1:-1] if min(images.shape[1:3]) >= LEAST else images
        codes[(middle == middle[:, :1, :1]).all(axis=(1, 2, 3))] = np.nan
        return codes

    def matches(self, codes: Array) -> dict[str, Array]:
        """Find which of N different images are each other's moved copies.

        Args:
            codes: `(N, M)`, as `codes` gives them.

        Returns:
            For each way `(P, 2)` int64 places, the smaller first, each pair once.
        """
        found: dict[str, list[Array]] = {MIRRORED: [], TURNED: [], SHIFTED: []}
        for number, way in enumerate(self._ways):
            still = self._inner if way == SHIFTED else 0
            if number in (0, self._inner):
                continue
            order = np.argsort(codes[:, still], kind="stable")  # NaN comes last, and equals nothing
            at = np.minimum(np.searchsorted(codes[order, still], codes[:, number]), len(codes) - 1)
            pairs = np.stack([order[at], np.arange(len(codes))], axis=1)
            same = (codes[order[at], still] == codes[:, number]) & (pairs[:, 0] != pairs[:, 1])
            found[way].append(np.sort(pairs[same], axis=1))
        return {
            way: np.unique(np.concatenate([np.zeros((0, 2), np.int64), *each]), axis=0) for way, each in found.items()
        }
