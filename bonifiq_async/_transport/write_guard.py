"""The last step before the wire of a request that goes by aiohttp's session."""

from functools import partial
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from attrs import define

from bonifiq_async._model.evidence import Failure, HandOver
from bonifiq_async._transport.connector import (
    UnaskedAnswer,
    can_be_looked_at,
    check_asked_for,
    is_usable,
    was_used,
)

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

WITHHELD = "the request may not leave now"


@define(eq=False)
class Trail:
    """What one exchange has shown so far, kept when it breaks off."""

    hand_over: HandOver
    requests: int = 1
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    failure: Failure | None = None
    detail: str = ""

    def left(self) -> None:
        """Note that the request leaves."""
        self.requests += 1
        self.hand_over.done = True


class Wire:
    """A middleware next to the wire: what it lets leave, it notes in `trail`.

    It lets nothing leave that may not leave now, nor on a connection on which something lies. What the
    session does by itself is counted: it repeats a read after a lost connection, and its own middlewares may
    send, too. They may do as they like with a read; a write leaves once, with the body that it was given.
    Where it `signs_in`, it gives what leaves `sign_in` as its Authorization, or none, whatever was there.
    """

    sign_in: str | None = None
    signs_in = False

    def __init__(self, trail: Trail, body: bytes | None) -> None:
        trail.requests = 0
        self._trail = trail
        self.body = None if body is None else _WitnessedBody(body, self)
        self._protocol: ResponseHandler | None = None
        self._used = self._stale = False

    def __deepcopy__(self, _: object) -> Self:
        return self  # a mock keeps copies of its calls, and a loop that this leads to cannot be copied

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        vars(request)["send"] = partial(self._send, request)
        if self.signs_in:
            request.headers.pop("Authorization", None)
            if self.sign_in is not None:
                request.headers["Authorization"] = self.sign_in
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

    async def _send(self, request: aiohttp.ClientRequest, connection: "Connection") -> aiohttp.ClientResponse:
        """Do what the request's own `send` does, where it may; else the connection goes back unharmed."""
        protocol = connection.protocol
        self._protocol = protocol if protocol is not None and can_be_looked_at(protocol) else None
        if self.body is not None and (self._trail.hand_over.done or request.body is not self.body):
            raise aiohttp.ClientConnectionError("a middleware of the session repeats or changes the request")
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
        if self._protocol is None:
            return  # something nearer to the wire has answered, as a mock does
        if self.body is not None and not self.body.written:
            raise UnaskedAnswer("an answer came before the whole request was written")
        try:
            check_asked_for(self._protocol, used=self._used)
        except UnaskedAnswer:
            self._protocol.close()  # it may be back among the kept ones
            raise


class _WitnessedBody(aiohttp.BytesPayload):
    """A body that asks `wire` when the transport begins to write it, and notes when it is `written`."""

    def __init__(self, value: bytes, wire: Wire) -> None:
        super().__init__(value, content_type="application/json")
        self._wire = wire
        self._bytes = value
        self.written = False

    def __deepcopy__(self, _: object) -> bytes:
        return self._bytes  # what records requests wants no more

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self._wire.let_leave()
        await super().write(writer)
        self.written = True

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self._wire.let_leave()
        await super().write_with_length(writer, content_length)
        self.written = True
