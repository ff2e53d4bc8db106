"""No frame of an error has a credential among its locals: tools that report errors show those."""

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from types import FrameType

import aiohttp
import attrs
import pytest
from conftest import Handler, fast, http, read_request
from silence import forward

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    ConfigurationError,
    Earn,
    Member,
    MemberToken,
    Pin,
    Raba7niClient,
    Raba7niCredentials,
    Redeem,
    Refund,
    SqliteLedger,
    Timeouts,
)
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._transport import fast_path, public_path

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

TOKEN, KEY, MEMBER, PIN, CODE = (
    "canary-token",
    "canary-key-2",
    "canary-member-3",
    "canary-pin-4",
    "canary-code",
)
BASIC, RABA7NI = BasicCredentials(TOKEN, KEY), Raba7niCredentials("app", KEY)
SIGNS = ("canary", BASIC.header()[6:26])
SECONDS = Timeouts(connect=5.0, attempt=5.0, call=20.0)


def leaks(value: object, depth: int = 5) -> bool:
    """Say whether a tool that follows values as far as it can read them finds a secret."""
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode("latin-1")
        return any(sign in text for sign in SIGNS)
    if depth and isinstance(value, dict):
        return any(leaks(each, depth - 1) for pair in value.items() for each in pair)
    if depth and isinstance(value, list | tuple | set | frozenset):
        return any(leaks(each, depth - 1) for each in value)
    if depth and attrs.has(type(value)):
        shown = [field for field in attrs.fields(type(value)) if field.repr is True]
        return any(leaks(getattr(value, field.name, None), depth - 1) for field in shown)
    return leaks(repr(value), 0)


def frames(error: BaseException | None, seen: frozenset[int] = frozenset()) -> Iterator[FrameType]:
    """Yield every frame that can be reached from an error, but for those of tests and of the interpreter."""
    if error is None or id(error) in seen:
        return
    seen |= {id(error)}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals["__name__"].partition(".")[0] in ("bonifiq_async", "aiohttp", "attr", "cattrs"):
            yield frame
    for behind in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from frames(behind, seen)


def shown(error: BaseException) -> list[str]:
    """Return where a secret is among the locals."""
    found = [
        f"{frame.f_globals['__name__']}:{frame.f_code.co_name} {name}"
        for frame in frames(error)
        for name, value in frame.f_locals.items()
        if leaks(value)
    ]
    return found


def test_the_search_finds_every_secret() -> None:
    """Wherever it is."""

    class Masked(str):
        def __repr__(self) -> str:
            return "'***'"

    assert (
        leaks(Masked(KEY))
        and leaks({"a": (Masked(KEY),)})
        and leaks(KEY.encode())
        and leaks([BASIC.header()])
    )
    assert not leaks(BASIC) and not leaks(Pin(PIN)) and not leaks({"a": MemberToken(MEMBER)})


Call = Callable[[object], Awaitable[object]]
A_MEMBER = Member.by_id(1)
BONIFIQ: dict[str, Call] = {
    "customers.change_cashback": lambda c: c.customers.change_cashback(
        CashbackChange("a", Decimal(1), "r", "k")
    ),
    "customers.add_cashback": lambda c: c.customers.add_cashback("a", Decimal(1), reason="r", change_key="k"),
    "customers.remove_cashback": lambda c: c.customers.remove_cashback(
        "a", Decimal(1), reason="r", change_key="k"
    ),
    "customers.points": lambda c: c.customers.points("a"),
    "customers.pending_points": lambda c: c.customers.pending_points("a"),
    "checkout.remove_cashback": lambda c: c.checkout.remove_cashback("a", "b"),
    "customers.get": lambda c: c.customers.get("a"),
    "customers.add_points": lambda c: c.customers.add_points("a", 1, reason="r", change_key="k"),
    "customers.history": lambda c: anext(c.customers.history("a")),
    "pos.validate_challenge": lambda c: c.pos.validate_challenge("a", code=CODE),
}
OTHER: dict[str, Call] = {
    "cashback.earn": lambda c: c.cashback.earn(
        card_id=1, member=A_MEMBER, purchase_amount=Decimal(1), reference="r"
    ),
    "cashback.redeem": lambda c: c.cashback.redeem(
        card_id=1, amount=Decimal(1), member_token=MemberToken(MEMBER), pin=Pin(PIN), reference="r"
    ),
    "cashback.refund": lambda c: c.cashback.refund(
        card_id=1, member=A_MEMBER, refund_amount=Decimal(1), reference="r"
    ),
    "cashback.history_page": lambda c: c.cashback.history_page(1, 1),
    "cashback.balance": lambda c: c.cashback.balance(1, 1),
    "cashback.history": lambda c: anext(c.cashback.history(1, 1)),
    "cards.list": lambda c: c.cards.list(),
    "cards.rewards": lambda c: c.cards.rewards(1),
    "cards.get": lambda c: c.cards.get(1),
    "members.check": lambda c: c.members.check(email="a"),
    "members.register": lambda c: c.members.register(name="a", email="a", phone="1"),
    "members.request_otp": lambda c: c.members.request_otp(email="a"),
    "members.verify_otp": lambda c: c.members.verify_otp({"otp": CODE}),
}
EVERY = BONIFIQ | OTHER
every_call = pytest.mark.parametrize("name", EVERY)


