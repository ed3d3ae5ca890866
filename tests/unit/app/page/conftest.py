"""Eight hand-made images of three classes with hostile names, seen by no model."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.patience import PATIENCE
from workbench.app.page.desk import Desk
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.diagnosis.opening import Session

EVIL = '<img src=x onerror="alert(1)">${7*7}{{7*7}}'
NAMES = ("T-shirt/top", EVIL, "Bag & 'case'")
LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = np.array([0, 1, 1, 1, 1, 0, 2, 2])
SURE = np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0, 40.0, 0.5])


class Page(HTMLParser):
    """Parsed HTML: every element with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(str(html))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str, **having: str) -> list[dict[str, str | None]]:
        """Attributes of every `tag` that has these."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in having.items()}
        return [a for name, a in self.elements if name == tag and wanted.items() <= a.items()]


@pytest.fixture(autouse=True)
def _nothing_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be shown, and images be read, for as long as a busy machine takes."""
    monkeypatch.setattr("workbench.app.page.jobs.RETRY", PATIENCE)
    monkeypatch.setattr("workbench.app.page.images.found.PATIENCE", PATIENCE)


@pytest.fixture
def answers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pane waits for its answer, instead of saying that it is being worked on."""
    monkeypatch.setattr("workbench.app.page.panes.section.PATIENCE", PATIENCE)


@pytest.fixture
def parse() -> type[Page]:
    return Page


def predictions(labels: np.ndarray, predicted: np.ndarray, sure: np.ndarray, classes: int) -> Predictions:
    logits = np.zeros((len(labels), classes), np.float32)
    logits[np.arange(len(labels)), predicted] = sure
    return Predictions(logits, labels)


@pytest.fixture
def dataset() -> Dataset:
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8) * 30
    return Dataset(images, LABELS, class_names=NAMES, indices=np.arange(100, 108), name="made/test")


@pytest.fixture
def hand() -> Predictions:
    return predictions(LABELS, PREDICTED, SURE, 3)


@pytest.fixture
def desk(dataset: Dataset, hand: Predictions, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose predictions are there and whose model is not."""
    model = tmp_path / "model.keras"
    model.write_bytes(b"never opened")
    session = Session(model, dataset, name='run "<1>"', preprocessing="unit", cache=False)
    session._predictions = hand
    made = Desk(session)
    yield made
    made.close()
