"""Member tokens, PINs and one-time codes: arguments and members of answers that are never shown."""

import asyncio
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import fast, http, read_request
from tracebacks import rendered

from bonifiq_async import (
    BasicCredentials,
    BonifiQError,
    ConfigurationError,
    MemberToken,
    OutcomeUnknownError,
    PayloadError,
    Pin,
    Raba7niClient,
    Raba7niCredentials,
    Redeem,
    RefusedError,
    SignedIn,
    SqliteLedger,
    Timeouts,
)

KEY, TOKEN, PIN, CODE = "canary-key-1", "canary.token.2", "canary-pin-3", "canary-code-4"
CANARIES = (KEY, TOKEN, PIN, CODE)
QUICK = Timeouts(connect=2.0, attempt=0.2, call=5.0)
Call = Callable[[Raba7niClient], Awaitable[object]]
CALLS: dict[str, tuple[Call, tuple[str, ...]]] = {
    "redeem": (
        lambda client: client.cashback.redeem(
            card_id=10, amount=Decimal(1), member_token=MemberToken(TOKEN), pin=PIN, reference="r"
        ),
        (KEY, TOKEN, PIN),
    ),
    "verify": (lambda client: client.members.verify_otp({"phone_number": "9", "otp": CODE}), (KEY, CODE)),
}
VALIDATED: dict[str, Call] = {
    "redeem nothing": lambda client: client.cashback.redeem(
        card_id=10, amount=Decimal(0), member_token=MemberToken(TOKEN), pin=PIN, reference="r"
    ),
    "redeem without a key": lambda client: client.cashback.redeem(
        card_id=10, amount=Decimal(1), member_token=MemberToken(TOKEN), pin=PIN
    ),
    "a PIN with a line feed": lambda client: client.cashback.redeem(
        card_id=10, amount=Decimal(1), member_token=MemberToken(TOKEN), pin=PIN + "\n", reference="r"
    ),
    "a token that is a text": lambda client: client.cashback.redeem(
        card_id=10, amount=Decimal(1), member_token=TOKEN, pin=PIN, reference="r"
    ),
    "a code with a line feed": lambda client: client.members.verify_otp({"a": CODE, "b": f"{CODE}\n"}),
    "a body that is the code": lambda client: client.members.verify_otp(CODE),
    "a body of pairs": lambda client: client.members.verify_otp([("otp", CODE)]),
    "no body": lambda client: client.members.verify_otp(None),
    "a blank beside the code": lambda client: client.members.verify_otp({"a": CODE, "b": ""}),
}
ALL = " ".join(CANARIES)
ANSWERS = {
    "echoes all": ("422 No", {"success": False, "error": {"code": ALL, "message": ALL}}),
    "echoes them beside": ("400 No", {"message": ALL, "meta": {"request_id": ALL}}),
    "echoes them as the error": ("401 No", {"error": ALL}),
    "refuses with 200": ("200 OK", {"success": False, "error": {"message": ALL}}),
    "a page": ("200 OK", {}),
    "a page that echoes all": ("200 OK", {"data": ALL, "meta": {"request_id": ALL}}),
    "broken": ("500 No", {"message": ALL}),
    "throttled": ("429 No", {"message": ALL}),
}


