"""`workbench data`."""

from __future__ import annotations

from pathlib import Path

from workbench.cli.options import as_json, data_dir
from workbench.cli.program import command


@command(
    examples=[
        ("data", "find it, or fetch it"),
        ("data --data-dir ~/fashion-mnist", "use the files of a folder, if they are whole"),
        ("data --json", "folder, source and checksums for other programs"),
    ]
)
@data_dir
@as_json
def data(data_dir: Path | None, as_json: bool) -> None:
    """Find, verify, or fetch Fashion-MNIST.

    Looks into --data-dir or WORKBENCH_DATA, the cache folder, the folder of Debian's package
    dataset-fashion-mnist; else downloads it with Keras, or with apt-get (which needs no root). Every file is
    verified by its SHA-256 before it is used; a damaged one is named, set aside and fetched again.
    """
    from workbench.cli.bars import progress
    from workbench.cli.console import facts, headline, say
    from workbench.cli.json_output import show_json
    from workbench.datasets.fashion_mnist import locate
    from workbench.progress import report

    with progress():
        located = locate(data_dir, progress=report)
    if as_json:
        show_json(located)
        return
    headline("Fashion-MNIST is there, and whole.")
    say()
    facts({"source": located.source, "folder": located.folder})
    say()
    say("SHA-256 of the uncompressed files", "dim")
    facts(located.checksums)
    if located.tried:
        say()
        say("Looked for it elsewhere before:", "dim")
    for line in located.tried:
        say(f"  {line}", "dim")
