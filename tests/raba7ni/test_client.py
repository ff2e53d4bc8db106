"""Raba7ni's client against its sandbox: what each call does, and what is read from each answer."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest
from conftest import fast, http, raba7ni_client_for, read_request

from bonifiq_async import (
    AuthenticationError,
    CashbackBatch,
    CashbackConfig,
    ChangeKeyConflict,
    ConfigurationError,
    CustomerNotFound,
    Earn,
    Effect,
    FlowControl,
    Member,
    MemberToken,
    NotAppliedError,
    OutcomeUnknownError,
    Pagination,
    PayloadError,
    Raba7niClient,
    Raba7niCredentials,
    Redeem,
    Refund,
    RefusedError,
    SignInPaths,
    SqliteLedger,
)
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.row import every
from bonifiq_async.raba7ni.cards import Cards
from bonifiq_async.raba7ni.cashback import Cashback
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox

ANA = Member.by_id(123)
CREDENTIALS = Raba7niCredentials("app_1", "test_key")


@pytest.fixture
async def server(raba7ni) -> Raba7niSandbox:
    """A sandbox without faults."""
    return raba7ni()


@pytest.fixture
async def client(server) -> AsyncIterator[Raba7niClient]:
    """Its client."""
    async with raba7ni_client_for(server) as made:
        yield made


async def test_earn_redeem_refund_and_balance(client, server) -> None:
    """The example of the page, from the first purchase to the refund; the books agree with every answer."""
    earned = await client.cashback.earn(
        card_id=10, member=ANA, purchase_amount=Decimal("250.00"), reference="ORDER-12345"
    )
    assert earned.effect is Effect.APPLIED
    assert (earned.result.cashback_earned, earned.result.new_balance) == (Decimal("12.5"), Decimal("12.5"))
    redeemed = await client.cashback.redeem(
        card_id=10, amount=Decimal(5), member_token=server.sign_in(123), reference="R"
    )
    assert (redeemed.result.amount_redeemed, redeemed.result.new_balance) == (5, Decimal("7.5"))
    refunded = await client.cashback.refund(card_id=10, member=ANA, refund_amount=Decimal(25), reference="R")
    assert (refunded.result.cashback_deducted, refunded.result.new_balance) == (
        Decimal("1.25"),
        Decimal("6.25"),
    )
    assert (refunded.result.previous_balance, refunded.result.reference) == (Decimal("7.5"), "R")
    assert (refunded.result.currency, refunded.result.balance_warning) == ("TND", None)
    explicit = await client.cashback.refund(
        card_id=10, member=ANA, refund_amount=Decimal(25), cashback_to_deduct=Decimal("0.125"), reference="S"
    )
    assert explicit.result.cashback_deducted == Decimal("0.125")
    balance = await client.cashback.balance(10, 123)
    assert balance.cashback_balance == server.books.balance(10, 123) == Decimal("6.125")
    assert (balance.card_id, balance.member_id) == (10, 123)
    assert (balance.cashback_percentage, balance.reward_system) == (5, "cashback")
    for operation, reference in (("earn", "ORDER-12345"), ("redeem", "R"), ("refund", "R"), ("refund", "S")):
        assert len(server.books.effects(operation, reference)) == 1
    rows = [row async for row in client.cashback.history(10, 123)]
    assert [row.amount for row in rows] == [Decimal("12.5"), -5, Decimal("-1.25"), Decimal("-0.125")]
    assert [row.type for row in rows] == ["earning", "redemption", "refund", "refund"]
    assert [row.event for row in rows[:3]] == ["cashback_earned", "cashback_redeemed", "cashback_refunded"]
    assert {row.points for row in rows} == {0}
    ids = [each.result.transaction_id for each in (earned, redeemed, refunded, explicit)]
    assert [row.id for row in rows] == ids


async def test_three_decimals_survive(client, server) -> None:
    """A dinar has a thousand millimes."""
    await client.cashback.earn(card_id=10, member=ANA, purchase_amount=Decimal("12345678901234.98"), key="k")
    balance = (await client.cashback.balance(10, 123)).cashback_balance
    assert balance == server.books.balance(10, 123) == Decimal("617283945061.749")


async def test_a_new_address_is_a_new_member(client, server) -> None:
    """The answer says which; the name goes with it; the next earn finds it."""
    by_email = Member.by_email("new@example.com")
    first = await client.cashback.earn(
        card_id=10, member=by_email, purchase_amount=Decimal(100), reference="1", member_name="Néw"
    )
    again = await client.cashback.earn(
        card_id=10, member=by_email, purchase_amount=Decimal(100), reference="2"
    )
    assert first.result.member_id == again.result.member_id
    assert server.books.person(first.result.member_id).name == "Néw"
    assert again.result.new_balance == 10
    with pytest.raises(CustomerNotFound) as caught:
        await client.cashback.refund(
            card_id=10, member=Member.by_phone("1"), refund_amount=Decimal(1), reference="3"
        )
    assert (caught.value.code, caught.value.status) == ("member_not_found", 404)
    assert caught.value.request_id.startswith("req_")


REFUSALS = {
    "no such card": (lambda c, _: _earn(c, card_id=11), RefusedError, "card_not_found"),
    "no such member": (lambda c, _: _earn(c, member=Member.by_id(7)), CustomerNotFound, "member_not_found"),
    "too little": (
        lambda c, token: _redeem(c, token, amount=Decimal("0.001")),
        RefusedError,
        "insufficient_balance",
    ),
    "another token": (
        lambda c, token: _redeem(c, MemberToken("x")),
        AuthenticationError,
        "invalid_member_token",
    ),
    "wrong PIN": (lambda c, token: _redeem(c, token, pin="9999"), RefusedError, "invalid_pin"),
}


def _earn(client: Raba7niClient, **more: object) -> object:
    given = {"card_id": 10, "member": ANA, "purchase_amount": Decimal(10), "reference": "r"}
    return client.cashback.earn(**given | more)


def _redeem(client: Raba7niClient, token: MemberToken, **more: object) -> object:
    given = {"card_id": 10, "amount": Decimal(1), "member_token": token, "reference": "r"}
    return client.cashback.redeem(**given | more)


@pytest.mark.parametrize(("call", "kind", "code"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_changes_nothing_and_says_its_code(call, kind, code, raba7ni) -> None:
    """And the same key may be used again once the cause is corrected."""
    server = raba7ni(members=[123])
    server.books.person(123).pin = "1234"
    token = server.sign_in(123)
    async with raba7ni_client_for(server) as client:
        with pytest.raises(kind) as caught:
            await call(client, token)
        assert (caught.value.code, caught.value.effect, len(caught.value.attempts)) == (
            code,
            Effect.REFUSED,
            1,
        )
        assert server.books.balances() == {}
        assert client.in_doubt() == ()
        assert (await _earn(client)).effect is Effect.APPLIED
        server.books.move("earn", "gift", 10, 123, Decimal(10))
        assert (await _redeem(client, token, pin="1234")).effect is Effect.APPLIED


NEEDED: dict[str, tuple[str, Callable[[Raba7niClient, MemberToken], Awaitable[object]]]] = {
    "earn": ("cashback_write", lambda c, _: _earn(c)),
    "redeem": ("cashback_write", lambda c, token: _redeem(c, token)),
    "refund": (
        "cashback_write",
        lambda c, _: c.cashback.refund(card_id=10, member=ANA, refund_amount=Decimal(1), reference="r"),
    ),
    "balance": ("cashback_read", lambda c, _: c.cashback.balance(10, 123)),
    "history": ("cashback_read", lambda c, _: anext(c.cashback.history(10, 123))),
    "history_page": ("cashback_read", lambda c, _: c.cashback.history_page(10, 123)),
    "list": ("card_read", lambda c, _: c.cards.list()),
    "get": ("card_read", lambda c, _: c.cards.get(10)),
    "rewards": ("card_read", lambda c, _: c.cards.rewards(10)),
}
"""What the pages say that a key needs for each call."""


@pytest.mark.parametrize(("name", "needed"), NEEDED.items(), ids=NEEDED.keys())
async def test_each_call_needs_its_scope_and_no_other(name: str, needed, raba7ni) -> None:
    """And its docstring names it."""
    scope, call = needed
    others = {"cashback_read", "cashback_write", "card_read"} - {scope}
    for scopes, allowed in (([scope], True), (sorted(others), False)):
        server = raba7ni(scopes=scopes)
        server.books.move("earn", "gift", 10, 123, Decimal(5))
        async with raba7ni_client_for(server) as client:
            with (
                contextlib.nullcontext()
                if allowed
                else pytest.raises(AuthenticationError, match="insufficient_scope")
            ):
                await call(client, server.sign_in(123))
    kind = Cards if scope == "card_read" else Cashback
    words = f"{kind.__doc__ if kind is Cards else ''}{getattr(kind, name).__doc__}"
    assert re.findall(r"`(\w+_(?:read|write))`", words) == [scope]


async def test_members_sign_in_without_a_scope(raba7ni) -> None:
    """A key without any scope is enough."""
    server = raba7ni(scopes=[])
    async with raba7ni_client_for(server) as client:
        await client.members.register(name="Ana", email="ana@example.com", phone="22000111")
        assert (await client.members.check(phone="22000111")).exists is True


@pytest.mark.parametrize(("total", "complete"), [(3, False), (2, True), (1, True), (None, True), (0, True)])
async def test_missing_cards_are_reported(total: int | None, complete: bool, raw_server) -> None:
    """Fewer than the answer announces: no page documents how to read the others."""

    async def answer(reader, writer) -> None:
        await read_request(reader)
        data = {"cards": [{"id": 1}, {"id": 2}], "total": total}
        writer.write(http(json.dumps({"success": True, "data": data}).encode()))

    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer)) as client:
        if complete:
            assert [card.id for card in await client.cards.list()] == [1, 2]
        else:
            with pytest.raises(PayloadError, match="has 2 cards and says that there are 3") as caught:
                await client.cards.list()
            assert caught.value.path == "$.data.total"


async def test_a_card_has_its_bounds(raba7ni) -> None:
    """Those of the page's sample, or the given ones; no change is checked against them."""
    given = CashbackConfig(Decimal("2.5"), cashback_max_amount=Decimal("7.125"), allows_pin_redemption=False)
    server = raba7ni(cards={10: 5, 20: given})
    async with raba7ni_client_for(server) as client:
        first, second = await client.cards.list()
        assert (await _earn(client, card_id=20, purchase_amount=Decimal(1000))).result.cashback_earned == 25
    assert first.cashback_config == CashbackConfig(Decimal(5), Decimal(10), Decimal(1000), True)
    assert second.cashback_config == given


