"""Input/output: one request and its answer, by the public way of aiohttp's session.

What happened is left behind in a `Trail`, also when it breaks off.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.payload import BytesPayload
from yarl import URL

from bonifiq_async.alarms import Alarms
from bonifiq_async.connector import UnaskedAnswer, check_asked_for, is_usable, was_used
from bonifiq_async.evidence import Failure, HandOver
from bonifiq_async.request import PreparedRequest
from bonifiq_async.secret import MASK, Secret

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes of an answer that are read at the most; a larger one is refused."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an error answer that are read, so that its connection can be used again."""


class Trail:
    """What one exchange has shown so far, kept when it breaks off."""

    requests = 1
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body = b""
    failure: Failure | None = None
    detail = ""

    def __init__(self, hand_over: HandOver) -> None:
        self.hand_over = hand_over

    def left(self) -> None:
        """Note that the request leaves."""
        self.requests += 1
        self.hand_over.done = True


WITHHELD = "the request may not leave now"


class UnderWay(Alarms[Callable[[], object]]):
    """What a session has under way, and how to end it now: closing it would leave some of that waiting."""

    def __init__(self) -> None:
        super().__init__(lambda end: end())

    @contextlib.asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Bound what is done within to `seconds`, and end it with the session."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:

            def end() -> None:
                if not limit.expired():
                    limit.reschedule(loop.time())

            self.set(end, loop.time() + seconds)
            try:
                yield
            finally:
                self.put_off(end)


class Masked(str):
    """A header value that must not be shown: its repr, which aiohttp's own texts have in them, hides it."""

    def __repr__(self) -> str:
        return repr(MASK)


async def by_session(
    session: aiohttp.ClientSession,
    request: PreparedRequest,
    headers: Mapping[str, Secret],
    timeout: aiohttp.ClientTimeout,
    trail: Trail,
) -> None:
    """Send `request` through `session` and read its answer into `trail`."""
    wire = _Wire(trail, request.body)
    async with session.request(
        request.method,
        URL(request.url, encoded=True),
        data=wire.body,
        headers={name: Masked(value.reveal()) for name, value in headers.items()},
        allow_redirects=False,
        raise_for_status=False,
        timeout=timeout,
        middlewares=(wire,),  # one that sends by itself, or another body, would make the evidence false
    ) as response:
        trail.hand_over.done = True
        trail.status = response.status
        trail.headers = tuple(response.headers.items())
        if response.status >= 300:
            trail.hand_over.head(response.status, trail.headers)
        limit = ERROR_LIMIT if response.status >= 400 else ANSWER_LIMIT
        trail.body, complete = await read_within(response.content, limit)
        if not complete:
            trail.failure = Failure.TOO_LARGE
            response.close()


class _Wire:
    """A middleware next to the wire: what it lets leave, it notes in `trail`.

    It lets nothing leave that may not leave now, nor on a connection on which something lies. aiohttp repeats
    a read by itself after a lost connection: that is counted, too.
    """

    def __init__(self, trail: Trail, body: bytes | None) -> None:
        trail.requests = 0
        self._trail = trail
        self.body = None if body is None else _WitnessedBody(body, self)
        self._protocol: ResponseHandler | None = None
        self._used = self._stale = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        vars(request)["send"] = partial(self._send, request)
        while True:
            self._stale = False
            try:
                response = await handler(request)
                break
            except aiohttp.ClientConnectionError:
                if not self._stale:
                    raise
        try:
            self._check()
        except UnaskedAnswer:
            response.close()
            raise
        return response

    async def _send(self, request: aiohttp.ClientRequest, connection: Connection) -> aiohttp.ClientResponse:
        """Do what the request's own `send` does, where it may; else the connection goes back unharmed."""
        self._protocol = connection.protocol
        await self._look()
        if not self._trail.hand_over.may_send():
            connection.release()
            raise aiohttp.ClientConnectionError(WITHHELD)
        response = await type(request).send(request, connection)
        if self.body is None:
            self._trail.left()
        return response

    async def _look(self) -> None:
        """Raise `UnaskedAnswer` where the connection must not be written; others may be if it is `_stale`."""
        if self._protocol is None:
            return
        self._used = was_used(self._protocol)
        if not await is_usable(self._protocol):
            self._stale = self._used
            raise UnaskedAnswer("something lies on the connection")

    async def let_leave(self) -> None:
        """Note that the body leaves now, if it may: meanwhile others had their turn."""
        await self._look()
        if not self._trail.hand_over.may_send():
            raise aiohttp.ClientConnectionError(WITHHELD)
        self._trail.left()

    def _check(self) -> None:
        """Raise `UnaskedAnswer` where the answer whose head has come cannot be the request's."""
        if self.body is not None and not self.body.written:
            raise UnaskedAnswer("an answer came before the whole request was written")
        if self._protocol is not None:
            try:
                check_asked_for(self._protocol, used=self._used)
            except UnaskedAnswer:
                self._protocol.close()  # it may be back among the kept ones
                raise


class _WitnessedBody(BytesPayload):
    """A body that asks `wire` when the transport begins to write it, and notes when it is `written`."""

    def __init__(self, value: bytes, wire: _Wire) -> None:
        super().__init__(value, content_type="application/json")
        self._wire = wire
        self.written = False

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self._wire.let_leave()
        await super().write(writer)
        self.written = True

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self._wire.let_leave()
        await super().write_with_length(writer, content_length)
        self.written = True


async def read_within(content: aiohttp.StreamReader, limit: int) -> tuple[bytes, bool]:
    """Return the body and whether it is whole: at most `limit` bytes are kept in memory."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > limit:
            chunks.append(chunk[: limit - size])
            return b"".join(chunks), False
        chunks.append(chunk)
        if content.at_eof():  # most answers come in one piece
            break
    return b"".join(chunks), True
