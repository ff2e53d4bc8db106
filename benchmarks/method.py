"""The method that the benchmarks share: cores, order of the runs, and what is printed of them.

The provider is a process of its own on one core, the client another one on another core. What is compared
runs in turns (A B A B), so that what disturbs the machine disturbs all. The first figure is the CPU time
of the client's process, all its threads included; a waiting process has none.
"""

import asyncio
import gc
import importlib.util
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from typing import IO, TypeVar
from unittest.mock import patch

from attrs import frozen
from provider import REPLY, Requests, history, serve

T = TypeVar("T")

NOISY = 0.15
"""A figure whose runs differ by more than this share of their median is marked."""
MARK = "~"
MARKED = f"{MARK} marks a noisy figure: its runs lie more than {NOISY:.0%} of their median apart."
MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes of a unit of ru_maxrss."""
SPAWN = multiprocessing.get_context("spawn")
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""How glibc is set to keep memory in a client's process.

asyncio reads plain HTTP into 256 KiB at a time. Some processes map and unmap that for each read, others
never do, by chance, and it costs a tenth of a call; over TLS, which reads into one buffer, none does.
"""


@frozen
class Figure:
    """The median of some runs, and the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Figure":
        """Sum up the runs."""
        runs = list(values)
        return cls(statistics.median(runs), min(runs), max(runs))

    @property
    def spread(self) -> float:
        """The range of the runs, as a share of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0

    @property
    def mark(self) -> str:
        """A sign for a noisy figure, else nothing."""
        return f" {MARK}" if self.spread > NOISY else ""

    def values(self) -> dict[str, float]:
        """Return what a program reads."""
        return {"median": self.median, "low": self.low, "high": self.high, "spread": self.spread}


def client_core() -> int | None:
    """Return the core of the client's process, None where processes cannot be kept apart."""
    cores = _cores()
    return cores[0] if len(cores) > 1 else None


def server_core() -> int | None:
    """Return the core of the provider's process."""
    cores = _cores()
    return cores[-1] if len(cores) > 1 else None


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int | None) -> None:
    """Keep this process, and those it starts, on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


@frozen
class Host:
    """What the host of a virtual machine keeps for others of the cores used here, from a moment on."""

    began: float
    before: float | None

    @classmethod
    def since_now(cls) -> "Host":
        """Begin to look."""
        return cls(time.monotonic(), stolen())

    def share(self) -> float | None:
        """Return the share of the time; None where the system does not say it."""
        now = stolen()
        if now is None or self.before is None:
            return None
        return (now - self.before) / (time.monotonic() - self.began)


def stolen(stat: str = "/proc/stat") -> float | None:
    """Return for how many seconds the host had each of the two cores (proc(5)); None if unknown."""
    used = {f"cpu{core}" for core in (client_core(), server_core())}
    try:
        with open(stat, encoding="ascii") as lines:
            found = [line.split() for line in lines if line.partition(" ")[0] in used]
        return sum(int(numbers[8]) for numbers in found) / len(found) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError, ZeroDivisionError):
        return None


def machine(*packages: str) -> dict[str, object]:
    """Return what a reader must know of the machine, the load on it included."""
    found: dict[str, object] = {"python": platform.python_version(), "cpus": os.cpu_count()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    load = tuple(round(each, 1) for each in os.getloadavg()) if hasattr(os, "getloadavg") else None
    return found | {"load": load, "pinned": client_core() is not None}


def said(found: dict[str, object]) -> str:
    """Return `machine` as a sentence."""
    load, pinned, cpus = found["load"], found["pinned"], found["cpus"]
    taken = found.get("stolen")
    lost = f" The host kept {taken:.1%} of the time for others." if isinstance(taken, float) else ""
    versions = ", ".join(
        f"{name} {value}"
        for name, value in found.items()
        if value and name not in ("load", "pinned", "cpus", "stolen")
    )
    apart = (
        "client and provider on a core each" if pinned else "client and provider NOT on cores of their own"
    )
    return f"{versions}; {cpus} cores, {apart}; load averages at the start {load}.{lost}"


@frozen
class Ended:
    """A command that has ended: its exit code, seconds of CPU and of time, and bytes of peak memory."""

    code: int
    cpu: float
    elapsed: float
    peak: int


def command(
    line: Sequence[str], *, to: IO[bytes] | int, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run a command on the client's core, its standard output sent `to` there."""
    began = time.perf_counter()
    process = subprocess.Popen(line, stdout=to, stderr=subprocess.DEVNULL, env=environment)
    if (core := client_core()) is not None:
        os.sched_setaffinity(process.pid, {core})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    elapsed = time.perf_counter() - began
    return Ended(process.returncode, used.ru_utime + used.ru_stime, elapsed, used.ru_maxrss * MAXRSS)


