"""Credentials are not shown: not in a repr, a log line, a rendered traceback or a pickle."""

import asyncio
import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from urllib.parse import quote

import aiohttp
import attrs
import pytest
from alive import parts
from conftest import CHANGED, change, client_for, fast, http, read_request
from escapes import ESCAPES, PLAIN, Write
from silence import SilentScript
from tracebacks import rendered

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    CashbackBatch,
    ConfigurationError,
    OutcomeUnknownError,
    SqliteLedger,
    Timeouts,
)
from bonifiq_async._transport.session import SessionManager
from bonifiq_async.bonifiq.files import ADAPTER, CustomerRow
from bonifiq_async.cli.files.outcome_file import json_line, record

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

TOKEN, PASSWORD = "canarytoken", "canary-key-7319"
CREDENTIALS = BasicCredentials(TOKEN, PASSWORD)
HEADER = base64.b64encode(f"{TOKEN}:{PASSWORD}".encode()).decode()
CANARIES = (TOKEN, PASSWORD, HEADER, HEADER[:16], HEADER[-16:])
CHANGE = change()


def leaks(text: str | bytes) -> list[str]:
    """Return which of the secrets `text` holds."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return [canary for canary in CANARIES if canary in text]


def test_the_canary_would_be_found() -> None:
    secret = CREDENTIALS.header()
    with pytest.raises(ZeroDivisionError) as caught:
        len(secret) / 0
    assert leaks(rendered(caught.value)) == [HEADER, HEADER[:16], HEADER[-16:]]
    assert leaks(f"{TOKEN} {PASSWORD}") == [TOKEN, PASSWORD]


FAULTS = {
    "refused": ["401"],
    "lost": ["close-after"] * 2,
    "reset": ["reset-before"] * 2,
    "half a body": ["half-body-after"] * 2,
    "half a head": ["half-head-after"] * 2,
    "broken": ["500-after"] * 2,
    "throttled": ["429-long"],
    "unreadable": ["html-after"],
    "silent": ["silence-after"] * 2,
}
LIMITS = Timeouts(connect=5.0, attempt=5.0, call=20.0)
failing = pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
Call = Callable[[BonifiQClient], Awaitable[object]]
CALLS = {
    "change": lambda client: client.customers.change_cashback(CHANGE),
    "read": lambda client: client.customers.points("ANA"),
    "checkout": lambda client: client.checkout.remove_cashback("ANA", "CART"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@failing
async def test_a_failing_call_shows_no_secret(call: Call, faults: list[str], sandbox, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    server = sandbox(credentials=CREDENTIALS, faults=SilentScript(faults * 2, LIMITS.attempt))
    async with client_for(server, retry=fast(max_attempts=2), timeouts=LIMITS) as client:
        with pytest.raises(BonifiQError) as caught:
            await call(client)
        error = caught.value
        shown = [repr(error), str(error), str(error.__dict__), rendered(error)]
        shown += traceback.format_exception(error)
        shown += [repr(each) for each in parts(client)]
        assert [leaks(text) for text in shown] == [[]] * len(shown)
        assert leaks(pickle.dumps(error)) == []
        kept = pickle.loads(pickle.dumps(error))
        assert (type(kept), str(kept)) == (type(error), str(error))
        assert kept.attempts == copy.copy(error).attempts == error.attempts != ()
    records = [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert leaks("\n".join(records) + caplog.text) == []
    if len(faults) > 1:
        assert any(record.name == "bonifiq_async" for record in caplog.records)


def _frames_of_aiohttp(error: BaseException | None) -> list[str]:
    """Return the frames that hold the headers, of an error and of all that led to it."""
    frames = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals["__name__"].startswith("aiohttp"):
                frames.append(frame.f_code.co_qualname)
        error = error.__cause__ or error.__context__
    return frames


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_cancelled_call_shows_no_secret(call: Call, sandbox) -> None:
    server = sandbox(credentials=CREDENTIALS, faults=SilentScript(["silence-after"], 2.0))
    async with client_for(server) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(2.0):
                await call(client)
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        text = rendered(caught.value) + "".join(traceback.format_exception(caught.value))
        assert "CancelledError" in text and "session.py" in text
        assert _frames_of_aiohttp(caught.value) == []
        assert leaks(text) == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_call_cancelled_while_it_connects_shows_no_secret(call: Call, deaf_url, sandbox) -> None:
    server = sandbox(credentials=CREDENTIALS)
    async with client_for(server, base_url=deaf_url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await call(client)
        assert leaks(rendered(caught.value)) == []


async def _closed() -> None:
    client = BonifiQClient(CREDENTIALS)
    await client.aclose()
    await client.customers.points("ANA")


async def _borrowed_closed() -> None:
    async with aiohttp.ClientSession() as session:
        client = BonifiQClient(CREDENTIALS, session=session)
    await client.customers.change_cashback(CHANGE)


async def _plain_http() -> None:
    BonifiQClient(CREDENTIALS, base_url="http://example.org")


async def _in_the_url() -> None:
    BonifiQClient(CREDENTIALS, base_url=f"https://{TOKEN}:{PASSWORD}@example.org")


async def _colon() -> None:
    BasicCredentials(f"{TOKEN}:", PASSWORD)


async def _control_character() -> None:
    BasicCredentials(TOKEN, f"{PASSWORD}\n")


async def _blank() -> None:
    BasicCredentials(TOKEN, " ")


async def _bad_environment() -> None:
    BonifiQClient.from_env()


UNUSABLE = {
    "closed": _closed,
    "its session closed": _borrowed_closed,
    "plain http": _plain_http,
    "secrets in the base URL": _in_the_url,
    "a colon in the token": _colon,
    "a control character in the key": _control_character,
    "a blank key": _blank,
    "a bad environment": _bad_environment,
}


@pytest.mark.parametrize("use", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_configuration_error_shows_no_secret(use, monkeypatch) -> None:
    monkeypatch.setenv("BONIFIQ_API_TOKEN", TOKEN)
    monkeypatch.setenv("BONIFIQ_API_KEY", f"{PASSWORD}\r\n")
    with pytest.raises(ConfigurationError) as caught:
        await use()
    error = caught.value
    shown = [repr(error), str(error), str(error.args), *traceback.format_exception(error)]
    assert [leaks(text) for text in shown] == [[]] * len(shown)
    assert leaks(pickle.dumps(error)) == []
    assert leaks(rendered(error)) == []


async def test_values_show_no_secret(sandbox) -> None:
    server = sandbox(credentials=CREDENTIALS)
    async with client_for(server) as client:
        outcome = await client.customers.change_cashback(CHANGE)
        batch = CashbackBatch(client)
        shown = [
            CREDENTIALS,
            *parts(client),
            batch,
            server,
            outcome,
        ]
        [session] = [each for each in parts(client) if isinstance(each, SessionManager)]
        shown += [vars(each) for each in (client, client.customers, session, batch)]
        texts = [form(each) for each in shown for form in (repr, str, "{!s:>1}".format)]
        assert [leaks(text) for text in texts] == [[]] * len(texts)
    assert leaks(pickle.dumps(outcome)) == []


@failing
async def test_outcomes_pickle_and_hold_no_secret(faults: list[str], sandbox) -> None:
    server = sandbox(credentials=CREDENTIALS, faults=SilentScript(faults, LIMITS.attempt))
    async with client_for(server, retry=fast(max_attempts=2), timeouts=LIMITS) as client:
        outcome = await client.outcome_of(CHANGE)
    assert leaks(pickle.dumps(outcome)) == []
    kept = pickle.loads(pickle.dumps(outcome))
    assert attrs.evolve(kept, error=None) == attrs.evolve(outcome, error=None)
    assert (str(kept.error), kept.error.__dict__) == (str(outcome.error), outcome.error.__dict__)


SLASHED = BasicCredentials("canary???token", "canary-key-7319~~~?")
"""Its header has a slash, which JSON may write in two ways."""


def _no(head: str) -> bytes:
    named = {"ErrorMessage": head, "Code": head, "CodeName": head, "Result": {"Error": head}}
    return json.dumps({"HasError": True} | named).encode()


ECHOES = {
    "a page": ("200 OK", lambda head: f"<html>{head}</html>".encode()),
    "a refusal": ("400 Bad", _no),
    "a refusal with 200": ("200 OK", _no),
    "credentials refused": ("401 No", _no),
    "broken": ("500 No", _no),
    "throttled": ("429 No", _no),
    "a wrong type": ("200 OK", lambda head: json.dumps({"HasError": head}).encode()),
    "slashes escaped": ("200 OK", lambda head: json.dumps({"HasError": head}).replace("/", "\\/").encode()),
    "in a URL": ("200 OK", lambda head: quote(head).encode()),
    "a success": ("200 OK", lambda _: CHANGED),
}


@pytest.mark.parametrize("credentials", [CREDENTIALS, SLASHED], ids=["plain", "with a slash"])
@pytest.mark.parametrize(("status", "body"), ECHOES.values(), ids=ECHOES.keys())
async def test_an_answer_that_echoes_the_credentials_is_redacted(
    credentials: BasicCredentials,
    status: str,
    body: Callable[[str], bytes],
    raw_server,
    tmp_path,
    caplog,
) -> None:
    """In the error and what it keeps, the attempts, the pickle, the log and the ledger."""
    caplog.set_level(logging.DEBUG)

    assert "/" in SLASHED.header()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            told = f"{head.decode()} {credentials.token} {credentials.key}"
            encoded = credentials.header().removeprefix("Basic ")
            assert encoded in told
            writer.write(http(body(told), f"X-Request-Id: {encoded} {credentials.key}", status=status))

    url, ledger = await raw_server(echo), SqliteLedger(tmp_path / "l")
    async with (
        ledger,
        BonifiQClient(
            credentials, base_url=url, timeouts=LIMITS, retry=fast(max_attempts=2), ledger=ledger
        ) as client,
    ):
        outcome = await client.outcome_of(CHANGE)
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    error = outcome.error
    shown = [repr(outcome), str(error), repr(vars(error) if error else None), caplog.text]
    told = "".join(shown) + held.decode("latin-1") + pickle.dumps(outcome).decode("latin-1")
    secrets = (credentials.token, credentials.key, credentials.header()[6:].rstrip("="))
    forms = {form for text in secrets for form in (text, text.replace("/", "\\/"), quote(text, ""))}
    assert [form for form in forms if form in told] == []
    assert outcome.attempts[-1].request_id == "*** ***"
    if isinstance(error, OutcomeUnknownError) and status == "200 OK":
        assert b"***" in error.answer


ANSWERS = {
    "a refusal": ("400 Bad", _no),
    "a refusal for a person": ("401 No", lambda head: f"<html><title>{head}</title></html>".encode()),
    "a page": ("200 OK", lambda head: f"<html>{head}</html>".encode()),
    "a problem": ("409 No", lambda head: json.dumps({"title": head, "detail": head}).encode()),
    "a warning": (
        "200 OK",
        lambda head: json.dumps(WARNED | {"ErrorMessage": head, "CodeName": head}).encode(),
    ),
}
WARNED = {"HasError": False, "HasWarning": True, "Severity": 1, "Result": {"CashbackBalance": 1}}


@pytest.mark.parametrize("write", [*PLAIN.values(), *ESCAPES.values()], ids=[*PLAIN, *ESCAPES])
async def test_an_escaped_credential_is_redacted_everywhere(
    write: Write, raw_server, tmp_path, caplog
) -> None:
    """In every member of an answer, and from there in error, log, pickle, ledger and outcome file."""
    caplog.set_level(logging.DEBUG)
    secrets = (SLASHED.token, SLASHED.key, SLASHED.header()[6:].rstrip("="))
    written = [write(secret) for secret in secrets]
    answers = iter(ANSWERS.values())

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            status, body = next(answers)
            writer.write(http(body(" ".join(written)), f"X-Request-Id: {written[1]}", status=status))

    url, told = await raw_server(echo), []
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        BonifiQClient(SLASHED, base_url=url, ledger=ledger, retry=fast(max_attempts=1)) as client,
    ):
        for number in range(len(ANSWERS)):
            row = CustomerRow("ANA", Decimal(1), "r", f"k{number}", line=1)
            outcome = await client.outcome_of(row)
            told += [repr(outcome), str(vars(outcome.error)) if outcome.error else ""]
            told += [
                pickle.dumps(outcome).decode("latin-1"),
                json_line(record(ADAPTER, row, outcome)).decode(),
            ]
    told += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
    everything = "".join([*told, caplog.text]).casefold()
    hidden = [form for form in {*written, *secrets} if len(form) > 20 or "canary" in form.casefold()]
    cores = {form.strip("=")[4:-4].casefold() for form in hidden}
    assert [core for core in cores if core in everything] == []
    assert "canary" not in everything
