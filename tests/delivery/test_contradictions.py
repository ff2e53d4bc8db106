"""Answers that contradict themselves, and refusals in any form, over the wire: the outcomes."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from conftest import change, fast, http, read_request

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    Earn,
    Effect,
    Member,
    Outcome,
    Raba7niClient,
    Raba7niCredentials,
    StopReason,
    Verdict,
)

Serve = Callable[..., Awaitable[str]]
BALANCE = b'"Result":{"CustomerExists":true,"CashbackBalance":14.0}'
FLAGS = b'"HasError":false,"Severity":0,"HasWarning":false'
WARNING = b'"HasError":false,"Severity":1,"HasWarning":true'


async def ending(
    raw_server: Serve, body: bytes, *headers: str, status: str = "200 OK", most: int = 6
) -> Outcome[object]:
    """Return the outcome of a BonifiQ change that gets this answer, without a repeat.

    `most` is the limit of attempts.
    """
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await read_request(reader))
            writer.write(http(body, *headers, status=status))

    async with BonifiQClient(
        BasicCredentials("token", "secret"), base_url=await raw_server(serve), retry=fast(max_attempts=most)
    ) as client:
        outcome = await client.outcome_of(change())
        assert client.in_doubt() == ((change().change_key,) if outcome.effect is Effect.UNKNOWN else ())
    assert len(asked) == len(outcome.attempts) == 1
    return outcome


CONTRADICTIONS = {
    "ErrorMessage beside success": b'{%s,"ErrorMessage":"nothing was changed",%s}' % (FLAGS, BALANCE),
    "ErrorCode beside success": b'{%s,"ErrorCode":7,%s}' % (FLAGS, BALANCE),
    "a failure's name beside success": b'{%s,"CodeName":"CustomerNotFound",%s}' % (FLAGS, BALANCE),
    "Success false": b'{%s,"Result":{"Success":false}}' % FLAGS,
    "a warning and an empty Result": b'{%s,"CodeName":"CustomerNotFound","Result":{}}' % WARNING,
    "a warning and no Result": b'{%s,"ErrorMessage":"4.00 of 10.00 was added","Result":null}' % WARNING,
    "the older envelope's words": b'{"HasError":false,"ErrorMessage":"nothing was changed",%s}' % BALANCE,
    "the older envelope's null": b'{"HasError":false,"Result":null}',
}


@pytest.mark.parametrize("body", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
async def test_a_contradiction_is_unknown(body: bytes, raw_server: Serve) -> None:
    outcome = await ending(raw_server, body)
    assert (outcome.effect, outcome.reason, outcome.result) == (Effect.UNKNOWN, StopReason.UNREADABLE, None)


async def test_a_202_is_unknown(raw_server: Serve) -> None:
    outcome = await ending(raw_server, b"{%s,%s}" % (FLAGS, BALANCE), status="202 Accepted")
    assert outcome.effect is Effect.UNKNOWN
    assert "202" in str(outcome.error)


LIMITS = {
    "429": ("429 Too Many Requests", ()),
    "429 that asks to wait": ("429 Too Many Requests", ("Retry-After: 3600",)),
    "413 that asks to wait": ("413 Content Too Large", ("Retry-After: 3600",)),
    "503 that asks to wait": ("503 Service Unavailable", ("Retry-After: 3600",)),
}


@pytest.mark.parametrize(("status", "headers"), LIMITS.values(), ids=LIMITS.keys())
@pytest.mark.parametrize(
    "body",
    [
        b"{%s,%s}" % (FLAGS, BALANCE),
        b"{%s,%s}" % (WARNING, BALANCE),
        b'{%s,"ErrorMessage":"slow down",%s}' % (FLAGS, BALANCE),
        b'{"HasError":true,"ErrorMessage":"A request with this ChangeKey is still being processed"}',
        b'{"HasError":true,"ErrorMessage":"ChangeKey already used. The change was reversed"}',
    ],
    ids=["a result", "a warning with a result", "a result and words", "still processed", "an open key"],
)
async def test_a_limit_with_a_result_leaves_a_doubt(
    body: bytes, status: str, headers: tuple[str, ...], raw_server: Serve
) -> None:
    """A limit means that the request was not processed; a body that reports a result contradicts it."""
    outcome = await ending(raw_server, body, *headers, status=status, most=1)
    assert outcome.effect is Effect.UNKNOWN


@pytest.mark.parametrize(("status", "headers"), LIMITS.values(), ids=LIMITS.keys())
async def test_a_used_key_counts_beside_a_limit(
    status: str, headers: tuple[str, ...], raw_server: Serve
) -> None:
    body = b'{"HasError":true,"ErrorMessage":"ChangeKey already used"}'
    outcome = await ending(raw_server, body, *headers, status=status, most=1)
    assert (outcome.effect, outcome.used_elsewhere) == (Effect.ALREADY_APPLIED, True)


@pytest.mark.parametrize(("status", "headers"), [each for name, each in LIMITS.items() if "503" not in name])
@pytest.mark.parametrize("body", [b"", b"slow down", b'{"HasError":true,"ErrorMessage":"slow down"}', b"<p>"])
async def test_a_limit_alone_leaves_no_doubt(
    body: bytes, status: str, headers: tuple[str, ...], raw_server: Serve
) -> None:
    outcome = await ending(raw_server, body, *headers, status=status, most=1)
    assert (outcome.effect, outcome.attempts[0].verdict) == (Effect.NOT_APPLIED, Verdict.THROTTLED)


@pytest.mark.parametrize("result", [b"null", b"{}"])
async def test_a_change_reported_as_completed_is_applied_without_a_balance(
    result: bytes, raw_server: Serve
) -> None:
    outcome = await ending(raw_server, b'{%s,"Result":%s}' % (FLAGS, result))
    assert (outcome.effect, outcome.error) == (Effect.APPLIED, None)


USED = "ChangeKey already used"
FORMS = {
    "problem details": (b'{"title":"Conflict","detail":"%s"}', "application/problem+json"),
    "a message": (b'{"message":"%s"}', "application/json"),
    "errors": (b'{"errors":{"ChangeKey":["%s"]}}', "application/json"),
    "a plain text": (b"%s", "text/plain"),
    "a byte order mark": (b'\xef\xbb\xbf{"HasError":true,"ErrorMessage":"%s"}', "application/json"),
    "a page": (b"<html><title>%s</title></html>", "text/html"),
}


@pytest.mark.parametrize("status", ["400 Bad Request", "409 Conflict", "422 No", "500 No"])
@pytest.mark.parametrize(("form", "kind"), FORMS.values(), ids=FORMS.keys())
async def test_a_used_key_is_recognised_in_any_form(
    form: bytes, kind: str, status: str, raw_server: Serve
) -> None:
    outcome = await ending(raw_server, form % USED.encode(), f"Content-Type: {kind}", status=status)
    assert outcome.effect is Effect.ALREADY_APPLIED


REFUSED, UNKNOWN = Effect.REFUSED, Effect.UNKNOWN
REFUSALS = {
    "problem details": (FORMS["problem details"], {"400 No": REFUSED, "404 No": REFUSED}),
    "a message": (FORMS["a message"], {"400 No": REFUSED, "404 No": REFUSED}),
    "a byte order mark": (FORMS["a byte order mark"], {"400 No": REFUSED, "413 No": REFUSED}),
    "a plain text": (FORMS["a plain text"], {"400 No": UNKNOWN, "404 No": REFUSED, "451 No": REFUSED}),
    "a page": (FORMS["a page"], {"409 No": UNKNOWN, "405 No": REFUSED, "407 No": REFUSED}),
}


@pytest.mark.parametrize(
    ("form", "status", "effect"),
    [(form, status, effect) for form, effects in REFUSALS.values() for status, effect in effects.items()],
)
async def test_a_refusal_in_another_form_shows_its_text(
    form: tuple[bytes, str], status: str, effect: Effect, raw_server: Serve
) -> None:
    """It proves that nothing changed where it is the provider's, or where the status excludes a change."""
    body, kind = form
    outcome = await ending(raw_server, body % b"The budget is spent", f"Content-Type: {kind}", status=status)
    assert outcome.effect is effect
    assert "The budget is spent" in str(outcome.error)


