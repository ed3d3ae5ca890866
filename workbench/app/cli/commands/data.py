"""`workbench data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.app.cli.options import as_json, data_dir, data_params, with_reading
from workbench.app.cli.program import command
from workbench.core.progress import report
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.core.dataset import Dataset


@command(
    params=data_params("Instead of Fashion-MNIST, your own data"),
    examples=[
        ("data", "find Fashion-MNIST, or download it"),
        ("data --data photos/", "classes, counts and unreadable files of a folder of images"),
        ("data --data-dir ~/fashion-mnist", "use the files in a folder, once verified"),
        ("data --json", "folder, source and checksums as JSON"),
    ],
)
@with_reading
@data_dir
@as_json
def data(data: str | None, reading: dict[str, Any], data_dir: Path | None, as_json: bool) -> None:
    """Find, verify or download Fashion-MNIST; with --data, summarise your own data.

    Searches --data-dir or WORKBENCH_DATA, the cache folder, and the folder of Debian's package
    dataset-fashion-mnist; otherwise downloads it with Keras or apt-get (no root needed). Every file is verified by
    SHA-256 before use; a damaged one is reported, set aside and downloaded again.
    """
    if data is not None:
        _show(data, reading, data_dir, as_json)
    else:
        _find(data_dir, as_json)


def _find(data_dir: Path | None, as_json: bool) -> None:
    """Find Fashion-MNIST and say where it was."""
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.data.sources.fashion_mnist import locate

    with progress():
        located = locate(data_dir, progress=report)
    if as_json:
        show_json(located)
        return
    headline("Fashion-MNIST found, checksums OK.")
    say()
    facts({"source": located.source, "folder": located.folder})
    say()
    say("SHA-256 of the uncompressed files", "dim")
    facts(located.checksums)
    if located.tried:
        say()
        say("Searched before:", "dim")
    for line in located.tried:
        say(f"  {line}", "dim")


def _show(name: str, reading: dict[str, Any], data_dir: Path | None, as_json: bool) -> None:
    """Say which parts a data set has, and what was done to read it."""
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.data import is_folder
    from workbench.data.opening import open_files
    from workbench.data.reading import Reading

    with progress():
        parts = _parts(name, data_dir, reading)
        skipped = open_files(name, Reading.of(reading), report).skipped if is_folder(name) else {}
    one = next(iter(parts.values()))
    counts = {part: _counts(dataset) for part, dataset in parts.items()}
    if as_json:
        images = {
            part: {"images": len(each), "fingerprint": each.fingerprint, "of_class": counts[part]}
            for part, each in parts.items()
        }
        show_json(
            {
                "name": one.name.rpartition("/")[0],
                "class_names": one.class_names,
                "image_shape": one.image_shape,
                "parts": images,
                "notes": one.notes,
                "skipped": skipped,
            }
        )
        return
    height, width, channels = one.image_shape
    headline(
        f"{one.name.rpartition('/')[0]}: {plural(len(one.class_names), 'class')}, {height}×{width} pixels (H×W), "
        f"{'grey' if channels == 1 else 'colour'}"
    )
    for part, dataset in parts.items():
        say()
        say(f"{part}: {plural(len(dataset), 'image')}", "bold")
        facts(counts[part])
    if one.notes:
        say()
        say("How it was read", "dim")
    for note in one.notes:
        say(f"  {note}")
    if len(skipped) > 1:
        say()
        say("Unusable files", "dim")
        facts(skipped)


def _parts(name: str, data_dir: Path | None, reading: dict[str, Any]) -> dict[str, Dataset]:
    """Load the parts that there are."""
    from workbench.data import load_dataset, own_parts

    parts = own_parts(name, **reading)
    return {part: load_dataset(name, split=part, data_dir=data_dir, progress=report, **reading) for part in parts}


def _counts(dataset: Dataset) -> dict[str, int]:
    """Images of each class."""
    return {name: int((dataset.labels == label).sum()) for label, name in enumerate(dataset.class_names)}
