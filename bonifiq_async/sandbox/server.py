"""The server: a thread with a loop of its own, a real socket on loopback, and the faults."""

import asyncio
import email.utils
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import ClassVar, Self, cast

import msgspec
from aiohttp import web
from attrs import AttrsInstance, astuple

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.secret import MASK
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async.sandbox.faults import Act, Fault
from bonifiq_async.sandbox.journal import Journal, JournalEntry, name_of
from bonifiq_async.sandbox.protocol import Booked, Reply, Request, RequestIdentity, Route, Speaks
from bonifiq_async.sandbox.rules import Arrival, Meeting
from bonifiq_async.sandbox.script import FaultScript

_encode = msgspec.json.Encoder(decimal_format="number").encode
_LONG = 86_400
LAST_PORT = 65535


class MaskedEnvironment(dict[str, str]):
    """Variables by name. The repr, which a failing test prints, has the values of addresses alone."""

    def __repr__(self) -> str:
        return repr({name: value if name.endswith("_URL") else MASK for name, value in self.items()})


class Server:
    """Serves `provider` on 127.0.0.1 and fails as `faults` say. `port` 0 takes a free one.

    `journal` holds the last requests. `SPEC` is what the provider's package says of itself; `credentials` are
    an attrs class with the texts that its environment has, in their order.
    """

    SPEC: ClassVar[ProviderSpec]
    credentials: AttrsInstance

    def __init__(self, provider: Speaks, *, faults: FaultScript | None, port: int) -> None:
        self.faults = FaultScript() if faults is None else faults
        self.journal = Journal()
        if type(port) is not int or not 0 <= port <= LAST_PORT:
            raise ConfigurationError(f"port must be a whole number from 0 to {LAST_PORT}, not {port!r:.60}.")
        self.port = port
        self._provider = provider
        self._running: _Running | None = None
        self._requests = self._at_once = 0
        self._began: float | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> MaskedEnvironment:
        """Return the settings with which the client's `from_env()` comes here. The secrets are among them."""
        named = self.SPEC.environment
        texts = zip(named.credentials, astuple(self.credentials, recurse=False), strict=True)
        return MaskedEnvironment({named.base_url: self.url, **dict(texts)})

    def booked(self) -> Sequence[Booked]:
        """Return all that took effect, oldest first."""
        raise NotImplementedError

    def balances(self) -> Mapping[str, Decimal]:
        """Return every balance, by the customer that `booked` names."""
        raise NotImplementedError

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
        for (method, path), route in self._provider.routes().items():
            # Without a pattern of its own, aiohttp finds no route for a parameter that has a brace in it.
            app.router.add_route(method, path.replace("}", ":[^/]+}"), self._handler(path, route))
        return app

    def _refuses(self) -> bool:
        """Say, of a new connection, whether it is closed unread."""
        fault = self.faults.draw() if self.faults.next_in_sequence == "close-unread" else None
        if fault is None:
            return False
        self.journal.add("-", "(a connection, not read)").came = name_of(fault)
        return True

    def _handler(self, path: str, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        def answer(request: Request) -> Reply:
            return self._provider.turned_away(path, request) or route(request)

        async def handle(arriving: web.Request) -> web.StreamResponse:
            with self.journal.request(arriving.method, arriving.rel_url.raw_path) as line:
                body = await arriving.read()
                request = Request(dict(arriving.match_info), dict(arriving.query), arriving.headers, body)
                names = self._provider.arrived(path, request)
                line.key = names.shown or names.key
                self._at_once += 1
                try:
                    response = await self._answered(
                        arriving, request, names, self._meet(names, body), answer, line
                    )
                finally:
                    self._at_once -= 1
            if response is None:
                await asyncio.Event().wait()  # silence takes no place: nothing is being done
                raise AssertionError("an event that is never set")
            if self.faults.next_in_sequence == "close-unread":
                response.force_close()
            return response

        return handle

    def _meet(self, names: RequestIdentity, body: bytes) -> Meeting:
        """Count a request, and return what it meets."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._requests += 1
        return self.faults.meet(
            Arrival(self._requests, names.key, names.customer, body, now - self._began, self._at_once)
        )

    async def _answered(
        self,
        arriving: web.Request,
        request: Request,
        names: RequestIdentity,
        met: Meeting,
        answer: Callable[[Request], Reply],
        line: JournalEntry,
    ) -> web.StreamResponse | None:
        """Let the request take effect if it may, and answer it; None is silence."""
        fault = met.fault
        applies = fault is None or fault.applies
        reply = answer(request) if applies else Reply(200, self._provider.failure(200))
        line.came = str(reply.status) if fault is None else met.name or name_of(fault)
        if fault is None:
            self._provider.answered(names.key)
        if met.late > 0:
            await asyncio.sleep(met.late)
        return _json(reply) if fault is None else await self._misbehave(arriving, reply, met)

    async def _misbehave(self, request: web.Request, reply: Reply, met: Meeting) -> web.StreamResponse | None:
        transport, fault = request.transport, met.fault
        if transport is None or fault is None:
            return _gone()  # the client has left before its answer was due
        if fault.act is Act.STATUS:
            return self._status(fault, met.retry_after)
        if fault.act is Act.HTML:
            return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
        if fault.act is Act.SLOW:
            await asyncio.sleep(fault.seconds)
            return _json(reply)
        if fault.act is Act.SILENCE:
            return None
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
        return _gone()

    def _status(self, fault: Fault, seconds: int) -> web.Response:
        headers = {}
        if fault.retry_after == "date":
            headers["Retry-After"] = email.utils.formatdate(time.time() + seconds, usegmt=True)
        elif fault.retry_after is not None:
            headers["Retry-After"] = str(_LONG if fault.retry_after == "long" else seconds)
        body = _encode(self._provider.failure(fault.status))
        return web.Response(status=fault.status, headers=headers, body=body, content_type="application/json")


class _Running:
    """The thread of a sandbox that serves, and its socket."""

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


def _gone() -> web.Response:
    """Return the answer that is not read."""
    gone = web.Response()
    gone.force_close()
    return gone


def _json(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=_encode(reply.value), content_type=reply.kind)
