"""`make bench`: everything that was promised about speed, measured in one run."""

from __future__ import annotations

import argparse
from importlib import import_module

from workbench.app.cli.quiet import quiet_tensorflow

PARTS = ("startup", "attribution", "memory", "shards", "page")


def main() -> None:
    """Print one table per part, each row as soon as it is measured, also into a file or a pipe."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, if none is named")
    quiet_tensorflow()
    chosen = parser.parse_args().parts or PARTS
    if unknown := [part for part in chosen if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose of {', '.join(PARTS)}")
    for part in chosen:
        print(f"\n{part:<62} {'measured':>18}  promised", flush=True)
        for what, measured, promised in import_module(part).rows():
            print(f"  {what:<60} {measured:>18}  {promised}", flush=True)


if __name__ == "__main__":
    main()
