"""`make bench`: everything that was promised about speed, measured in one run."""

from __future__ import annotations

import argparse
import csv
from importlib import import_module
from pathlib import Path

from workbench.app.cli.quiet import quiet_tensorflow

PARTS = ("startup", "attribution", "memory", "shards", "page")


def main() -> None:
    """Print one table per part, each row as soon as it is measured, also into a file or a pipe."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, if none is named")
    parser.add_argument("--out", type=Path, help="write the table here, as CSV")
    quiet_tensorflow()
    given = parser.parse_args()
    chosen, table = given.parts or PARTS, []
    if unknown := [part for part in chosen if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose of {', '.join(PARTS)}")
    for part in chosen:
        print(f"\n{part:<62} {'measured':>18}  promised", flush=True)
        for what, measured, promised in import_module(part).rows():
            print(f"  {what:<60} {measured:>18}  {promised}", flush=True)
            table.append((part, what, measured, promised))
    if given.out:
        with given.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("part", "what", "measured", "promised"), *table])


if __name__ == "__main__":
    main()
