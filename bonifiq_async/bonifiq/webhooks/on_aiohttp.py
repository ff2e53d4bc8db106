"""The handler for aiohttp.web."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.webhooks.receiver import WebhookReceiver


def aiohttp_handler(receiver: WebhookReceiver) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for `app.router.add_post(path, ...)`, which answers with a status and no body.

    What the receiver's `handle` raises is raised, for aiohttp to log and to answer with 500.
    """

    async def handler(request: web.Request) -> web.Response:
        async def read() -> bytes:
            try:
                return await request.content.readany()
            except (web.RequestPayloadError, ConnectionError):
                raise PayloadError("the body did not come whole", path="$") from None

        accepted = receiver.accepts(request.headers)
        return web.Response(status=await receiver.answer(read) if accepted else 401)

    return handler
