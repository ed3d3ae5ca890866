"""Many users at once on one page: `python tests/benchmarks/load.py [--users 50] [--clicks 20] [--minutes 0]`.

Each user has a session and a stream of answers of their own, as a browser has, and clicks on images, cells and analyses
in an order of their own; what they wait for is what app.js waits for. Loopback only; ends with an exit status of 1 if
a click had no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PATIENCE = 300
ANALYSES = ("confusion-matrix", "per-class", "most-confused", "calibration", "top-losses", "samples", "overview")


class User:
    """One page that is open: its clicks, and how long each pane took."""

    def __init__(self, client: httpx.AsyncClient, places: Mapping[str, int], seed: int) -> None:
        self.client, self.places, self.chance = client, places, random.Random(seed)
        self.hash = f"user{seed}x{os.getpid()}"
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.taken: dict[str, list[float]] = {"look": [], "detail": [], "answer": []}
        self.errors: list[str] = []
        self.stream: asyncio.Task[None] | None = None

    async def ask(self, pane: str, given: object) -> Any:
        """Send an event and wait for what the pane shows."""
        begun = time.monotonic()
        body = {"data": [given], "fn_index": self.places[pane], "session_hash": self.hash, "event_data": None}
        sent = await self.client.post("/gradio_api/queue/join", json=body)
        sent.raise_for_status()
        event = sent.json()["event_id"]
        answer = self.waiting.setdefault(event, asyncio.get_running_loop().create_future())
        try:
            while not answer.done():  # gradio closes the stream when nothing is due, perhaps just as we ask
                if self.stream is None or self.stream.done():
                    self.stream = asyncio.create_task(self._listen())
                await asyncio.wait({answer, self.stream}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
                if time.monotonic() - begun > PATIENCE:
                    raise TimeoutError(f"no answer within {PATIENCE} s")
                if self.stream.done() and not answer.done():
                    await asyncio.sleep(0.02)
        finally:
            self.waiting.pop(event, None)
        found = answer.result()
        if isinstance(found, RuntimeError):
            raise found
        self.taken[pane].append(time.monotonic() - begun)
        return found

    async def _listen(self) -> None:
        async with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.hash}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                said = json.loads(line[5:])
                if said.get("msg") == "process_completed":
                    future = self.waiting.setdefault(said["event_id"], asyncio.get_running_loop().create_future())
                    if not future.done():
                        future.set_result(said["output"] if said.get("success") else RuntimeError(str(said)))
                elif said.get("msg") in ("close_stream", "unexpected_error"):
                    return

    async def click(self) -> None:
        """Click once, as people do: on an image most of the time."""
        kind = self.chance.random()
        if kind < 0.15:
            view = {"section": self.chance.choice(ANALYSES)}
        else:
            view = {"section": "errors", "image": str(self.chance.randrange(10_000))}
            if kind < 0.5:
                view = {"section": "errors", "true": str(self.chance.randrange(10)), "predicted": "any"}
        await self.open(view)

    async def open(self, view: Mapping[str, str]) -> None:
        """Open a view and wait until it is whole."""
        try:
            looked = await self.ask("look", {"view": view, "old": None, "count": 1})
            settled = looked["data"][-1]["view"]
            pane = "detail" if settled["section"] == "errors" else "answer"
            shown = str((await self.ask(pane, settled))["data"][0])
            while "data-wait" in shown or "Computing" in shown:  # app.js asks again
                await asyncio.sleep(0.5)
                shown = str((await self.ask(pane, settled))["data"][0])
            if 'class="problem"' in shown or not shown:
                self.errors.append(f"{view}: {shown[:200]}")
        except (httpx.HTTPError, RuntimeError, TimeoutError, KeyError, TypeError) as error:
            self.errors.append(f"{view}: {type(error).__name__} {str(error)[:200]}")


@contextmanager
def page(port: int) -> Iterator[int]:
    """Have a page of the committed baseline in a process of its own; gives its number."""
    command = [sys.executable, "-m", "workbench", "start", "--port", str(port), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(600):
            if server.poll() is not None:
                sys.exit(server.stderr.read().decode())  # type: ignore[union-attr]
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield server.pid
    finally:
        server.terminate()
        server.wait(60)


def resident(pid: int) -> float:
    """Return the MB that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


async def places_of(client: httpx.AsyncClient) -> dict[str, int]:
    """Return the number of the event behind each pane, from the page's own configuration."""
    config = (await client.get("/config")).json()
    names = {each["id"]: each["props"].get("elem_id") for each in config["components"]}
    found: dict[str, int] = {}
    for each in config["dependencies"]:
        for target, event in each["targets"]:
            if event == "select":
                found.setdefault("look", each["id"])
            elif event == "submit":
                found.setdefault(names[target], each["id"])
    return found


