"""One parser under libFuzzer, which follows the branches of the workbench's own code: started by `__main__`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["workbench"]):
    from attacked import attack, targets

    found = targets()[sys.argv[1]]
    for seed in found.seeds():
        attack(found, seed)


def one(data: bytes) -> None:
    """Give one input to the parser; what it lets through ends the run, and the input is kept."""
    attack(found, data)


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()