async def test_a_balance_below_zero_has_a_warning(client, server) -> None:
    """The text of the provider is not documented, and kept unchanged."""
    server.books.move("earn", "gift", 10, 123, Decimal(1))
    told = []
    for reference in "ab":
        refunded = await client.cashback.refund(
            card_id=10, member=ANA, refund_amount=Decimal(20), reference=reference
        )
        told.append((refunded.result.new_balance, refunded.result.balance_warning))
    assert told == [(0, None), (-1, "The balance is below zero")]


async def test_a_refund_may_deduct_nothing(client, server) -> None:
    """Where the caller says so: the page gives no bounds for the deduction."""
    await _earn(client)
    refunded = await client.cashback.refund(
        card_id=10, member=ANA, refund_amount=Decimal(10), cashback_to_deduct=Decimal("0.00"), reference="r"
    )
    assert (refunded.effect, refunded.result.cashback_deducted) == (Effect.APPLIED, 0)
    assert server.books.balance(10, 123) == Decimal("0.5")
    assert server.books.effects("refund", "r")[0].amount == 0


async def test_cards_and_rewards(client) -> None:
    """Percentages are exact, and an unknown card is refused."""
    (card,) = await client.cards.list()
    assert card == await client.cards.get(10)
    assert (card.id, card.cashback_config.cashback_percentage) == (10, Decimal(5))
    (reward,) = await client.cards.rewards(10)
    assert (reward.points, reward.title) == (100, {"en": "Discount"})
    with pytest.raises(RefusedError, match="card_not_found"):
        await client.cards.get(11)
    for wrong in (0, -1, "10", True, None):
        with pytest.raises(PayloadError):
            await client.cards.get(wrong)


