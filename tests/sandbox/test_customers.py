"""A sandbox's customers: the client reads what the test has set, with cashback active and inactive."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import change, client_for

from bonifiq_async import (
    ConfigurationError,
    CustomerPointsToExpire,
    Effect,
    OrderOrigin,
    PayloadError,
    PendingOrder,
    PointDetailItem,
)
from bonifiq_async.sandbox import Customer, Sandbox

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ORDER = PendingOrder(MOMENT, Decimal("99.90"), 50, Decimal("0.50"))
LINE = PointDetailItem(
    id=7,
    is_canceled=True,
    date_received=MOMENT,
    expiration_date=MOMENT,
    amount=-30,
    cashback_amount=Decimal("-0.30"),
    branch_id="1",
    branch_name="Centro",
    order_origin=OrderOrigin.PDV,
    order_origin_description="PDV",
    point_type=2,
    point_type_description="Purchase",
)
ANA = Customer(
    balance=Decimal("12.35"),
    name="Ana",
    redeem_key="redeem-of-before",
    points_to_expire=[CustomerPointsToExpire(100, MOMENT)],
    point_history=[LINE],
    pending_orders=[ORDER, evolve(ORDER, pending_points=1, pending_cashback=Decimal("0.01"))],
)


async def test_a_client_reads_the_values_set_for_a_customer(sandbox: Callable[..., Sandbox]) -> None:
    server = sandbox(customers={"ANA": ANA, "BIA": Decimal(3)})
    async with client_for(server) as client:
        points = await client.customers.points("ANA")
        pending = await client.customers.pending_points("ANA")
        other = await client.customers.points("BIA")
        nothing = await client.customers.pending_points("BIA")
    assert (points.name, points.redeem_key) == ("Ana", "redeem-of-before")
    assert (points.cashback_balance, points.points_balance) == (Decimal("12.35"), 1235)
    assert points.points_to_expire == ANA.points_to_expire
    assert points.point_history == (LINE,)
    assert pending.pending_orders == ANA.pending_orders
    assert (pending.total_pending_points, pending.total_pending_cashback) == (51, Decimal("0.51"))
    assert (other.cashback_balance, other.point_history, nothing.pending_orders) == (3, (), ())
    assert points.customer_exists is other.customer_exists is True


async def test_an_unknown_customer_does_not_exist(sandbox: Callable[..., Sandbox]) -> None:
    """The page has a member for it; where every customer exists, this one does, too."""
    for customers, there in (({"ANA": ANA}, False), (None, True)):
        async with client_for(sandbox(customers=customers)) as client:
            points = await client.customers.points("BIA")
            pending = await client.customers.pending_points("BIA")
        assert (points.customer_exists, points.cashback_balance) == (there, 0)
        assert (pending.total_pending_points, pending.pending_orders) == (0, ())


async def test_a_change_is_in_the_history_and_has_a_redeem_key(sandbox: Callable[..., Sandbox]) -> None:
    """After the earlier lines; points are above zero when received, below when redeemed."""
    server = sandbox(customers={"ANA": ANA})
    async with client_for(server) as client:
        made = [await client.outcome_of(change(key, value)) for key, value in (("a", "10"), ("b", "-2.5"))]
        points = await client.customers.points("ANA")
    assert [line.amount for line in points.point_history] == [-30, 1000, -250]
    assert [line.cashback_amount for line in points.point_history[1:]] == [10, Decimal("-2.5")]
    keys = {outcome.result.redeem_key for outcome in made}
    assert len(keys) == 2 and not keys & {None, "a", "b"}


async def test_with_inactive_cashback_a_change_moves_points_alone(
    sandbox: Callable[..., Sandbox],
) -> None:
    """The balance is 0 and pending cashback null, as the pages say; points are as usual."""
    server = sandbox(customers={"ANA": ANA}, cashback_active=False)
    async with client_for(server) as client:
        outcome = await client.outcome_of(change("a", "10"))
        points = await client.customers.points("ANA")
        pending = await client.customers.pending_points("ANA")
    assert outcome.effect is Effect.APPLIED
    assert (outcome.result.cashback_balance, outcome.result.points_balance) == (0, 2235)
    assert (points.cashback_balance, points.points_balance) == (0, 2235)
    assert [line.cashback_amount for line in points.point_history] == [None, None]
    assert (pending.total_pending_points, pending.total_pending_cashback) == (51, None)
    assert [order.pending_cashback for order in pending.pending_orders] == [None, None]
    server.assert_balance("ANA", Decimal("22.35"))  # what the books hold, in BRL


@pytest.mark.parametrize("sign", [1, -1])
async def test_points_are_thirty_two_bits(sign: int, sandbox: Callable[..., Sandbox]) -> None:
    """As the schema says; a balance of cashback may have more."""
    server = sandbox(customers={"ANA": sign * Decimal(10) ** 27})
    async with client_for(server) as client:
        points = await client.customers.points("ANA")
    assert (points.points_balance, points.cashback_balance) == (sign * (2**31 - 1), sign * 10**27)


@pytest.mark.parametrize("amount", [1.5, "1", True, None, Decimal("NaN"), Decimal(2) ** 96])
def test_a_balance_that_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(PayloadError, match=r"^balance "):
        Customer(balance=amount)
    with pytest.raises(PayloadError, match=r"^customers\['ana'\] "):
        Sandbox(customers={"ana": amount})


def test_what_stands_in_a_balance_is_made_with_its_class() -> None:
    for name in ("points_to_expire", "point_history", "pending_orders"):
        with pytest.raises(PayloadError, match=rf"^{name}\[0\] must be made with \w+\(\.\.\.\), not dict"):
            Customer(**{name: [{"points": 1}]})


@pytest.mark.parametrize("setting", ["duplicates", "reused_key"])
def test_an_answer_to_a_used_key_that_is_not_known_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{setting} cannot be 'error-500'; there are: replay"):
        Sandbox(**{setting: "error-500"})
