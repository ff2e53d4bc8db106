"""One request and its answer, by the public path: aiohttp's session.

What happened is left behind in a `Trail`, also when it breaks off.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import aiohttp
from yarl import URL

from bonifiq_async._concurrency.timers import Timers
from bonifiq_async._model.evidence import Failure
from bonifiq_async._model.secret import MASK, HeaderValue, Secret
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.aiohttp_parts import replaced
from bonifiq_async._transport.write_guard import Trail, Wire

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes of an answer that are read at the most; a larger one is refused."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an error answer that are read, so that its connection can be used again."""


class UnderWay(Timers[Callable[[], object]]):
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


def _shown(value: HeaderValue) -> str:
    """Return the text of a header's value, which hides itself where it is a secret."""
    return Masked(value.reveal()) if isinstance(value, Secret) else value


async def by_session(
    session: aiohttp.ClientSession,
    request: PreparedRequest,
    headers: Mapping[str, HeaderValue],
    timeout: aiohttp.ClientTimeout,
    trail: Trail,
    proxy: URL | None = None,
) -> None:
    """Send `request` through `session`, and through `proxy`, and read its answer into `trail`."""
    given = {name: _shown(value) for name, value in headers.items()}
    wire = Wire(trail, request.body)
    if getattr(session, "trust_env", False) is True and session.auth is None:
        # aiohttp would add what a .netrc file has, or refuse ours beside it.
        wire.sign_in = given.pop("Authorization", session.headers.get("Authorization"))
        wire.signs_in = True
    async with _way(session, request.method)(
        request.method,
        URL(request.url, encoded=True),
        data=wire.body,
        headers=given,
        allow_redirects=False,
        raise_for_status=False,
        timeout=timeout,
        proxy=proxy,
        middlewares=(*_middlewares(session), wire),
    ) as response:
        trail.hand_over.done = True
        if not isinstance(response.status, int):
            raise TypeError("a mock has answered without a status")
        trail.status = response.status
        trail.headers = tuple(response.headers.items())
        if response.status >= 300:
            trail.hand_over.head(response.status, trail.headers)
        limit = ERROR_LIMIT if response.status >= 400 else ANSWER_LIMIT
        trail.body, complete = await read_within(response.content, limit)
        if not complete:
            trail.failure = Failure.TOO_LARGE
            response.close()


def _way(
    session: aiohttp.ClientSession, method: str
) -> Callable[..., AbstractAsyncContextManager[aiohttp.ClientResponse]]:
    """Return how `session` sends; where one of its ways is replaced, as by a mock, the one that is."""
    verb = method.lower()
    if replaced(session, verb) and not replaced(session, "request"):
        return lambda _, url, **more: getattr(session, verb)(url, **more)
    return session.request


def _middlewares(session: aiohttp.ClientSession) -> tuple[aiohttp.ClientMiddlewareType, ...]:
    """Return those that the session has of its own: one of them may be a mock."""
    own = getattr(session, "_middlewares", ())
    return tuple(own) if isinstance(own, Sequence) else ()


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
