import pytest

from tests.object_store import our_store
from workbench.data.remote import opening


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    opening._listings.clear()


@pytest.fixture
def store(monkeypatch):
    with our_store() as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made
