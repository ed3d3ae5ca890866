"""`make bench`: everything that was promised about speed, measured in one run."""

from __future__ import annotations

import argparse
from importlib import import_module

from workbench.app.cli.quiet import quiet_tensorflow

PARTS = ("startup", "attribution", "memory", "page")


def main() -> None:
    """Print one table per part."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, if none is named")
    quiet_tensorflow()
    chosen = parser.parse_args().parts or PARTS
    console = Console()
    for part in chosen:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; choose of {', '.join(PARTS)}")
        table = Table("what", "measured", "promised", title=part, title_justify="left")
        with console.status(f"measuring {part}"):
            for row in import_module(part).rows():
                table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