@pytest.mark.parametrize("status", ["401 No", "403 No"])
async def test_credentials_are_refused_in_any_form(status: str, raw_server: Serve) -> None:
    outcome = await ending(raw_server, b'{"message":"Access is not allowed"}', status=status)
    assert outcome.effect is Effect.REFUSED
    assert "Access is not allowed" in str(outcome.error)


OTHERS = {
    "a page and 400": (b"<html>No</html>", "400 No", UNKNOWN),
    "a plain text and 422": (b"no", "422 No", UNKNOWN),
    "a plain text and 404": (b"no", "404 No", REFUSED),
    "a message and 400": (b'{"message":"no"}', "400 No", REFUSED),
    "problem details and 422": (b'\xef\xbb\xbf{"title":"No","detail":"no"}', "422 No", REFUSED),
    "a success and 202": (b'{"success":true,"data":{"transaction_id":1}}', "202 Accepted", UNKNOWN),
    "a refusal beside a result": (b'{"success":false,"data":{"transaction_id":1}}', "200 OK", UNKNOWN),
}


@pytest.mark.parametrize(("body", "status", "effect"), OTHERS.values(), ids=OTHERS.keys())
async def test_the_other_provider_is_read_by_the_same_table(
    body: bytes, status: str, effect: Effect, raw_server: Serve
) -> None:
    """Its writes are never repeated, so that their outcome is final."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(body, status=status))

    credentials = Raba7niCredentials("app_1", "test_key")
    async with Raba7niClient(credentials, base_url=await raw_server(serve), retry=fast()) as client:
        earn = Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(1), reference="r")
        outcome = await client.outcome_of(earn)
        assert outcome.effect is effect
        assert client.in_doubt() == (("EARN-10-r",) if effect is UNKNOWN else ())


@pytest.mark.parametrize("more", ["", "Retry-After: 3600\r\n"], ids=["413", "413 that asks to wait"])
@pytest.mark.parametrize("provider", ["bonifiq", "raba7ni"])
async def test_a_413_that_breaks_off_is_unknown(provider: str, more: str, raw_server: Serve) -> None:
    """The rest of its body is unknown: it may say that the change was made."""
    body = b'{"success":true,"data":{"transaction_id":1}}' if provider == "raba7ni" else b"{%s}" % FLAGS
    head = f"HTTP/1.1 413 Content Too Large\r\n{more}Content-Length: {len(body) + 5}\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head.encode() + body)
        writer.close()

    base_url, retry = await raw_server(serve), fast(max_attempts=1)
    if provider == "bonifiq":
        async with BonifiQClient(BasicCredentials("a", "b"), base_url=base_url, retry=retry) as client:
            effect = (await client.outcome_of(change())).effect
    else:
        credentials = Raba7niCredentials("app", "key")
        earn = Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(5), reference="order-1")
        async with Raba7niClient(credentials, base_url=base_url, retry=retry) as other:
            effect = (await other.outcome_of(earn)).effect
    assert effect is Effect.UNKNOWN
