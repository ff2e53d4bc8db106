"""The messages of a sandbox: assertions that say what was found, and a report that stays short."""

import pprint
from collections.abc import Callable
from decimal import Decimal

import pytest
from alive import parts
from conftest import change, client_for
from one_test import one_test

from bonifiq_async import PayloadError
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.raba7ni.sandbox.books import Person
from bonifiq_async.sandbox import Arrival, FaultScript, Raba7niSandbox, Sandbox
from bonifiq_async.sandbox.journal import REMEMBERED, Journal
from bonifiq_async.sandbox.protocol import Reply, Request
from bonifiq_async.sandbox.report import SHOWN

KEY = "ADD-ANA-10-1"


def test_a_key_that_was_never_used() -> None:
    """No request had it."""
    with pytest.raises(AssertionError, match=f"^{KEY} took no effect: no request came with it\\.$"):
        Sandbox().assert_applied_once(KEY)


async def test_a_key_without_an_effect(sandbox: Callable[..., Sandbox]) -> None:
    """The message says how many requests had it."""
    server = sandbox(faults=FaultScript(["500-before", "422"]))
    async with client_for(server) as client:
        await client.outcome_of(change(KEY))
    with pytest.raises(AssertionError, match=f"^{KEY} took no effect, though 2 requests came with it\\.$"):
        server.assert_applied_once(KEY)


def test_money_that_moved_twice() -> None:
    """Both effects are named; with one alone the assertion holds."""
    server = Sandbox()
    server.books.apply("ana", Decimal(10), KEY)
    server.assert_applied_once(KEY)
    server.books.apply("bia", Decimal("-2.5"), KEY)
    with pytest.raises(AssertionError, match=r"took effect 2 times, not once: \+10 for ana, -2\.5 for bia"):
        server.assert_applied_once(KEY)


async def test_a_balance_that_is_not_as_expected(sandbox: Callable[..., Sandbox]) -> None:
    """The message has the difference and this customer's changes; equal amounts are equal in any spelling."""
    server = sandbox(customers={"ANA": Decimal("0.5"), "BIA": 0})
    async with client_for(server) as client:
        await client.customers.change_cashback(change(KEY))
        await client.customers.change_cashback(change("OTHER", customer="BIA"))
    server.assert_balance("ANA", Decimal("10.500"))
    server.assert_balance("BIA", 10)
    with pytest.raises(AssertionError) as caught:
        server.assert_balance("ANA", 11)
    said = f"ANA has 10.5, not 11: 0.5 too little. It was moved by: {KEY}: 1 request; +10 for ANA."
    assert str(caught.value) == said
    with pytest.raises(
        AssertionError, match=r"^EVA has 0, not 1: 1 too little\. It was moved by: nothing\.$"
    ):
        server.assert_balance("EVA", 1)


@pytest.mark.parametrize("amount", [1.5, "1.5", True, None, Decimal("NaN"), Decimal("Infinity")])
def test_an_amount_that_is_not_exact_is_refused(amount: object) -> None:
    """As an expected amount and as an opening balance."""
    with pytest.raises(PayloadError, match=r"^amount "):
        Sandbox().assert_balance("ana", amount)
    with pytest.raises(PayloadError, match=r"^customers\['ana'\] "):
        Sandbox(customers={"ana": amount})
    with pytest.raises(PayloadError, match=r"^cards\[10\] "):
        Raba7niSandbox(cards={10: amount})


def test_the_other_provider_has_the_same_messages() -> None:
    """With operation and reference, and with card and member."""
    server = Raba7niSandbox()
    server.books.move("earn", "o-1", 10, 123, Decimal("2.500"))
    server.books.arrived("earn", "o-1")
    server.assert_applied_once("earn", "o-1")
    server.assert_balance(10, 123, Decimal("2.5"))
    with pytest.raises(AssertionError, match=r"^refund o-1 took no effect: no request came with it\.$"):
        server.assert_applied_once("refund", "o-1")
    with pytest.raises(
        AssertionError, match=r"^member 123 on card 10 has 2\.500, not 0: .* earn o-1: 1 request; "
    ):
        server.assert_balance(10, 123, 0)


