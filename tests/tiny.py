"""Small made data that tests share: four classes with hostile names, a bright square in one corner each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

HOSTILE = ('<img src=x onerror="alert(1)">', "$\\frac{1}{0}$ [bold]red[/]", "\x1b[31mred\u202e", "a" * 80)
"""Class names of the small run: markup, mathtext, control characters, and one that is too long."""


def made_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`(N, 28, 28)` uint8 images of four classes, a bright square in one corner each, and `(N,)` labels."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % len(HOSTILE)
    images = chance.integers(0, 90, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, left = 2 + 14 * (label // 2), 2 + 14 * (label % 2)
        image[top : top + 9, left : left + 9] += np.uint8(110)
    return images, labels


def moved_beside(tiny_run: Any, place: Path) -> str:
    """Put the small run into a place of runs, and another beside it: its weights moved a little. Return its name."""
    from workbench.training.runs import open_run
    from workbench.training.saving import save_run

    shutil.copytree(tiny_run.folder / tiny_run.name, place / tiny_run.name)
    made = open_run(tiny_run.name, place)
    model, chance = made.load_model(), np.random.default_rng(0)
    weights = [each + chance.normal(0, 0.02, each.shape).astype(each.dtype) for each in model.get_weights()]
    weights[-1][1] += 14  # the second class is said far more often
    model.set_weights(weights)
    manifest = made.manifest.model_copy(update={"name": "moved", "files": {}, "model_sha256": "", "checksum": ""})
    history = [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2)]
    save_run(manifest, model, history=history, predictions={}, folder=place)
    return "moved"
