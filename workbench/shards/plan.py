"""How many images are cut into shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMAGES, BYTES = 4096, 2**25
"""What a shard has at most: so many images, or 32 MB of what is kept of them."""


@dataclass(frozen=True)
class Shard:
    """Some images that follow each other: those from `start` on, before `stop`."""

    number: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def cut(count: int, bytes_of_one: int, batch: int) -> tuple[Shard, ...]:
    """Cut `count` images into shards of whole batches, so that each batch is the one that one process would have.

    Args:
        count: images.
        bytes_of_one: that are kept of an image.
        batch: images that are computed together.
    """
    most = min(IMAGES, BYTES // max(bytes_of_one, 1))
    size = max(1, most // batch) * batch
    starts = range(0, count, size)
    return tuple(Shard(number, start, min(start + size, count)) for number, start in enumerate(starts))


def batches(shard: Shard, batch: int) -> Sequence[range]:
    """Return the images of each batch of a shard."""
    return [range(start, min(start + batch, shard.stop)) for start in range(shard.start, shard.stop, batch)]
