"""What is shown of a run while it goes on, and while nothing does."""

import asyncio
import re
from datetime import datetime, timedelta

import pytest
from virtual import DOWN, GOOD, Client, Provider, all_of, many, now, runtime, status, virtual, wide

from bonifiq_async import RetryPolicy
from bonifiq_async.batch import BatchSummary, CashbackBatch, FlowState
from bonifiq_async.cli.commands.run import _keep_shown
from bonifiq_async.cli.terminal import progress
from bonifiq_async.cli.terminal.progress import display, flow_text

TEXTS = {
    "nothing runs": (None, "0 in flight"),
    "no rate": (FlowState(12, 64, None, 0.0, None), "12 of 64 in flight"),
    "a rate": (FlowState(12, 64, 1180.4, 0.0, None), "12 of 64 in flight, at most 1,180/s"),
    "a slow rate": (FlowState(1, 8, 0.5, 0.0, None), "1 of 8 in flight, at most 0.5/s"),
    "more than the limit, which has fallen": (
        FlowState(131, 130, None, 0.0, None),
        "131 in flight, which falls to 130",
    ),
    "held": (FlowState(0, 8, None, 30.0, None), "0 of 8 in flight, held until 12:00:30"),
    "paused": (
        FlowState(1, 8, None, 0.0, 90.0, 90.0),
        "1 of 8 in flight, paused: nothing has succeeded since 11:58:30, probing",
    ),
    "nothing succeeds": (
        FlowState(0, 8, None, 0.0, None, 90.0, 2),
        "0 of 8 in flight, 2 to be sent again, nothing has succeeded since 11:58:30",
    ),
    "with a cause": (
        FlowState(1, 8, None, 0.0, None, None, 1, "localhost:1: Connection refused"),
        "1 of 8 in flight, 1 to be sent again, the last failed: localhost:1: Connection refused",
    ),
    "paused just now": (
        FlowState(0, 8, None, 0.0, 0.0),
        "0 of 8 in flight, paused: nothing has succeeded since 12:00:00, probing",
    ),
    "held and paused": (
        FlowState(1, 8, None, 61.0, 60.0),
        "1 of 8 in flight, held until 12:01:01, paused: nothing has succeeded since 11:59:00, probing",
    ),
}


class Noon(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 20, 12, 0, 0)


@pytest.mark.parametrize(("flow", "text"), TEXTS.values(), ids=TEXTS)
def test_what_is_let_through_in_words(flow: FlowState | None, text: str, monkeypatch) -> None:
    """And why no more."""
    monkeypatch.setattr(progress, "datetime", Noon)
    assert flow_text(flow) == text


def test_the_time_of_day_is_the_real_one() -> None:
    """To the second."""
    shown = flow_text(FlowState(0, 8, None, 60.0, None))
    due = {(datetime.now() + timedelta(seconds=60 + late)).strftime("%H:%M:%S") for late in (-1, 0)}
    assert shown.removeprefix("0 of 8 in flight, held until ") in due


class Seen:
    """A display that notes what it is shown, and when."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, int, str]] = []

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        self.shown.append((now(), done.seen, flow_text(flow)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "said"),
    [(DOWN, "paused: nothing has succeeded since"), (status(503, 100.0), "held until")],
    ids=["outage", "hold"],
)
@virtual
async def test_the_display_goes_on_while_nothing_ends(answer, said: str) -> None:
    """For minutes, five times a second."""
    began, seen = now(), Seen()
    provider = Provider(lambda *_: answer if 1.0 < now() - began < 1.0 + sick else GOOD)
    sick = 100.0 if answer is DOWN else 0.02
    batch = CashbackBatch(Client(provider, call=60.0), flow=wide(16), runtime=runtime())
    showing = asyncio.create_task(_keep_shown(batch, seen))
    await all_of(batch, many(1_500))
    showing.cancel()
    await asyncio.wait([showing])
    meanwhile = [(done, text) for at, done, text in seen.shown if 10.0 < at - began < 90.0]
    assert len(meanwhile) >= 5 * 80 - 5
    assert len({done for done, _ in meanwhile}) == 1
    assert all(said in text for _, text in meanwhile)
    assert not any(said in text for at, _, text in seen.shown if at - began < 0.9)


@virtual
async def test_two_rows_that_fail_are_shown_with_the_reason_and_their_retries() -> None:
    """Also before they end, and though they are no outage."""
    began, seen = now(), []

    class Live(Seen):
        def show(self, done: BatchSummary, flow: FlowState | None) -> None:
            seen.append((now() - began, done.repeats, done.attempts, flow))

    provider = Provider(lambda *_: DOWN if now() - began < 40.0 else GOOD)
    batch = CashbackBatch(
        Client(provider, policy=RetryPolicy(max_attempts=30), call=180.0), flow=wide(8), runtime=runtime()
    )
    showing = asyncio.create_task(_keep_shown(batch, Live()))
    await all_of(batch, many(2))
    showing.cancel()
    await asyncio.wait([showing])
    for at, repeats, _, flow in seen[:-1]:
        arrived = [key for when, key in provider.tried if when - began < at]
        assert repeats == len(arrived) - len(set(arrived))
        assert (flow.failing is not None) == (at >= 5.0)
        assert (flow.in_flight, flow.waiting) == (0, 2) or at > 40.0
    _, repeats, attempts, flow = seen[-1]
    assert (repeats, flow) == (attempts - 2, None)
    assert repeats > 6


@virtual
async def test_the_end_is_shown() -> None:
    """Also of a run that is over before it was time to show anything."""
    seen = Seen()
    batch = CashbackBatch(Client(Provider()), flow=wide(16), runtime=runtime())
    showing = asyncio.create_task(_keep_shown(batch, seen))
    await all_of(batch, many(20))
    showing.cancel()
    await asyncio.wait([showing])
    assert [done for _, done, _ in seen.shown] == [20]


def test_without_a_terminal_a_line_is_said_every_few_seconds(monkeypatch, capsys) -> None:
    """With what is let through, and the retries."""
    times = iter([0.0, 0.0, 2.0, 2.0, 6.0, 6.0, 6.0, 7.0, 7.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with display(100) as shown:
        for seen in (20, 60, 70):
            shown.show(BatchSummary(seen=seen, repeats=5), FlowState(3, 8, None, 0.0, None))
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"60 of 100 changes, 10/s, 4 s left, 5 retries, 3 of 8 in flight", line)


def test_keys_that_were_used_elsewhere_show_while_a_run_goes_on(monkeypatch, capsys) -> None:
    """A file under the keys of another one is seen early."""
    times = iter([0.0, 0.0, 6.0, 6.0, 6.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with display(100) as shown:
        shown.show(BatchSummary(seen=60, used_elsewhere=1_200), FlowState(3, 8, None, 0.0, None))
    assert capsys.readouterr().err.endswith("3 of 8 in flight, 1,200 used before\n")
