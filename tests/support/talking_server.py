"""A server in a thread that can write on its connections without a request."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Self

import pytest
import trustme
from aiohttp import connector
from conftest import http

Answer = Callable[[bytes], bytes]
"""Returns the answer to the body of a request."""


class TalkingServer:
    """Serves each connection in a thread of its own: it can write while a client's loop is blocked.

    `answer` gives the bytes for a request's body. `reached` are the bodies, each with its connection's
    number, `heads` what came before them. With `context` it uses TLS. It begins with a `greeting`, and
    reads at most so many requests (`reads`) on a connection, whose receive buffer is then small.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        context: ssl.SSLContext | None = None,
        greeting: bytes = b"",
        reads: int | None = None,
    ) -> None:
        self._answer = answer
        self._greeting = greeting
        self._reads = reads
        self._over = threading.Event()
        self._speaking = threading.Lock()  # TLS must not be read and written at once
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        if reads is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        self._threads: list[threading.Thread] = []
        self.lines: list[socket.socket] = []
        self.reached: list[tuple[int, bytes]] = []
        self.heads: list[bytes] = []

    @property
    def url(self) -> str:
        """Its base URL."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://localhost:{self._port}"

    def push(self, data: bytes, line: int = 0) -> None:
        """Send bytes on a connection, now."""
        with self._speaking:
            self.lines[line].sendall(data)

    def hang_up(self, line: int = 0) -> None:
        """Send no more on a connection, now."""
        self.lines[line].shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """Close the connections on which no more is read."""
        self._over.set()

    @property
    def open_lines(self) -> int:
        """How many connections have not been closed."""
        return sum(line.fileno() != -1 for line in self.lines)

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for line in (self._listener, *self.lines):
            for end in (lambda each: each.shutdown(socket.SHUT_RDWR), lambda each: each.close()):
                with contextlib.suppress(OSError):  # it has ended already
                    end(line)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pushed bytes arrive at once
            except OSError:
                return
            self.lines.append(line)
            self._start(self._talk, len(self.lines) - 1)

    def _talk(self, number: int) -> None:
        line = self.lines[number]
        try:
            if self._context is not None:
                line = self.lines[number] = self._context.wrap_socket(line, server_side=True)
            line.sendall(self._greeting)
            for body in islice(self._requests(line), self._reads):
                self.reached.append((number, body))
                with self._speaking:
                    line.sendall(self._answer(body))
            if self._reads is not None:
                self._over.wait(10)
        except (OSError, ValueError):
            pass  # the client closed, or the test has ended
        finally:
            line.close()

    def _requests(self, line: socket.socket) -> Iterator[bytes]:
        """Yield the bodies of the requests on a connection."""
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                data += self._more(line)
            head, _, data = data.partition(b"\r\n\r\n")
            self.heads.append(head)
            fields = dict(field.lower().split(b": ", 1) for field in head.split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", b"0"))
            while len(data) < length:
                data += self._more(line)
            yield data[:length]
            data = data[length:]

    def _more(self, line: socket.socket) -> bytes:
        select.select([line], [], [])
        with self._speaking:
            if not (more := line.recv(65_536)):
                raise ConnectionResetError("the client closed")
        return more


def answers(*bodies: bytes, status: str = "200 OK") -> Answer:
    """Return a function that answers with each of `bodies` in turn, and then with the last."""
    left = list(bodies)
    return lambda _: http(left.pop(0) if len(left) > 1 else left[0], status=status)


def trust(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients trust an authority, and no other."""
    trusting = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    monkeypatch.setattr(connector, "_SSL_CONTEXT_VERIFIED", trusting)


def speaking(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server with a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made