def test_every_public_call_is_tried() -> None:
    """A new call must be added here."""
    clients = BonifiQClient(BASIC), Raba7niClient(RABA7NI)
    public = {
        f"{place}.{name}": method
        for client in clients
        for place, part in vars(client).items()
        if not place.startswith("_")
        for name, method in inspect.getmembers(part, inspect.ismethod)
        if not name.startswith("_") and name not in ("outcome_of", "outcome_on", "prepared")
    }
    untried = {name for name, method in public.items() if name not in EVERY and not by_caller(method)}
    assert untried == set()


def by_caller(method: object) -> bool:
    """Say whether a method does no more than give what it got to the one object that makes its calls."""
    code = inspect.getsource(method)
    return (
        "self._caller." in code
        or "await redeemed(" in code
        or "self.change_points(" in code
        or "self._listed(" in code
    )


def client_for(name: str, url: str, **options: object) -> BonifiQClient | Raba7niClient:
    """Return a client of the provider that has a call."""
    options = {"base_url": url, "retry": fast(max_attempts=2), "timeouts": SECONDS} | options
    return BonifiQClient(BASIC, **options) if name in BONIFIQ else Raba7niClient(RABA7NI, **options)


ANSWERS = {
    "refused": http(b'{"HasError":true,"success":false,"error":{"message":"no"}}', status="400 No"),
    "credentials": http(b'{"HasError":true,"success":false}', status="401 No"),
    "unreadable": http(b"<html>"),
    "broken": http(b"", status="500 No"),
    "not HTTP": b"\0\0\0\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
    "silence": b"",
}


async def failed(call: Awaitable[object]) -> BaseException:
    """Return what a call raises."""
    try:
        await call
    except BaseException as error:  # noqa: BLE001 - the frames of any error are checked
        return error
    raise AssertionError("it has succeeded")


def giving(answer: bytes) -> Handler:
    """Return a server that gives this answer; with none, the time of an attempt passes at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        if not answer:
            forward(asyncio.get_running_loop(), SECONDS.attempt)
            await asyncio.Event().wait()
        await writer.drain()

    return serve


@every_call
async def test_a_call_that_fails_holds_no_frame_with_a_secret(name: str, raw_server) -> None:
    found = {}
    for kind, answer in ANSWERS.items():
        async with client_for(name, await raw_server(giving(answer))) as client:
            found[kind] = shown(await failed(EVERY[name](client)))
    assert found == {kind: [] for kind in ANSWERS}


async def _within(seconds: float, call: Awaitable[object]) -> None:
    async with asyncio.timeout(seconds):
        await call


@every_call
async def test_a_call_that_is_cancelled_holds_no_secret(name: str, raw_server, deaf_url) -> None:
    """While it waits for its answer, and while it connects."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        forward(asyncio.get_running_loop(), 2.0)
        await asyncio.Event().wait()

    for url, seconds in ((await raw_server(serve), 2.0), (deaf_url, 0.02)):
        async with client_for(name, url) as client:
            error = await failed(_within(seconds, EVERY[name](client)))
            assert isinstance(error, TimeoutError) and list(frames(error))
            assert shown(error) == []


class Interrupt(BaseException):
    """As KeyboardInterrupt is, which would end the test."""


