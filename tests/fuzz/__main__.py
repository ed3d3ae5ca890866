"""Attack every parser with nearly right inputs: `make fuzz MINUTES=5`, or `python tests/fuzz --help`.

Each parser has a process of its own with a limit on memory, so that a crash of one ends nothing else. What fails is
made small and kept in tests/fuzz/regressions/PARSER/, where `make test` tries it for ever after.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from attacked import HERE, REGRESSIONS, SECONDS, Hang, attack, targets

MEMORY = 6 * 2**30
BATCH = 400
SILENCE = 6 * SECONDS
"""Seconds without a new input after which a parser hangs where no signal reaches it."""


def main() -> int:
    """Run a campaign, or one parser's part of it."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="for all parsers together")
    parser.add_argument("--only", default="", help="parsers, separated by commas")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="printed, so that a run is made again"
    )
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        return _part(asked.part, asked.seed, asked.minutes * 60)
    names = [name for name in targets() if not asked.only or name in asked.only.split(",")]
    if not names:
        parser.error(f"there is no parser {asked.only}; there are {', '.join(targets())}")
    print(f"seed {asked.seed}, {len(names)} parsers, {asked.minutes:g} minutes")
    failed = sum(_watched(name, asked.seed, asked.minutes * 60 / len(names)) for name in names)
    print("0 failures" if not failed else f"{failed} failures, kept in {REGRESSIONS.relative_to(HERE.parents[1])}")
    return int(failed > 0)


def _watched(name: str, seed: int, seconds: float) -> int:
    """Attack one parser in a process of its own; return how many inputs failed."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        command = [sys.executable, str(HERE), "--part", name, "--seed", str(seed), "--minutes", str(seconds / 60)]
        environment = {**os.environ, "FUZZ_STATE": folder, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}
        child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        while child.poll() is None:
            time.sleep(0.5)
            with suppress(OSError):
                if time.time() - (state / "input").stat().st_mtime > SILENCE:
                    child.kill()
        done = json.loads((state / "done").read_text()) if (state / "done").exists() else {}
        broken = child.returncode not in (0, 1)
        crashed = broken or not done  # what has tried nothing has not passed
        if crashed:
            told = child.stderr.read() if child.stderr else ""
            where = _keep(name, (state / "input").read_bytes()) if broken and (state / "input").exists() else "no input"
            print(f"  {name}: ended with {child.returncode}: {where}\n{told[-1500:]}")
        failures = done.get("failures", 0) + crashed
        engines = ", ".join(f"{n:,} by {engine}" for engine, n in done.get("tried", {}).items())
        print(f"  {name:<16} {engines or '?'}   {failures} failures   {done.get('gigabytes', 0):.2f} GB at most")
    return failures


def _part(name: str, seed: int, seconds: float) -> int:
    target, state = targets()[name], Path(os.environ["FUZZ_STATE"])
    target.seeds()  # what it imports is no input's memory
    for each in target.seeds():
        attack(target, each)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    done = {"tried": {"hypothesis": 0}, "failures": 0}
    begun, round_ = time.monotonic(), 0
    guided = _atheris(target, seconds / 2, state)
    if guided is not None:
        done["tried"]["atheris"], found = guided
        done["failures"] += found
    seen: set[str] = set()
    while not round_ or time.monotonic() - begun < seconds:
        count, failure = _batch(target, seed + round_, state)
        done["tried"]["hypothesis"] += count
        round_ += 1
        if failure is not None:
            data, error = failure
            told = "".join(traceback.format_exception(error)[-4:])
            place = hashlib.sha256(told.splitlines()[-1][:60].encode()).hexdigest()
            if place not in seen:
                seen.add(place)
                done["failures"] += 1
                print(f"  {name}: {_keep(name, data)}\n{told}")
        done["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        (state / "done").write_text(json.dumps(done))
    return int(done["failures"] > 0)


def _batch(target: ModuleType, seed: int, state: Path) -> tuple[int, tuple[bytes, BaseException] | None]:
    """Try some inputs; return how many, and the smallest that fails with its error."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from mutated import mutated  # isort: skip

    tried, last = 0, b""
    quiet = settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )

    @seeded(seed)
    @quiet
    @given(mutated(target.seeds()))
    def attacked(data: bytes) -> None:
        nonlocal tried, last
        tried, last = tried + 1, data
        (state / "input").write_bytes(data)
        attack(target, data)

    try:
        attacked()
    except (Exception, Hang) as error:  # noqa: BLE001 - what is looked for; a hang is not shrunk
        return tried, (last, error)
    return tried, None


def _atheris(target: ModuleType, seconds: float, state: Path) -> tuple[int, int] | None:
    """Let libFuzzer follow the branches of the workbench's own code, where atheris is installed."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return None
    corpus = state / "corpus"
    corpus.mkdir()
    for number, each in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(each)
    found = state / "found"
    found.mkdir()
    flags = [f"-max_total_time={max(1, int(seconds))}", f"-timeout={SECONDS}", "-rss_limit_mb=6000", "-max_len=1000000"]
    flags += [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0"]
    command = [sys.executable, str(HERE / "guided.py"), target.__name__.rpartition(".")[2], str(corpus), *flags]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    tried = [line.split()[-1] for line in ran.stderr.splitlines() if "number_of_executed_units" in line]
    failing = sorted(found.iterdir())
    for each in failing:
        name = target.__name__.rpartition(".")[2]
        print(f"  {name}: {_keep(name, each.read_bytes())}\n{ran.stderr[-1500:]}")
    return (int(tried[0]) if tried else 0), len(failing)


def _keep(name: str, data: bytes) -> Path:
    folder = REGRESSIONS / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    return path.relative_to(HERE.parents[1])


if __name__ == "__main__":
    sys.exit(main())
