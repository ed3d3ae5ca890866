"""A set of as many images in as many classes as wanted, written in streams, and a model of a few thousand parameters.

An image is eight blocks of one brightness each, with noise on every pixel; a class is eight brightnesses. The model
takes the mean of each block and finds the nearest class: no training is needed, and it errs where classes are alike.
Some labels are wrong, some images are near copies of earlier ones, and those of one look, darker, are worse.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE, BLOCKS = 32, (4, 2)
AT_ONCE = 10_000
NOISE, SPREAD, DARK = 24.0, 7.0, 0.05
"""Deviation of a pixel, and of a block, in steps of 255; share of dark images, of which blocks deviate twice as far."""
WRONG, COPIED = 0.02, 0.005
"""Shares of labels that are wrong, and of images that are near copies of another one."""


@dataclass(frozen=True)
class LargeSet:
    """Where it lies, and what was planted: `wrong` and `(P, 2)` `copies` are rows."""

    data: Path
    model: Path
    wrong: np.ndarray[Any, Any]
    copies: np.ndarray[Any, Any]


def make(folder: Path, images: int, classes: int, *, seed: int = 0) -> LargeSet:
    """Write `data.npz` (x_test, y_test) and `model.keras`; memory does not grow with the number of images."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    means = chance.uniform(40, 215, (classes, BLOCKS[0] * BLOCKS[1])).astype(np.float32)
    labels = chance.integers(0, classes, images)
    copies = _copies(chance, images)
    for row, of in copies:  # in order, since a copy may be of a copy
        labels[row] = labels[of]
    wrong = np.sort(chance.choice(images, int(WRONG * images), replace=False))
    given = labels.copy()
    given[wrong] = (labels[wrong] + chance.integers(1, classes, len(wrong))) % classes
    path = folder / "data.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with archive.open("x_test.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (images, SIDE, SIDE, 1)}
            np.lib.format.write_array_header_1_0(file, header)
            for part in _pictures(chance, means, labels, copies):
                file.write(part.tobytes())
        with archive.open("y_test.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, given.astype(np.int64))
    return LargeSet(path, _model(folder / "model.keras", means), wrong, copies)


def _copies(chance: np.random.Generator, images: int) -> np.ndarray[Any, Any]:
    """Return pairs of a row and an earlier one of the same portion, which it is a copy of."""
    rows = np.sort(chance.choice(images, int(COPIED * images), replace=False))
    rows = rows[rows % AT_ONCE > 0]
    return np.stack([rows, rows - 1 - chance.integers(0, rows % AT_ONCE)], axis=1)


def _pictures(
    chance: np.random.Generator, means: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], copies: np.ndarray[Any, Any]
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield `(n, 32, 32, 1)` uint8 images."""
    for start in range(0, len(labels), AT_ONCE):
        some = labels[start : start + AT_ONCE]
        dark = chance.random(len(some)) < DARK
        blocks = means[some] + chance.normal(0, SPREAD, (len(some), means.shape[1])) * np.where(dark, 2, 1)[:, None]
        tall = np.repeat(blocks.reshape(-1, *BLOCKS), SIDE // BLOCKS[0], axis=1)
        whole = np.repeat(tall, SIDE // BLOCKS[1], axis=2) - np.where(dark, 25, 0)[:, None, None]
        whole += NOISE * chance.standard_normal(whole.shape, np.float32)
        images = np.clip(whole, 0, 255).astype(np.uint8)
        for row, of in copies[(copies[:, 0] >= start) & (copies[:, 0] < start + AT_ONCE)] - start:
            images[row] = np.clip(images[of].astype(np.int16) + chance.integers(-2, 3, images[of].shape), 0, 255)
        yield images[..., None]


def _model(path: Path, means: np.ndarray[Any, Any]) -> Path:
    """Write the model: the squared distance to each class, as a linear layer on the means of the blocks."""
    import keras

    size = (SIDE // BLOCKS[0], SIDE // BLOCKS[1])
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.AveragePooling2D(size, name="blocks"),
            keras.layers.Flatten(),
            keras.layers.Dense(len(means), name="classes"),
        ]
    )
    scale, sharp = means / 255, (255 / SPREAD) ** 2 / 2
    model.layers[-1].set_weights([2 * sharp * scale.T, -sharp * (scale**2).sum(axis=1)])
    model.save(path)
    return path
