"""Files fetched with Keras' downloader: quiet, with patience that ends, and never half a file."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workbench.core.errors import Unavailable
from workbench.core.progress import Progress, silent


def download(files: Mapping[str, str], folder: Path, progress: Progress = silent) -> None:
    """Fetch files into a folder; the caller verifies them.

    Args:
        files: name in the folder -> address.
        folder: made, if it is not there.
        progress: told which file is fetched.

    Raises:
        Unavailable: if the network or the disk does not let it.
    """
    progress("Loading Keras for the download", 0, len(files) + 1)
    import keras

    talks = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()  # its progress bar would be printed among our results
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # Keras sets none: behind a silent firewall it would wait for minutes a file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Keras writes straight to the final name, so a download that is cut off would look finished.
        with tempfile.TemporaryDirectory(dir=folder) as partial:
            for done, (name, address) in enumerate(files.items(), 1):
                progress(f"Downloading {name}", done, len(files) + 1)
                path = keras.utils.get_file(name, address, cache_dir=partial, cache_subdir="files")
                Path(path).replace(folder / name)
    except Exception as error:  # noqa: BLE001 - Keras raises a bare Exception where the network fails
        raise Unavailable(f"failed: {' '.join(str(error).split()) or type(error).__name__}.") from None
    finally:
        socket.setdefaulttimeout(patience)
        if talks:
            keras.config.enable_interactive_logging()
