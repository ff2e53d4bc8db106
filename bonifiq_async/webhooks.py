"""Webhooks of BonifiQ under their documented name: `from bonifiq_async.webhooks import WebhookReceiver`.

    receiver = WebhookReceiver(handle, Verifier("X-Secret", secret), ledger=SqliteLedger("events.ledger"))
    app.router.add_post("/bonifiq", aiohttp_handler(receiver))     # aiohttp.web
    Route("/bonifiq", asgi_app(receiver))                          # Starlette

`handle` is an async function of a `WebhookEvent`. Each name is imported when it is first asked for: a program
that serves by ASGI does not import aiohttp's server.
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.webhooks.event import (
        EarnedPointsPayload,
        ObjectiveType,
        WebhookCustomer,
        WebhookEvent,
        WebhookTopic,
        parse,
    )
    from bonifiq_async.bonifiq.webhooks.on_aiohttp import aiohttp_handler
    from bonifiq_async.bonifiq.webhooks.on_asgi import asgi_app
    from bonifiq_async.bonifiq.webhooks.receiver import WebhookReceiver
    from bonifiq_async.bonifiq.webhooks.verifier import Verifier

__all__ = [
    "EarnedPointsPayload",
    "ObjectiveType",
    "Verifier",
    "WebhookCustomer",
    "WebhookEvent",
    "WebhookReceiver",
    "WebhookTopic",
    "aiohttp_handler",
    "asgi_app",
    "parse",
]

_PLACES = {
    "EarnedPointsPayload": "event",
    "ObjectiveType": "event",
    "Verifier": "verifier",
    "WebhookCustomer": "event",
    "WebhookEvent": "event",
    "WebhookReceiver": "receiver",
    "WebhookTopic": "event",
    "aiohttp_handler": "on_aiohttp",
    "asgi_app": "on_asgi",
    "parse": "event",
}

__getattr__ = lazy_names(
    __name__, {name: f"bonifiq_async.bonifiq.webhooks.{module}" for name, module in _PLACES.items()}
)


def __dir__() -> list[str]:
    return list(__all__)