@pytest.mark.parametrize("paths", SignInPaths)
async def test_sign_in_by_one_time_code(paths: SignInPaths, raba7ni) -> None:
    """From a phone number to a redemption, on either family of paths; a code is valid once."""
    server = raba7ni()
    async with raba7ni_client_for(server, sign_in_paths=paths) as client:
        assert (await client.members.check(phone="22000111")).exists is False
        made = await client.members.register(name="Ana", email="ana@example.com", phone="22000111")
        assert (await client.members.check(email="ana@example.com")).exists is True
        sent = await client.members.request_otp(phone="22000111")
        code = sent.otp_code.reveal()
        assert (sent.expires_in_minutes, code) == (10, server.books.code(made.member.id))
        with pytest.raises(RefusedError, match="invalid_otp"):
            await client.members.verify_otp({"phone_number": "22000111", "otp": "no"})
        signed_in = await client.members.verify_otp({"phone_number": "22000111", "otp": code})
        assert set(signed_in.names()) >= {"data.member_token"}
        with pytest.raises(PayloadError, match=r"data\.member_token"):
            signed_in.token("token")
        server.books.move("earn", "gift", 10, made.member.id, Decimal(3))
        spent = await client.cashback.redeem(
            card_id=10, amount=Decimal(3), member_token=signed_in.token("data.member_token"), key="k"
        )
        assert (spent.result.member_id, spent.result.new_balance) == (made.member.id, 0)
        with pytest.raises(RefusedError, match="invalid_otp"):
            await client.members.verify_otp({"phone_number": "22000111", "otp": code})
        with pytest.raises(CustomerNotFound):
            await client.members.request_otp(phone="0")


async def test_invalid_sign_in_values_are_refused_unsent(client, server) -> None:
    """Before anything is sent."""
    for call in (
        client.members.check(),
        client.members.check(email="a@b.example", phone="1"),
        client.members.request_otp(email=" "),
        client.members.register(name="", email="a@b.example", phone="1"),
        client.members.verify_otp({}),
        client.members.verify_otp({"otp": 123456}),
    ):
        with pytest.raises(PayloadError):
            await call
    async with raba7ni_client_for(server, sign_in_paths=SignInPaths.MEMBERS_AUTH) as other:
        with pytest.raises(PayloadError, match="phone"):
            await other.members.request_otp(email="a@b.example")
    assert server.books.requests == 0


async def test_a_sign_in_without_an_answer_is_not_repeated(raba7ni) -> None:
    """A registration that may have happened, a code that may have been used."""
    for fault in ("close-after", "500-before", "429"):
        server = raba7ni(faults=FaultScript([fault] * 3))
        async with raba7ni_client_for(server) as client:
            for call in (
                client.members.register(name="A", email="a@b.example", phone="1"),
                client.members.request_otp(phone="1"),
                client.members.verify_otp({"otp": "1"}),
            ):
                with pytest.raises(OutcomeUnknownError, match="Do not repeat"):
                    await call
        assert server.books.requests == 3


