"""The provider of an experiment: a sandbox in a process of its own, which writes down all that arrives."""

import asyncio
import hashlib
import multiprocessing
import os
import secrets
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar, cast

from attrs import field, frozen

from bonifiq_async._model.outcome import Change, Effect
from bonifiq_async._provider.connection import Connection as Client
from bonifiq_async._provider.connection import SignsIn
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async.ledger.sqlite.row import find
from bonifiq_async.sandbox import Arrival, FaultScript, Meeting
from bonifiq_async.sandbox.protocol import Booked
from bonifiq_async.sandbox.server import Server
from bonifiq_async.verification.finding import Figures, Timeline

MOVED = frozenset({Effect.APPLIED, Effect.ALREADY_APPLIED})
"""Effects that say that a change stands in the books of the provider."""

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

C = TypeVar("C", bound=SignsIn)
NO_OPTIONS: Mapping[str, object] = {}
TOLD = 3.0
"""Seconds between two lines that say how far it is."""
BINS = 120
"""Steps of a timeline."""


class Seen(NamedTuple):
    """A request as the provider saw it, at `moment` (monotonic seconds, the same for every process).

    `digest` stands for its body. `fault` is what it met, "" if nothing. It was asked to wait until
    `until`, 0 if it was not. `claimed` is whether its key stood in the ledger, None if not looked up.
    """

    moment: float
    key: str | None
    customer: str | None
    digest: bytes
    fault: str
    until: float
    claimed: bool | None


def digest_of(body: bytes) -> bytes:
    """Return what stands for a body."""
    return hashlib.blake2b(body, digest_size=8).digest()


@frozen
class Closed:
    """All that the provider knows: what arrived, and what took effect, in order."""

    seen: Sequence[Seen]
    history: Sequence[Booked]
    balances: Mapping[str, Decimal]
    faults: Mapping[str, int]

    def effects(self) -> Counter[str]:
        """Return how often something took effect, by key."""
        return Counter(key for _, _, key in self.history)

    def figures(
        self, changes: int, *, kills: int | None = None, lost: int | None = None, unknown: int | None = None
    ) -> Figures:
        """Return what a claim over so many changes shows: what arrived, failed, and took effect twice."""
        doubled = sum(count > 1 for count in self.effects().values())
        return Figures(
            changes, len(self.seen), sum(self.faults.values()), kills, doubled, lost=lost, unknown=unknown
        )

    def timeline(self, name: str, kills: Sequence[float] = ()) -> Timeline:
        """Return what arrived when."""
        began = self.seen[0].moment if self.seen else 0.0
        lasted = (self.seen[-1].moment - began if self.seen else 0.0) or 1.0
        requests, faults = Counter[int](), Counter[int]()
        for each in self.seen:
            at = min(BINS - 1, int((each.moment - began) / lasted * BINS))
            requests[at] += 1
            faults[at] += bool(each.fault)
        return Timeline(
            name,
            lasted / BINS,
            tuple(requests[at] for at in range(BINS)),
            tuple(faults[at] for at in range(BINS)),
            tuple(kill - began for kill in kills),
            dict(self.faults),
        )


@frozen
class Bench(Generic[C]):
    """A provider that runs. Requests are counted by group: the customer's name up to its first hyphen.

    `variables` are those of the environment with which a client comes to it.
    """

    url: str
    credentials: C
    variables: Mapping[str, str] = field(repr=False)
    _line: Connection = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return the environment of a child that is a client of this provider."""
        return {**os.environ, **self.variables}

    def secrets(self) -> tuple[str, ...]:
        """Return what must appear nowhere."""
        return tuple(secret.reveal() for secret in self.credentials.secrets())

    def arrived(self, group: str | None = None) -> int:
        """Return how many requests have arrived: of a group, or all."""
        counts = cast("Mapping[str, int]", self._ask("arrived"))
        return sum(counts.values()) if group is None else counts.get(group, 0)

    def effects(self) -> Mapping[str, int]:
        """Return how often something has taken effect so far, by key."""
        return cast("Mapping[str, int]", self._ask("effects"))

    def killed(self, group: str | None) -> None:
        """Note that the client of a group was killed: no process must hold its ledger open."""
        if group is not None:
            self._ask("killed", group)

    def close(self) -> Closed:
        """Stop serving, and return what is known. Once."""
        return cast(Closed, self._ask("close"))

    def _ask(self, *question: str) -> object:
        self._line.send(question)
        return self._line.recv()


@contextmanager
def bench(
    provider: ProviderSpec,
    credentials: Callable[..., C],
    script: str,
    *,
    ledgers: Path | None = None,
    options: Mapping[str, object] = NO_OPTIONS,
) -> Iterator[Bench[C]]:
    """Serve as `provider` does, failing as `script` (TOML) says, for as long as the block lasts.

    `credentials` is the class of its credentials, `options` what else its sandbox is given. With `ledgers`, a
    folder, it looks at every arrival whether its key is in the ledger `GROUP.csv.ledger`.
    """
    spawn = multiprocessing.get_context("spawn")
    texts = [secrets.token_hex(12) for _ in provider.environment.credentials]
    here, there = spawn.Pipe()
    process = spawn.Process(
        target=_provide, args=(there, provider, texts, script, ledgers, options), daemon=True
    )
    process.start()
    there.close()
    try:
        url, variables = cast("tuple[str, Mapping[str, str]]", here.recv())
        yield Bench(url, credentials(*texts), variables, here)
    finally:
        here.close()
        process.join(10)
        process.kill()
        process.join()
        process.close()


def credentials_of(provider: ProviderSpec) -> Callable[..., SignsIn]:
    """Return the class of a provider's credentials."""
    return cast("type[Client[Change, object]]", provider.client.load(type)).CREDENTIALS


