"""kill -9 of commands that write, at drawn moments: `python tests/benchmarks/kills.py [--moments 20] [--only maps …]`.

Each command is run to its end once, which says how long it takes and what it writes. Then it is killed at a moment
drawn between its start and its end, in a folder of its own; every file that lies there under its own name must be
whole, and the same command, given again, must end well and leave the files that the first one left. Ends with 1 where
one does not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

import forks
import numpy as np
from PIL import Image
from tiny import HOSTILE, made_images

PROGRAM = "import json, sys; from workbench.app.cli import main; main(json.loads(sys.argv[1]))"
SHARED = ["--data", "DATA"]
COMMANDS = {
    "train": ["train", "new", *SHARED, "--epochs", "3", "--recipe", "report", "--batch-size", "16"],
    "compare-recipes": ["compare-recipes", "report", "MINE", *SHARED, "--seeds", "1", "--epochs", "1", "--out", "OUT"],
    "prove": ["prove", "TINY", "--corrections", "FIX", "--seeds", "2", "--out", "OUT"],
    "maps": ["maps", "saliency", "--run", "tiny", "--out", "OUT/maps.npy"],
    "figures": ["figures", "tiny", "--only", "most-confused,class-balance,per-class", "--out", "OUT"],
    "diagnose": ["diagnose", "tiny", "--fast", "--out", "OUT"],
    "report": ["report", "tiny", "--fast", "--out", "OUT/report.html"],
    "check": ["check", "tiny", "--policy", "POLICY", "--junit", "OUT/check.xml", "--summary", "OUT/check.md"],
    "export": ["export", "tiny", "--format", "litert", "--out", "OUT"],
    "explain": ["explain", "0", "1", "--run", "tiny", "--method", "saliency", "--no-verdict", "--out", "OUT"],
    "images": ["images", "tiny", "--out", "OUT/images.csv"],
}
UNFINISHED = (".part", ".tmp", ".lock", ".partial")


def started(arguments: list[str], out: Path, here: Path) -> forks.Process:
    """Begin a command that writes to `out`."""
    places = {"DATA": str(here / "tiny.npz"), "MINE": str(here / "mine.toml"), "TINY": str(here / "runs/tiny")}
    places["FIX"] = str(here / "fix.csv")
    places["POLICY"] = str(here / "policy.toml")
    given = [places.get(each, each.replace("OUT", str(out))) for each in arguments]
    runs = out / "runs" if arguments[0] in ("train", "compare-recipes", "prove") else here / "runs"
    own = {"WORKBENCH_RUNS": str(runs), "WORKBENCH_CACHE": str(out / "cache"), "PYTHONPATH": str(Path.cwd())}
    own["WORKBENCH_WORKSPACE"] = str(out / "workspaces")
    return forks.Process(["python", "-c", PROGRAM, json.dumps(given)], env={**os.environ, **own})


def ended(process: forks.Process) -> int | None:
    """Wait for its end, reading what it says."""
    process.stdin.close()
    process.stdout.read()
    code = process.wait()
    process.stdout.close()
    return code


def written(out: Path) -> dict[str, Path]:
    """Files that lie there under their own names, by their paths; the cache is checked by who reads it."""
    found = (path for path in out.rglob("*") if path.is_file())
    return {
        name: path
        for path in found
        if not (name := str(path.relative_to(out))).startswith(("cache/", "workspaces/"))
        and not path.name.startswith(".")
        and path.suffix not in UNFINISHED
        and "checkpoint" not in name
    }


def faults(files: dict[str, Path], whole: dict[str, Path]) -> Iterator[str]:
    """Say which files are not whole."""
    for name, path in files.items():
        try:
            if path.suffix == ".png":
                Image.open(path).verify()
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".npz":
                with np.load(path) as arrays:
                    [arrays[each] for each in arrays]
            elif path.suffix == ".npy":
                np.asarray(np.load(path, mmap_mode="r")).sum()
            elif path.suffix == ".keras":
                assert zipfile.ZipFile(path).testzip() is None
            elif name in whole and path.suffix in (".csv", ".tflite", ".md", ".html", ".xml"):
                lines = path.suffix == ".csv" and path.name == "history.csv"  # an epoch after the other
                same = abs(path.stat().st_size - whole[name].stat().st_size) <= 0.05 * whole[name].stat().st_size
                assert lines or same, "has another size"
            assert path.stat().st_size, "is empty"
        except Exception as error:  # noqa: BLE001 - whatever a reader says of it
            yield f"{name}: {type(error).__name__} {str(error)[:100]}"


def tried(name: str, here: Path, moments: int, draw: random.Random) -> int:
    """Kill a command so often; print a line, and return how often it was not as it should be."""
    first = here / f"{name}-whole"
    began = time.monotonic()
    code = ended(started(COMMANDS[name], first, here))
    took = time.monotonic() - began
    whole = written(first)
    assert code == 0 and whole, f"{name} ends with {code} and writes {sorted(whole)}"
    wrong, inside = [], 0
    for moment in range(moments):
        out = here / f"{name}-{moment}"
        process = started(COMMANDS[name], out, here)
        time.sleep(draw.uniform(0, took))
        inside += process.poll() is None
        process.kill()
        ended(process)
        wrong += [f"moment {moment}, {fault}" for fault in faults(written(out), whole)]
        if (code := ended(started(COMMANDS[name], out, here))) != 0:
            wrong.append(f"moment {moment}: given again it ends with {code}")
        after = written(out)
        wrong += [f"moment {moment}, given again, {fault}" for fault in faults(after, whole)]
        if set(after) != set(whole):
            wrong.append(f"moment {moment}: given again it leaves other files, {sorted(set(after) ^ set(whole))[:5]}")
    print(f"{name:16} {took:5.1f} s; {moments} moments, {inside} before its end; {len(wrong)} wrong", flush=True)
    for each in wrong[:5]:
        print("   ", each)
    return len(wrong)


def main() -> int:
    """Try all commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=COMMANDS, default=list(COMMANDS))
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="workbench-kills-") as folder:
        here = Path(folder)
        (x_train, y_train), (x_test, y_test) = made_images(240, 0), made_images(80, 1)
        arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        np.savez(here / "tiny.npz", **arrays, class_names=np.array(HOSTILE))
        (here / "policy.toml").write_text('min-accuracy = 0.1\nmax-severity = "critical"\nfast = true\n')
        (here / "mine.toml").write_text('based-on = "report"\nlearning-rate = 0.002\n')
        (here / "fix.csv").write_text(f'name,label\ntrain/0,"{HOSTILE[1]}"\n')
        made = ["train", "tiny", *SHARED, "--epochs", "2", "--recipe", "report", "--batch-size", "16"]
        assert ended(started(made, here, here)) == 0  # its runs are here / "runs"
        return int(sum(tried(name, here, asked.moments, draw) for name in asked.only) > 0)


if __name__ == "__main__":
    sys.exit(main())
