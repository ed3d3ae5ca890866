"""The small classifiers on which every attribution method is tried, and what compares their maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.diagnosis.contracts.trial import Trial, attentive, chain, functional, head, quick, seeded, stack
from workbench.models import engine


def same(values, expected, share=1e-5):
    """Assert that two sets of maps agree to a share of the largest value."""
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=share * np.abs(expected).max())


class Made:
    """Attributions by method, each made when it is first asked for; none of them is flat."""

    def __init__(self, trial):
        self.trial = trial

    def __getitem__(self, name):
        return self.trial.fitting(name).made(name)


@pytest.fixture(scope="session")
def kit():
    """The functions above, for tests: pytest's files cannot import each other."""
    return SimpleNamespace(
        stack=stack,
        chain=chain,
        functional=functional,
        attentive=attentive,
        seeded=seeded,
        head=head,
        quick=quick,
        same=same,
    )


@pytest.fixture(scope="module", autouse=True)
def _all_is_kept():
    """Of all methods on one probe nothing is traced twice."""
    before, engine.KEEP = engine.KEEP, 1000
    yield
    engine.KEEP = before


@pytest.fixture(scope="session")
def trial():
    """The model, images and maps that plug-ins are tried on too."""
    return Trial()


@pytest.fixture(scope="session")
def images(trial):
    return trial.images


@pytest.fixture(scope="session")
def background(trial):
    """Images of a training part."""
    return trial.background


@pytest.fixture(scope="session")
def target(trial):
    return trial.target


@pytest.fixture(scope="session")
def model(trial):
    return trial.model


@pytest.fixture(scope="session")
def probe(trial):
    return trial.probe


@pytest.fixture(scope="session")
def made(trial):
    """The attribution of each method, by name."""
    return Made(trial)
