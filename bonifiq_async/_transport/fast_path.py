"""One request and its answer, straight over a pooled connection of aiohttp.

It does what aiohttp's session does for this library's requests and nothing else: no redirects, cookies,
traces or repeats of its own, and the head is made once for all requests. It uses parts of aiohttp that are
not documented, and does without others: `parts` says whether all are there and are aiohttp's own. If not, the
request goes by `by_session`, the public path, which leaves the same kind of evidence. See
docs/explanation/fast-path.md.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from bonifiq_async._model.evidence import Failure
from bonifiq_async._model.secret import HeaderValue, revealed
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.aiohttp_parts import AiohttpParts
from bonifiq_async._transport.connector import KeptConnector, UnaskedAnswer, check_asked_for
from bonifiq_async._transport.public_path import ANSWER_LIMIT, ERROR_LIMIT, UnderWay, read_within
from bonifiq_async._transport.write_guard import Trail

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey


class FastPath:
    """Sends the requests of one session, in its `loop`, to one base URL after the other.

    All have `headers`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        connector: KeptConnector,
        headers: Mapping[str, HeaderValue],
        timeout: aiohttp.ClientTimeout,
        under_way: UnderWay,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.parts = AiohttpParts(session, loop)
        self._session = session
        self._loop = loop
        self._connector = connector
        self._under_way = under_way
        self._headers = headers
        self._timeout = timeout
        self._base_url: str | None = None
        self._template: aiohttp.ClientRequest
        self._key: ConnectionKey
        self._prefix = ""
        self._head = self._head_of_json = b""

    async def exchange(self, request: PreparedRequest, seconds: float, trail: Trail) -> None:
        """Send `request` and read its answer into `trail`, within `seconds`. Raises what aiohttp raises."""
        end = self._loop.time() + seconds
        if request.base_url != self._base_url:
            self._learn(request.base_url)
        head = self._head_of(request)
        connection = await self._connector.kept(self._key)
        used = connection is not None
        if connection is None:
            async with self._under_way.limit(seconds):
                connection = await self._connector.connect(self._template, [], self._timeout)
        protocol = connection.protocol
        if protocol is None or protocol.transport is None:
            connection.close()
            raise aiohttp.ClientConnectionError("the connection was closed")
        expire = protocol._on_read_timeout
        self._under_way.set(expire, end)
        try:
            protocol.set_response_params(read_until_eof=True)
            if not used and protocol.should_close:  # of a kept one, that was asked a moment ago
                raise UnaskedAnswer("something lies on the connection")
            if not trail.hand_over.may_send():
                connection.release()
                return
            trail.hand_over.done = True
            protocol.transport.write(head if request.body is None else head + request.body)
            message, payload = await protocol.read()
            while 100 <= message.code <= 199 and message.code != 101:  # an interim answer (RFC 9110, 15.2)
                message, payload = await protocol.read()
            check_asked_for(protocol, used=used)
            trail.status = message.code
            trail.headers = tuple(message.headers.items())
            if message.code >= 300:
                trail.hand_over.head(message.code, trail.headers)
            limit = ERROR_LIMIT if message.code >= 400 else ANSWER_LIMIT
            trail.body, complete = await read_within(payload, limit)
            if complete:
                connection.release()
            else:
                trail.failure = Failure.TOO_LARGE
        finally:
            self._under_way.put_off(expire)
            if connection.protocol is not None:  # it was not released
                connection.close()

    def _learn(self, base_url: str) -> None:
        """Fix what all requests to `base_url` share: the way there, and the head."""
        url = URL(base_url, encoded=True)
        headers = {name: revealed(value) for name, value in self._headers.items()}
        template = aiohttp.ClientRequest("GET", url, headers=headers, loop=self._loop, session=self._session)
        lines = [f"{name}: {_safe(value)}\r\n" for name, value in template.headers.items()]
        self._template, self._key = template, template.connection_key
        self._prefix = url.raw_path.rstrip("/")
        self._head = f" HTTP/1.1\r\n{''.join(lines)}".encode()
        self._head_of_json = self._head + b"Content-Type: application/json\r\n"
        self._base_url = base_url

    def _head_of(self, request: PreparedRequest) -> bytes:
        where = self._prefix + request.path
        line = f"{request.method} {where if where.isprintable() else _safe(where)}".encode()
        more = b"\r\n" if request.body is None else b"Content-Length: %d\r\n\r\n" % len(request.body)
        if request.headers:
            more = b"".join(f"{n}: {_safe(revealed(v))}\r\n".encode() for n, v in request.headers) + more
        return line + (self._head if request.body is None else self._head_of_json) + more


_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _safe(text: str) -> str:
    """Return `text`; raises `ValueError` where it could end its line (RFC 9110, 5.5; RFC 9112, 11.1)."""
    if _CONTROLS.search(text) is not None:
        raise ValueError("a control character in the head of a request")
    return text
