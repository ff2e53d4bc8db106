"""What BonifiQ posts to an address of yours: checked, read, and handled once.

The documented name is `bonifiq_async.webhooks`.

event       the body as attrs values: topics and payloads that the pages show; any other stays as it comes
on_aiohttp  the handler for aiohttp.web
on_asgi     the handler for ASGI servers and frameworks
receiver    one delivery: read, claimed by its Uuid, handled, noted, and answered in time
verifier    whether a request has the header that the subscription was configured with
"""
