"""A file of Keras is opened, asked, and asked for a gradient in a process of its own, before it is opened in ours.

Its layers and gradients are wanted here, so that it cannot stay there. What TensorFlow does with it may still crash,
never end, or take all memory; then only that process is lost, and it is said.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.provenance import code_digest, versions
from workbench.models.files import worker
from workbench.models.files.foreign import Foreign
from workbench.models.files.worker import Ended, Limits

LIMITS = Limits(load=120.0, first=120.0, later=120.0, slower=0.0)
"""Of each step; networks of 1,000 layers stay within them on one busy core."""
STEPS = 4
_refused: dict[str, str] = {}
"""What was said of files that did not pass, by what is kept of them: this process does not try them again."""


def try_model(path: Path, image_shape: tuple[int, int, int] | None, *, digest: str, keep: bool = True) -> None:
    """Try a model file of Keras in a process of its own; nothing is done where it passed before.

    Args:
        path: a `.keras` or `.h5` file.
        image_shape: (H, W, C) of the images that it will be given; None if it is only to be opened.
        digest: of all its bytes.
        keep: whether it is noted in the user's cache folder that it passed. What failed is tried anew by the
            next process that wants it: it may have been for want of memory.

    Raises:
        WorkbenchError: if it crashes, takes too long or too much memory, or says itself what is wrong with it.
    """
    size = "opened" if image_shape is None else "x".join(map(str, image_shape))
    kept = cache_folder() / "trials" / f"{digest}-{size}.npz"
    made_with = json.dumps({**versions(), "code": code_digest()}, sort_keys=True)
    if keep and (known := load_arrays(kept)) is not None and str(known.get("passed", "")) == made_with:
        return
    if kept.name in _refused:
        raise WorkbenchError(_refused[kept.name])
    try:
        passed = _passes(path, image_shape)
    except Ended as error:
        _refused[kept.name] = (
            f"{error} It was only tried, and is not opened here: if you trust it, load it in Python and give the model "
            "to `Session`."
        )
        raise WorkbenchError(_refused[kept.name]) from None
    if keep and passed:
        save_arrays(kept, {"passed": np.array(made_with)})


def _passes(path: Path, image_shape: tuple[int, int, int] | None) -> bool:
    what = f"Trying {path.name} in a process of its own"
    report(what, 0, STEPS)
    try:
        foreign = worker.open_in_worker(
            "rehearsal", path, size=path.stat().st_size, limits=LIMITS, meanwhile=_import_tensorflow
        )
    except Ended:
        raise
    except (WorkbenchError, ValueError) as error:
        if _has_own_classes():  # which that process lacks; code of the user's own is not tried
            return False
        raise _told(path, error) from None
    report(what, 1, STEPS)
    if image_shape is not None:
        _run(foreign, path, what, image_shape)
    report(what, STEPS, STEPS)
    return True


def _run(foreign: Foreign, path: Path, what: str, image_shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0)
    try:
        (rows,) = foreign.run(noise.random((2, *image_shape), np.float32), [0])
        report(what, 2, STEPS)
        images = noise.random((int(rows[0]), *image_shape), np.float32)
        foreign.run(images, [1])
        report(what, 3, STEPS)
    except Ended:
        raise
    except ValueError as error:
        raise _told(path, error) from None
    try:
        foreign.run(images, [2])
    except Ended:
        raise
    except ValueError:
        return  # what asks for a gradient will be told


def _told(path: Path, error: Exception) -> WorkbenchError:
    return error if isinstance(error, WorkbenchError) else WorkbenchError(f"{path.name} cannot be used: {error}.")


def _import_tensorflow() -> None:
    """Import here what is imported there at the same time."""
    import keras  # noqa: F401


def _has_own_classes() -> bool:
    import keras

    return any(not name.startswith("workbench>") for name in keras.saving.get_custom_objects())
