"""A provider for benchmarks: it parses no more than it must, and sends canned answers."""

import asyncio
import json
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import cast

ANSWER = json.dumps(
    {
        "ErrorMessage": None,
        "ErrorCode": None,
        "Result": {
            "CustomerExists": True,
            "InternalId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "PointsBalance": 1050,
            "PointsToExpire": [{"Points": 10, "When": "2027-01-01T00:00:00Z"}],
            "CashbackBalance": 10.5,
            "RedeemKey": None,
            "PointHistory": [],
            "Name": "Ana",
            "Error": None,
        },
        "Code": None,
        "CodeName": None,
        "Severity": 0,
        "HasWarning": False,
        "HasError": False,
    }
).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)
"""A success of a change, and a balance."""
LINES = 10_000
"""Lines of a point history."""


def history() -> bytes:
    """Return the answer to a request for a balance: a long history, enveloped as contracted."""
    line = {
        "IsCanceled": False,
        "DateReceived": "2026-01-01T00:00:00Z",
        "ExpirationDate": "2027-01-01T00:00:00Z",
        "Amount": 10,
        "CashbackAmount": 10.5,
        "BranchId": "b-1",
        "BranchName": "Rua Augusta",
        "OrderOrigin": 1,
        "OrderOriginDescription": "API",
        "PointType": 1,
        "PointTypeDescription": "Purchase",
    }
    lines = [{"Id": number, **line} for number in range(LINES)]
    answer = json.dumps({"CustomerExists": True, "CashbackBalance": 10.5, "PointHistory": lines}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
    return head + answer


class Requests(asyncio.Protocol):
    """Calls `arrived` with itself for every whole request; `reply` sends the answer, `close` none.

    `reads` says whether it was a GET.
    """

    def __init__(self, arrived: "Callable[[Requests], None]") -> None:
        self._arrived = arrived
        self._seen = b""
        self.reads = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, parted, body = self._seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0) if parted else 0
        if parted and len(body) >= length:
            self._seen, self.reads = b"", head.startswith(b"GET ")
            self._arrived(self)

    def reply(self, answer: bytes) -> None:
        """Send an answer."""
        if self._transport is not None:
            self._transport.write(answer)

    def close(self) -> None:
        """Close the connection without an answer."""
        if self._transport is not None:
            self._transport.close()


def serve(ready: Connection, latency: float = 0.0) -> None:
    """Answer every request after `latency` seconds until killed; send the port to `ready`."""

    async def forever() -> None:
        loop = asyncio.get_running_loop()

        def arrived(each: Requests) -> None:
            if latency:
                loop.call_later(latency, each.reply, REPLY)
            else:
                each.reply(REPLY)

        server = await loop.create_server(lambda: Requests(arrived), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())
