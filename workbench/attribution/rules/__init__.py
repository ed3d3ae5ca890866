"""Rules of layer-wise relevance propagation, one per file; `composites` says which layers have which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.attribution.rule import Rule

RULES: Catalogue[Rule] = Catalogue(__name__, "workbench.attribution.rule:Rule", "rule of relevance propagation")
