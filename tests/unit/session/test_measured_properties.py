"""Properties of images are measured once, kept, and nobody who asks for something else waits for them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.patience import PATIENCE
from workbench.core.dataset import Dataset
from workbench.data.properties import image_properties
from workbench.data.saved_predictions import predictions_of
from workbench.diagnosis.opening import Session
from workbench.session import measured_properties


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 9, 9, 1), np.uint8)
    return Dataset(pixels, np.arange(20) % 2, class_names=("a", "b"), indices=np.arange(20), name="made/test")


def opened(data, **how):
    return Session(None, data, predictions=predictions_of(np.eye(2)[data.labels]), **how)


def test_they_are_measured_once_and_read_back_by_the_next(data, monkeypatch):
    first = opened(data)
    assert not first.has_properties
    expected = image_properties(data.images)
    assert first.properties.equals(expected) and first.has_properties
    monkeypatch.setattr(measured_properties, "image_properties", lambda _: pytest.fail("measured again"))
    again = opened(data)
    assert again.has_properties and again.properties.equals(expected)
    assert first.properties is first.properties


def test_without_a_cache_they_are_kept_in_memory_alone(data, tmp_path):
    session = opened(data, cache=False)
    assert len(session.properties) == 20 and session.has_properties
    assert not (tmp_path / "cache").exists()


def test_while_they_are_measured_predictions_are_there_at_once(data, monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def slowly(images):
        began.set()
        assert go_on.wait(PATIENCE)
        return image_properties(images)

    monkeypatch.setattr(measured_properties, "image_properties", slowly)
    session = opened(data)
    measuring = threading.Thread(target=lambda: session.properties)
    measuring.start()
    assert began.wait(PATIENCE)
    asked = threading.Thread(target=lambda: (session.predictions, session.has_properties))
    asked.start()
    asked.join(PATIENCE)
    assert not asked.is_alive()
    go_on.set()
    measuring.join(PATIENCE)
    assert session.has_properties
