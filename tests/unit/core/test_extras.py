from __future__ import annotations

import sys

import pytest

from workbench.core.errors import Unavailable
from workbench.core.extras import require


def test_what_is_there_is_no_trouble_and_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)  # another test may have needed it
    require("json", "csv", extra="export", what="Reading")
    require("tf2onnx", extra="export", what="Reading")
    assert "tf2onnx" not in sys.modules


def test_what_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(Unavailable) as caught:
        require("json", "ai_edge_litert", "no_such_thing", extra="export", what="Exporting to litert")
    assert str(caught.value) == (
        "Exporting to litert needs ai-edge-litert, no-such-thing, not installed here: "
        "pip install 'classifier-workbench[export]'"
    )
