"""Fashion-MNIST: found in one of five places, verified, never used damaged.

Source: Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core import cache as store
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.data.sources.keras_download import download

NAME = "fashion-mnist"
CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"  # as in keras.datasets.fashion_mnist

# SHA-256 of the uncompressed files: mirrors compress them differently.
CHECKSUMS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
PREFIXES = {"train": "train-", "test": "t10k-"}
LARGEST = 64 * 2**20  # bytes uncompressed; the training images are 47 MB


@dataclass(frozen=True)
class Located:
    """Where verified files are.

    Attributes:
        folder: the folder that holds them.
        source: what kind of place it is, in words.
        checksums: SHA-256 of each uncompressed file.
        tried: for each place that was tried before, why it did not serve; also what was set aside.
    """

    folder: Path
    source: str
    checksums: Mapping[str, str]
    tried: tuple[str, ...] = ()


def load(split: str, data_dir: str | Path | None = None, progress: Progress = silent) -> Dataset:
    """Load "train" (60,000) or "test" (10,000): 28 x 28 grey images of ten kinds of clothing.

    Raises:
        Unavailable: if no source has the files of this split; lists every source and why it failed.
    """
    names = [name for name in CHECKSUMS if name.startswith(PREFIXES[split])]
    located, files = _serve(data_dir, names, progress)
    images, labels = (_idx(files[name]) for name in names)
    return Dataset(
        images=images[..., np.newaxis],
        labels=labels.astype(np.int64),
        class_names=CLASS_NAMES,
        indices=np.arange(len(labels)),
        name=f"{NAME}/{split}",
        source_fingerprint=" ".join(located.checksums[name] for name in names),
    )


def locate(data_dir: str | Path | None = None, progress: Progress = silent) -> Located:
    """Find all four files in one place, verify them, and fetch them where no place has them.

    Args:
        data_dir: folder to look into first; else the one named by `WORKBENCH_DATA`.
        progress: told which file is verified or fetched.

    Raises:
        Unavailable: if nothing serves; lists every source tried and why it failed.
    """
    return _serve(data_dir, list(CHECKSUMS), progress)[0]


def cache_folder() -> Path:
    """Return the folder of this user where fetched files are kept."""
    return store.cache_folder() / NAME


def _serve(data_dir: str | Path | None, names: list[str], progress: Progress) -> tuple[Located, dict[str, bytes]]:
    """Return the first place whose files `names` are whole, and their contents."""
    tried: list[str] = []
    for source, folder, fetch in _places(data_dir, progress):
        try:
            if fetch is not None:
                fetch()
            files = _read(folder, names, progress, ours=folder == cache_folder())
        except Unavailable as error:
            tried.append(f"{source} ({folder}): {error}")
        else:
            checksums = {name: CHECKSUMS[name] for name in names}
            return Located(folder, source, checksums, tuple(tried)), files
    raise Unavailable(
        "Fashion-MNIST was not found. Tried:\n"
        + "".join(f"  {number}. {line}\n" for number, line in enumerate(tried, 1))
        + f"Either `apt-get install {PACKAGE}`, or put {', '.join(f'{name}.gz' for name in names)} into a folder "
        "and name it with `--data-dir` or WORKBENCH_DATA."
    )


def _places(data_dir: str | Path | None, progress: Progress) -> Iterable[tuple[str, Path, Callable[[], None] | None]]:
    """Yield each place in order: its name, its folder, and what puts the files there, if anything has to."""
    named = data_dir or os.environ.get("WORKBENCH_DATA")
    if named:
        yield "--data-dir" if data_dir else "WORKBENCH_DATA", Path(named), None
    cache = cache_folder()
    yield "the cache", cache, None
    yield f"Debian's package {PACKAGE}", DEBIAN_FOLDER, None
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    yield "an earlier Keras download", home / "datasets" / NAME, None
    yield "Keras's downloader", cache, lambda: _download(cache, progress)
    yield f"apt-get download {PACKAGE}", cache, lambda: _unpack(cache, progress)


def _read(folder: Path, names: list[str], progress: Progress, *, ours: bool) -> dict[str, bytes]:
    """Return the verified contents of the files `names` of `folder`, plain or compressed.

    Args:
        folder: where to look.
        names: files without ".gz".
        progress: told which file is being verified.
        ours: whether a damaged file may be renamed, so that it is fetched again.

    Raises:
        Unavailable: if a file is missing or damaged, naming it.
    """
    files = {}
    for done, name in enumerate(names):
        progress(f"Verifying {name}", done, len(names))
        present = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
        if not present:
            raise Unavailable(f"no {name}.gz there." if folder.is_dir() else "no such folder.")
        found = [(path, _uncompressed(path)) for path in present]
        whole = [data for _, data in found if hashlib.sha256(data).hexdigest() == CHECKSUMS[name]]
        if not whole:
            raise Unavailable(" ".join(_damaged(path, hashlib.sha256(data).hexdigest(), ours) for path, data in found))
        files[name] = whole[0]
    progress("Verifying", len(names), len(names))
    return files


def _uncompressed(path: Path) -> bytes:
    """Return what can be read of a file; a broken archive gives nothing, and so the wrong checksum."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(LARGEST)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return b""
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None


