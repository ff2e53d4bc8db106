"""A batch over a provider in virtual time."""

from virtual import (
    Client,
    Provider,
    runtime,
)

from bonifiq_async import CashbackBatch, FlowControl


def batch_over(provider: Provider, flow: FlowControl, **settings: object) -> CashbackBatch:
    """Return a batch that is sent to `provider`; `settings` are those of the client."""
    return CashbackBatch(Client(provider, **settings), flow=flow, runtime=runtime())
