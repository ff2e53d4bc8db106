"""Callbacks of the user: one of a wrong kind is refused when it is given, not during a call."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
from conftest import change, fast, http, read_request
from one_test import one_test

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    ConfigurationError,
    Effect,
    ErrorAnswer,
    MemoryLedger,
    Raba7niClient,
    Raba7niCredentials,
    Runtime,
    SqliteLedger,
)
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.testing.virtual_time import VirtualClock

CREDENTIALS = BasicCredentials("token", "secret")
Give = Callable[[object], object]


class Called:
    """Something that can be called, as a method or at once."""

    def __call__(self, *_: object) -> float:
        return 0.0

    async def later(self, *_: object) -> float:
        return 0.0


class CalledLater:
    async def __call__(self, *_: object) -> float:
        return 0.0


async def later(*_: object) -> float:
    return 0.0


def one_by_one(*_: object) -> Iterator[float]:
    yield 0.0


async def one_by_one_later(*_: object) -> AsyncIterator[float]:
    yield 0.0


def of_three(first: object, second: object, third: object) -> float:
    return 0.0


NO_CALLBACK: dict[str, object] = {
    "None": None,
    "a number": 3,
    "a text": "is used",
    "a boolean": True,
    "a class": bool,
    "a generator": one_by_one,
    "a generator that is awaited": one_by_one_later,
    "too few arguments": of_three,
    "named arguments alone": lambda *, said: True,
}
NO_PLAIN_FUNCTION: dict[str, object] = NO_CALLBACK | {
    "async def": later,
    "a part of an async def": functools.partial(later, 1),
    "an async method": Called().later,
    "an object whose call is an async def": CalledLater(),
    "an async mock": AsyncMock(),
}
PLAIN: dict[str, Give] = {
    "duplicate_rule": lambda given: BonifiQClient(CREDENTIALS, duplicate_rule=given),  # type: ignore[arg-type]
    "duplicate_rule of from_env": lambda given: BonifiQClient.from_env(duplicate_rule=given),  # type: ignore[arg-type]
    "duplicate_rule of a reader": AnswerReader,
    "monotonic": lambda given: Runtime(monotonic=given),  # type: ignore[arg-type]
    "wall": lambda given: Runtime(wall=given),  # type: ignore[arg-type]
    "random": lambda given: Runtime(random=given),  # type: ignore[arg-type]
    "random of a virtual clock": lambda given: VirtualClock().runtime(given),  # type: ignore[arg-type]
    "clock of a ledger in memory": lambda given: MemoryLedger(clock=given),  # type: ignore[arg-type]
    "clock of a ledger": lambda given: SqliteLedger("ledger", clock=given),  # type: ignore[arg-type]
    "on_sleep": lambda given: VirtualClock(given if given is not None else 0),  # type: ignore[arg-type]
    "busy": lambda given: VirtualClock(busy=given),  # type: ignore[arg-type]
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BONIFIQ_API_TOKEN", "BONIFIQ_API_KEY"):
        monkeypatch.setenv(name, "x")


@one_test
@pytest.mark.parametrize("given", NO_PLAIN_FUNCTION.values(), ids=NO_PLAIN_FUNCTION.keys())
@pytest.mark.parametrize("name", PLAIN)
def test_what_is_no_plain_function_is_refused(name: str, given: object) -> None:
    """And named; nothing was opened, and nothing sent."""
    with pytest.raises(ConfigurationError, match=rf"^{name.split()[0]} must be a plain function of [01] arg"):
        PLAIN[name](given)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("given", NO_CALLBACK.values(), ids=NO_CALLBACK.keys())
def test_a_sleep_of_another_kind_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^sleep must be an async function of 1 argument"):
        Runtime(sleep=given)  # type: ignore[arg-type]


def test_a_sleep_that_blocks_the_loop_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sleep>, which holds up the event loop"):
        Runtime(sleep=time.sleep)  # type: ignore[arg-type]


@one_test
@pytest.mark.parametrize(
    "given",
    [lambda *_: 0.0, Called(), Mock(), Called().__call__],
    ids=["a lambda", "what is called", "a mock", "a method"],
)
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_function_is_accepted(name: str, given: object) -> None:
    PLAIN[name](given)


@pytest.mark.parametrize(
    "given", [later, lambda _: asyncio.sleep(0), AsyncMock(), CalledLater(), Called().later]
)
def test_an_awaitable_is_accepted_as_a_sleep(given: object) -> None:
    Runtime(sleep=given)  # type: ignore[arg-type]


def test_the_other_client_checks_its_runtime() -> None:
    with pytest.raises(ConfigurationError, match="wall must be a plain function"):
        Raba7niClient(Raba7niCredentials("app", "key"), runtime=Runtime(wall=later))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "effect"),
    [
        (True, Effect.ALREADY_APPLIED),
        (False, Effect.REFUSED),
        (None, Effect.REFUSED),
        (1, Effect.REFUSED),
        ("yes", Effect.REFUSED),
        (object(), Effect.REFUSED),
    ],
    ids=["True", "False", "None", "1", "a text", "an object"],
)
async def test_only_true_counts_as_a_used_key(
    answer: object, effect: Effect, raw_server: Callable[..., Awaitable[str]]
) -> None:
    """A refusal that counts as a used key is reported as applied already, and its customer got nothing."""
    asked: list[ErrorAnswer] = []

    def rule(said: ErrorAnswer) -> bool:
        asked.append(said)
        return answer  # type: ignore[return-value]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(b'{"HasError":true,"ErrorMessage":"The budget is spent"}', status="400 No"))

    url = await raw_server(serve)
    async with BonifiQClient(CREDENTIALS, base_url=url, retry=fast(), duplicate_rule=rule) as client:
        assert (await client.outcome_of(change())).effect is effect
    assert asked == [ErrorAnswer(400, message="The budget is spent")]


async def test_a_rule_that_returns_a_coroutine_is_refused(
    raw_server: Callable[..., Awaitable[str]],
) -> None:
    """It looks like a plain function when it is given."""
    made = []

    def rule(_: ErrorAnswer) -> bool:
        made.append(later())
        return made[-1]  # type: ignore[return-value]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(b'{"HasError":true,"ErrorMessage":"no"}', status="400 No"))

    url = await raw_server(serve)
    async with BonifiQClient(CREDENTIALS, base_url=url, retry=fast(), duplicate_rule=rule) as client:
        assert (await client.outcome_of(change())).effect is Effect.REFUSED
    await made[0]
