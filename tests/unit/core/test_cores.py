"""How many cores there are for a process."""

from __future__ import annotations

import os

import pytest

from workbench.core.cores import cores


@pytest.mark.parametrize(("named", "expected"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_a_share_that_is_named_is_taken_and_anything_else_is_what_the_system_gives(monkeypatch, named, expected):
    monkeypatch.setenv("WORKBENCH_CORES", named)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4}, raising=False)
    assert cores() == (expected or 5)
