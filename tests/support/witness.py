"""A server that records when the first byte of each request came, and over how many connections."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import trustme
from attrs import define, field
from sides import Side, sides

Answer = Callable[[int, bytes], AsyncIterator[bytes]]
"""Yields what is written for the n-th request, counted from 0, given its head."""


def good(head: bytes) -> bytes:
    """Return the provider's success for the request with this head."""
    method, path, _ = head.split(b" ", 2)
    said = next(side for side in sides() if side.path in path)
    return said.balance if method == b"GET" else said.yes


@define
class Witness:
    """Answers every request with what `answer` yields; `arrivals` are the moments of their first bytes."""

    answer: Answer
    arrivals: list[float] = field(factory=list)
    connections: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        while first := await reader.read(1):
            number = len(self.arrivals)
            self.arrivals.append(time.monotonic())
            head = first + await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
            async for chunk in self.answer(number, head):
                writer.write(chunk)


@define
class HeadSent:
    """The time at which the head of the first answer was written, and whether it was."""

    at: float = float("inf")

    def now(self) -> None:
        """Record the time."""
        self.at = time.monotonic()


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for `localhost`, and its authority, in `folder`; return the server's side of it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    made = authority.issue_cert("localhost")
    made.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "server.pem")
    return server


def trusting(folder: Path) -> ssl.SSLContext:
    """Return the client's side of the certificate in `folder`."""
    return ssl.create_default_context(cafile=str(folder / "authority.pem"))


@contextlib.asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve every connection with `talk`, and return the port."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client closed, or the test has ended
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=1_000)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@contextlib.asynccontextmanager
async def delaying(port: int, lets: Callable[[int], Awaitable[object]]) -> AsyncIterator[int]:
    """Pass connections on to `port`, each when `lets` returns for its number: its handshake waits."""
    count = 0

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        await lets(count - 1)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        finally:
            back.close()

    async with serving(pass_on) as front:
        yield front


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


def at(url: str, side: Side) -> SimpleNamespace:
    """Return what a side accepts as a sandbox: the address of the server, and credentials."""
    return SimpleNamespace(url=url, credentials=side.credentials())
