import numpy as np
import pytest

from analyses.train_test_shift.changes import likely_change
from workbench.diagnosis.faults.other_crop import reframed
from workbench.diagnosis.planting.letters import Letters


@pytest.fixture(scope="module")
def parts():
    world = Letters(classes=4, side=24, train=400, test=400)(np.random.default_rng(0))
    return world.train.images, world.test.images


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: reframed(x, "cropped", 0.68), "cropped to the middle 65 %"),
        (lambda x: reframed(x, "padded", 0.62), "shrunk to 65 % within a black border"),
        (lambda x: reframed(x, "coarse", 0.33), "reduced to 35 % of their pixels"),
        (lambda x: (x * 0.6).astype(np.uint8), "darkened to 65 %"),
        (lambda x: np.rot90(x, 1, axes=(1, 2)), "turned by 90° to the left"),
    ],
)
def test_the_change_is_named_that_was_made(parts, change, words):
    train, test = parts
    name, share, tried = likely_change(train, change(test))
    assert words in name and share > 0.5 and tried > 20


def test_what_no_change_explains_is_not_explained(parts):
    train, test = parts
    assert likely_change(train, np.random.default_rng(0).integers(0, 256, test.shape).astype(np.uint8))[0] == ""