@every_call
async def test_a_call_that_is_interrupted_holds_no_secret(
    name: str, raw_server, monkeypatch, way: str
) -> None:
    """The handler of a signal raises at any instruction."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(b"{}"))

    def interrupt(*_: object) -> None:
        raise Interrupt

    module = fast_path if way == "directly" else public_path
    monkeypatch.setattr(module, "read_within", interrupt)
    async with client_for(name, await raw_server(serve)) as client:
        error = await failed(EVERY[name](client))
        assert isinstance(error, Interrupt) and list(frames(error))
        assert shown(error) == []


@every_call
async def test_a_call_that_cannot_begin_holds_no_secret(name: str, tmp_path) -> None:
    """Closed, out of the loop, a ledger that fails, a clock that raises, a type that is wrong."""
    client = client_for(name, "https://example.org")
    await client.aclose()
    assert shown(await failed(EVERY[name](client))) == []

    def broken() -> float:
        raise ZeroDivisionError

    for options in (
        {"session": aiohttp.ClientSession(), "runtime": Runtime(monotonic=broken)},
        {"timeouts": Timeouts(call=1e-9)},
        {"ledger": SqliteLedger(tmp_path / "nowhere" / "l")},
    ):
        async with client_for(name, "https://127.0.0.1:1", **options) as client:
            assert shown(await failed(EVERY[name](client))) == []
        if session := options.get("session"):
            await session.close()


async def _read(outcomes: AsyncIterator[object]) -> None:
    async for outcome in outcomes:
        assert outcome.error is None or shown(outcome.error) == []


async def test_a_batch_that_fails_holds_no_secret(raw_server) -> None:
    """Its source, or the client under it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(ANSWERS["credentials"])

    def source() -> Iterator[object]:
        yield Redeem(
            card_id=1, amount=Decimal(1), member_token=MemberToken(MEMBER), pin=Pin(PIN), reference="r"
        )
        yield Earn(card_id=1, member=A_MEMBER, purchase_amount=Decimal(1), reference="r")
        yield Refund(card_id=1, member=A_MEMBER, refund_amount=Decimal(1), reference="r")
        raise ZeroDivisionError

    async with client_for("cashback.earn", await raw_server(serve)) as client:
        batch = CashbackBatch(client)
        error = await failed(_read(batch.run(source())))
        assert isinstance(error, ZeroDivisionError) and shown(error) == []


SETTINGS = [
    (kind, name)
    for kind in (BonifiQClient, Raba7niClient)
    for name in inspect.signature(kind).parameters
    if name != "credentials"
]


@pytest.mark.parametrize("make", ["__init__", "from_env"])
@pytest.mark.parametrize(("kind", "name"), SETTINGS, ids=str)
def test_a_client_that_cannot_be_made_holds_no_secret(kind: type, name: str, make: str, monkeypatch) -> None:
    """Whatever is wrong with any of its settings."""
    for variable, value in (("API_TOKEN", TOKEN), ("APP_ID", "app"), ("API_KEY", KEY)):
        monkeypatch.setenv(f"{'BONIFIQ' if kind is BonifiQClient else 'RABA7NI'}_{variable}", value)
    of_urls = (f"https://{TOKEN}:{KEY}@example.org", f"https://h/?{KEY}", f"http://{KEY}", f"{KEY} /")
    for wrong in of_urls if name == "base_url" else (None, 0, -1, "x", object(), BASIC):
        given = {} if make == "from_env" else {"credentials": BASIC if kind is BonifiQClient else RABA7NI}
        found: list[str] = []
        try:
            (kind.from_env if make == "from_env" else kind)(**given, **{name: wrong})
        except Exception as error:  # noqa: BLE001 - whatever it is
            found = shown(error)
        assert found == []


WRONG = {
    "a token with a colon": lambda: BasicCredentials(f"{TOKEN}:", KEY),
    "a key with a line feed": lambda: BasicCredentials(TOKEN, f"{KEY}\n"),
    "a key of the other": lambda: Raba7niCredentials("a", f"{KEY}\n"),
    "a token that is no text": lambda: BasicCredentials([TOKEN], KEY),
    "a member token": lambda: MemberToken(f"{MEMBER}\n"),
    "a PIN": lambda: Redeem(
        card_id=1, amount=1, member_token=MemberToken(MEMBER), pin=f"{PIN}\n", reference="r"
    ),
    "a member token that is a text": lambda: Redeem(
        card_id=1, amount=1, member_token=MEMBER, pin=PIN, reference="r"
    ),
    "an amount": lambda: Redeem(
        card_id=1, amount=0, member_token=MemberToken(MEMBER), pin=PIN, reference="r"
    ),
    "a base URL in the environment": BonifiQClient.from_env,
    "a base URL of the other": Raba7niClient.from_env,
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG.keys())
def test_a_value_that_cannot_be_made_holds_no_secret(make: Callable[[], object], monkeypatch) -> None:
    """The caller's own frames have it where it was given; these are not the library's."""
    for provider, names in (("BONIFIQ", ("API_TOKEN", "API_KEY")), ("RABA7NI", ("APP_ID", "API_KEY"))):
        monkeypatch.setenv(f"{provider}_BASE_URL", f"https://{TOKEN}:{KEY}@example.org")
        for name in names:
            monkeypatch.setenv(f"{provider}_{name}", KEY)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        make()
    assert shown(caught.value) == []


async def test_another_loop_holds_no_secret() -> None:
    client = BonifiQClient(BASIC, base_url="https://127.0.0.1:1", retry=fast(max_attempts=1))

    def elsewhere() -> BaseException:
        return asyncio.run(failed(client.customers.points("a")))

    await failed(client.customers.points("a"))
    error = await asyncio.to_thread(elsewhere)
    assert isinstance(error, ConfigurationError) and shown(error) == []
    await client.aclose()
