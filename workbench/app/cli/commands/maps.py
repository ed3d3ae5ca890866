"""`workbench maps`: the raw maps of a whole split in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.cluster_options import crew_of, tell_left_out, with_cluster
from workbench.app.cli.commands.explain import setting
from workbench.app.cli.options import Choice, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import command
from workbench.attribution.methods import METHODS
from workbench.core.errors import WorkbenchError
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.cli.options import Source


@command(
    params=source_params(run_option=True),
    examples=[
        ("maps grad-cam --out maps.npy", "one map for each image of the test split"),
        ("maps integrated-gradients --limit 1000 --set steps=100", "the first 1,000 images, with a parameter changed"),
        ("maps rise --target label --out rise.npy", "after Ctrl-C, the same command continues"),
        ("maps rise --workers 4", "four processes on this machine"),
        ("maps rise --cluster 10.0.0.1:6379", "the workers of a Ray cluster"),
    ],
)
@click.argument("method", type=Choice("attribution method", METHODS.names, "METHOD"))
@with_source
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: METHOD.npy]")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N images.")
@click.option(
    "--target", default="predicted", show_default=True, metavar="predicted|label|CLASS", help="Class to explain."
)
@click.option(
    "--contrast",
    nargs=2,
    metavar="CLASS CLASS",
    help="Explain the difference of two logits, first minus second; replaces --target.",
)
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Parameter of the method; repeatable.")
@click.option("--overwrite", is_flag=True, help="Start again where the file holds other maps.")
@with_cluster
@as_json
def maps(
    *,
    method: str,
    source: Source,
    out: Path | None,
    limit: int | None,
    target: str,
    contrast: tuple[str, str] | None,
    settings: tuple[str, ...],
    overwrite: bool,
    cluster: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write the raw maps of many images to one .npy file; memory does not grow with their number.

    If interrupted, run the same command again to continue. A .json beside the file records how the maps were
    made, a .names.json which image each map is of.
    """
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.session.map_files import stream_maps

    if contrast and target != "predicted":
        raise WorkbenchError("`--contrast` names both classes: leave out `--target`.")
    values: dict[str, Any] = dict(setting(each) for each in settings)
    values |= {"rows": slice(limit), "target": target, "contrast": contrast, "overwrite": overwrite}
    file = out or Path(f"{method}.npy")
    left_out: Mapping[str, str] = {}
    with progress(), crew_of(cluster, workers) as crew:
        session = source.open()
        if crew is None:
            path = stream_maps(session, method, file, **values)
        else:
            from workbench.shards.maps import stream_by_shards

            path, left_out = stream_by_shards(session, source.opener, crew, method, file, **values)
    import numpy as np

    tell_left_out(left_out)

    tell_assumption(session, as_json=as_json)
    shape = np.load(path, mmap_mode="r").shape
    if as_json:
        assumed = {"assumed": session.assumed} if session.assumed else {}
        without = {"left_out": left_out} if left_out else {}
        show_json({"file": str(path), "shape": list(shape), **assumed, **without})
        return
    headline(
        f"{plural(shape[0], 'map')} of {shape[1]}×{shape[2]} in {path}", f"{session.name} · {session.dataset.name}"
    )
    say(
        f"Read them with numpy.load({str(path)!r}, mmap_mode='r'). Their settings: {path.with_suffix('.json').name}; "
        f"the name of each image: {path.with_suffix('.names.json').name}."
    )
