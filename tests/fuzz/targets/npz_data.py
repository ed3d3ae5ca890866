"""Arrays of images and labels: an .npz file in the Keras convention, or one that says the same in other words."""

import atexit
import io
import tempfile
from pathlib import Path

import numpy as np

from workbench.data.npz import holds_arrays, load_npz, parts_of

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
IMAGES = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
LABELS = np.array([0, 1, 0, 1])


def packed(save=np.savez_compressed, **arrays) -> bytes:
    """Return the bytes of an .npz file."""
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def seeds() -> list[bytes]:
    names = np.array(["cat", "dog"])
    return [
        packed(x_test=IMAGES, y_test=LABELS, class_names=names),
        packed(np.savez, x_train=IMAGES / 255, y_train=np.eye(2)[LABELS], x_test=IMAGES, y_test=LABELS[:, None]),
        packed(X=np.repeat(IMAGES, 5, axis=0), y=np.repeat(LABELS, 5)),
        packed(np.savez, test_images=np.asfortranarray(IMAGES[..., None]), test_labels=LABELS.astype(">i2")),
    ]


def attack(data: bytes) -> None:
    path = Path(FOLDER.name) / "data.npz"
    path.write_bytes(data)
    holds_arrays(path)
    part = parts_of(path)[-1]
    dataset = load_npz(path, part)
    assert dataset.images.dtype == np.uint8
    assert len(dataset.images) == len(dataset.labels)
    assert dataset.labels.max() < len(dataset.class_names)
    assert dataset.fingerprint
