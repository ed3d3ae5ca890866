"""Folders of little image files that tests share: three colours of mixed sizes, one of them broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (30, 40, 200), "green": (30, 190, 40), "red": (200, 40, 30)}
SIZES = ((24, 24), (24, 24), (18, 30))  # height and width, in turn


def picture(colour: tuple[int, int, int], height: int, width: int, seed: int) -> Image.Image:
    """One colour with noise."""
    noise = np.random.default_rng(seed).integers(-25, 26, (height, width, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def photos(folder: Path, each: int = 10, first: int = 0) -> Path:
    """Write `each` JPEGs of every colour, `folder/red/0.jpg` and so on."""
    for label, (name, colour) in enumerate(COLOURS.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + each):
            height, width = SIZES[number % 3]
            picture(colour, height, width, 1000 * label + number).save(folder / name / f"{number}.jpg", quality=95)
    return folder


def broken(path: Path) -> Path:
    """Cut a JPEG off in the middle of its pixels."""
    picture((200, 40, 30), 24, 24, 7).save(path, "JPEG", quality=95)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 200])
    return path
