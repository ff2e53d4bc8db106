"""A child of the laboratory: earnings at Raba7ni, one line an outcome; `python -m` runs it."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.raba7ni.changes import CashbackWrite, Earn
from bonifiq_async.raba7ni.client import Raba7niClient
from bonifiq_async.raba7ni.member import Member
from bonifiq_async.raba7ni.payloads import CashbackAnswer

MEMBERS = 200
IN_FLIGHT = 32
"""Earnings in flight at the most."""


def earnings(count: int) -> Iterator[Earn]:
    """Yield `count` purchases, each with a reference that is its own."""
    for number in range(count):
        yield Earn(
            card_id=10,
            member=Member.by_id(number % MEMBERS + 1),
            purchase_amount=Decimal(number + 1),
            reference=f"order-{number}",
            key=f"order-{number}",
        )


async def earn(count: int, ledger: Path, out: Path) -> None:
    """Earn, and append key and effect of each outcome to `out`."""
    async with SqliteLedger(ledger) as record, Raba7niClient.from_env(ledger=record) as client:
        batch: CashbackBatch[CashbackWrite, CashbackAnswer] = CashbackBatch(
            client, flow=FlowControl(max_in_flight=IN_FLIGHT)
        )
        with out.open("a", buffering=1, encoding="utf-8") as file:
            async with aclosing(batch.run(earnings(count))) as outcomes:
                async for outcome in outcomes:
                    file.write(f"{outcome.change.change_key} {outcome.effect.name}\n")


if __name__ == "__main__":
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())  # the outcomes say the same
    asyncio.run(earn(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
