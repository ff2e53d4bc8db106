"""A change of which a ledger kept the request: it is sent again byte for byte, whatever it is of."""

from decimal import Decimal

from attrs import field, frozen

from bonifiq_async._model.outcome import Change


@frozen
class KeptChange(Change):
    """A change as it stands in a ledger: its operation by name, and path and body of its request."""

    operation: str
    customer_id: str
    value: Decimal
    unit: str
    change_key: str
    path: str
    body: bytes = field(repr=False)
    line: int = 0