@frozen
class Faults:
    """How many requests fail: this share, from some seconds after the first request on.

    Half of them are answered with 503, half are read and never answered: the connection is closed.
    `outright` makes all of them 503.
    """

    steps: tuple[tuple[float, float], ...] = ()
    outright: bool = False


UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def _serve(line: Connection, faults: Faults, core: int | None) -> None:
    """Serve until `line` closes; answer each message on it with the number of requests."""
    pin(core)
    chance, seen, long = random.Random(1).random, 0, history()
    began = 0.0

    def healthy(each: Requests) -> None:
        nonlocal seen
        seen += 1
        each.reply(long if each.reads else REPLY)

    def faulty(each: Requests) -> None:
        nonlocal seen, began
        seen += 1
        now = time.monotonic()
        began = began or now
        share = next(share for since, share in reversed(faults.steps) if now - began >= since)
        if chance() >= share:
            each.reply(REPLY)
        elif faults.outright or chance() < 0.5:
            each.reply(UNAVAILABLE)
        else:
            each.close()

    async def until_asked_to_end() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def asked() -> None:
            try:
                line.recv()
                line.send(seen)
            except EOFError:
                loop.remove_reader(line.fileno())
                over.set()

        def awake() -> None:
            # Waking a sleeping process can cost the one that sends more than its whole call, most of all
            # on a virtual machine, and how often it sleeps is chance.
            loop.call_soon(awake)

        arrived = faulty if faults.steps else healthy
        server = await loop.create_server(lambda: Requests(arrived), "127.0.0.1", 0, backlog=1024)
        line.send(server.sockets[0].getsockname()[1])
        loop.add_reader(line.fileno(), asked)
        if core is not None:
            awake()
        await over.wait()

    with asyncio.Runner(loop_factory=loops().get("uvloop")) as runner:
        runner.run(until_asked_to_end())


@frozen
class Provider:
    """A running provider: its address, and how many requests it has got."""

    url: str
    line: Connection

    def requests(self) -> int:
        """Return how many requests have arrived."""
        self.line.send(None)
        count: int = self.line.recv()
        return count


@contextmanager
def provider(faults: Faults = Faults()) -> Iterator[Provider]:
    """Run a provider in a process of its own."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=_serve, args=(there, faults, server_core()), daemon=True)
    server.start()
    there.close()
    try:
        yield Provider(f"http://127.0.0.1:{here.recv()}", here)
    finally:
        here.close()
        server.join(5)
        server.terminate()


@contextmanager
def slow_provider(latency: float) -> Iterator[str]:
    """Run one in a process of its own that answers after so many seconds, and give its address."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(there, latency), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        server.terminate()


def _work(line: Connection, core: int | None) -> None:
    pin(core)
    while (task := line.recv()) is not None:
        function, args = task
        try:
            line.send((True, function(*args)))
        except Exception:  # noqa: BLE001 - it is raised again in the calling process
            line.send((False, traceback.format_exc()))


def _find_in(folder: str) -> None:
    sys.path.append(folder)


class Worker:
    """A process of its own on the client's core: it does its tasks one at a time.

    `folder` is where it finds modules besides the installed ones.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._line, there = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_work, args=(there, client_core()), daemon=True)
        with patch.dict(os.environ, ALLOCATOR | os.environ):  # settings of the environment stay
            self._process.start()
        there.close()
        if folder is not None:
            self.run(_find_in, folder)

    def run(self, function: Callable[..., T], *args: object) -> T:
        """Return what `function` returns there. Raises `RuntimeError` with its traceback if it fails."""
        self._line.send((function, args))
        done, result = self._line.recv()
        if not done:
            raise RuntimeError(result)
        answer: T = result
        return answer

    def close(self) -> None:
        """End the process."""
        self._line.send(None)
        self._process.join(5)
        self._process.terminate()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the factory of each installed event loop, by name."""
    found: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop

        found["uvloop"] = uvloop.new_event_loop
    return found


@frozen
class Reading:
    """One run: seconds of CPU and of time for each change."""

    cpu: float
    elapsed: float


Drive = Callable[[int], Awaitable[None]]
"""Makes so many changes, and returns when all have ended."""


async def read(drive: Drive, changes: int, warm_up: int) -> Reading:
    """Measure `changes` changes, after some that open the connections and are not counted."""
    await drive(warm_up)
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    await drive(changes)
    return Reading((time.process_time() - cpu) / changes, (time.perf_counter() - began) / changes)


async def spread_over(width: int, changes: int, call: Callable[[int], Awaitable[object]]) -> None:
    """Make `changes` calls, `width` at once."""
    numbers = iter(range(changes))

    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(width)))