def leaks(text: str | bytes) -> list[str]:
    """Return which of the secrets `text` holds."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return [canary for canary in CANARIES if canary in text]


def outside(error: BaseException) -> BaseException:
    """Return the error without the frames of this file, whose arguments are the secrets."""
    trace = error.__traceback__
    while trace is not None and Path(trace.tb_frame.f_code.co_filename) == Path(__file__):
        trace = trace.tb_next
    return error.with_traceback(trace)


def shown(error: BonifiQError) -> list[str]:
    """Return all that can be printed of an error."""
    error = outside(error)
    return [
        str(error),
        repr(error),
        repr(error.__dict__),
        rendered(error),
        *traceback.format_exception(error),
    ]


@pytest.fixture
def client_at(raw_server):
    """Make a client of a server that gives one answer."""

    async def made(status: str, body: str, **options: object) -> Raba7niClient:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await read_request(reader)
                writer.write(http(body.encode(), status=status))

        credentials = Raba7niCredentials("app_1", KEY)
        options = {"retry": fast(max_attempts=2), "timeouts": QUICK} | options
        return Raba7niClient(credentials, base_url=await raw_server(answer), **options)

    return made


@pytest.mark.parametrize(("call", "given"), CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(("status", "body"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_error_shows_no_secret_even_where_the_provider_repeats_it(
    call: Call, given: tuple[str, ...], status: str, body: object, client_at, caplog, tmp_path
) -> None:
    """In the error, the log, the pickle and the ledger."""
    caplog.set_level(logging.DEBUG)
    ledger = SqliteLedger(tmp_path / "l")
    async with ledger, await client_at(status, json.dumps(body), ledger=ledger) as client:
        with pytest.raises(BonifiQError) as caught:
            await call(client)
        held = [path.read_bytes() for path in tmp_path.iterdir()]
    texts = [*shown(caught.value), caplog.text, *held, pickle.dumps(caught.value)]
    known = [[canary for canary in leaks(text) if canary in given] for text in texts]
    assert known == [[]] * len(texts)


@pytest.mark.parametrize("call", VALIDATED.values(), ids=VALIDATED.keys())
async def test_what_validation_refuses_is_not_shown(call: Call, client_at) -> None:
    """The frames that checked it do not hold it any more."""
    async with await client_at("200 OK", "{}") as client:
        with pytest.raises(PayloadError) as caught:
            await call(client)
    texts = shown(caught.value)
    assert [leaks(text) for text in texts] == [[]] * len(texts)


@pytest.mark.parametrize("left", ["member_token", "pin"])
async def test_a_secret_out_of_a_pickle_is_reported_at_once(left: str, client_at) -> None:
    """Before anything is claimed or waited for: no repeat restores it."""
    secrets = {"member_token": MemberToken(TOKEN), "pin": Pin(PIN)}
    secrets[left] = pickle.loads(pickle.dumps(secrets[left]))
    async with await client_at("200 OK", "{}") as client:
        with pytest.raises(ConfigurationError, match=r"pickled.*Nothing was sent"):
            await client.outcome_of(Redeem(card_id=1, amount=1, reference="r", **secrets))
        assert client.in_doubt() == ()


WRONG = {
    "a key with a line feed": lambda: Raba7niCredentials("app", f"{KEY}\n"),
    "a basic key with a line feed": lambda: BasicCredentials("a", f"{KEY}\n"),
    "a basic token with half a character": lambda: BasicCredentials(f"{TOKEN}\ud800", "b"),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG.keys())
def test_refused_credentials_are_in_no_frame(make: Callable[[], object]) -> None:
    """Not even in those of the error's cause, which some tools print."""
    with pytest.raises(ConfigurationError, match="Nothing was sent") as caught:
        make()
    error: BaseException | None = outside(caught.value)
    while error is not None:
        frames = traceback.walk_tb(error.__traceback__)
        assert (
            leaks(repr([frame.f_locals for frame, _ in frames if frame.f_code.co_name != "<lambda>"])) == []
        )
        error = error.__context__


@pytest.mark.parametrize("made", [Raba7niCredentials("app", KEY), BasicCredentials(TOKEN, KEY)])
def test_credentials_are_not_pickled(made: object) -> None:
    """A copy stays in this process."""
    with pytest.raises(ConfigurationError, match="not pickled") as caught:
        pickle.dumps(made)
    assert leaks("".join(shown(caught.value))) == []
    assert copy.copy(made) == copy.deepcopy(made) == made


def test_a_redeem_that_is_refused_shows_no_secret() -> None:
    """The class by itself, as a batch's source makes it."""
    for wrong in ({"card_id": 0}, {"amount": 1.5}, {"reference": None}, {"pin": f"{PIN}\n"}, {"member": 1}):
        given = {"card_id": 1, "amount": 1, "member_token": MemberToken(TOKEN), "pin": PIN, "reference": "r"}
        with pytest.raises(PayloadError) as caught:
            Redeem(**given | wrong)
        assert leaks("".join(shown(caught.value))) == []