def _damaged(path: Path, checksum: str, ours: bool) -> str:
    """Say that `path` is damaged; set it aside if it is ours."""
    damage = f"{path.name} is damaged (SHA-256 {checksum[:12]}… of its content is not the published one)"
    if not ours:
        return f"{damage}; it was not used."
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        return f"{damage}; it was not used, and could not be renamed: {error.strerror}."
    return f"{damage}; it was renamed to {aside.name}."


def _download(cache: Path, progress: Progress) -> None:
    """Fetch with Keras's downloader what the cache lacks.

    Raises:
        Unavailable: if the network or the disk does not let it.
    """
    download({f"{name}.gz": f"{KERAS_URL}{name}.gz" for name in _missing(cache)}, cache, progress)


def _unpack(cache: Path, progress: Progress) -> None:
    """Download Debian's package and unpack it into the cache; needs no root.

    Raises:
        Unavailable: if there is no apt-get, or a step of it fails.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unavailable("there is no apt-get on this machine.")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            folder = Path(scratch)
            progress(f"apt-get download {PACKAGE}", 0, 2)
            _apt_download(folder)
            progress("Unpacking", 1, 2)
            package = next(folder.glob("*.deb"))
            _run(["dpkg-deb", "-x", str(package), "files"], folder)
            for name in _missing(cache):
                found = next(folder.glob(f"files/**/{name}*"), None)
                if found is None:
                    raise Unavailable(f"{package.name} holds no {name}.")
                found.replace(cache / found.name)
    except OSError as error:
        raise Unavailable(f"cannot write there: {error.strerror}.") from None


def _apt_download(folder: Path) -> None:
    """Download the package into `folder`, with package lists of our own where the system has none."""
    try:
        _run(["apt-get", "-q", "download", PACKAGE], folder)
    except Unavailable:
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        ours = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
        _run(["apt-get", "-q", *ours, "update"], folder)
        _run(["apt-get", "-q", *ours, "download", PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`; its last line of complaint becomes the error."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{' '.join(command)}` took more than ten minutes.") from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"`{' '.join(command)}` failed: {lines[-1].strip() if lines else 'no output'}.")


def _missing(cache: Path) -> list[str]:
    return [name for name in CHECKSUMS if not (cache / name).is_file() and not (cache / f"{name}.gz").is_file()]


def _idx(data: bytes) -> Array:
    """Read the idx format: two zero bytes, type, number of axes, sizes as big-endian int32, values."""
    axes = data[3]
    sizes = np.frombuffer(data, ">i4", count=axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(sizes)