# History.


async def test_history_goes_over_all_pages(client, server) -> None:
    """Whatever their size; the sandbox caps it as a provider may. Nothing is asked after the last page."""
    for number in range(230):
        server.books.move("earn", str(number), 10, 123, Decimal(number))
    for size, requests in ((20, 12), (100, 3), (1000, 3), (230, 3)):
        before = server.books.requests
        rows = [row async for row in client.cashback.history(10, 123, page_size=size)]
        assert [row.amount for row in rows] == list(range(230))
        assert server.books.requests - before == requests
    assert [row async for row in client.cashback.history(10, 7)] == []
    for wrong in (0, -1, "20", 2.5):
        with pytest.raises(PayloadError):
            await anext(client.cashback.history(10, 123, page_size=wrong))


async def test_history_begins_at_the_given_offset(client, server) -> None:
    """The offset counts from 0; a page says how many movements there are."""
    for number in range(45):
        server.books.move("earn", str(number), 10, 123, Decimal(number))
    for offset, requests in ((0, 3), (40, 1), (45, 1), (100, 1)):
        before = server.books.requests
        rows = [row.amount async for row in client.cashback.history(10, 123, offset=offset)]
        assert rows == list(range(offset, 45))
        assert server.books.requests - before == requests
    page = await client.cashback.history_page(10, 123)
    assert [row.amount for row in page.transactions] == list(range(20))
    assert (page.card_id, page.member_id) == (10, 123)
    assert page.pagination == Pagination(limit=20, offset=0, total=45, has_more=True)
    page = await client.cashback.history_page(10, 123, limit=10, offset=40)
    assert [row.amount for row in page.transactions] == list(range(40, 45))
    assert page.pagination == Pagination(limit=10, offset=40, total=45, has_more=False)
    asked = server.books.requests
    for wrong in (-1, "20", 2.5, True, None):
        with pytest.raises(PayloadError, match="offset"):
            await anext(client.cashback.history(10, 123, offset=wrong))
        with pytest.raises(PayloadError, match="offset"):
            await client.cashback.history_page(10, 123, offset=wrong)
        with pytest.raises(PayloadError, match="limit"):
            await client.cashback.history_page(10, 123, limit=wrong)
    assert server.books.requests == asked


Page = tuple[list[int | None], dict[str, object]]
MORE: dict[str, object] = {"has_more": True}
LAST: dict[str, object] = {"has_more": False}


def _page(ids: list[int | None], pagination: dict[str, object] | None) -> bytes:
    rows = [{"id": number, "amount": 1} for number in ids]
    return json.dumps({"success": True, "data": {"transactions": rows, "pagination": pagination}}).encode()


HISTORIES: dict[str, tuple[list[Page], list[int | None], str]] = {
    # the pages, each with what it says of the others; the ids that come; the error after them
    "one page": ([([1, 2], LAST)], [1, 2], ""),
    "none": ([([], LAST)], [], ""),
    "as many as there are": ([([1, 2], MORE), ([3], LAST | {"total": 3})], [1, 2, 3], ""),
    "a row comes in while paging": ([([1, 2], MORE), ([2, 3], LAST)], [1, 2, 3], ""),
    "a page of nothing new": ([([1, 2], MORE), ([2, 1], MORE), ([3], LAST)], [1, 2, 3], ""),
    "a last page of nothing new": ([([1, 2], MORE), ([2, 1], LAST)], [1, 2], ""),
    "an empty last page": ([([1], MORE), ([], LAST)], [1], ""),
    "rows without an id": ([([None, 1], MORE), ([None, 1, 2], LAST)], [None, 1, None, 2], ""),
    "no total and no promise": ([([1, 2], {}), ([3], {}), ([], {})], [1, 2, 3], ""),
    "no pagination": ([([1, 2], None), ([], None)], [1, 2], ""),  # type: ignore[list-item]
    "the total alone": ([([1, 2], {"total": 3}), ([3], {"total": 3})], [1, 2, 3], ""),
    "a total of none": ([([], {"total": 0})], [], ""),
    "an empty page in spite of a promise": (
        [([1], MORE), ([], MORE)],
        [1],
        "after movement 1 and says that there are more",
    ),
    "an empty first page in spite of a promise": (
        [([], MORE)],
        [],
        "after movement 0 and says that there are more",
    ),
    "an end before the total": ([([1, 2], LAST | {"total": 45})], [1, 2], "after movement 2 of 45"),
    "an empty page before the total": (
        [([1], {"total": 2}), ([], {"total": 2})],
        [1],
        "after movement 1 of 2",
    ),
    "the same rows before the total": (
        [([1], {"total": 3}), ([1], {"total": 3})],
        [1],
        "after movement 1 of 3",
    ),
}


