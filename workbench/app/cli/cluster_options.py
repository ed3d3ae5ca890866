"""`--cluster` and `--workers`: who does long work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.app.cli.program import plain
from workbench.core.errors import Unavailable
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.session.session import Session
    from workbench.shards.crew import Crew
    from workbench.training.several_trainings import Divide

S = TypeVar("S", bound="Session")
AUTO, LOCAL, ADDRESS = "auto", "local", "RAY_ADDRESS"
SHOWN = 5


def with_cluster(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `cluster` (text or None) and `workers` (a number or None)."""
    before = getattr(function, "__click_params__", [])
    function.__click_params__ = [*before, *reversed(cluster_options())]  # type: ignore[attr-defined]
    return function


def cluster_options() -> list[click.Option]:
    """Return the options `cluster` (text or None) and `workers` (a number or None)."""
    cluster = click.Option(
        ["--cluster"],
        metavar="auto|local|ADDRESS",
        help="Divide the work among processes of this machine (local), or the workers of a Ray cluster (host:6379); "
        "auto is the cluster of RAY_ADDRESS, else local. All must see the data, WORKBENCH_CACHE and the output folder.",
    )
    workers = click.Option(
        ["--workers"],
        type=click.IntRange(min=1),
        metavar="N",
        help="Number of workers, on this machine if there is no --cluster; 1 is this process itself.  [default: one "
        "for each core, or GPU of a cluster]",
    )
    return [cluster, workers]


@contextmanager
def crew_of(cluster: str | None, workers: int | None) -> Iterator[Crew | None]:
    """Lend the workers that were asked for; None where none were, and the work is done here as ever."""
    if cluster is None and workers is None:
        yield None
        return
    wanted = cluster or LOCAL
    if wanted == AUTO:
        given = os.environ.get(ADDRESS, "").strip()
        if given == AUTO or "://" in given:
            raise Unavailable(
                f"--cluster auto takes the HOST:PORT of a cluster from {ADDRESS}, which is {given!r}. Set {ADDRESS} to "
                "the address that `ray start` prints, or give that as --cluster."
            )
        wanted = given or LOCAL
    with _crew(wanted, workers) as crew:
        yield crew


def _crew(wanted: str, workers: int | None) -> Crew:
    if wanted != LOCAL:
        from workbench.shards.on_ray import OnRay

        return OnRay(wanted, workers)
    if workers == 1:
        from workbench.shards.crew import Here

        return Here()
    from workbench.shards.local import Local

    return Local(workers)


@contextmanager
def lent_by(crew: Crew | None, source: Source, session: S, limit: int | None = None) -> Iterator[S]:
    """Lend workers to what is asked of a session inside.

    Args:
        crew: the workers; None for none, and all is computed here.
        source: opens the session elsewhere.
        session: that is asked.
        limit: about the first so many of its images, if there are workers.

    Yields:
        The session, of those images.
    """
    if crew is None:
        yield session
        return
    from workbench.shards.lending import lending, some

    session, lent = some(session, source.opener, crew, limit)
    with lending(lent):
        yield session


def divide_by(crew: Crew | None) -> Divide | None:
    """Return what has runs trained by workers; None where there are none, and this process trains."""
    if crew is None:
        return None
    from workbench.shards.trainings import trainings_by

    return trainings_by(crew)


def tell_left_out(left_out: Mapping[str, str]) -> None:
    """Say on stderr which images there is no result of, and why."""
    if left_out:
        few = [f"{name}: {why}" for name, why in list(left_out.items())[:SHOWN]]
        more = [f"and {len(left_out) - SHOWN:,} more"] if len(left_out) > SHOWN else []
        click.echo(plain(f"{plural(len(left_out), 'image')} left out: {'; '.join([*few, *more])}"), err=True)
