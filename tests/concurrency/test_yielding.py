"""Long work beside the loop: it waits for a turn of the loop after each slice, and never for ever."""

import asyncio
import json
import threading
from collections.abc import Callable

import pytest
from conftest import http

from bonifiq_async import BasicCredentials, BonifiQClient
from bonifiq_async._concurrency import yielding
from bonifiq_async._concurrency.yielding import in_slices
from bonifiq_async._model.json_codec import LARGE, PAUSES, decode, pausing, structure
from bonifiq_async.bonifiq.payloads import CustomerPoints


async def test_after_a_slice_the_work_waits_for_the_loop(monkeypatch) -> None:
    """While the loop runs other tasks, the work waits; with the loop's next turn it goes on."""
    monkeypatch.setattr(yielding, "SLICE", 0.0)
    monkeypatch.setattr(yielding, "PATIENCE", 3600.0)
    begun, gone_on = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        pausing.get()()
        gone_on.set()
        return "done"

    working = asyncio.create_task(in_slices(work))
    await asyncio.sleep(0)
    assert begun.wait(60)  # from here on the loop is blocked
    assert not gone_on.wait(0.05)
    assert await working == "done" and gone_on.is_set()


async def test_within_a_slice_the_work_does_not_wait(monkeypatch) -> None:
    monkeypatch.setattr(yielding, "SLICE", 3600.0)
    asked = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", _noting(loop.call_soon_threadsafe, asked))
    await in_slices(lambda: [pausing.get()() for _ in range(100)])
    assert len(asked) <= 1  # that the thread has ended


def _noting(function, calls):
    def noting(*args):
        calls.append(args)
        return function(*args)

    return noting


async def test_a_fault_of_the_work_is_raised() -> None:
    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await in_slices(work)
    assert pausing.get() is None


def beside(work: Callable[[], None]) -> asyncio.AbstractEventLoop:
    """Begin `work` beside a loop that is blocked from then on."""
    begun, stands, loop = threading.Event(), threading.Event(), asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # what is pending when it is closed
    task = loop.create_task(in_slices(lambda: (begun.set(), stands.wait(60), work())))
    loop.run_until_complete(asyncio.sleep(0))
    assert begun.wait(60) and not task.done()
    stands.set()
    return loop


def test_a_closed_or_blocked_loop_does_not_stop_the_work(monkeypatch) -> None:
    monkeypatch.setattr(yielding, "SLICE", 0.0)
    monkeypatch.setattr(yielding, "PATIENCE", 0.001)
    stood, closed, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        pausing.get()()
        stood.set()
        closed.wait(60)
        pausing.get()()
        ended.set()

    loop = beside(work)
    assert stood.wait(60)
    loop.close()
    closed.set()
    assert ended.wait(60)


def test_the_wait_for_the_loop_is_limited_in_total(monkeypatch) -> None:
    """Otherwise a blocked loop, with a pause each millisecond, would delay the process for minutes."""
    monkeypatch.setattr(yielding, "SLICE", 0.0)
    monkeypatch.setattr(yielding, "PATIENCE", 0.2)
    ended = threading.Event()
    loop = beside(lambda: ([pausing.get()() for _ in range(1000)], ended.set()))
    assert ended.wait(60)  # one such wait, not a thousand
    loop.close()


async def test_a_large_answer_of_a_call_is_read_with_pauses(raw_server, monkeypatch) -> None:
    """From the socket to the result, beside the loop."""
    rows = [{"Id": number, "BranchName": "x" * 60} for number in range(5_000)]
    body = json.dumps({"CustomerExists": True, "PointHistory": rows}).encode()
    monkeypatch.setattr(yielding, "SLICE", 0.0)
    loop, paused = asyncio.get_running_loop(), []
    call = loop.call_soon_threadsafe

    def noted(*args: object) -> object:
        paused.append(threading.current_thread())
        return call(*args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", noted)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(body))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(answers)) as client:
        points = await client.customers.points("ana")
    assert len(points.point_history) == len(rows)
    assert len(paused) >= len(rows) // PAUSES and threading.main_thread() not in paused


def test_a_long_answer_is_read_with_pauses() -> None:
    """Both in decoding and in building its rows: one row alone is too short for a pause."""
    rows = [{"Id": number, "BranchName": "x" * 60} for number in range(10_000)]
    body = json.dumps({"CustomerExists": True, "PointHistory": rows}).encode()
    assert len(body) > LARGE
    pauses = []
    token = pausing.set(lambda: pauses.append(None))
    try:
        value = decode(body)
        decoded = len(pauses)
        assert structure(value, CustomerPoints).point_history[-1].id == 9_999
    finally:
        pausing.reset(token)
    assert decoded >= len(rows) // PAUSES and len(pauses) - decoded >= len(rows) // PAUSES
