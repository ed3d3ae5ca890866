import numpy as np
import pytest

from workbench.data.jpeg import recompressed


@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_stays_and_loses_more_at_a_lower_quality(channels):
    ramp = np.linspace(20, 230, 32)
    images = np.repeat((ramp[:, None] + 10 * np.sin(np.arange(32)))[None, ..., None], channels, -1).astype(np.uint8)
    low, high = (np.abs(recompressed(images, quality).astype(int) - images).mean() for quality in (5, 90))
    assert high < 2 < low < 20
    assert np.array_equal(recompressed(images, 90).shape, images.shape)
