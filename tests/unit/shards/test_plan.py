"""Cutting images into shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workbench.shards.plan import BYTES, IMAGES, batches, cut


@given(count=some.integers(1, 100_000), bytes_of_one=some.integers(1, 10**9), batch=some.integers(1, 512))
def test_every_image_is_in_one_shard_and_every_batch_is_that_of_one_process(count, bytes_of_one, batch):
    count = min(count, 50 * max(1, min(IMAGES, BYTES // bytes_of_one) // batch) * batch)  # else it takes minutes
    plan = cut(count, bytes_of_one, batch)
    assert [row for shard in plan for rows in batches(shard, batch) for row in rows] == list(range(count))
    assert [rows for shard in plan for rows in batches(shard, batch)] == [
        range(start, min(start + batch, count)) for start in range(0, count, batch)
    ]
    for shard in plan:
        assert len(shard) <= max(batch, min(IMAGES, BYTES // bytes_of_one))


@pytest.mark.parametrize(
    ("bytes_of_one", "batch", "shards"), [(40, 256, 3), (40, 250, 3), (2**20, 256, 40), (2**20, 8, 313)]
)
def test_a_shard_has_at_most_4096_images_or_32_megabytes_but_a_whole_batch(bytes_of_one, batch, shards):
    assert len(cut(10_000, bytes_of_one, batch)) == shards