@pytest.mark.parametrize(("pages", "ids", "error"), HISTORIES.values(), ids=HISTORIES.keys())
async def test_history_gives_each_row_once(pages, ids, error, raw_server) -> None:
    """And ends with the page that says so; an end before the promised total is an error after the rows."""
    asked = []

    async def answer(reader, writer) -> None:
        while True:
            head, _ = await read_request(reader)
            asked.append(head.split(b" ")[1].partition(b"offset=")[2].decode())
            writer.write(http(_page(*pages[len(asked) - 1])))

    given = []
    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer)) as client:
        with pytest.raises(PayloadError, match=error) if error else contextlib.nullcontext():
            async for row in client.cashback.history(10, 123):
                given.append(row.id)
    assert given == ids
    assert asked == [str(sum(len(rows) for rows, _ in pages[:number])) for number in range(len(pages))]


DEAF = {
    "the same page": [[1, 2]],
    "the same rows in another order": [[1, 2], [2, 1]],
    "the same rows without ids": [[None, None]],
    "rows with and without": [[1, None], [None, 1]],
}


@pytest.mark.parametrize("has_more", [True, False, None])
@pytest.mark.parametrize("pages", DEAF.values(), ids=DEAF.keys())
async def test_an_endless_history_is_noticed(pages, has_more, raw_server) -> None:
    """A provider that ignores the offset: every row once, or an error where there may be more."""
    asked = 0

    async def answer(reader, writer) -> None:
        nonlocal asked
        while True:
            await read_request(reader)
            writer.write(http(_page(pages[asked % len(pages)], {"has_more": has_more})))
            asked += 1

    told = has_more is False or (has_more is None and None not in pages[0])
    rows = []
    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer)) as client:
        with (
            contextlib.nullcontext() if told else pytest.raises(PayloadError, match=r"nothing new|not known")
        ):
            async for row in client.cashback.history(10, 123):
                rows.append(row.id)
    assert rows == pages[0] and asked <= 3


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_rows_without_ids_are_not_lost_silently(size, raw_server) -> None:
    """Movements may be equal: all of them come, or an error does."""
    moved = [5, 5, 5, 5, 7]

    async def answer(reader, writer) -> None:
        while True:
            head, _ = await read_request(reader)
            offset = int(head.split(b" ")[1].partition(b"offset=")[2])
            rows = [{"amount": amount} for amount in moved[offset : offset + size]]
            writer.write(http(json.dumps({"success": True, "data": {"transactions": rows}}).encode()))

    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer)) as client:
        with contextlib.nullcontext() if size == 3 else pytest.raises(PayloadError, match="without ids"):
            assert [row.amount async for row in client.cashback.history(10, 123, page_size=size)] == moved


# Answers.

YES = b'{"success":true,"data":{"new_balance":1}}'
ANSWERS = {
    "success": ("200 OK", YES, None, None),
    "created": ("201 Created", YES, None, None),
    "with meta": ("200 OK", b'{"success":true,"data":{},"meta":{"mode":"test"},"message":"ok"}', None, None),
    "a refusal with status 200": ("200 OK", b'{"success":false,"error":{"code":"x"}}', RefusedError, "x"),
    "a refusal without a message": ("200 OK", b'{"success":false}', RefusedError, None),
    "a code that is a number": ("422 No", b'{"success":false,"error":{"code":7}}', RefusedError, "7"),
    "400 without success": ("400 No", b'{"message":"no"}', RefusedError, None),
    "404 with a page": ("404 No", b"<html>", RefusedError, None),
    "400 with a page": ("400 No", b"<html>", OutcomeUnknownError, None),
    "422 that says nothing": ("422 No", b"{}", OutcomeUnknownError, None),
    "a refusal beside a result": (
        "200 OK",
        b'{"success":false,"data":{"transaction_id":7,"new_balance":1}}',
        OutcomeUnknownError,
        None,
    ),
    "202": ("202 Accepted", YES, OutcomeUnknownError, None),
    "401": ("401 No", b'{"success":false}', AuthenticationError, None),
    "403": ("403 No", b"[]", AuthenticationError, None),
    "yes and 400": ("400 No", YES, OutcomeUnknownError, None),
    "a success and an error": (
        "200 OK",
        b'{"success":true,"error":{"code":"insufficient_balance"},"data":{"new_balance":1}}',
        OutcomeUnknownError,
        "insufficient_balance",
    ),
    "a success and no error": (
        "200 OK",
        b'{"success":true,"error":null,"data":{"new_balance":1}}',
        None,
        None,
    ),
    "a success and an empty error": (
        "200 OK",
        b'{"success":true,"error":{},"data":{"new_balance":1}}',
        None,
        None,
    ),
    "no success": ("200 OK", b'{"data":{}}', OutcomeUnknownError, None),
    "success is a text": ("200 OK", b'{"success":"true","data":{}}', OutcomeUnknownError, None),
    "success is 1": ("200 OK", b'{"success":1,"data":{}}', OutcomeUnknownError, None),
    "no data": ("200 OK", b'{"success":true}', OutcomeUnknownError, None),
    "data is a list": ("200 OK", b'{"success":true,"data":[]}', OutcomeUnknownError, None),
    "a balance as a text": (
        "200 OK",
        b'{"success":true,"data":{"new_balance":"1"}}',
        OutcomeUnknownError,
        None,
    ),
    "a page": ("200 OK", b"<html>", OutcomeUnknownError, None),
    "nothing": ("200 OK", b"", OutcomeUnknownError, None),
    "a redirect": ("302 Found", b"{}", OutcomeUnknownError, None),
}


