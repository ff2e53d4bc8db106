"""Traps of the provider's pages that no other test is about."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import cast

import pytest
from all_calls import PUBLIC, SAMPLES, body_of
from conftest import http
from scripted_answers import Script, client_at

from bonifiq_async import BonifiQPublicClient, NotAppliedError, Outcome, PointsChange
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async.bonifiq.calls.orders import part_of
from bonifiq_async.bonifiq.changes.points import body_of as body_of_points
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented
from bonifiq_async.bonifiq.schemas.pages import Unshaped

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]
READS_BY_POST = {
    *("customers.history", "customers.available_coupons", "points.to_expire", "tiers.available"),
    *("pos.available_rewards", "products.points"),
    *("public.product_points", "public.product_points_list"),
}


async def answered(name: str, url: str) -> object:
    """Return what the call of an operation returns."""
    if name in PUBLIC:
        async with BonifiQPublicClient("token", base_url=url) as public:
            return await PUBLIC[name][0](public)
    async with client_at(url) as client:
        result = await cast("Awaitable[object]", SAMPLES[name].call(client))
    return result.result if isinstance(result, Outcome) else result


def test_what_reads_by_post_changes_nothing() -> None:
    """Some reads have a body: that they are sent by POST makes no write of them."""
    reads = {documented(each).called for each in OPERATIONS if each.method != "GET" and not each.writes}
    assert reads == READS_BY_POST
    assert {each.repeat for each in OPERATIONS if not each.writes} == {RepeatClass.SAFE}
    assert not any(each.writes for each in OPERATIONS if each.method == "GET")


@pytest.mark.parametrize("name", sorted(READS_BY_POST - PUBLIC.keys()))
async def test_a_read_without_an_answer_is_not_unknown(name: str, raw_server: Serve) -> None:
    with pytest.raises(NotAppliedError, match="It only reads"):
        await answered(name, await raw_server(Script([b""] * 6).talk))


@pytest.mark.parametrize("points", [5, -5])
def test_sign_and_type_of_a_change_of_points_agree(points: int) -> None:
    """What another mix does is not documented."""
    sent = body_of_points(PointsChange("ana", points, "r", "k"))
    assert (sent.points, int(sent.operation_type)) == (points, int(points < 0))


def test_a_part_may_be_the_whole_order() -> None:
    """The prose says less than the total, the field less or equal: the provider decides."""
    part = part_of("1", {"value_to_refund": Decimal(20), "order_total": Decimal(20), "reference": "r"})
    assert part.value_to_refund == 20


def with_more(answer: object) -> object:
    """Return an answer that has a member more in each of its objects."""
    if isinstance(answer, dict):
        return {name: with_more(each) for name, each in answer.items()} | {"AddedLater": {"Code": "1"}}
    return [with_more(each) for each in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize(
    "name", [documented(each).called for each in OPERATIONS if each.result is not Unshaped]
)
async def test_members_that_were_added_since_are_passed_over(name: str, raw_server: Serve) -> None:
    """The schemas are declared closed, and fields were added between the two generations of the pages."""
    answer = PUBLIC[name][1] if name in PUBLIC else SAMPLES[name].answer
    found = [
        await answered(name, await raw_server(Script([http(body_of(each))]).talk))
        for each in (answer, with_more(answer))
    ]
    assert found[0] == found[1]
