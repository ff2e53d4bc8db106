"""Events as the tests publish them, and their changes."""

import json

from bonifiq_async import CashbackChange


def event(number: int, customer: str = "ANA", amount: object = 10) -> bytes:
    """Return the body of an event; `number` tells it from any other."""
    return json.dumps({"id": str(number), "customer": customer, "amount": amount}).encode()


def to_change(found: dict[str, object]) -> CashbackChange:
    """Return the change of an event; its key is derived from the event's id."""
    return CashbackChange.add(found["customer"], found["amount"], reason="purchase", reference=found["id"])
