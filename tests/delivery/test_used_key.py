"""A key in use, or with an open end, over the wire: sent again, and never a success."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from conftest import CHANGED, change, fast, http, read_request

from bonifiq_async import BasicCredentials, BonifiQClient, Effect, StopReason, Verdict

IN_PROGRESS = (
    b'{"HasError":true,"CodeName":"ChangeKeyInUse","ErrorMessage":"This key is still being processed"}'
)
REVERSED = b'{"HasError":true,"ErrorMessage":"ChangeKey already used. The change was reversed"}'
LOST = b""
CONFLICT = "409 Conflict"
Serve = Callable[..., Awaitable[str]]


async def outcome_after(raw_server: Serve, *answers: bytes):
    """Return the outcome of a change that gets `answers`, the last one for ever, and the keys in doubt."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer == LOST:
                return
            writer.write(http(answer, status="200 OK" if answer == CHANGED else CONFLICT))

    url = await raw_server(serve)
    async with BonifiQClient(
        BasicCredentials("token", "secret"), base_url=url, retry=fast(max_attempts=3)
    ) as client:
        outcome = await client.outcome_of(change())
        return outcome, client.in_doubt()


@pytest.mark.parametrize("before", [(), (LOST,)], ids=["at once", "after a lost request"])
async def test_a_key_that_is_processed_is_sent_again(before: tuple[bytes, ...], raw_server) -> None:
    outcome, doubts = await outcome_after(raw_server, *before, IN_PROGRESS, CHANGED)
    assert (outcome.effect, doubts) == (Effect.APPLIED, ())
    assert outcome.attempts[-2].verdict is Verdict.BROKEN


@pytest.mark.parametrize("before", [(), (LOST,)], ids=["at once", "after a lost request"])
async def test_a_key_that_is_processed_to_the_end_is_in_doubt(before: tuple[bytes, ...], raw_server) -> None:
    outcome, doubts = await outcome_after(raw_server, *before, IN_PROGRESS)
    assert (outcome.effect, outcome.reason) == (Effect.UNKNOWN, StopReason.ATTEMPTS_SPENT)
    assert doubts == (outcome.change.change_key,)
    assert "still being processed" in str(outcome.error)


@pytest.mark.parametrize("before", [(), (LOST,)], ids=["at once", "after a lost request"])
async def test_a_used_key_whose_end_is_open_is_unknown(before: tuple[bytes, ...], raw_server) -> None:
    outcome, doubts = await outcome_after(raw_server, *before, REVERSED)
    assert (outcome.effect, outcome.reason) == (Effect.UNKNOWN, StopReason.UNREADABLE)
    assert doubts == (outcome.change.change_key,)
    assert "reversed" in str(outcome.error)
