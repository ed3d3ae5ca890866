"""`workbench analyses`: what can be asked, in its groups."""

from __future__ import annotations

import click

from workbench.app.cli.formats import CSV, JSON, with_format
from workbench.app.cli.program import command


@command(
    examples=[
        ("analyses", "all of them, with their titles and questions"),
        ("analyses --format csv", "for a spreadsheet"),
    ]
)
@with_format("the list")
def analyses(form: str) -> None:
    """List the analyses in their groups, each with its title and the question that it answers."""
    import pandas as pd

    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.core.spreadsheet import as_csv
    from workbench.diagnosis.registry import grouped

    groups = grouped()
    found = [
        {"group": group, "name": name, "title": kind.title, "question": kind.question()}
        for group, kinds in groups.items()
        for name, kind in kinds.items()
    ]
    if form == JSON:
        show_json(found)
    elif form == CSV:
        click.echo(as_csv(pd.DataFrame(found)), nl=False)
    else:
        widest = max(len(each["name"]) for each in found)
        for group, kinds in groups.items():
            headline(group)
            facts({name.ljust(widest): f"{kind.title}. {kind.question()}" for name, kind in kinds.items()})
            say()