@pytest.mark.parametrize(("status", "body", "kind", "code"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_success_is_2xx_and_success_true(status, body, kind, code, raw_server) -> None:
    """A refusal is an error; any other answer leaves the change unknown. One request in any case."""
    asked = []

    async def answer(reader, writer) -> None:
        while True:
            asked.append(await read_request(reader))
            writer.write(http(body, status=status))

    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer), retry=fast()) as client:
        outcome = await client.outcome_of(
            Earn(card_id=10, member=ANA, purchase_amount=Decimal(1), reference="r")
        )
        assert type(outcome.error) is (kind or type(None))
        assert (outcome.effect is Effect.APPLIED) is (kind is None)
        assert client.in_doubt() == (("EARN-10-r",) if kind is OutcomeUnknownError else ())
        if kind is not None:
            assert (outcome.error.code, outcome.error.status) == (code, int(status[:3]))
    assert len(asked) == 1


CARDS = {
    "in data": (b'{"id":10,"name":"a"}', "a"),
    "one level down": (b'{"card":{"id":10,"name":"b"}}', "b"),
    "beside others": (b'{"total":1,"card":{"id":10,"name":"c"},"club":{"name":"d"}}', "c"),
    "nowhere": (b'{"name":"e"}', None),
    "twice": (b'{"a":{"id":1},"b":{"id":2}}', None),
    "no object": (b"[]", None),
}


@pytest.mark.parametrize(("data", "name"), CARDS.values(), ids=CARDS.keys())
async def test_a_card_is_found_in_its_documented_places(data, name, raw_server) -> None:
    """Two documented places; anything else is not guessed."""

    async def answer(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(b'{"success":true,"data":' + data + b"}"))

    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer)) as client:
        if name is None:
            with pytest.raises(PayloadError):
                await client.cards.get(10)
        else:
            assert (await client.cards.get(10)).name == name


# Requests.


async def test_headers_are_those_of_the_page(raw_server) -> None:
    """Only a redeem has the member's token, and only its own."""
    heads, bodies = [], []

    async def answer(reader, writer) -> None:
        while True:
            head, body = await read_request(reader)
            heads.append(head.decode().lower())
            bodies.append(body)
            writer.write(http(YES))

    async with Raba7niClient(CREDENTIALS, base_url=await raw_server(answer) + "/prefix") as client:
        await _earn(client)
        await _redeem(client, MemberToken("Member-1"), pin="1234")
        await client.cashback.balance(10, 123)
    assert [head.split(" ")[:2] for head in heads] == [
        ["post", "/prefix/api/v1/cashback/cashback/earn"],
        ["post", "/prefix/api/v1/cashback/cashback/redeem"],
        ["get", "/prefix/api/v1/cashback/cashback/balance?card_id=10&member_id=123"],
    ]
    for head in heads:
        assert "x-app-id: app_1\r\n" in head and "x-api-key: test_key\r\n" in head
        assert "accept: application/json\r\n" in head
    assert ["x-member-token: member-1\r\n" in head for head in heads] == [False, True, False]
    assert json.loads(bodies[1]) == {"card_id": 10, "amount": 1, "pin": "1234", "reference": "r"}
    assert all("content-type: application/json\r\n" in head for head in heads[:2])


async def test_one_key_is_one_change(client, server) -> None:
    """Another member or amount under a key in use is refused unsent; another operation is another change."""
    await _earn(client)
    for other in ({"purchase_amount": Decimal(11)}, {"member": Member.by_id(7)}, {"metadata": {"a": 1}}):
        with pytest.raises(ChangeKeyConflict):
            await _earn(client, **other)
    again = await _earn(client, purchase_amount=Decimal("10.000"))
    assert (again.effect, again.attempts) == (Effect.ALREADY_APPLIED, ())
    assert server.books.requests == 1
    await client.cashback.refund(card_id=10, member=ANA, refund_amount=Decimal(1), reference="r")
    await client.cashback.refund(card_id=10, member=ANA, refund_amount=Decimal(1), reference="r", key="2nd")
    assert (
        len(server.books.effects("refund", "r")) == 2
    )  # the provider counts references twice; the keys differ


async def test_a_key_used_for_two_members_is_noticed(client, server) -> None:
    """Where `member` names the owner of the token; the second is refused unsent."""
    for number in (1, 2):
        server.books.move("gift", None, 10, number, Decimal(5))
    await _redeem(client, server.sign_in(1), member=Member.by_id(1))
    with pytest.raises(ChangeKeyConflict, match="10:id:1"):
        await _redeem(client, server.sign_in(2), member=Member.by_id(2))
    assert (await _redeem(client, server.sign_in(1), member=Member.by_id(1))).attempts == ()
    assert server.books.requests == 1


