"""All writes at once, whose calls end before their answer: by a deadline, a cancellation, or a kill.

The writes are those of the table of operations; what the caller gets, what stands in the books and what a
ledger says is held against the kind of each. Then a client that is started again makes the same calls.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import killed_writes
import pytest
from all_writes import KEYED, ONCE, ONCE_UNDER_A_KEY, kind_of
from conftest import client_for, until
from silence import forward
from write_cases import NOTED, Case, Shop, done, kept, writes_for

from bonifiq_async import BonifiQClient, Runtime, SqliteLedger, Timeouts
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import FaultScript, Rule, Sandbox
from bonifiq_async.sandbox.faults import FAULTS

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
SILENT = pytest.mark.parametrize("fault", ["silence-after", "silence-before"])
Cases = Mapping[str, Case]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with Sandbox() as sandbox:
        yield Shop(sandbox)


async def cases(behaviour: str, shop: Shop, fault: str = "") -> Cases:
    """Return a case for each write that has a behaviour, whose requests all meet `fault`."""
    found = {name: await shop.case(name) for name in writes_for(behaviour)}
    for case in found.values():
        case.meets()
    shop.sandbox.faults = FaultScript(rules=[Rule(fault)] if fault else [])
    return found


def states(found: Cases, ledger: Path) -> Mapping[str, State | None]:
    return {name: case.state(ledger) for name, case in found.items()}


def effects(found: Cases) -> Mapping[str, int]:
    return {name: case.effects for name, case in found.items()}


async def all_arrived(found: Cases) -> None:
    """Wait until the request of each has arrived."""
    await until(lambda: next(iter(found.values())).requests == len(found), 60)


async def all_effects(found: Cases, client: BonifiQClient) -> Mapping[str, str]:
    said = await asyncio.gather(*(case.effect(client) for case in found.values()))
    return dict(zip(found, said, strict=True))


async def made_again(found: Cases, shop: Shop, path: Path, effect: int) -> None:
    """Make the same calls by a client that is started again, but for those that it would make twice.

    What is safe or has a key takes effect once in the end; what is sent once under a key is not sent again.
    """
    again = {name: case for name, case in found.items() if kind_of(name) != ONCE}
    shop.sandbox.faults = FaultScript()
    async with SqliteLedger(path) as ledger, client_for(shop.sandbox, ledger=ledger) as client:
        assert await all_effects(again, client) == {
            name: "unknown" if kind_of(name) == ONCE_UNDER_A_KEY else done(name) for name in again
        }
    assert effects(found) == {
        name: effect if kind_of(name) in (ONCE, ONCE_UNDER_A_KEY) else 1 for name in found
    }


@SILENT
async def test_a_deadline(fault: str, shop: Shop, tmp_path: Path) -> None:
    """No answer in time: it is unknown, of every write, and a ledger says so."""
    found, path = await cases("an interruption", shop, fault), tmp_path / "l"
    loop = asyncio.get_running_loop()
    clock = {"runtime": Runtime(monotonic=lambda: loop.time()), "timeouts": Timeouts(call=60.0, attempt=60.0)}
    async with SqliteLedger(path) as ledger, client_for(shop.sandbox, ledger=ledger, **clock) as client:
        calls = asyncio.create_task(all_effects(found, client))
        await all_arrived(found)
        forward(loop, 60.0)
        assert await calls == dict.fromkeys(found, "unknown")
        assert len(client.in_doubt()) == len(NOTED)
    effect = int(FAULTS[fault].applies)
    assert effects(found) == dict.fromkeys(found, effect)
    assert states(found, path) == {name: kept(name, "unknown") for name in found}
    await made_again(found, shop, path, effect)


@SILENT
async def test_a_cancellation(fault: str, shop: Shop, tmp_path: Path) -> None:
    """It passes through; a ledger has the write in doubt, and the next client goes on with it."""
    found, path = await cases("an interruption", shop, fault), tmp_path / "l"
    async with SqliteLedger(path) as ledger, client_for(shop.sandbox, ledger=ledger) as client:
        calls = [asyncio.create_task(case.effect(client)) for case in found.values()]
        await all_arrived(found)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in ended] == [asyncio.CancelledError] * len(calls)
        assert len(client.in_doubt()) == len(NOTED)
    effect = int(FAULTS[fault].applies)
    assert effects(found) == dict.fromkeys(found, effect)
    assert states(found, path) == {name: State.IN_DOUBT if name in NOTED else None for name in found}
    await made_again(found, shop, path, effect)


async def killed(at: str, found: Cases, sandbox: Sandbox, folder: Path) -> None:
    """Have a child make all writes at once, and kill it: while no answer comes, or `at` a point."""
    staged = {name: (case.customer, case.staged) for name, case in found.items()}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "ignore", killed_writes.__file__, at, json.dumps(staged)),
        cwd=folder,
        env={**os.environ, **sandbox.environment()},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    if at in killed_writes.POINTS:
        assert await child.stdout.readline() == b"all are there\n"
    else:
        await all_arrived(found)
    child.kill()
    assert await child.wait() == -signal.SIGKILL


@pytest.mark.slow
@SILENT
async def test_a_kill_between_sending_and_noting(fault: str, shop: Shop, tmp_path: Path) -> None:
    """A ledger has all that has a key, in doubt; the next process makes the calls again."""
    found, path = await cases("an interruption", shop, fault), tmp_path / "l"
    await killed("", found, shop.sandbox, tmp_path)
    effect = int(FAULTS[fault].applies)
    assert effects(found) == dict.fromkeys(found, effect)
    assert states(found, path) == {name: State.IN_DOUBT if name in NOTED else None for name in found}
    await made_again(found, shop, path, effect)
    in_the_end = {KEYED: State.APPLIED, ONCE_UNDER_A_KEY: State.IN_DOUBT}  # until a person settles it
    taken_back = dict.fromkeys(NOTED, State.APPLIED)
    assert states(found, path) == {
        name: in_the_end.get(kind_of(name), taken_back.get(name)) for name in found
    }


@pytest.mark.slow
@pytest.mark.parametrize("at", killed_writes.POINTS)
async def test_a_kill_at_the_ledger(at: str, shop: Shop, tmp_path: Path) -> None:
    """A claim is on disk before anything leaves, and an answer counts when it is noted."""
    found, path = await cases("a kill at the ledger", shop), tmp_path / "l"
    await killed(at, found, shop.sandbox, tmp_path)
    effect = int(at == killed_writes.ANSWERED)
    assert effects(found) == dict.fromkeys(found, effect)
    assert states(found, path) == dict.fromkeys(found, State.IN_DOUBT)
    await made_again(found, shop, path, effect)
