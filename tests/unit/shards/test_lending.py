"""Workers that are lent to a session: its images and training images are passed through the model by them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from shard_tasks import Squares, computed, expected

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.opening import open_session
from workbench.shards import lending as module
from workbench.shards import opening
from workbench.shards.crew import Here
from workbench.shards.lending import Lent, joined, lending, passed, some


@pytest.fixture
def opener(tiny_run, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(opening, "_opened", type(opening._opened)(4))
    return partial(open_session, model=tiny_run.model, data=tiny_run.data)


@pytest.fixture
def asked(monkeypatch):
    """How many images workers were asked about, each time."""
    embed, asked = module.embed, []

    def note(session, *rest):
        asked.append(len(session.dataset))
        return embed(session, *rest)

    monkeypatch.setattr(module, "embed", note)
    return asked


def test_what_is_missing_is_passed_by_workers_when_it_is_asked_for_and_no_sooner(opener, asked, monkeypatch, tmp_path):
    session = opener()
    with Here() as crew, lending(Lent(session, opener, crew)):
        assert asked == []
        logits = session.predictions.logits
        assert asked == [80]
        training = session.training.embeddings
        assert asked == [80, 240]
        sample = session.subset(slice(9)).training.subset(slice(5))
        assert len(sample.embeddings) == 5
        assert asked == [80, 240], "what is no part of the data is passed here"
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    alone = opener()
    assert np.array_equal(alone.predictions.logits, logits)
    assert np.array_equal(alone.training.embeddings, training)
    assert asked == [80, 240]


def test_the_first_images_are_passed_alone(opener, asked):
    with Here() as crew:
        session, lent = some(opener(), opener, crew, 30)
        with lending(lent):
            assert len(session.embeddings) == 30
            assert len(session.training.embeddings) == 240
        assert asked == [30, 240]
        whole, lent = some(opener(), opener, crew, 80)
        assert (len(whole.dataset), lent.rows) == (80, None)


@pytest.fixture
def unreadable(opener, monkeypatch):
    """Have the fourth studied image be cut off, once the scale of the pixels is known, which is measured on some."""
    opener().probe  # noqa: B018
    floats = Dataset.floats

    def read(self, rows=slice(None)):
        if self.name.endswith("/test") and "test/3" in self.names[rows]:
            raise WorkbenchError("its file is cut off")
        return floats(self, rows)

    monkeypatch.setattr(Dataset, "floats", read)


@pytest.mark.usefixtures("unreadable")
def test_an_image_that_cannot_be_read_is_named(opener):
    with Here() as crew:
        session = opener()
        with lending(Lent(session, opener, crew)), pytest.raises(WorkbenchError) as raised:
            session.embeddings  # noqa: B018
        assert str(raised.value).endswith("cannot be passed through the model. test/3: its file is cut off")
        assert str(raised.value).startswith("1 image of ")
        found, lent, left_out = passed(opener(), opener, crew)
        assert left_out == {"test/3": "its file is cut off"}
        assert found.dataset.names.tolist() == [f"test/{row}" for row in range(80) if row != 3]
        assert lent.opener().dataset.fingerprint == found.dataset.fingerprint
        assert lent.opener().has_embeddings and lent.session.training.has_embeddings


def test_an_image_that_could_not_be_computed_is_tried_again_by_whoever_asks_again(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "known_of", lambda session: {})
    with Here() as crew:
        lent = Lent(None, None, crew)
        with pytest.raises(WorkbenchError, match=r"^Squares: image 5 of 40 cannot be computed: image 5 is no picture"):
            joined(Squares(unreadable=frozenset({5})), lent, "Squares")
        found = joined(Squares(log=tmp_path), lent, "Squares")
    assert dict(enumerate(found["square"].tolist())) == expected(40)
    assert sorted(row for rows in computed(tmp_path) for row in rows) == list(range(8)), "the other shards were there"
