"""Malformed and hostile answers: a typed error with the right effect, in bounded memory and time."""

import asyncio
import contextlib
import http.client
import io
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from itertools import repeat

import pytest
from attrs import frozen
from conftest import CHANGED, POINTS, change, fast, read_request
from conftest import http as answer
from silence import forward

from bonifiq_async import (
    Attempt,
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    Earn,
    Effect,
    Member,
    Raba7niClient,
    Raba7niCredentials,
    Timeouts,
    Verdict,
)
from bonifiq_async._transport.connector import KeptConnector

pytestmark = pytest.mark.usefixtures("way")
"""Everything that is sent here is sent directly and by aiohttp's session."""

MEGABYTE = 1_048_576
PROMPT = 0.4
"""Seconds for an answer that never ends."""
PATIENT = Timeouts(connect=5.0, attempt=20.0, call=20.0)
NEXT = POINTS.replace(b"10", b"77")
"""A balance that the hostile answers do not have."""


def to(url: str) -> BonifiQClient:
    """Return a client that tries once: the first answer decides."""
    credentials = BasicCredentials("token", "secret")
    return BonifiQClient(credentials, base_url=url, retry=fast(max_attempts=1), timeouts=PATIENT)


class Hostile:
    """A server that gives a first answer, `parts` one after the other, and correct ones afterwards.

    With `early` it does not read the request first. `bodies` are the requests that it got.
    """

    def __init__(self, parts: Iterator[bytes] | AsyncIterator[bytes] | bytes, *, early: bool = False) -> None:
        self.parts = iter([parts]) if isinstance(parts, bytes) else parts
        self.early, self.first = early, True
        self.bodies: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.first and self.early:
            self.first = False
            await self._pour(writer)
            return
        while True:
            self.bodies.append((await read_request(reader))[1])
            if self.first:
                self.first = False
                await self._pour(writer)
                return
            writer.write(answer(NEXT))

    async def _pour(self, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.parts, AsyncIterator):
            async for part in self.parts:
                writer.write(part)
        else:
            for part in self.parts:
                writer.write(part)
                await writer.drain()
        await writer.drain()


@frozen
class Ended:
    """How a change ended."""

    effect: Effect
    attempts: tuple[Attempt, ...]


async def outcome(server: Hostile, raw_server: Callable) -> Ended:
    """Make a change, then read a balance: the second must not get the answer to the first."""
    async with to(await raw_server(server)) as client:
        begun = time.perf_counter()
        try:
            applied = await client.customers.change_cashback(change(), deadline=PROMPT)
            ended = Ended(applied.effect, applied.attempts)
        except BonifiQError as error:
            ended = Ended(error.effect, error.attempts)
        assert time.perf_counter() - begun < PROMPT + 5  # a busy machine may pause
        with contextlib.suppress(BonifiQError):  # its connection may have been the damaged one
            assert (await client.customers.points("ANA")).cashback_balance == 77
        assert (await client.customers.points("ANA")).cashback_balance == 77
        assert (client.in_doubt() == ()) is (ended.effect is not Effect.UNKNOWN)
    return ended


# --- framing ---

NO = b'{"HasError":true,"ErrorMessage":"no budget","Severity":2,"Result":null}'
LENGTH = f"Content-Length: {len(CHANGED)}\r\n".encode()
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHANGED), CHANGED)
ENDED = b"HTTP/1.1 200 OK\r\n" + JSON + b"Connection: close\r\n\r\n" + CHANGED
APPLIED, REFUSED, UNKNOWN = Effect.APPLIED, Effect.REFUSED, Effect.UNKNOWN

