"""The display of a run: while rows end, and while nothing happens."""

import asyncio
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from limits import Bucket
from virtual import DOWN, GOOD, Client, Provider, all_of, many, now, runtime, status, virtual, wide

from bonifiq_async import RetryPolicy
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.money import SumsByUnit
from bonifiq_async._model.printable import printable
from bonifiq_async.batch import BatchSummary, CashbackBatch, FlowState
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.commands.run import keep_shown
from bonifiq_async.cli.files.examine import CountedSums, Marks, Plan
from bonifiq_async.cli.terminal import progress
from bonifiq_async.cli.terminal.progress import display
from bonifiq_async.cli.terminal.progress_text import (
    Progress,
    duration,
    flow_text,
    hold_up,
    log_line,
    screen_lines,
)
from bonifiq_async.cli.terminal.report import RunEnding, ending_json

SCREENS = Path(__file__).parent.parent / "data" / "screens"
TEXTS = {
    "nothing runs": (None, "0 in flight"),
    "no rate": (FlowState(12, 64, None, 0.0, None), "12 of 64 in flight"),
    "a rate": (FlowState(12, 64, 1180.4, 0.0, None), "12 of 64 in flight, at most 1,180/s"),
    "a slow rate": (FlowState(1, 8, 0.5, 0.0, None), "1 of 8 in flight, at most 0.5/s"),
    "a kind": (
        FlowState(1, 8, 20.0, 0.0, None, kind="a rate with burst", known_for=75.0),
        "1 of 8 in flight, at most 20/s, a rate with burst for 1 min 15 s",
    ),
    "more than the limit, which has fallen": (
        FlowState(131, 130, None, 0.0, None),
        "131 in flight, which falls to 130",
    ),
    "some wait": (
        FlowState(0, 8, None, 0.0, None, waiting=1_200),
        "0 of 8 in flight, 1,200 to be sent again",
    ),
}


@pytest.mark.parametrize(("flow", "text"), TEXTS.values(), ids=TEXTS)
def test_what_is_admitted_in_words(flow: FlowState | None, text: str) -> None:
    assert flow_text(flow) == text


def held_up(active: int = 0, held: float = 0.0, paused: float | None = None, **more: object) -> FlowState:
    """Return the state of a run that is delayed."""
    return FlowState(active, 8, None, held, paused, **more)


REFUSED = "connection refused at 127.0.0.1:8091"
HOLD_UPS = {
    "nothing runs": (None, None),
    "nothing": (held_up(3), None),
    "an answer among good ones": (held_up(3, cause="Bad Gateway", status=502), None),
    "a wait": (held_up(held=30.0, next_try=30.0), "the provider asks to wait; next try in 30 s"),
    "a wait with some in flight": (
        held_up(2, held=90.0),
        "the provider asks to wait; next try in 1 min 30 s",
    ),
    "the same answer for long": (
        held_up(paused=39.6, cause="Service Unavailable", status=503, alike=True, next_try=7.2),
        "503 for 40 s: Service Unavailable; next try in 8 s",
    ),
    "no answer for long": (
        held_up(failing=40.0, cause=REFUSED, alike=True, next_try=8.0),
        f"nothing has succeeded for 40 s: {REFUSED}; next try in 8 s",
    ),
    "a try under way": (
        held_up(1, paused=40.0, cause=REFUSED, alike=True),
        f"nothing has succeeded for 40 s: {REFUSED}; trying now",
    ),
    "two different failures": (
        held_up(failing=40.0, cause="Bad Gateway", status=502, next_try=8.0),
        "nothing has succeeded for 40 s, the last try: 502: Bad Gateway; next try in 8 s",
    ),
    "a wait asked for long": (
        held_up(held=61.0, paused=600.0, cause="Too Many Requests", status=429, alike=True, next_try=2.0),
        "429 for 10 min: Too Many Requests; next try in 1 min 1 s",
    ),
    "at first": (held_up(cause=REFUSED, next_try=0.4), f"the last try failed: {REFUSED}; next try in 1 s"),
    "for a reason that is not known": (held_up(paused=5.0), "nothing has succeeded for 5 s"),
}


