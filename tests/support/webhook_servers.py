"""Both handlers of webhooks on real sockets, and deliveries to them as a sender makes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from conftest import http, read_request

from bonifiq_async.webhooks import Verifier, WebhookReceiver, aiohttp_handler, asgi_app

SECRET = "canary-secret-5150"
VERIFIER = Verifier("X-Shop-Secret", SECRET)
SIGNED = f"x-shop-secret: {SECRET}"
Serving = Callable[[WebhookReceiver], AsyncIterator[str]]


def event(uuid: str = "u-1", *, topic: int = 3, payload: str = '{"EarnedPoints":10}') -> bytes:
    """Return the body of an event."""
    name = {3: "Communication_EarnPurchasePoints", 4: "Communication_EarnBirthdayPoints"}.get(topic, "other")
    stamp = "2024-01-02T03:04:05.1234567Z"
    return (
        f'{{"Uuid":"{uuid}","Timestamp":"{stamp}","Topic":{topic},"TopicName":"{name}","Payload":{payload}}}'
    ).encode()


async def post(url: str, body: bytes, *fields: str, method: str = "POST") -> int:
    """Deliver a body, and return the status of the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        f"{method} / HTTP/1.1",
        "Host: shop",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *fields,
    ]
    try:
        writer.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        return int((await reader.readuntil(b"\r\n")).split()[1])
    finally:
        writer.close()


@asynccontextmanager
async def by_aiohttp(receiver: WebhookReceiver) -> AsyncIterator[str]:
    """Serve by aiohttp.web; yields the base URL."""
    app = web.Application()
    app.router.add_post("/", aiohttp_handler(receiver))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def by_asgi(receiver: WebhookReceiver) -> AsyncIterator[str]:
    """Serve by a small ASGI server, which gives a body in two pieces; yields the base URL."""
    app = asgi_app(receiver)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head, body = await read_request(reader)
            writer.write(await answered(app, head, body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())


async def answered(app: Callable[..., Awaitable[None]], head: bytes, body: bytes) -> bytes:
    """Return the answer of an ASGI application to a request; what it raises is a 500."""
    line, *fields = head.strip().split(b"\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (each.partition(b":") for each in fields)]
    scope = {"type": "http", "method": line.split()[0].decode(), "path": "/", "headers": pairs}
    pieces = [
        {"type": "http.request", "body": body[:10], "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": body[10:]},
    ]
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return pieces.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception:  # noqa: BLE001 - as a server does
        return http(b"", status="500 Internal Server Error")
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return http(b"", status=f"{sent[0]['status']} -")


HANDLERS = {"aiohttp": by_aiohttp, "asgi": by_asgi}