FRAMED: dict[str, tuple[bytes, Effect]] = {
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n" + CHANGED, APPLIED),
    "HTTP/1.0 without a length": (b"HTTP/1.0 200 OK\r\n\r\n" + CHANGED, APPLIED),
    "without a length": (ENDED, APPLIED),
    "without a length, cut": (ENDED[:-1], UNKNOWN),
    "without a reason": (answer(CHANGED, status="200"), APPLIED),
    "chunked": (CHUNKED + CHUNKS, APPLIED),
    "chunked with an extension": (CHUNKED + CHUNKS.replace(b"\r\n", b";a=b\r\n", 1), APPLIED),
    "chunked with a trailer": (CHUNKED + CHUNKS[:-2] + b"X-Sum: 1\r\n\r\n", APPLIED),
    "chunked without an end": (CHUNKED + CHUNKS[:-5], UNKNOWN),
    "chunked of an endless size": (CHUNKED + b"f" * 64 + b"\r\n" + CHANGED, UNKNOWN),
    "chunked of a negative size": (CHUNKED + b"-1\r\n" + CHANGED, UNKNOWN),
    "a length below zero": (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + CHANGED, UNKNOWN),
    "a length with a plus": (b"HTTP/1.1 200 OK\r\nContent-Length: +85\r\n\r\n" + CHANGED, UNKNOWN),
    "an endless length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n" + CHANGED,
        UNKNOWN,
    ),
    "a length that is too short": (answer(CHANGED).replace(LENGTH, b"Content-Length: 20\r\n"), UNKNOWN),
    "a length that is too long": (answer(CHANGED).replace(LENGTH, b"Content-Length: 2000\r\n"), UNKNOWN),
    "two lengths": (b"HTTP/1.1 200 OK\r\n" + LENGTH + b"Content-Length: 1\r\n\r\n" + CHANGED, UNKNOWN),
    "chunked and a length": (CHUNKED[:-2] + LENGTH + b"\r\n" + CHUNKS, UNKNOWN),
    "204 with a body": (answer(CHANGED, status="204 No Content"), UNKNOWN),
    "304 with a body": (answer(CHANGED, status="304 Not Modified"), UNKNOWN),
    "205 with a body": (answer(CHANGED, status="205 Reset Content"), APPLIED),
    "101": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + CHANGED, UNKNOWN),
    "200 and an upgrade": (answer(CHANGED, "Connection: upgrade", "Upgrade: h2c"), APPLIED),
    "100 and then 200": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(CHANGED), APPLIED),
    "100 alone": (b"HTTP/1.1 100 Continue\r\n\r\n", UNKNOWN),
    "two answers at once": (answer(CHANGED) * 2, APPLIED),
    "a success and then a refusal": (answer(CHANGED) + answer(NO, status="400 Bad Request"), APPLIED),
    "a success and half an answer": (answer(CHANGED) + b"HTTP/1.1 200 OK\r\nContent-Le", APPLIED),
    "a success and other bytes": (answer(CHANGED) + b"\0\0\0\0", UNKNOWN),
    "a refusal and other bytes": (answer(NO, status="400 Bad Request") + b"}}}}", UNKNOWN),
    "status 0": (answer(CHANGED, status="000 OK"), UNKNOWN),
    "status 99": (answer(CHANGED, status="099 OK"), UNKNOWN),
    "status 600": (answer(CHANGED, status="600 OK"), UNKNOWN),
    "status 999": (answer(CHANGED, status="999 OK"), UNKNOWN),
    "status 1000": (answer(CHANGED, status="1000 OK"), UNKNOWN),
    "status -200": (answer(CHANGED, status="-200 OK"), UNKNOWN),
    "status 20": (answer(CHANGED, status="20 OK"), UNKNOWN),
    "status two hundred": (answer(CHANGED, status="\xb2\xb0\xb0 OK"), UNKNOWN),
    "HTTP/2 in HTTP/1's words": (answer(CHANGED).replace(b"HTTP/1.1", b"HTTP/2.0"), APPLIED),
    "HTTP/0.9": (CHANGED, UNKNOWN),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x28", UNKNOWN),
    "no answer": (b"", UNKNOWN),
    "a header in bytes": (answer(CHANGED, "X-A: \xff\xfe"), APPLIED),
    "a header without a colon": (answer(CHANGED, "nothing"), UNKNOWN),
    "a header with a null": (answer(CHANGED, "X-A: a\0b"), UNKNOWN),
    "an unrequested encoding": (answer(CHANGED, "Content-Encoding: br"), UNKNOWN),
    "an unknown code": (answer(CHANGED, "Content-Encoding: rot13"), APPLIED),
    "no gzip": (answer(CHANGED, "Content-Encoding: gzip"), UNKNOWN),
    "gzip, cut": (answer(zlib.compress(CHANGED, wbits=31)[:60], "Content-Encoding: gzip"), UNKNOWN),
    "gzip with a wrong sum": (
        answer(zlib.compress(CHANGED, wbits=31)[:-8] + b"12345678", "Content-Encoding: gzip"),
        UNKNOWN,
    ),
    "gzip and more": (answer(zlib.compress(CHANGED, wbits=31) + b"more", "Content-Encoding: gzip"), UNKNOWN),
    "deflate, cut": (answer(zlib.compress(CHANGED)[:-9], "Content-Encoding: deflate"), UNKNOWN),
    "deflate": (answer(zlib.compress(CHANGED), "Content-Encoding: deflate"), APPLIED),
}


@pytest.mark.parametrize(("raw", "effect"), FRAMED.values(), ids=FRAMED.keys())
async def test_framing(raw: bytes, effect: Effect, raw_server) -> None:
    """Whatever the frame: the effect is what the answer proves, and the next call gets its own answer."""
    server = Hostile(raw)
    assert (await outcome(server, raw_server)).effect is effect