async def test_doubt_is_listed_by_operation_and_key(raba7ni) -> None:
    """An applied refund proves nothing about an earn in doubt under the same key."""
    server = raba7ni(faults=FaultScript(["close-after"]))
    async with raba7ni_client_for(server) as client:
        with pytest.raises(OutcomeUnknownError):
            await _earn(client, key="same")
        await client.cashback.refund(card_id=10, member=ANA, refund_amount=Decimal(1), key="same")
        assert client.in_doubt() == ("same",)


async def test_a_batch_takes_every_kind_of_change(raba7ni) -> None:
    """In order per member; nothing is doubled, and an unknown change is reported as unknown."""
    script = FaultScript(rate=0.3, seed=3, among=["close-after", "close-before", "500-after", "429"])
    server = raba7ni(faults=script)
    changes = [
        kind(
            **{
                "card_id": 10,
                "member": Member.by_id(1 + number % 7),
                "reference": str(number),
                amount: Decimal(number + 1),
            }
        )
        for number in range(200)
        for kind, amount in ((Earn, "purchase_amount"), (Refund, "refund_amount"))
    ]
    async with raba7ni_client_for(server) as client:
        batch = CashbackBatch(client, flow=FlowControl(max_in_flight=16))
        outcomes = [outcome async for outcome in batch.run(changes)]
    effects = {Effect.APPLIED: 0, Effect.UNKNOWN: 0}
    for outcome in outcomes:
        change = outcome.change
        operation = "earn" if isinstance(change, Earn) else "refund"
        moved = server.books.effects(operation, change.reference)
        assert server.books.requests_for(operation, change.reference) == 1
        assert len(moved) <= 1 and (len(moved) == 1 or outcome.effect is not Effect.APPLIED)
        effects[outcome.effect] += 1
    assert min(effects.values()) > 50 and sum(effects.values()) == len(changes)


async def test_an_expired_sign_in_refuses_its_own_redemption_alone(raba7ni) -> None:
    """The batch goes on, since no other change has that token; the other redemptions succeed."""
    server = raba7ni()
    server.books.move("gift", None, 10, 123, Decimal(1000))
    tokens = [MemberToken("expired") if number % 3 == 0 else server.sign_in(123) for number in range(60)]
    changes = [
        Redeem(card_id=10, amount=Decimal(1), member_token=token, reference=str(number))
        for number, token in enumerate(tokens)
    ]
    async with raba7ni_client_for(server) as client:
        batch = CashbackBatch(client, flow=FlowControl(max_in_flight=4))
        outcomes = {outcome.position: outcome async for outcome in batch.run(changes)}
    assert batch.stopped_by is None
    assert server.books.balance(10, 123) == 960
    for number in range(60):
        assert outcomes[number].effect is (Effect.REFUSED if number % 3 == 0 else Effect.APPLIED)
    assert isinstance(outcomes[0].error, AuthenticationError)
    assert not outcomes[0].error.shared and "sign in again" in str(outcomes[0].error)


async def test_a_refused_key_stops_a_batch_at_once(raba7ni) -> None:
    """Every other change would be refused, too."""
    server = raba7ni()
    changes = (Earn(card_id=10, member=ANA, purchase_amount=Decimal(1), key=str(n)) for n in range(500))
    async with Raba7niClient(CREDENTIALS, base_url=server.url, retry=fast()) as client:
        batch = CashbackBatch(client, flow=FlowControl(max_in_flight=4))
        outcomes = [outcome async for outcome in batch.run(changes)]
    assert isinstance(batch.stopped_by, AuthenticationError) and batch.stopped_by.shared
    assert len(outcomes) == server.books.requests <= 12


@pytest.mark.parametrize("fault", ["429", "429-seconds", "500-after", "503-before", "503-seconds", "400"])
async def test_an_error_has_the_words_of_the_answer(fault: str, raba7ni) -> None:
    """Code, message and request id, also where the status alone decides what it means."""
    server = raba7ni(faults=FaultScript([fault]))
    async with raba7ni_client_for(server) as client:
        outcome = await client.outcome_of(
            Earn(card_id=10, member=ANA, purchase_amount=Decimal(1), reference="r")
        )
    assert outcome.effect is (Effect.REFUSED if fault == "400" else Effect.UNKNOWN)
    assert (outcome.error.code, outcome.result) == ("fault", None)
    assert (", Fault)" if fault == "400" else "(Fault)") in str(
        outcome.error
    )  # code and message are one word
    assert outcome.error.request_id == outcome.attempts[0].request_id
    assert outcome.error.request_id.startswith("req_")


async def test_an_attempt_has_the_request_id_of_the_body(client) -> None:
    """Also for a success, so that a user can ask the provider about it."""
    outcome = await client.cashback.earn(card_id=10, member=ANA, purchase_amount=Decimal(1), reference="r")
    assert outcome.attempts[0].request_id == "req_1"


# The client itself.