class _Witness(FaultScript):
    """A script that writes down what it is asked, and looks into the clients' ledgers meanwhile."""

    def watch(self, ledgers: Path | None, operations: Sequence[str]) -> None:
        """Begin; a ledger has a change under one of these operations."""
        self.seen: list[Seen] = []
        self.arrived: Counter[str] = Counter()
        self.killed: set[str] = set()
        self._ledgers, self._operations = ledgers, operations
        self._open: dict[str, sqlite3.Connection] = {}

    def meet(self, arrival: Arrival) -> Meeting:
        """See `FaultScript.meet`."""
        moment, group = time.monotonic(), (arrival.customer or "").partition("-")[0]
        claimed = None
        if self._ledgers is not None and arrival.key is not None:
            claimed = self._claimed(self._ledgers / f"{group}.csv.ledger", group, arrival.key)
        met = super().meet(arrival)
        until = 0.0
        if met.fault is not None and met.fault.retry_after is not None:
            wall, asked = time.time(), float(met.retry_after)
            if met.fault.retry_after == "date":
                asked = int(wall + asked) - wall  # a date has whole seconds
            until = moment + asked
        digest = digest_of(arrival.body)
        self.seen.append(Seen(moment, arrival.key, arrival.customer, digest, met.name, until, claimed))
        self.arrived[group] += 1
        return met

    def _claimed(self, path: Path, group: str, key: str) -> bool:
        if group in self.killed:
            self.killed.discard(group)
            self._open.pop(group).close()
        if group not in self._open:
            if not path.exists():
                return False
            self._open[group] = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            return any(find(self._open[group], name, key) is not None for name in self._operations)
        except sqlite3.OperationalError:
            return False  # a ledger without its tables has no claim in it


def _provide(
    line: Connection,
    provider: ProviderSpec,
    texts: Sequence[str],
    script: str,
    ledgers: Path | None,
    options: Mapping[str, object],
) -> None:
    """Run the provider until the line says so, or ends."""
    witness = _Witness.from_toml(script)
    witness.watch(ledgers, [each.name for each in provider.operations.load(tuple) if each.unit is not None])
    sandbox = cast("Callable[..., Server]", provider.sandbox.load_class(Server))
    server = sandbox(faults=witness, credentials=credentials_of(provider)(*texts), **options)
    try:
        with server:
            line.send((server.url, dict(server.environment())))
            while (question := line.recv())[0] != "close":
                if question[0] == "arrived":
                    line.send(dict(witness.arrived))
                elif question[0] == "effects":
                    line.send(dict(Counter(moved.key for moved in server.booked())))
                else:
                    witness.killed.add(question[1])
                    line.send(None)
    except (EOFError, KeyboardInterrupt):
        return
    line.send(Closed(witness.seen, server.booked(), dict(server.balances()), dict(witness.met)))


@contextmanager
def counting(bench: Bench[C], tell: Callable[[str], None]) -> Iterator[None]:
    """Tell every few seconds how many requests have arrived, for as long as the block lasts."""

    async def count() -> None:
        while True:
            await asyncio.sleep(TOLD)
            tell(f"{bench.arrived():,} requests")

    telling = asyncio.create_task(count())
    try:
        yield
    finally:
        telling.cancel()