@pytest.mark.parametrize(("flow", "text"), HOLD_UPS.values(), ids=HOLD_UPS)
def test_what_delays_a_run_in_words(flow: FlowState | None, text: str | None) -> None:
    assert hold_up(flow) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1, "1 s"),
        (59.0, "59 s"),
        (59.5, "1 min"),
        (125.0, "2 min 5 s"),
        (3_599.5, "1 h"),
        (7_500.0, "2 h 5 min"),
        (3_600_000.0, "1,000 h"),
    ],
)
def test_a_time_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def plan_of(
    changes: int,
    before: int = 0,
    *,
    provider: str = "bonifiq",
    used: int = 0,
    units: Sequence[str] = ("BRL",),
) -> Plan:
    """Return a plan of so many changes, of which `before` are applied already: 2.00 each, of each unit."""
    sums = SumsByUnit()
    for number in range(before):
        sums.put(units[number % len(units)], Decimal(2))
    source = SimpleNamespace(adapter=adapter_for(provider))
    settled, elsewhere = CountedSums(before, sums), CountedSums(used)
    return Plan(source, changes, changes, SumsByUnit(), 0, 0, settled, elsewhere, Marks())


def applied(seen: int, added: str, removed: str = "0", unit: str = "BRL", **more: int) -> BatchSummary:
    """Return what a run has done."""
    return BatchSummary(seen=seen, by_unit={unit: (Decimal(added), Decimal(removed))}, **more)


BUSY = FlowState(12, 64, 180.0, 0.0, None, waiting=3)
OUT = held_up(paused=40.0, cause="Service Unavailable", status=503, alike=True, next_try=8.0, waiting=12)
LONG = "api.a-provider-with-a-long-name.example.com:443: its certificate comes from an unknown authority"
HOSTILE = "it says \x1b[31mred\x1b[0m \u202etxet, and clears\rthe line\nbelow"
SHOWN = {
    "the beginning": Progress(plan_of(20_000), BatchSummary(), FlowState(8, 8, None, 0.0, None), 0.0),
    "half-way": Progress(
        plan_of(20_000, 5_000), applied(7_345, "73450.10", "30", repeats=1_020), BUSY, 180.4
    ),
    "a million": Progress(
        plan_of(1_000_000),
        applied(
            123_456, "1234567.89", "98765.43", repeats=31_020, refused=1_234, unknown=5, used_elsewhere=7
        ),
        FlowState(256, 256, 1180.4, 0.0, None, waiting=31),
        951.0,
    ),
    "an outage": Progress(plan_of(500, 100), applied(7, "14", repeats=33), OUT, 0.0),
    "no connection": Progress(
        plan_of(3), BatchSummary(), held_up(failing=6.0, cause=REFUSED, alike=True, next_try=4.0), 0.0
    ),
    "a cause that is long": Progress(
        plan_of(3), BatchSummary(), held_up(failing=6.0, cause=LONG, alike=True, next_try=4.0), 0.0
    ),
    "a cause that is hostile": Progress(
        plan_of(3), BatchSummary(), held_up(failing=6.0, cause=HOSTILE, alike=True, next_try=4.0), 0.0
    ),
    "cards": Progress(
        plan_of(900, 8, provider="raba7ni", used=2, units=["card 1", "card 2", "card 3", "card 4"]),
        applied(90, "1000", "5", "card 1"),
        BUSY,
        4.25,
    ),
    "the end": Progress(plan_of(500, 100, used=1), applied(399, "798"), None, 90.0),
    "nothing to do": Progress(plan_of(0), BatchSummary(), None, 0.0),
}


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_of_a_run(width: int) -> None:
    """A person has checked the screens in the files."""
    texts = ["\n".join([f"== {name}", *screen_lines(now, width)]) for name, now in SHOWN.items()]
    assert all(len(line) <= width for text in texts for line in text.split("\n"))
    expected = (SCREENS / f"progress-{width}.txt").read_text("utf-8")
    assert "\n\n".join(texts) + "\n" == expected


def test_the_page_of_the_command_shows_a_screen() -> None:
    page = (SCREENS.parent.parent.parent / "docs" / "reference" / "command-line.md").read_text("utf-8")
    assert "\n".join(["```text", *screen_lines(SHOWN["an outage"], 80), "```"]) in page