@asynccontextmanager
async def client_of(port: int) -> Any:
    """Have a client whose requests come from the page's own origin."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, limits=limits) as client:
        yield client


async def campaign(port: int, users: int, going_on: Callable[[User, int], bool], seed: int) -> list[User]:
    """Let some users click until each has had enough."""

    async def work(user: User) -> None:
        await asyncio.sleep(user.chance.random())
        count = 0
        while going_on(user, count):
            await user.click()
            count += 1
        if user.stream is not None:
            user.stream.cancel()

    async with client_of(port) as client:
        places = await places_of(client)
        there = [User(client, places, seed + number) for number in range(users)]
        jobs: list[Awaitable[None]] = [work(user) for user in there]
        await asyncio.gather(*jobs)
    return there


async def tour(port: int, pid: int) -> User:
    """Open every analysis, one after the other, with its figure, as one user does in an hour; print what it costs."""
    from workbench.diagnosis.registry import analyses

    async with client_of(port) as client:
        user = User(client, await places_of(client), 0)
        for name in analyses():
            begun = time.monotonic()
            await user.open({"section": name})
            print(f"  {name:<24} {time.monotonic() - begun:6.1f} s   {resident(pid):,.0f} MB", flush=True)
        if user.stream is not None:
            user.stream.cancel()
        await asyncio.sleep(10)  # what is free is given back when nobody has asked for a while
    return user


def told(what: str, users: list[User], memory: float, seconds: float) -> float:
    """Print what some users saw; return the median of the detail pane."""
    errors = [error for user in users for error in user.errors]
    print(
        f"{what}: {sum(len(u.taken['look']) for u in users):,} clicks in {seconds:.0f} s, {len(errors)} errors", end=""
    )
    print(f", {memory:,.0f} MB")
    for pane in ("look", "detail", "answer"):
        values = [each for user in users for each in user.taken[pane]]
        if values:
            p50, p95 = np.percentile(values, (50, 95))
            print(f"  {pane:<7} n {len(values):5}   p50 {p50:7.3f} s   p95 {p95:7.3f} s   most {max(values):7.3f} s")
    for error in errors[:5]:
        print("  ", error)
    detail = [each for user in users for each in user.taken["detail"]]
    return float(np.median(detail)) if detail else float("nan")


def main() -> int:
    """One user alone, then many; with --minutes, five of them for so long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=0, help="click for so long instead of --clicks times")
    parser.add_argument("--tour", action="store_true", help="one user opens every analysis, then clicks --clicks times")
    parser.add_argument("--port", type=int, default=7913)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with page(asked.port) as pid:
        if asked.tour:
            print(f"page: {resident(pid):,.0f} MB")
            first = asyncio.run(tour(asked.port, pid))
            toured = resident(pid)
            told("after the tour", [first], toured, 0.0)
            clicked = asyncio.run(campaign(asked.port, 1, lambda _, count: count < asked.clicks, asked.seed))
            time.sleep(10)
            told("after the clicks", clicked, resident(pid), 0.0)
            print(f"memory after {asked.clicks} clicks over after the tour: {resident(pid) / toured:.2f}")
            return int(any(each.errors for each in (first, *clicked)))

        def run(what: str, users: int, going_on: Callable[[User, int], bool], seed: int) -> tuple[list[User], float]:
            begun = time.monotonic()
            there = asyncio.run(campaign(asked.port, users, going_on, seed))
            return there, told(what, there, resident(pid), time.monotonic() - begun)

        run("warming up", 1, lambda user, count: count < 15, 1_000_000 + asked.seed)
        _, lone = run("one user", 1, lambda user, count: count < 20, 2_000_000 + asked.seed)
        before = resident(pid)
        if asked.minutes:
            end = time.monotonic() + 60 * asked.minutes
            for part in range(max(1, round(asked.minutes / 10))):
                stop = min(end, time.monotonic() + 600)
                users, _ = run(
                    f"{asked.users} users, part {part}",
                    asked.users,
                    lambda user, count, stop=stop: time.monotonic() < stop,  # type: ignore[misc]
                    asked.seed + 1000 * part,
                )
        else:
            users, _ = run(f"{asked.users} users", asked.users, lambda user, count: count < asked.clicks, asked.seed)
        after = resident(pid)
    cores = len(os.sched_getaffinity(0))
    details = [each for user in users for each in user.taken["detail"]]
    p95 = float(np.percentile(details, 95)) if details else float("nan")
    bar = 3 * lone * asked.users / cores
    print(f"detail p95 {p95:.2f} s; 3 × a lone user's p50 × {asked.users} / {cores} cores is {bar:.2f} s")
    print(f"memory {before:,.0f} → {after:,.0f} MB")
    return int(any(user.errors for user in users))


if __name__ == "__main__":
    sys.exit(main())
