"""The handler for ASGI servers and frameworks (ASGI 3.0, its HTTP messages); it imports none of them."""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast

from attrs import frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.webhooks.receiver import WebhookReceiver

Receive = Callable[[], Awaitable[Mapping[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]
AsgiApp = Callable[[Mapping[str, object], Receive, Send], Awaitable[None]]
"""An application of ASGI 3.0: it is called with scope, receive and send."""


def asgi_app(receiver: WebhookReceiver) -> AsgiApp:
    """Return an application that answers every POST, at whatever path, with a status and no body.

    What the receiver's `handle` raises is raised, for the server to log and to answer with 500. It raises
    `ValueError` for a scope that is not HTTP's; a server goes on without lifespan events then.
    """
    return _App(receiver)


@frozen
class _App:
    """An object and no function, which Starlette's `Route` would call with a request of its own."""

    _receiver: WebhookReceiver

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"webhooks come by HTTP, not by {scope['type']}")
        posted, pairs = scope["method"] == "POST", cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
        accepted = posted and self._receiver.accepts(pairs)
        del scope, pairs  # a traceback that shows locals must not have the secret
        status = await self._receiver.answer(_reader(receive)) if accepted else 401 if posted else 405
        headers = [(b"content-length", b"0"), *([] if posted else [(b"allow", b"POST")])]
        with contextlib.suppress(OSError):  # the sender has gone, as it may (ASGI HTTP 2.4)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})


def _reader(receive: Receive) -> Callable[[], Awaitable[bytes]]:
    """Return what gives the next bytes of a body, none only at its end."""
    ended = False

    async def read() -> bytes:
        nonlocal ended
        piece = b""
        while not piece and not ended:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise PayloadError("the body did not come whole", path="$")
            piece = cast(bytes, message.get("body", b""))
            ended = not message.get("more_body", False)
        return piece

    return read