def test_the_lines_of_a_run_without_a_terminal() -> None:
    """In full length: a log is searched rather than looked at."""
    texts = [f"== {name}\n{log_line(now)}" for name, now in SHOWN.items() if now.flow is not None]
    hostile = [text for text in texts if "hostile" in text]
    assert printable(HOSTILE) in hostile[0]
    expected = (SCREENS / "progress-log.txt").read_text("utf-8")
    assert "\n\n".join(text for text in texts if text not in hostile) + "\n" == expected


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_screen_keeps_the_figures(width: int) -> None:
    for shown in SHOWN.values():
        lines = screen_lines(shown, width)
        assert max(map(len, lines)) <= width
        assert lines[0].startswith((f"{shown.ended:,} of", "["))
    whole = "503 for 40 s: Service Unavailable; next try in 8 s"
    assert whole in " ".join(screen_lines(SHOWN["an outage"], width))


class Seen:
    """A display that notes what it is shown, and when."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, int, str]] = []

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        self.shown.append((now(), done.seen, hold_up(flow) or ""))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "said"),
    [(DOWN, "nothing has succeeded for"), (status(503, 100.0), "next try in")],
    ids=["outage", "hold"],
)
@virtual
async def test_the_display_is_updated_while_nothing_ends(answer, said: str) -> None:
    """For minutes, five times a second."""
    began, seen = now(), Seen()
    provider = Provider(lambda *_: answer if 1.0 < now() - began < 1.0 + sick else GOOD)
    sick = 100.0 if answer is DOWN else 0.02
    batch = CashbackBatch(Client(provider, call=60.0), flow=wide(16), runtime=runtime())
    showing = asyncio.create_task(keep_shown(batch, seen))
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
    showing = asyncio.create_task(keep_shown(batch, Live()))
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
    showing = asyncio.create_task(keep_shown(batch, seen))
    await all_of(batch, many(20))
    showing.cancel()
    await asyncio.wait([showing])
    assert [done for _, done, _ in seen.shown] == [20]


@virtual
async def test_the_closing_json_has_the_limit_that_was_found() -> None:
    """Its kind, for how many seconds it is known, its rate, and how many requests may be in flight."""
    bucket, ending = Bucket(40.0, 0.2), RunEnding(adapter_for("bonifiq"))
    assert json.loads(ending_json(ending, 0))["limit"] is None

    def answers(*_: object) -> Evidence:
        code, asked, _seconds = bucket.answer(now(), 1, 1.0)
        return GOOD if code == 200 else status(code, asked)

    batch = CashbackBatch(Client(Provider(answers)), flow=wide(16), runtime=runtime())
    showing = asyncio.create_task(keep_shown(batch, Seen(), ending=ending))
    await all_of(batch, many(600))
    showing.cancel()
    await asyncio.wait([showing])
    limit = json.loads(ending_json(ending, 0))["limit"]
    assert limit.keys() == {"kind", "known_for", "rate", "in_flight"}
    assert limit["kind"] in ("a rate with burst", "a rate without burst")
    assert limit["rate"] == pytest.approx(40.0, rel=0.2)
    assert 1.0 < limit["known_for"] < now() - 1_000.0
    assert limit["in_flight"] == 16


def test_without_a_terminal_a_line_is_written_every_few_seconds(monkeypatch, capsys) -> None:
    """With what is admitted, and the retries."""
    times = iter([0.0, 0.0, 2.0, 2.0, 6.0, 6.0, 6.0, 7.0, 7.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with display(plan_of(100), SumsByUnit()) as shown:
        for seen in (20, 60, 70):
            shown.show(BatchSummary(seen=seen, repeats=5), FlowState(3, 8, None, 0.0, None))
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"60 of 100 changes, 10/s, 4 s left; 5 retries, 3 of 8 in flight", line)


def test_the_reason_of_a_delay_reaches_no_screen_unescaped(monkeypatch, capsys) -> None:
    """Whether it comes from the provider or from the system."""
    times = iter([0.0, 0.0, 6.0, 6.0, 6.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with display(plan_of(3), SumsByUnit()) as shown:
        shown.show(BatchSummary(), SHOWN["a cause that is hostile"].flow)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable() and r"\x1b[31mred" in line


def test_the_money_includes_what_a_repeat_found_applied() -> None:
    """It is applied like the rest, though another attempt or an earlier call did it."""
    again = SumsByUnit()
    again.put("BRL", Decimal("0.50"))
    now = Progress(plan_of(500, 100), applied(7, "14"), None, 0.0, again)
    assert "R$ 214.50 added" in log_line(now)
