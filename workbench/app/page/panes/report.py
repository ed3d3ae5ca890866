"""The report of what the diagnosis found: made in the background, then a file to open or to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, element
from workbench.app.page.html import problem, waiting
from workbench.models.turns import NEXT, TURNS

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.jobs import Job
    from workbench.diagnosis.diagnose import Diagnosis


def report_html(desk: Desk, found: Diagnosis) -> Html:
    """Build how far the report is, or the links to it; it is begun if need be.

    Args:
        desk: whose session it is about; the model must be loaded.
        found: what it tells.
    """
    key, job = _started(desk, found)
    if not job.done.is_set():
        return waiting(key, "Writing the report …", job.what)
    if job.error:
        return problem(job.error)
    address = f"report/{key}.html"
    size = element("small", f"{len(job.value.encode()) / 2**20:.1f} MB, one file without script or network")
    opened = element("a", "Open the report", href=address, target="_blank", class_="button main")
    kept = element("a", "Download", href=address, download=f"report-{desk.session.name}.html", class_="button")
    return element("p", opened, " ", kept, " ", size, class_="report", role="status")


def report_of(desk: Desk, key: str) -> str | None:
    """Return a report that was made, by its key."""
    job = desk.jobs.get(key)
    return job.value if key.startswith("report-") and job is not None and job.done.is_set() else None


def _started(desk: Desk, found: Diagnosis) -> tuple[str, Job]:
    session = desk.session
    key = f"report-{'quick' if found.quick else 'whole'}"
    source = ["--model", "FILE", "--data", "DATA"] if session.run is None else [session.run.path.name]

    def work() -> str:
        from workbench.app.report.document import as_html
        from workbench.app.report.gathering import gather
        from workbench.app.report.paths import without_folders

        with TURNS.claimed(NEXT):  # somebody may click meanwhile
            made = gather(session, found=found, source=source)
        return as_html(made, without_folders(session))

    return key, desk.jobs.start(key, work)
