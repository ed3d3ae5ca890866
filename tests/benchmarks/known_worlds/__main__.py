"""Do maps show what a prediction rests on? `python tests/benchmarks/known_worlds [--only parts] [--seeds 3] …`.

Small networks are trained in worlds where the evidence is known: a letter is the class and a digit is a decoy; classes
are made of parts, each of which is left out to see what it is worth; garments stand side by side, and one of them is
asked about. The first table says how much of each method's maps lies on the true evidence. The excess share of a map
needs no such knowledge: how much more of the map than of an even one lies where hiding a part of the image costs the
score most. The second table says whether it tells the good maps of a method from its bad ones; the third, how often a
map with so much of it shows the evidence.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from maps import WORLDS, by_method, judged_maps, reliability, within_methods

from workbench.attribution.methods import explainers


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=WORLDS, default=[], help="worlds; if not given, all")
    parser.add_argument("--methods", nargs="*", choices=explainers(), default=[], help="if not given, all that apply")
    parser.add_argument("--images", type=int, default=60, help="of each network")
    parser.add_argument("--seeds", type=int, default=1, help="draws of each world")
    parser.add_argument("--quick", action="store_true", help="one network for each world")
    asked = parser.parse_args()
    judged = list(
        judged_maps(
            only=asked.only, methods=asked.methods, count=asked.images, seeds=asked.seeds, every=not asked.quick
        )
    )
    for table in (by_method(judged), within_methods(judged), reliability(judged)):
        print(table.to_string(index=False, float_format="{:.3f}".format), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