def test_impossible_settings_are_refused() -> None:
    """The message lists what exists."""
    with pytest.raises(
        ConfigurationError, match="'error-500'; there are: replay, error-200, error-400, error-409"
    ):
        Sandbox(duplicates="error-500")
    with pytest.raises(PayloadError, match="several names, not one string"):
        Sandbox(customers="ana")


def test_a_journal_keeps_the_last_requests_alone() -> None:
    """With their numbers; it is busy while a request is answered, however that ends."""
    journal = Journal()
    for number in range(REMEMBERED + 5):
        with journal.request("GET", f"/{number}"):
            assert journal.busy
    with pytest.raises(ConnectionResetError), journal.request("GET", "/last"):
        raise ConnectionResetError
    assert not journal.busy
    assert [line.number for line in journal.last()] == list(range(7, REMEMBERED + 7))


def test_a_long_report_is_cut_but_not_what_moved_twice() -> None:
    """It says how much is not shown; a key stays on one line."""
    server = Sandbox()
    server.books.arrived("TWICE")
    for _ in range(2):
        server.books.apply("eva", Decimal(1), "TWICE")
    for number in range(SHOWN + 5):
        server.books.arrived(f"KEY-{number}\nkeys: none")
        server.books.apply(f"customer-{number}", Decimal(1), f"KEY-{number}\nkeys: none")
    report = server.report()
    assert "  TWICE: 1 request; +1 for eva, +1 for eva -- MORE THAN ONCE" in report.splitlines()
    assert report.count("  ... 6 before") == 2
    assert "\nkeys: none" not in report
    assert len(report.splitlines()) == 1 + 2 * (SHOWN + 2)


@one_test
@pytest.mark.parametrize(
    "settings",
    [
        {"scopes": "cashback_write"},
        {"scopes": ["cashback-write"]},
        {"scopes": 5},
        {"members": "123"},
        {"members": ["1"]},
        {"members": [True]},
        {"members": 5},
        {"cards": {"10": 5}},
        {"cards": [10]},
        {"cards": {10: -1}},
        {"cards": {10: Decimal("1e60")}},
    ],
    ids=str,
)
def test_impossible_members_cards_and_scopes_are_refused(settings: dict[str, object]) -> None:
    """In one sentence that names the setting, where they are given: later they would only be missing."""
    with pytest.raises((ConfigurationError, PayloadError), match=next(iter(settings)).rstrip("s")):
        Raba7niSandbox(**settings)


@pytest.mark.parametrize("customers", [5, {"ana": Decimal("1e99")}, {"ana": Decimal("-1e99")}], ids=str)
def test_impossible_customers_are_refused(customers: object) -> None:
    with pytest.raises(PayloadError, match="customers"):
        Sandbox(customers=customers)


def test_no_repr_shows_a_secret() -> None:
    """Credentials, tokens, one-time codes and PINs; addresses may be shown."""
    secret = "9431-secret"
    server, other = Sandbox(), Raba7niSandbox()
    environment = server.environment() | other.environment()
    shown = [
        Person(1, pin=secret),
        Request({}, {}, {"X-Member-Token": secret}, secret.encode()),
        Reply(200, {"member_token": secret}),
        Arrival(1, body=secret.encode()),
        *parts(server),
        *parts(other),
        server.environment(),
        other.environment(),
    ]
    secrets = [secret, *(value for name, value in environment.items() if name.endswith("_KEY"))]
    assert len(secrets) == 3
    for value in shown:
        assert [each for each in secrets if each in repr(value) or each in pprint.pformat(value)] == []
    assert server.url in repr(server.environment()) and server.environment()["BONIFIQ_BASE_URL"] == server.url
