"""Waits that are honoured early: when the body of the answer is still to come, or others still connect."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from decimal import Decimal
from urllib.parse import urlsplit

import aiohttp
from attrs import define, field, frozen

from bonifiq_async._model.outcome import Effect
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange
from bonifiq_async.verification.bench import Closed
from bonifiq_async.verification.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, KeyedBench, keyed_bench

ASKED = 2
"""Seconds that the first call of a round is asked to wait."""
OTHERS = 12
"""Calls of a round that the wait holds, too."""
SOON = 0.05
"""Seconds in which what lies on a connection of one machine is read, when the event loop has turned."""
WHILE = 0.3
"""Seconds for which the body of an answer is kept back when the others have begun."""
ONCE = RetryPolicy(max_attempts=1)
FIRST = "first"
"""The keys of calls that are asked to wait begin so."""
WAYS: Mapping[str, Callable[[], aiohttp.ClientSession | None]] = {
    "own": lambda: None,
    "borrowed": aiohttp.ClientSession,
}
"""Sessions that a client may have: its own, or one that it is given."""
CONNECTING, BODY = "connecting", "body"


@define
class _Gate:
    """Has the first `most` connections take until it is `open`; `full` is set when so many are pending."""

    most: int
    pending: int = 0
    full: asyncio.Event = field(factory=asyncio.Event)
    open: asyncio.Event = field(factory=asyncio.Event)

    async def passed(self) -> None:
        """Return when the connection that begins now may be there."""
        if self.pending < self.most:
            self.pending += 1
            if self.pending == self.most:
                self.full.set()
            await self.open.wait()


@define
class _Front:
    """Passes on what comes, each way; keeps the body of an answer that asks to wait until it is `let`.

    `head` is set when its head has been passed on, and `kept` says that some of it was kept back then.
    Connections to it take as long as its `gate` says, if it has one.
    """

    port: int
    gate: _Gate | None = None
    head: asyncio.Event = field(factory=asyncio.Event)
    let: asyncio.Event = field(factory=asyncio.Event)
    kept: bool = False
    _talks: set["asyncio.Task[None]"] = field(factory=set)

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.ensure_future(self._both_ways(reader, writer))
        self._talks.add(task)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await task
        writer.close()

    def stop(self) -> None:
        """Serve no more."""
        for task in self._talks:
            task.cancel()

    async def _both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_there, there = await asyncio.open_connection("127.0.0.1", self.port)
        asking = asyncio.ensure_future(self._requests(reader, there))
        try:
            while data := await from_there.read(65_536):
                if data.startswith(b"HTTP/1.1 429"):
                    head, end, body = data.partition(b"\r\n\r\n")
                    writer.write(head + end)
                    self.kept, data = not self.let.is_set(), body
                    self.head.set()
                    await self.let.wait()
                writer.write(data)
        finally:
            asking.cancel()
            there.close()

    @staticmethod
    async def _requests(reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                there.write(data)


@contextmanager
def _slow(fronts: Mapping[int, _Front]) -> Iterator[None]:
    """Have connections of this event loop to the fronts, by port, take as long as their gates say."""
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def connected(line: socket.socket, address: tuple[str, int]) -> None:
        front = fronts.get(address[1])
        if front is not None and front.gate is not None:
            await front.gate.passed()
        await connect(line, address)

    vars(loop)["sock_connect"] = connected
    try:
        yield
    finally:
        del vars(loop)["sock_connect"]


@frozen
class Round:
    """What came of a round: the keys of the call that was asked to wait and of the others, and the effects.

    The others were let go on at `let` (monotonic seconds), which must be within the wait; `what` was still
    to come then, and `way` is the owner of its session.
    """

    what: str
    way: str
    first: str
    others: tuple[str, ...]
    effects: Mapping[str, Effect]
    let: float
    was_so: bool


@frozen
class Record:
    """All rounds, and what the provider saw."""

    rounds: tuple[Round, ...]
    closed: Closed


async def hear(lab: Lab) -> Record:
    """Ask one call of a client to wait while others connect, or before the body of the answer is there."""
    rounds = list[Round]()
    script = f'[[fault]]\nfault = "429-seconds"\nkey = "{FIRST}-*"\nretry_after = {ASKED}\n'
    fronts = dict[int, _Front]()
    with keyed_bench(script) as provider, _slow(fronts):
        for turn in range(max(1, lab.scale.holds // 2)):
            async with asyncio.TaskGroup() as together:
                tasks = [
                    together.create_task(_round(provider, fronts, act, what, way, turn))
                    for what, act in ((CONNECTING, _while_connecting), (BODY, _before_the_body))
                    for way in WAYS
                ]
            rounds += [task.result() for task in tasks]
            lab.tell(f"{provider.arrived():,} requests")
        return Record(tuple(rounds), provider.close())


Make = Callable[[str], Coroutine[None, None, None]]
"""Makes the change of a key, and returns when it has ended."""


async def _round(
    provider: KeyedBench,
    fronts: dict[int, _Front],
    act: Callable[[_Front, Make, str, tuple[str, ...]], Awaitable[tuple[float, bool]]],
    what: str,
    way: str,
    turn: int,
) -> Round:
    name = f"{what}-{way}-{turn}"
    first, others = f"{FIRST}-{name}", tuple(f"then-{name}-{number}" for number in range(OTHERS))
    effects = dict[str, Effect]()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(_fronted(provider, fronts))
        session = WAYS[way]()
        if session is not None:
            await stack.enter_async_context(session)
        url = f"http://127.0.0.1:{port}"
        made = BonifiQClient(provider.credentials, base_url=url, retry=ONCE, session=session)
        client = await stack.enter_async_context(made)

        async def make(key: str) -> None:
            outcome = await client.outcome_of(CashbackChange(key, Decimal(1), "held", key))
            effects[key] = outcome.effect

        let, was_so = await act(fronts[port], make, first, others)
    return Round(what, way, first, others, effects, let, was_so)


@asynccontextmanager
async def _fronted(provider: KeyedBench, fronts: dict[int, _Front]) -> AsyncIterator[int]:
    """Put a front before the provider, and give its port."""
    front = _Front(urlsplit(provider.url).port or 0)
    server = await asyncio.start_server(front.pass_on, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fronts[port] = front
    try:
        yield port
    finally:
        server.close()
        front.stop()


async def _while_connecting(
    front: _Front, make: Make, first: str, others: tuple[str, ...]
) -> tuple[float, bool]:
    """The others connect; then one that is there at once is asked to wait; then they go on."""
    gate = front.gate = _Gate(len(others))
    front.let.set()
    calls = asyncio.gather(*map(make, others))
    calls.add_done_callback(lambda _: gate.full.set())
    await gate.full.wait()
    await make(first)
    let, was_so = time.monotonic(), gate.pending == gate.most
    gate.open.set()
    await calls
    return let, was_so


async def _before_the_body(
    front: _Front, make: Make, first: str, others: tuple[str, ...]
) -> tuple[float, bool]:
    """One is asked to wait, and of the answer only the head is there; the others begin."""
    asked = asyncio.ensure_future(make(first))
    asked.add_done_callback(lambda _: front.head.set())
    await front.head.wait()
    await asyncio.sleep(SOON)
    let = time.monotonic()
    calls = asyncio.gather(*map(make, others))
    await asyncio.sleep(WHILE)
    was_so = front.kept and not asked.done()
    front.let.set()
    await asyncio.gather(asked, calls)
    return let, was_so


def kept(record: Record, what: str) -> Finding:
    """In the rounds of this kind the others arrived after the end of the wait, and lost nothing."""
    rounds = [each for each in record.rounds if each.what == what]
    moments = {each.key: each for each in record.closed.seen}
    problems, met, faults = list[str](), 0, 0
    for each in rounds:
        asked = moments.get(each.first)
        until = 0.0 if asked is None else asked.until
        faults += until > 0
        met += each.was_so and each.let < until
        for key in each.others:
            arrived = moments[key].moment if key in moments else float("inf")
            if arrived < until:
                problems.append(
                    f"{key} arrived {until - arrived:.3f} s before the end of a wait ({each.way} session)"
                )
            if each.effects.get(key) is not Effect.APPLIED:
                told = each.effects.get(key)
                problems.append(f"{key} was reported as {'nothing' if told is None else told.value}")
    figures = Figures(
        changes=sum(len(each.effects) for each in rounds),
        requests=sum(each.first in moments for each in rounds)
        + sum(key in moments for each in rounds for key in each.others),
        faults=faults,
    )
    ways = " and ".join(WAYS)
    note = f"{met:,} waits of {ASKED} s, {OTHERS} others each; {ways} sessions"
    return found(figures, problems, met=met, note=note)


HOLDS: Experiment = experiment(
    "holds",
    TITLE,
    hear,
    {
        "hold-at-head": (
            "a wait begins with the head of the answer that asks for it, whenever its body comes",
            lambda record: kept(record, BODY),
        ),
        "hold-connecting": (
            "what is still connecting when a wait begins is not written before its end",
            lambda record: kept(record, CONNECTING),
        ),
    },
)
"""One call is asked to wait, and others are already on their way to the wire."""
