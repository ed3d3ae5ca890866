"""How far the methods are from their equations: noted by the oracles, said at the end of a run."""

from __future__ import annotations

from collections import defaultdict

WORST: dict[str, float] = defaultdict(float)
"""Largest relative deviation by name."""
