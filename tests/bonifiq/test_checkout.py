"""The removal of cashback from a checkout by the client: what is sent, and the result of each answer."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from conftest import client_for, fast, http, read_request

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CheckoutRemoval,
    CustomerNotFound,
    Effect,
    PayloadError,
    Severity,
)
from bonifiq_async.sandbox import FaultScript, Sandbox

DONE = b'{"HasError":false,"Code":"07","Result":{"Success":true,"CustomerMessage":"Removed"}}'
BODIES: dict[str, tuple[dict[str, object], bytes]] = {
    "no total": ({}, b'{"CustomerId":"ana@b.example","CheckoutId":"cart/1"}'),
    "a total": (
        {"total": Decimal("1234.50")},
        b'{"CustomerId":"ana@b.example","CheckoutId":"cart/1","Total":1234.50}',
    ),
    "a whole total": (
        {"total": 12},
        b'{"CustomerId":"ana@b.example","CheckoutId":"cart/1","Total":12}',
    ),
    "a total of zero": (
        {"total": Decimal(0)},
        b'{"CustomerId":"ana@b.example","CheckoutId":"cart/1","Total":0}',
    ),
    "a total of 28 digits": (
        {"total": Decimal("12345678901234567890.12345678")},
        b'{"CustomerId":"ana@b.example","CheckoutId":"cart/1","Total":12345678901234567890.12345678}',
    ),
}


@pytest.mark.parametrize(("given", "body"), BODIES.values(), ids=BODIES.keys())
async def test_the_body_is_that_of_the_page(given: dict[str, object], body: bytes, raw_server) -> None:
    """It has a total to the last digit, and only where one is given."""
    bodies = []

    async def answer(reader, writer) -> None:
        bodies.append((await read_request(reader))[1])
        writer.write(http(DONE))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(answer)) as client:
        await client.checkout.remove_cashback("ana@b.example", "cart/1", **given)
    assert bodies == [body]


REFUSED: dict[str, tuple[object, object, object, str]] = {
    "no customer": ("", "cart", None, "customer_id"),
    "a blank customer": (" ", "cart", None, "customer_id"),
    "a customer that is a number": (7, "cart", None, "customer_id"),
    "no checkout": ("ana", "", None, "checkout_id"),
    "a blank checkout": ("ana", "\t", None, "checkout_id"),
    "a checkout that is none": ("ana", None, None, "checkout_id"),
    "a total below zero": ("ana", "cart", Decimal("-0.01"), "total"),
    "a total that is a float": ("ana", "cart", 1.5, "total"),
    "a total that is no number": ("ana", "cart", Decimal("NaN"), "total"),
}


@pytest.mark.parametrize(("customer", "checkout", "total", "path"), REFUSED.values(), ids=REFUSED.keys())
async def test_impossible_values_are_refused_unsent(
    customer: object, checkout: object, total: object, path: str, sandbox: Callable[..., Sandbox]
) -> None:
    server = sandbox()
    async with client_for(server) as client:
        with pytest.raises(PayloadError) as caught:
            await client.checkout.remove_cashback(customer, checkout, total=total)
    assert (caught.value.path, server.books.requests) == (path, 0)


STATED = {
    "cart": CheckoutRemoval(
        True, "07", "CashbackRemovedSuccessfully", Severity.SUCCESS, "The cashback was removed."
    ),
    "other": CheckoutRemoval(
        False, "03", "CheckoutNotFound", Severity.WARNING, "The checkout was not found."
    ),
    "empty": CheckoutRemoval(
        False, "04", "CashbackNotApplied", Severity.WARNING, "No cashback is applied to the checkout."
    ),
}


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox with a checkout that has cashback, and one that has none any more."""
    made = sandbox(customers=["ana"])
    for name in ("cart", "empty"):
        made.books.put_checkout("ana", name, Decimal(5))
    made.books.remove_from_checkout("ana", "empty")
    return made


@pytest.mark.parametrize("checkout", STATED)
async def test_a_success_and_both_warnings_are_returned(checkout: str, server: Sandbox) -> None:
    """Each with its code, its severity and the message for the customer."""
    async with client_for(server) as client:
        assert (
            await client.checkout.remove_cashback("ana", checkout, total=Decimal("99.90")) == STATED[checkout]
        )


async def test_a_customer_that_is_not_found_is_raised(server: Sandbox) -> None:
    async with client_for(server) as client:
        with pytest.raises(CustomerNotFound) as caught:
            await client.checkout.remove_cashback("bia", "cart")
    error = caught.value
    assert (error.status, error.code, error.code_name) == (400, "01", "CustomerNotFound")
    assert error.effect is Effect.REFUSED
    assert server.books.checkout("ana", "cart") == 5


@pytest.mark.parametrize(("fault", "repeated"), [("close-after", True), ("500-after", True), ("429", False)])
async def test_a_repeat_that_finds_nothing_says_that_it_was_a_repeat(
    fault: str, repeated: bool, sandbox: Callable[..., Sandbox]
) -> None:
    """The first attempt may have removed it; a throttled one did not."""
    server = sandbox(faults=FaultScript([fault]))
    server.books.put_checkout("ana", "cart", Decimal(5))
    async with client_for(server, retry=fast()) as client:
        removal = await client.checkout.remove_cashback("ana", "cart")
    assert (removal.code, removal.removed) == (("04", False) if repeated else ("07", True))
    assert removal.repeated is repeated
