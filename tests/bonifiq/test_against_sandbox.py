"""Every operation, called by the client against the sandbox: what one writes, the other reads."""

from collections.abc import Awaitable
from decimal import Decimal
from typing import cast

import pytest
from all_calls import ORDER, PUBLIC, SAMPLES
from conftest import client_for

from bonifiq_async import BonifiQPublicClient, Outcome, RefusedError
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented
from bonifiq_async.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
NAMES = [documented(each).called for each in OPERATIONS]
REFUSED = {
    *("pos.cancel_redeem", "pos.cancel_redeem_by_key", "rewards.get"),
    "reward_configurations.redeem_product_discount",
}
"""Of a redeem that no call has made, and of a reward that is for no product."""


async def answered(name: str, sandbox: Sandbox) -> object:
    """Return what the call of an operation answers; for those on orders there is one."""
    if name in PUBLIC:
        async with BonifiQPublicClient(sandbox.public_token, base_url=sandbox.url) as public:
            return await PUBLIC[name][0](public)
    async with client_for(sandbox) as client:
        if "order" in name and not name.endswith(("orders.create", "create_order")):
            await client.orders.create(**ORDER)
        result = await cast("Awaitable[object]", SAMPLES[name].call(client))
    return result.result if isinstance(result, Outcome) else result


@pytest.mark.parametrize("name", NAMES)
async def test_the_client_reads_what_the_sandbox_writes(name: str) -> None:
    """As the class of its result; a list may have no item."""
    customers = {"ana": Decimal(500), "ana@b.example": Decimal(500)}
    with Sandbox(customers=customers) as sandbox:
        sandbox.books.apply_points("ana", 500, "gift")
        sandbox.books.affiliates["ana@b.example"] = True
        try:
            result = await answered(name, sandbox)
        except RefusedError:
            assert name in REFUSED
            return
        except ValueError:
            assert SAMPLES[name].items
            return
    found = result[0] if isinstance(result, tuple) else result
    assert type(found).__name__ == (PUBLIC[name][2] if name in PUBLIC else SAMPLES[name].result)
    assert name not in REFUSED