def test_from_env(monkeypatch) -> None:
    """Three variables; the last may be missing."""
    for name in ("RABA7NI_APP_ID", "RABA7NI_API_KEY", "RABA7NI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="RABA7NI_APP_ID and RABA7NI_API_KEY"):
        Raba7niClient.from_env()
    monkeypatch.setenv("RABA7NI_APP_ID", "app_1")
    monkeypatch.setenv("RABA7NI_API_KEY", "key")
    assert "https://app.raba7ni.com" in Raba7niClient.from_env().account[1]
    monkeypatch.setenv("RABA7NI_BASE_URL", "http://example.org")
    with pytest.raises(ConfigurationError, match="without encryption"):
        Raba7niClient.from_env()


@pytest.mark.parametrize(
    "wrong", [("", "key"), ("app", " "), ("app\n", "key"), ("app", "k\r\n"), (None, "key"), ("app", 7)]
)
def test_credentials_that_could_not_be_sent_are_refused(wrong) -> None:
    """When they are made, not when they are used."""
    with pytest.raises(ConfigurationError):
        Raba7niCredentials(*wrong)


def test_an_account_is_an_application() -> None:
    """A new key is the same account; the key is in no fingerprint."""
    one, renewed, other = (Raba7niCredentials(*each) for each in (("a", "1"), ("a", "2"), ("b", "1")))
    assert one.fingerprint("p") == renewed.fingerprint("p") != other.fingerprint("p")


async def test_reads_are_repeated(raba7ni) -> None:
    """A repeated read changes nothing."""
    server = raba7ni(faults=FaultScript(["500-before", "half-body-after", "429"]))
    async with raba7ni_client_for(server) as client:
        assert (await client.cashback.balance(10, 123)).cashback_balance == 0
        assert server.books.requests == 4
        with pytest.raises(NotAppliedError):
            await client.cards.list(deadline=0)


def _spends(server: Raba7niSandbox, number: int, **more: object) -> Redeem:
    given = {"card_id": 10, "amount": Decimal(5), "reference": "ORDER"} | more
    return Redeem(member_token=server.sign_in(number), **given)


@pytest.fixture
def rich(server) -> Raba7niSandbox:
    """Two members with a balance."""
    for member in (1, 2):
        server.books.move("gift", None, 10, member, Decimal(100))
    return server


async def test_one_order_of_two_members_is_not_treated_as_one(client, rich) -> None:
    """Only the token distinguishes them, and it is not recorded: the error says that it is unknown."""
    first, second = [await client.outcome_of(_spends(rich, member)) for member in (1, 2)]
    assert (first.effect, second.effect) == (Effect.APPLIED, Effect.UNKNOWN)
    assert "its member is not recorded" in str(second.error) and "(member=)" in str(second.error)
    assert client.in_doubt() == ("REDEEM-10-ORDER",)
    own = await client.outcome_of(_spends(rich, 2, key="ORDER of 2"))
    assert own.effect is Effect.APPLIED and rich.books.balance(10, 2) == 95


@pytest.mark.parametrize("more", [{"key": "k"}, {"member": Member.by_id(1)}], ids=["a key", "a member"])
async def test_a_redemption_with_its_member_is_remembered(client, rich, more: dict) -> None:
    """With a newer token, too; at once, it is one request."""
    made = await asyncio.gather(*(client.outcome_of(_spends(rich, 1, **more)) for _ in range(2)))
    assert [each.effect for each in made] == [Effect.APPLIED] * 2
    assert (await client.outcome_of(_spends(rich, 1, **more))).effect is Effect.ALREADY_APPLIED
    assert rich.books.balance(10, 1) == 95


async def test_two_tokens_at_once_under_one_order_are_a_conflict(client, rich) -> None:
    """One token twice is one request with two listeners."""
    mine = _spends(rich, 1)
    made = await asyncio.gather(*map(client.outcome_of, (mine, mine, _spends(rich, 2))))
    assert [each.effect for each in made] == [Effect.APPLIED, Effect.APPLIED, Effect.NOT_APPLIED]
    assert isinstance(made[2].error, ChangeKeyConflict)
    assert (rich.books.balance(10, 1), rich.books.balance(10, 2)) == (95, 100)


async def test_a_ledger_keeps_the_movement_id_of_an_answer(rich, tmp_path) -> None:
    """For a later comparison: the provider's number, the amount, and the member."""
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        raba7ni_client_for(rich, ledger=ledger) as client,
    ):
        member = Member.by_id(1)
        earned = await client.cashback.earn(
            card_id=10, member=member, purchase_amount=Decimal(50), reference="o"
        )
        spent = await client.outcome_of(_spends(rich, 1))
        taken = await client.cashback.refund(card_id=10, member=member, refund_amount=Decimal(10), key="r")
    with contextlib.closing(opened(tmp_path / "l")) as database:
        kept = {entry.operation.rpartition(".")[2]: entry.answer for entry in every(database)}
    numbers = [each.result.transaction_id for each in (earned, spent, taken)]
    of = [f"status=200 transaction_id={number}" for number in numbers]
    assert None not in numbers and kept == {
        "earn": f"{of[0]} cashback_earned=2.500 new_balance=102.500 member_id=1",
        "redeem": f"{of[1]} amount_redeemed=5 new_balance=97.500 member_id=1",
        "refund": f"{of[2]} cashback_deducted=0.500 new_balance=97.000 member_id=1",
    }
