"""A child process that makes many writes at once on the ledger `l` of its folder, to be killed meanwhile.

What it makes is given as JSON: the customer of each write, and what is staged for it. With `at`, every change
under a key stops at that point; when all are there, the child says so.
"""

import asyncio
import json
import sys

from bonifiq_async import BonifiQClient, SqliteLedger
from bonifiq_async._delivery.claim import Claim
from bonifiq_async._delivery.delivery import Delivery

CLAIMED, ANSWERED = "claimed", "answered"
POINTS = {CLAIMED: (Delivery, "deliver"), ANSWERED: (Claim, "settle")}


def stop_at(point: str, how_many: int) -> None:
    """Have calls stop where they would go on from a point; say so when so many are there."""
    reached = 0

    async def stop(*_: object, **__: object) -> None:
        nonlocal reached
        reached += 1
        if reached == how_many:
            print("all are there", flush=True)
        await asyncio.Event().wait()

    kind, method = POINTS[point]
    setattr(kind, method, stop)


async def main(at: str, staged: dict[str, tuple[str, str]]) -> None:
    """Make all writes at once."""
    from all_writes import WRITES

    if at in POINTS:
        stop_at(at, len(staged))
    async with SqliteLedger("l") as ledger, BonifiQClient.from_env(ledger=ledger) as client:
        await asyncio.gather(*(WRITES[name].call(client, *given) for name, given in staged.items()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
