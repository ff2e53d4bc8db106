"""Input/output: one request and its answer, by the public way of aiohttp's session.

What happened is left behind in a `Trail`, also when it breaks off.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from aiohttp.payload import BytesPayload
from yarl import URL

from bonifiq_async.alarms import Alarms
from bonifiq_async.evidence import Failure, HandOver
from bonifiq_async.request import PreparedRequest

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.tracing import Trace

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


class FreshConnector(aiohttp.TCPConnector):
    """Never hands out a kept connection on which an answer waits that nobody asked for.

    A proxy that doubles an answer leaves one; aiohttp would take it for the answer of the next request.
    `expected` are the attempts for which a task asks for a connection by way of a session: when one may not
    leave once it is connected, its connection goes back unharmed.
    """

    def __init__(self, *, limit: int, keepalive_timeout: float) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout)
        self.expected: dict[asyncio.Task[object] | None, HandOver] = {}

    async def connect(
        self, req: aiohttp.ClientRequest, traces: "list[Trace]", timeout: aiohttp.ClientTimeout
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is not None and not connection.protocol.should_close:
                break
            connection.close()
        hand_over = self.expected.get(asyncio.current_task())
        if hand_over is not None and not hand_over.may_send():
            connection.release()
            raise aiohttp.ClientConnectionError(WITHHELD)
        return connection

    async def kept(self, key: "ConnectionKey") -> Connection | None:
        """Return a kept connection to `key` at once, if there is one."""
        while (connection := await self._get(key, [])) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None


async def by_session(
    session: aiohttp.ClientSession,
    request: PreparedRequest,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
    trail: Trail,
) -> None:
    """Send `request` through `session` and read its answer into `trail`.

    What has a body asks right before it whether it may leave; what has none asks once it is connected, and
    only where the session's connector is our own: aiohttp asks nobody in between.
    """
    # aiohttp repeats GET by itself after a lost connection; its tracker counts that.
    tracker = aiohttp.UploadTracker() if request.body is None else None
    data = None if request.body is None else _WitnessedBody(request.body, trail.hand_over)
    connector, task = session.connector, asyncio.current_task()
    expected = connector.expected if isinstance(connector, FreshConnector) else {}
    expected[task] = trail.hand_over
    try:
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            data=data,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            timeout=timeout,
            upload_tracker=tracker,
            middlewares=(),  # one that sends by itself, or another body, would make the evidence false
        ) as response:
            if data is not None and data.taken and not trail.hand_over.done:
                response.close()
                raise aiohttp.ServerDisconnectedError("an answer came before the request")
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
    finally:
        del expected[task]
        if tracker is not None:
            trail.requests = tracker.attempts - trail.hand_over.withheld
            trail.hand_over.done = tracker.attempts > 1 or _written(tracker)


class _WitnessedBody(BytesPayload):
    """A body that notes when the transport begins to write it."""

    def __init__(self, value: bytes, hand_over: HandOver) -> None:
        super().__init__(value, content_type="application/json")
        self._hand_over = hand_over
        self.taken = False

    @property
    def size(self) -> int | None:
        """Its length; who asks for it is a real request, not a mock of the session."""
        self.taken = True
        return super().size

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._note(writer)
        await super().write(writer)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._note(writer)
        await super().write_with_length(writer, content_length)

    def _note(self, writer: AbstractStreamWriter) -> None:
        protocol = getattr(writer, "protocol", None)
        if protocol is not None and protocol.should_close:
            raise aiohttp.ClientConnectionError("something is on the line that nobody asked for")
        if not self._hand_over.may_send():
            raise aiohttp.ClientConnectionError(WITHHELD)
        self._hand_over.done = True


def _written(tracker: aiohttp.UploadTracker) -> bool:
    """Say whether a request without a body went out."""
    done = tracker.upload_complete
    return done.done() and not done.cancelled() and done.exception() is None


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