async def test_an_answer_before_the_request_was_read_is_none(raw_server, monkeypatch) -> None:
    """It arrived before the change was sent: nothing was sent there, and no effect is reported from it."""
    greeted = asyncio.Event()

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(CHANGED))
        await writer.drain()
        greeted.set()
        await read_request(reader)

    connect = KeptConnector.connect

    async def connected_and_greeted(*args: object) -> object:
        connection = await connect(*args)
        await greeted.wait()
        await asyncio.sleep(0.01)  # until the greeting has been received
        return connection

    monkeypatch.setattr(KeptConnector, "connect", connected_and_greeted)
    async with to(await raw_server(greets)) as client:
        result = await client.outcome_of(change())
    assert result.effect is Effect.NOT_APPLIED
    assert [(each.verdict, each.sent) for each in result.attempts] == [(Verdict.NOT_SENT, False)]


# --- more than memory may hold, longer than a call may wait ---


def _bomb(wbits: int, size: int) -> Iterator[bytes]:
    """Yield `size` spaces, packed to a thousandth, without ever holding them."""
    packer = zlib.compressobj(9, wbits=wbits)
    yield packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(block, size // MEGABYTE - 1)  # after a full flush each block is independent


def _encoded(wbits: int, name: str, *, size: int = 1024 * MEGABYTE) -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nConnection: close\r\n\r\n".encode()
    yield from _bomb(wbits, size)


def _members(count: int) -> Iterator[bytes]:
    """Yield a gzip body of many members: each is small."""
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    yield from repeat(zlib.compress(b" " * 65_536, wbits=31) * 16, count // 16)


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "100 MB by their length": lambda: iter(
        [b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", *repeat(b" " * MEGABYTE, 100)]
    ),
    "100 MB of an error": lambda: iter(
        [b"HTTP/1.1 500 No\r\nContent-Length: 104857600\r\n\r\n", *repeat(b" " * MEGABYTE, 100)]
    ),
    "100 MB in large chunks": lambda: iter(
        [CHUNKED, *repeat(b"100000\r\n" + b" " * MEGABYTE + b"\r\n", 100)]
    ),
    "100 MB in chunks of one byte": lambda: iter([CHUNKED, *repeat(b"1\r\n \r\n" * 20_000, 50)]),
    "1 GB in gzip": lambda: _encoded(31, "gzip"),
    "1 GB in deflate": lambda: _encoded(15, "deflate"),
    "1 GB in bare deflate": lambda: _encoded(-15, "deflate"),
    "1 GB in members of gzip": lambda: _members(16_384),
    "a gigabyte of one header": lambda: iter([b"HTTP/1.1 200 OK\r\nX: ", *repeat(b"x" * MEGABYTE, 1024)]),
    "a million headers": lambda: iter([b"HTTP/1.1 200 OK\r\n", *repeat(b"X-A: b\r\n" * 10_000, 100)]),
    "a long status line": lambda: iter([b"HTTP/1.1 200 ", *repeat(b"x" * MEGABYTE, 100)]),
    "a long chunk extension": lambda: iter([CHUNKED + b"1;a=", *repeat(b"x" * MEGABYTE, 100)]),
    "a million trailers": lambda: iter([CHUNKED + b"0\r\n", *repeat(b"X-A: b\r\n" * 10_000, 100)]),
    "a hundred thousand answers": lambda: iter([*repeat(answer(NO, status="500 No") * 1_000, 100)]),
    "interim answers without an end": lambda: repeat(b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 1_000),
    "blank lines without an end": lambda: repeat(b"\r\n" * 10_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_is_refused_in_bounded_memory_and_time(flood: Callable, raw_server) -> None:
    """Unknown, at the latest when the time of the attempt is over, at the cost of some megabytes."""
    server = Hostile(flood())
    tracemalloc.start(1)
    try:
        result = await outcome(server, raw_server)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.effect is Effect.UNKNOWN
    assert peak < 32 * MEGABYTE


async def _dripping(whole: bytes) -> AsyncIterator[bytes]:
    for place in range(len(whole)):
        yield whole[place : place + 1]
        forward(asyncio.get_running_loop(), 0.02)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("at", [0, 100], ids=["in the head", "in the body"])
async def test_a_dripping_answer_ends_with_the_attempt(at: int, raw_server) -> None:
    """Each byte comes in time, but the whole answer does not."""

    async def drips() -> AsyncIterator[bytes]:
        yield answer(CHANGED)[:at]
        async for part in _dripping(answer(CHANGED)[at:]):
            yield part

    result = await outcome(Hostile(drips()), raw_server)
    assert (result.effect, result.attempts[0].verdict) == (Effect.UNKNOWN, Verdict.LOST)


# --- damage in transit ---


def _read_by_another(raw: bytes) -> tuple[int, dict[str, object]] | None:
    """Return status and members of an answer as Python's own HTTP client and JSON reader see them."""

    class Connection:
        def makefile(self, mode: str) -> io.BytesIO:
            return io.BytesIO(raw)

    response = http.client.HTTPResponse(Connection())
    try:
        response.begin()
        members = json.loads(response.read(), parse_float=Decimal)
    except (http.client.HTTPException, ValueError):
        return None
    return (response.status, members) if isinstance(members, dict) else None


FLIPPED = {"a yes": answer(CHANGED), "a no": answer(NO, status="400 Bad Request")}


@pytest.mark.slow
@pytest.mark.parametrize("whole", FLIPPED.values(), ids=FLIPPED.keys())
async def test_a_bit_that_was_flipped_proves_nothing_new(whole: bytes, raw_server) -> None:
    """Bit by bit: a success stays one only where another reader sees it; a refusal never becomes one."""
    effects, raw = set(), b""

    async def damaged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)

    async with to(await raw_server(damaged)) as client:
        for place in range(8 * len(whole)):
            flipped = bytearray(whole)
            flipped[place // 8] ^= 1 << place % 8
            raw = bytes(flipped)
            result = await client.outcome_of(change(str(place)))
            effects.add(result.effect)
            seen = _read_by_another(raw)
            if result.effect is Effect.APPLIED:
                assert whole == answer(CHANGED) and seen is not None and 200 <= seen[0] <= 299, raw
                assert seen[1].get("HasError") is not True and seen[1].get("Severity") != 2, raw
            elif result.effect is Effect.REFUSED:
                status = raw.split(b" ", 2)[1][:3]
                assert status[:1] == b"4" or (seen is not None and seen[1].get("HasError") is True), raw
            else:
                assert result.effect is Effect.UNKNOWN, raw
    assert effects == {Effect.APPLIED if whole == answer(CHANGED) else Effect.REFUSED, Effect.UNKNOWN}


@pytest.mark.slow
async def test_an_answer_cut_at_every_byte_is_unknown(raw_server) -> None:
    """An incomplete success is none, and an incomplete refusal is none."""
    raw = b""

    async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)

    async with to(await raw_server(cuts)) as client:
        for whole in FLIPPED.values():
            for length in range(len(whole)):
                raw = whole[:length]
                result = await client.outcome_of(change(f"{len(whole)}-{length}"))
                assert (result.effect, result.attempts[0].verdict) == (Effect.UNKNOWN, Verdict.LOST), raw


@pytest.mark.parametrize(
    ("raw", "effect"),
    [FRAMED[name] for name in ("chunked", "two lengths", "204 with a body", "two answers at once", "101")],
)
async def test_a_write_without_a_key_is_sent_once(raw: bytes, effect: Effect, raw_server) -> None:
    """The other provider's: applied only where it is proven, and never repeated."""
    yes = b'{"success":true,"data":{"transaction_id":1,"new_balance":10}}'
    swapped = raw.replace(CHUNKS, b"%x\r\n%s\r\n0\r\n\r\n" % (len(yes), yes)).replace(CHANGED, yes)
    swapped = swapped.replace(LENGTH, f"Content-Length: {len(yes)}\r\n".encode())
    server = Hostile(swapped)
    credentials = Raba7niCredentials("app_1", "test_1")
    async with Raba7niClient(credentials, base_url=await raw_server(server), timeouts=PATIENT) as client:
        earn = Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(50), reference="r")
        assert (await client.outcome_of(earn)).effect is effect
    assert len(server.bodies) == 1


@pytest.mark.parametrize(("status", "requests"), [("409 No", 1), ("500 No", 2)])
async def test_a_rule_that_fails_on_an_answer_leaves_a_doubt(status: str, requests: int, raw_server) -> None:
    """The request was sent: whatever the reading of its answer raises, the change is in doubt and says so."""
    asked = 0

    async def no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while True:
            await read_request(reader)
            asked += 1
            writer.write(answer(b"{}", status=status))

    options = {"base_url": await raw_server(no), "retry": fast(max_attempts=2), "timeouts": PATIENT}
    credentials = BasicCredentials("a", "b")
    async with BonifiQClient(credentials, duplicate_rule=lambda _: {}["canary"], **options) as client:
        ended = await client.outcome_of(change())
        assert client.in_doubt() == (change().change_key,)
    assert (ended.effect, len(ended.attempts), asked) == (Effect.UNKNOWN, requests, requests)
    assert "canary" not in str(ended.error)
