"""A child process that makes one change on a ledger, and ends at a named point of it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

CHILD = """
import asyncio, os, sys
from decimal import Decimal
from bonifiq_async import (
    BonifiQClient, CashbackChange, Member, PostgresLedger, Raba7niClient, SqliteLedger
)
from bonifiq_async._delivery.claim import Claim
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._transport.session import SessionManager

def die(*_, **__):
    os._exit(9)

async def answered(self, *a, **k):
    await original(self, *a, **k)
    die()

point = sys.argv[1]
if point == "before claim":
    SingleFlight._ruling = die
elif point == "after claim":
    Delivery.deliver = die
elif point == "after send":
    original = SessionManager.attempt
    SessionManager.attempt = answered
elif point == "after answer":
    Claim.settle = die
elif point == "after commit":
    original = Claim.settle
    Claim.settle = answered

async def main():
    async with {ledger} as ledger, {client}.from_env(ledger=ledger) as client:
        await client.{call}

asyncio.run(main())
"""
CALLS = {
    Sandbox: (
        "BonifiQClient",
        'customers.change_cashback(CashbackChange("ANA", Decimal(10), "Loyalty", "key"))',
    ),
    Raba7niSandbox: (
        "Raba7niClient",
        "cashback.earn(card_id=10, member=Member.by_id(123), purchase_amount=Decimal(20), reference='r')",
    ),
}
"""The client of each sandbox, and the change that it makes."""


async def dies(
    point: str, server: Sandbox | Raba7niSandbox, folder: Path, ledger: str = 'SqliteLedger("l")'
) -> None:
    """Have a child make its change at `server`, and end at `point`; `ledger` is how it opens one."""
    client, call = CALLS[type(server)]
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", CHILD.format(client=client, call=call, ledger=ledger), point],
        cwd=folder,
        env={**os.environ, **server.environment()},
        check=False,
    )
    assert ended.returncode == 9
