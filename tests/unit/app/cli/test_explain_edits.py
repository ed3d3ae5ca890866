"""`explain --edit`: what is explained is the changed image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.app.cli.commands.explain import _edits
from workbench.app.cli.commands.explained_images import ExplainedImages
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ImageNames
from workbench.core.predictions import Predictions


def logits(images):
    return np.stack([np.ones(len(images)), 9 * np.asarray(images)[:, 1, 2, 0]], axis=1).astype(np.float32)


def test_the_image_is_changed_asked_about_and_told(tmp_path):
    images = np.zeros((3, 4, 5, 1), np.uint8)
    images[2] = 255
    data = Dataset(images, np.array([0, 0, 1]), class_names=("dark", "bright"), indices=np.arange(3), name="made/test")
    session = SimpleNamespace(
        dataset=data,
        class_names=data.class_names,
        image_names=ImageNames(data.names),
        probe=SimpleNamespace(logits=logits),
        has_predictions=True,
        predictions=Predictions(logits(images / 255), data.labels),
        beside_part=lambda _: iter(()),
        context={"run": "made"},
    )
    path = tmp_path / "edits.json"
    path.write_text('[{"op": "swap", "box": [2, 1, 2, 1]}]')
    made = ExplainedImages(
        session, ["test/0", "2"], ("predicted",), score="logit", invert=False, edits=_edits(str(path))
    )
    assert made.images[0, :, :, 0].tolist() == [[0] * 5, [0, 0, 255, 255, 0], [0] * 5, [0] * 5]
    assert [made[place].predicted for place in (0, 1)] == ["bright", "dark"]
    assert [made[place].true for place in (0, 1)] == ["dark", "bright"]
    assert made.notes[0].startswith("test/0: dark 73.1 % → bright 99.97 %. A changed image is no image of the data")
    assert made.context == {"run": "made", "edits": [{"op": "swap", "box": [2, 1, 2, 1]}]}
    assert made.suffix == "changed"
    assert ExplainedImages(session, ["0"], ("label",), score="logit", invert=False).suffix == "as-label"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}/none.json", "No such file"),
        ("{}", "not a regular file"),
        ("{}/bytes", "is no text"),
        ('[{{"op": "melt"}}]', "There is no edit 'melt'"),
    ],
)
def test_what_is_no_list_of_edits_is_one_sentence(tmp_path, given, said):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorkbenchError, match=said):
        _edits(given.format(tmp_path))
