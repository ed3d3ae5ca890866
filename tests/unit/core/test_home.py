from __future__ import annotations

from pathlib import Path

from workbench.core.home import home


def test_it_is_the_working_folder_unless_another_is_named(monkeypatch):
    monkeypatch.delenv("WORKBENCH_HOME", raising=False)
    assert home() / "figures" == Path("figures")
    monkeypatch.setenv("WORKBENCH_HOME", "")
    assert home() == Path()
    monkeypatch.setenv("WORKBENCH_HOME", "/some/where")
    assert home() / "figures" == Path("/some/where/figures")
    monkeypatch.setenv("WORKBENCH_HOME", "~/where")
    assert home() == Path.home() / "where"
