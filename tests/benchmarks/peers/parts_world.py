"""Captum and Xplique in the world of parts: `python tests/benchmarks/peers/parts_world.py [--out FOLDER]`.

Networks of `workbench truth --only maps` are trained, and both libraries explain the same images in environments of
their own; how well their maps weigh the parts stands beside ours. The residual network is left out: the torch port
knows no strided convolution.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from environments import HERE, NotInstalledError, python, reason
from export import write
from rich.console import Console
from rich.table import Table

from workbench.app.cli.quiet import quiet_tensorflow
from workbench.core.spreadsheet import as_csv

PEERS = ("captum", "xplique")
MAKES = ("pooled", "dense")
COUNT = 20
FILE = "parts-beside-other-libraries.csv"


def main() -> int:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the table as a file")
    asked = parser.parse_args()
    quiet_tensorflow()
    from workbench.attribution.methods import explainers
    from workbench.diagnosis.truth.maps.parts import Parts
    from workbench.diagnosis.truth.maps.parts_protocol import by_parts, part_scores

    console, scores = Console(stderr=True), []
    for make in MAKES:
        console.print(f"{make}: training")
        known = Parts().known(make, COUNT, asked.seed)
        both = np.stack([known.target, known.parts.other])
        ours: dict[str, np.ndarray] = {}
        for name, kind in explainers().items():
            if kind.missing(known.probe) is None:
                background = known.images[:8] if kind().needs_background else None
                ours[name] = np.stack(
                    [kind().attribute(known.probe, known.images, of, background=background).at_pixels() for of in both]
                )
        scores += [(name, "workbench", part_scores(known.parts, *maps)) for name, maps in ours.items()]
        for peer in PEERS:
            console.print(f"{make}: {peer}")
            try:
                maps_of_peer = _asked(peer, known, both)
            except NotInstalledError as error:
                console.print(f"{peer} is left out: {error}")
                continue
            scores += [(name, peer, part_scores(known.parts, *maps)) for name, maps in maps_of_peer.items()]
    table = by_parts(scores).round(3)
    shown = Table(*table.columns)
    for row in table.astype(str).itertuples(index=False):
        shown.add_row(*row)
    Console(width=160).print(shown)
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / FILE).write_text(as_csv(table), encoding="utf-8")
    return 0


def _asked(peer: str, known, both: np.ndarray) -> dict[str, np.ndarray]:
    """Maps of a library by method, `(2, N, H, W)`."""
    floats = SimpleNamespace(floats=lambda: known.images)
    data = SimpleNamespace(subset=lambda rows: floats)
    case = SimpleNamespace(dataset=data, probe=known.probe, model=known.probe.model)
    with tempfile.TemporaryDirectory() as folder:
        path = write(case, Path(folder), len(known.images))
        np.save(Path(folder) / "targets.npy", both)
        out = Path(folder) / "maps.npz"
        command = [python(peer), str(HERE / "maps_of.py"), peer, str(path), str(out)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise NotInstalledError(reason(done.stdout))
        with np.load(out) as made:
            return {name: made[name] for name in made.files}


if __name__ == "__main__":
    sys.exit(main())
