"""What to label next: unsure images first, unlike each other, without copies, from a folder of any layout."""

import numpy as np
import pytest
from PIL import Image

from tests.tiny import made_images
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.diagnosis.opening import open_session
from workbench.session.next_labels import _ranked, next_labels


@pytest.fixture(scope="module")
def session(tiny_run):
    return open_session(tiny_run.folder / "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, session):
    """Twelve clear images; three with the squares of two classes; a copy, a mirrored one, two of training; rubbish."""
    place = tmp_path_factory.mktemp("pool")
    clear, _ = made_images(12, 7)
    pictures = {f"clear/{number}.png": image for number, image in enumerate(clear)}
    for number, (one, other) in enumerate(((0, 1), (1, 2), (2, 3))):
        pictures[f"deep/er/both {number}.png"] = np.maximum(clear[one], clear[other])
    pictures["copy.png"], pictures["mirrored.png"] = clear[3], clear[4][:, ::-1]
    pictures["known.png"], pictures["known too.png"] = (session.train.images[row][..., 0] for row in (5, 9))
    for name, image in pictures.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "read me.txt").write_text("no image")
    return place


def test_unsure_images_come_first_and_copies_do_not_come(session, folder):
    found = next_labels(session, folder, 100)
    assert (found.copies, found.known) == (2, 2)
    assert len(found.pool) == 19
    assert found.sentence == (
        "15 images to label next, of 19 without a label, 2 copies of others and 2 copies of training images left out."
    )
    assert found.table["rank"].tolist() == list(range(1, 16))
    probabilities = np.sort(session.beside(found.pool).predictions.probabilities, axis=1)
    margins = (probabilities[:, -1] - probabilities[:, -2])[found.images.rows]
    np.testing.assert_allclose(found.margin, margins, atol=1e-6)
    left = {name for name in found.names if not name.startswith(("clear/", "deep/"))}
    assert len({"copy.png", "clear/3.png"} & set(found.names)) == 1
    assert left <= {"copy.png", "mirrored.png"}
    assert found.names[0] == found.names[int(found.margin.argmin())]
    assert np.mean([name.startswith("deep/") for name in found.names[:5]]) > 0.2  # 3 of 15 by chance
    assert any("broken.png" in note for note in found.pool.notes)
    assert next_labels(session, folder, 4).names == next_labels(session, folder, 4).names
    assert len(next_labels(session, folder, 4).images) == 4


def test_the_next_one_is_unsure_and_unlike_those_before():
    embeddings = np.array([[0.0, 0], [0.1, 0], [5, 0], [0, 9], [50, 50]])
    margins = np.array([0.0, 0.01, 0.2, 0.3, 0.999])
    # Worth after the first: 0.1 × 0.99, 5 × 0.8, 9 × 0.7, 70.7 × 0.001; then 0.099, 4 and 0.07.
    assert _ranked(embeddings, margins, 4).tolist() == [0, 3, 2, 1]
    assert _ranked(embeddings, margins, 1).tolist() == [0]
    assert _ranked(embeddings[:0], margins[:0], 3).tolist() == []


def test_what_is_no_folder_of_images_is_told(session, tmp_path):
    with pytest.raises(Unavailable, match="There is no folder"):
        next_labels(session, tmp_path / "nothing")
    with pytest.raises(WorkbenchError, match="holds no image"):
        next_labels(session, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(WorkbenchError, match=r"None of the 1 image in .* can be read"):
        next_labels(session, tmp_path)
    with pytest.raises(WorkbenchError, match="`count` must be at least 1"):
        next_labels(session, tmp_path, 0)
