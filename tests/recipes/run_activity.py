"""Runs the activity of the recipe for Temporal in Temporal's environment for tests: no server takes part.

It is started beside `with_temporal.py`, with the id of the workflow.
"""

import asyncio
import sys
from dataclasses import replace

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from with_temporal import Cashback

from bonifiq_async import BonifiQClient, SqliteLedger


async def main(order: str) -> None:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_id=order, activity_id="1")
    async with SqliteLedger("cashback.ledger") as ledger, BonifiQClient.from_env(ledger=ledger) as client:
        try:
            print(await environment.run(Cashback(client).add_cashback, "ana@example.com", "10.50"))
        except ApplicationError as error:
            sys.exit(f"{error}\nnon_retryable={error.non_retryable}")


asyncio.run(main(*sys.argv[1:]))
