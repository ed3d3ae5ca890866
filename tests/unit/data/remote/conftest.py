import pytest

from tests.object_store import MOTO, moto_store, our_store
from tests.patience import PATIENCE
from workbench.data.remote import opening


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(opening, "ANEW", PATIENCE)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    opening._listings.clear()


@pytest.fixture
def store(monkeypatch):
    """Our own store, which can be at fault."""
    with our_store() as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture(params=["ours", "moto"])
def any_store(request, monkeypatch, tmp_path):
    """Each of the stores."""
    if request.param == "moto" and not MOTO:
        pytest.skip("moto's server is not installed: WORKBENCH_TEST_MOTO names its command")
    with our_store() if request.param == "ours" else moto_store(tmp_path) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made
