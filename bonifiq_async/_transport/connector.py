"""The pool of connections, and what comes on one that no request asked for.

HTTP/1.1 gives an answer no number: what comes next on a connection is taken for the next request's. A proxy
that doubles an answer would answer another change with it, so whatever comes unasked closes its connection
(RFC 9112, section 9.2).
"""

import asyncio
import select
import sys
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError
from attrs import field, frozen

from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.values import public

if sys.platform == "linux":
    import fcntl
    import termios

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection

TURNS = 2
"""Turns of an event loop after which it has read what lay on a socket before them."""
ROUNDS = 5
"""How often to wait so many turns while data comes that is not an answer, such as records of TLS itself."""
BY_TLS = 128
"""Bytes that TLS may write by itself when it reads an answer, as when that ends it: they are no request."""
IDLE_CLOSED = 408
"""The status with which some servers give up an idle connection: no doubled answer (RFC 9110, 15.5.9)."""


@public
@frozen
class PoolLimits:
    """How many `connections` at once, and how many seconds an idle one is kept (`keepalive`).

    The default keep-alive lies below the 15 s and more after which servers usually close, so that a
    request seldom meets a connection that is about to go.
    """

    connections: int = field(default=100, validator=validation.count)
    keepalive: float = field(default=10.0, validator=validation.setting)


class UnaskedAnswer(aiohttp.ClientConnectionError):
    """What came on a connection is not the answer to the request that is made."""


class KeptConnector(aiohttp.TCPConnector):
    """Also hands out a kept connection by itself: one on which nothing lies."""

    async def kept(self, key: "ConnectionKey") -> "Connection | None":
        """Return a kept connection to `key` at once, if there is one."""
        while (connection := await self._get(key, [])) is not None:
            protocol = connection.protocol
            try:
                if protocol is not None and (is_quiet(protocol) or await is_quiet_after_all(protocol)):
                    return connection
            except asyncio.CancelledError:
                connection.close()
                raise
            connection.close()
        return None


def was_used(protocol: "ResponseHandler") -> bool:
    """Say whether a connection has carried an answer before, which may have been doubled."""
    return getattr(protocol, "_payload", None) is not None


LOOKED_AT = ("transport", "should_close", "is_connected", "exception", "read", "__len__")
"""What is asked of a connection's protocol. Where an aiohttp has it otherwise, nothing is looked at."""


def can_be_looked_at(protocol: "ResponseHandler") -> bool:
    """Say whether the functions below can be used with a connection."""
    return all(hasattr(protocol, name) for name in LOOKED_AT)


async def is_usable(protocol: "ResponseHandler") -> bool:
    """Say whether a request may be written: nothing lies on a used connection, nor has come on a new one."""
    if not was_used(protocol):
        return not protocol.should_close
    return is_quiet(protocol) or await is_quiet_after_all(protocol)


def is_quiet(protocol: "ResponseHandler") -> bool:
    """Say whether a connection is open and nothing has come on it, read by the event loop or not."""
    transport = protocol.transport
    if transport is None or transport.is_closing() or protocol.should_close:
        return False
    line = transport.get_extra_info("socket")
    if line is None:  # a transport without one
        return True
    if sys.platform == "win32":  # without poll; its select takes any socket
        return not select.select([line], [], [], 0)[0]
    waiting = select.poll()
    waiting.register(line.fileno(), select.POLLIN)
    return not waiting.poll(0)


async def is_quiet_after_all(protocol: "ResponseHandler") -> bool:
    """Say the same when the event loop has read what lay there, and tell of an answer among it.

    The end of the connection is not an answer, and records of TLS itself are not.
    """
    for _ in range(ROUNDS):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if is_quiet(protocol):
            return True
        if protocol.should_close or not protocol.is_connected():
            break
    status = (await protocol.read())[0].code if len(protocol) else None
    if status == IDLE_CLOSED:
        return False
    spoken = status is not None or isinstance(protocol.exception(), HttpProcessingError)
    if spoken or (protocol.is_connected() and protocol.should_close):
        _tell("lay on a kept connection", protocol, status)
    return False


def check_asked_for(protocol: "ResponseHandler", *, used: bool) -> None:
    """Raise `UnaskedAnswer` where the answer whose head has come is provably, or possibly, not the request's.

    It cannot be when the other side's machine has not even acknowledged the request (every segment
    acknowledges what was received before it: RFC 9293, section 3.1). It may not be when two answers came to
    one request, and the connection was `used` before it: the first may be an earlier request's, doubled.
    """
    transport = protocol.transport
    if transport is not None and _is_on_its_way(transport):
        _tell("came before the whole request had arrived", protocol, None)
        raise UnaskedAnswer("an answer came before the whole request had arrived")
    if len(protocol):
        _tell("came beside another", protocol, None)
        if used:
            raise UnaskedAnswer("two answers came to one request")


def _is_on_its_way(transport: asyncio.Transport) -> bool:
    """Say whether the other side cannot have read all that was written, as far as the system knows."""
    if transport.get_write_buffer_size() > 0:
        return True
    line = transport.get_extra_info("socket")
    if sys.platform == "linux" and line is not None:
        unacknowledged = bytearray(4)  # a C integer; one that is written in place costs a quarter
        try:
            fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, unacknowledged)  # SIOCOUTQ: tcp(7)
        except (OSError, ValueError):
            return False  # closed, or not of TCP
        return int.from_bytes(unacknowledged, sys.byteorder) > BY_TLS
    return False


def _tell(where: str, protocol: "ResponseHandler", status: int | None) -> None:
    transport = protocol.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    logger.warning(
        "an answer that no request asked for%s %s%s: does a proxy double answers? It was not taken for "
        "another's, and the connection is closed",
        "" if status is None else f" (status {status})",
        where,
        f" to {peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "",
    )