async def test_a_redeem_shows_no_secret() -> None:
    """Token and PIN are masked; a pickle is the same change without them."""
    made = Redeem(card_id=1, amount=1, member_token=MemberToken(TOKEN), pin=Pin(PIN), reference="r")
    assert leaks(repr(made) + str(made) + repr(vars(type(made)))) == []
    assert leaks(pickle.dumps(made)) == []
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(pickle.loads(pickle.dumps(made))) == hash(made)


SENT = {
    "success": True,
    "data": {"message": f"Your code is {CODE}.", "otp_code": CODE, "member": {"email": "a***"}},
}
REGISTERED = {"success": True, "data": {"message": CODE, "otp_code": CODE, "member": {"id": 1}}}
SIGNED_IN = {"success": True, "data": {"token": TOKEN, "expires": 10}, "refresh": {"token": CODE}}


async def test_codes_and_tokens_in_answers_are_masked(client_at) -> None:
    """Only `reveal` and the header contain them."""
    async with await client_at("200 OK", json.dumps(SENT)) as client:
        sent = await client.members.request_otp(email="a@b.example")
    async with await client_at("200 OK", json.dumps(REGISTERED)) as client:
        registered = await client.members.register(name="a", email="a@b.example", phone="1")
    async with await client_at("200 OK", json.dumps(SIGNED_IN)) as client:
        signed_in = await client.members.verify_otp({"otp": CODE})
    assert (sent.message, registered.message) == ("Your code is ***.", "***")
    assert evolve(pickle.loads(pickle.dumps(sent))).message == sent.message
    assert sent.otp_code.reveal() == registered.otp_code.reveal() == CODE
    assert signed_in.names() == ("data.token", "refresh.token")
    assert signed_in.token("data.token") == MemberToken(TOKEN)
    with pytest.raises(PayloadError) as caught:
        signed_in.token("nowhere")
    for each in (sent, registered, signed_in, caught.value):
        assert leaks(repr(each)) == [] and leaks(pickle.dumps(each)) == []
    assert isinstance(pickle.loads(pickle.dumps(signed_in)), SignedIn)


SPELT = {
    "indented": json.dumps(SIGNED_IN, indent=2),
    "with CRLF": json.dumps(SIGNED_IN, indent=2).replace("\n", "\r\n"),
    "with tabs": json.dumps(SIGNED_IN, indent="\t"),
    "with a line feed at its end": json.dumps(SIGNED_IN) + "\n",
}


@pytest.mark.parametrize("body", SPELT.values(), ids=SPELT.keys())
async def test_a_sign_in_is_kept_in_any_spelling(body: str, client_at) -> None:
    """The code is used: a line feed must not lose the token in the answer."""
    async with await client_at("200 OK", body) as client:
        signed_in = await client.members.verify_otp({"otp": CODE})
    assert signed_in.token("data.token") == MemberToken(TOKEN)
    assert leaks(repr(signed_in)) == [] and leaks(pickle.dumps(signed_in)) == []


UNREADABLE = {
    "no success": {"data": {"otp_code": CODE, "token": TOKEN}},
    "a wrong type": {"success": True, "data": {"otp_code": 7, "message": CODE, "token": TOKEN}},
    "a refusal with the code in it": {"success": False, "data": {"otp_code": CODE}},
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_cannot_be_read_is_not_shown(answer: object, client_at) -> None:
    """Its first bytes are kept in `answer` for a person, and are never printed automatically."""
    async with await client_at("200 OK", json.dumps(answer)) as client:
        with pytest.raises((OutcomeUnknownError, RefusedError)) as caught:
            await client.members.request_otp(email="a@b.example")
    error = outside(caught.value)
    assert (
        leaks(str(error) + repr(error) + rendered(error) + "".join(traceback.format_exception(error))) == []
    )
