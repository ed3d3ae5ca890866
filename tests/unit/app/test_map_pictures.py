"""What is written above a map in its picture."""

from __future__ import annotations

import numpy as np

from workbench.app import map_pictures
from workbench.app.map_pictures import ExplainedImage, write_overlay
from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution


def test_how_much_of_the_score_a_map_adds_up_to_stands_above_it(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(map_pictures, "png_of", lambda figure: drawn.append(figure) or b"png")
    maps = Attribution(
        np.ones((2, 4, 4), np.float32),
        target=np.array([1, 0]),
        score="logit",
        signed=True,
        method="lrp",
        params={},
        layer=None,
        image_size=(4, 4),
        unit="logit",
        details={"conservation": np.array([0.25, -1.2345], np.float32)},
    )
    image = ExplainedImage(
        image=np.zeros((4, 4, 1), np.uint8), name="test/1", true="coat", predicted="coat", confidence=0.9, target="coat"
    )
    made = write_overlay(tmp_path, "one", image, maps, 1, method=explainer("lrp"), context={})
    said = [each.get_text() for axes in drawn[0].axes for each in axes.texts]
    assert "map of 4×4, conservation −1.23" in said
    assert made["details"]["conservation"] == np.float32(-1.2345)
