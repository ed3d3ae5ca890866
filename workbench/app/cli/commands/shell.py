"""`workbench shell`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.cli.options import source_params, with_source
from workbench.app.cli.program import command, plain
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.session.session import Session


@command(
    params=source_params(),
    examples=[
        ("shell", "the baseline, on the test set"),
        ("shell mine --split train", "your own run, on its training set"),
        ("shell --model my.keras --data my.npz", "your own model and data"),
    ],
)
@with_source
def shell(source: Source) -> None:
    """Open a Python prompt with the session loaded (IPython if it is installed)."""
    import workbench
    from workbench.app.cli.progress_bars import progress

    with progress():
        session = source.open()
    names: dict[str, Any] = {"wb": workbench, "session": session}
    banner = _banner(session)
    try:
        from IPython import start_ipython
    except ImportError:
        import code

        code.interact(banner, local=names, exitmsg="")
        return
    print(banner)  # noqa: T201 - IPython has no argument for it that keeps its own prompt quiet
    start_ipython(argv=["--no-banner"], user_ns=names)


def _banner(session: Session) -> str:
    return (
        f"wb       the workbench: wb.analyses(), wb.methods(), wb.open_run(...)\n"
        f"session  {plain(session.name)} on {plain(session.dataset.name)}, {plural(len(session.dataset), 'image')}\n\n"
        "  session.predictions.table                      one row an image\n"
        '  session.analyze("most-confused", top=5)        findings and tables; .draw() gives the figure\n'
        '  session.attribute("grad-cam", rows=[0, 1])     maps, in units of the score\n'
    )
