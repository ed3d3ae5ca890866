"""How many cores there are for a process."""

from __future__ import annotations

import os

import pytest

from workbench.core.cores import at_most, cores


@pytest.mark.parametrize(("named", "expected"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_a_share_that_is_named_is_taken_and_anything_else_is_what_the_system_gives(monkeypatch, named, expected):
    monkeypatch.setenv("WORKBENCH_CORES", named)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4}, raising=False)
    assert cores() == (expected or 5)


def test_libraries_compute_with_so_many_threads_meanwhile_and_with_as_many_as_before_afterwards():
    import scipy.linalg  # noqa: F401
    import sklearn.utils  # noqa: F401 - their libraries are limited, too
    from threadpoolctl import ThreadpoolController

    def threads():
        return {each["filepath"]: each["num_threads"] for each in ThreadpoolController().info()}

    with at_most(3):
        before = threads()
        assert set(before.values()) == {3}
        with at_most(1):
            assert set(threads().values()) == {1}
        with at_most(None):
            assert threads() == before
        assert threads() == before
