"""The server: a thread with a loop of its own, a real socket on loopback, and the faults."""

import asyncio
import email.utils
import secrets
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Self, cast

import msgspec
from aiohttp import web

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.sandbox.books import Books
from bonifiq_async.sandbox.faults import Act, Fault, FaultScript
from bonifiq_async.sandbox.provider import ROUTES, Duplicates, Provider, Reply, Route, key_of

_encode = msgspec.json.Encoder(decimal_format="number").encode
_LONG = 86_400


class Sandbox:
    """A provider on this machine, for `BonifiQClient(sandbox.credentials, base_url=sandbox.url)`.

    `duplicates` says how a used key is answered, `faults` what goes wrong. `customers` (none: every
    customer exists) are who is known. `port` 0 takes a free one. It listens on 127.0.0.1 alone.
    """

    def __init__(
        self,
        *,
        duplicates: Duplicates = "replay",
        faults: FaultScript | None = None,
        customers: Iterable[str] | None = None,
        old_envelope: bool = False,
        credentials: BasicCredentials | None = None,
        port: int = 0,
    ) -> None:
        self.books = Books(customers)
        self.faults = FaultScript() if faults is None else faults
        self.credentials = credentials or BasicCredentials("sandbox", secrets.token_hex(8))
        self.port = port
        self._provider = Provider(self.books, duplicates, old_envelope)
        self._authorization = self.credentials.header()
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen, and serve in a thread until `stop`."""
        listener = _bound(self.port)
        self.port = listener.getsockname()[1]
        self._running = _Running(self._handlers(), listener, self._refuses)
        return self

    def stop(self) -> None:
        """Close every connection and end the thread. Idempotent."""
        if self._running is not None:
            self._running.end()
            self._running = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def refuse_connections(self) -> None:
        """Close every connection, and refuse new ones until `accept_connections`; the port stays taken."""
        if self._running is not None:
            self._running.call(self._running.close_door)

    def accept_connections(self) -> None:
        """Listen again."""
        if self._running is not None:
            self._running.call(self._running.open_door)

    def _handlers(self) -> web.Application:
        app = web.Application()
        for (method, path), route in ROUTES.items():
            app.router.add_route(method, path, self._handler(route))
        return app

    def _refuses(self) -> bool:
        """Say, of a new connection, whether it is closed unread."""
        return self.faults.next_in_sequence == "close-unread" and self.faults.draw() is not None

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            key = key_of(body) if body else None
            self.books.arrived(key)
            fault = self.faults.draw()
            if fault is not None:
                response = await self._misbehave(request, route, body, fault)
            else:
                response = _json(self._answer(request, route, body))
                self.books.answered(key)
            if self.faults.next_in_sequence == "close-unread":
                response.force_close()
            return response

        return handle

    def _answer(self, request: web.Request, route: Route, body: bytes) -> Reply:
        if request.headers.get("Authorization") != self._authorization:
            return Reply(401, {"ErrorMessage": "The credentials are not valid", "HasError": True})
        return route(self._provider, request.match_info.get("id", ""), body)

    async def _misbehave(
        self, request: web.Request, route: Route, body: bytes, fault: Fault
    ) -> web.StreamResponse:
        reply = self._answer(request, route, body) if fault.applies else Reply(200, {"HasError": False})
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        if fault.act is Act.STATUS:
            return self._status(fault)
        if fault.act is Act.HTML:
            return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
        if fault.act is Act.SLOW:
            await asyncio.sleep(fault.seconds)
            return _json(reply)
        if fault.act is Act.SILENCE:
            await asyncio.Event().wait()
        payload = _encode(reply.value)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        if fault.act is Act.HALF_HEAD:
            transport.write(head[:30].encode())
        elif fault.act is Act.HALF_BODY:
            transport.write(head.encode() + b"\r\n" + payload[: len(payload) // 2])
        elif fault.act is Act.RESET:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()
        gone = web.Response()
        gone.force_close()
        return gone

    def _status(self, fault: Fault) -> web.Response:
        headers = {}
        if fault.retry_after == "date":
            headers["Retry-After"] = email.utils.formatdate(time.time() + self.faults.seconds, usegmt=True)
        elif fault.retry_after is not None:
            headers["Retry-After"] = str(_LONG if fault.retry_after == "long" else self.faults.seconds)
        value = {"ErrorMessage": f"Fault {fault.status}", "HasError": True}
        return web.Response(
            status=fault.status, headers=headers, body=_encode(value), content_type="application/json"
        )


class _Running:
    """The thread of a sandbox that serves, and its door."""

    def __init__(self, app: web.Application, listener: socket.socket, refuses: Callable[[], bool]) -> None:
        self._app = app
        self._listener = listener
        self._port: int = listener.getsockname()[1]
        self._refuses = refuses
        self._server: asyncio.Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._fault: Exception | None = None
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            raise self._fault

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - raised where the sandbox was started
            self._fault = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        self._web = cast(web.Server, runner.server)
        await self.open_door()
        self._ready.set()
        await self._over.wait()
        await self.close_door()
        self._listener.close()
        await runner.cleanup()

    def call(self, action: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do something in the server's loop, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(action(), self._loop).result()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def open_door(self) -> None:
        if self._server is None:
            self._server = await self._loop.create_server(self._protocol, sock=self._listener, backlog=1024)

    async def close_door(self) -> None:
        if self._server is not None:
            # asyncio leaks a connection that it is accepting while its server closes: let it come in first.
            for listening in self._server.sockets:
                self._loop.remove_reader(listening.fileno())
            for _ in range(3):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
            self._listener = _bound(self._port)
        self._abort_all()

    def _abort_all(self) -> None:
        for connection in self._web.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def _protocol(self) -> asyncio.Protocol:
        return _ClosesUnread() if self._refuses() else self._web()


class _ClosesUnread(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _bound(port: int) -> socket.socket:
    """Return a socket that holds the port without listening: connecting to it is refused."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _json(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=_encode(reply.value), content_type="application/json")
