"""One pace in PostgreSQL for all workers of an account: what the database gives, and what arrives."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_blocks import codes, run
from postgres import SERVER, a_schema, asked, needs_postgres

from bonifiq_async import PostgresLedger, SharedPace

PROGRAM = Path(__file__).parent.parent.parent.parent / "benchmarks" / "shared_pace.py"


@pytest.fixture
async def pace() -> AsyncIterator[SharedPace]:
    """A pace of ten a second, over a ledger that is open."""
    with a_schema() as database:
        async with PostgresLedger(database.dsn, schema=database.schema) as ledger:
            yield SharedPace(ledger, 10.0)


async def test_slices_of_two_workers_follow_each_other(pace: SharedPace) -> None:
    """Also when none was taken for a while: nothing is saved up."""
    first, second, third = [await pace.take(name, 20, 0.0) for name in ("a", "b", "a")]
    assert first.starts == pytest.approx(0.0, abs=0.01)
    assert 1.5 < second.starts <= 2.0
    assert 3.5 < third.starts <= 4.0
    assert [each.workers for each in (first, second, third)] == [1, 2, 2]
    none = await pace.take("a", 0, 0.0)
    assert 5.5 < none.starts <= 6.0
    assert (await pace.take("b", 0, 0.0)).starts <= none.starts
    await asked(pace.ledger.database, "UPDATE pace SET tat = clock_timestamp() - interval '1 hour'")
    assert (await pace.take("a", 1, 0.0)).starts == 0.0
    assert (await pace.take("a", 1, 0.0)).starts <= 0.1


async def test_a_wait_is_known_to_all_and_never_shortened(pace: SharedPace) -> None:
    """While it lasts, no slice is given."""
    assert (await pace.take("a", 1, 0.0)).held == 0.0
    assert (await pace.take("a", 0, 30.0)).held == pytest.approx(30.0)
    other = await pace.take("b", 50, 5.0)
    assert 29.0 < other.held <= 30.0
    assert (await pace.take("b", 0, 0.0)).starts <= 0.1


async def test_a_worker_counts_until_it_leaves_or_is_silent(pace: SharedPace) -> None:
    assert [(await pace.take(name, 0, 0.0)).workers for name in "abc"] == [1, 2, 3]
    await pace.leave("a")
    assert (await pace.take("b", 0, 0.0)).workers == 2
    await asked(
        pace.ledger.database, "UPDATE pace_worker SET beat = beat - interval '11 seconds' WHERE name = 'c'"
    )
    assert (await pace.take("b", 0, 0.0)).workers == 1


def test_the_page_does_what_it_says(
    sandbox: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the server of the tests in place of its own."""
    for name, value in sandbox().environment().items():
        monkeypatch.setenv(name, value)
    [program] = codes("docs/explanation/shared-pace.md", "python")
    with a_schema() as database:
        own = f"{SERVER}?schema={database.schema}"
        run(program.replace("postgresql://bonifiq_app@db.example/shop", own))
    assert capsys.readouterr().out == "20 Effect.APPLIED\n"


@pytest.mark.slow
def test_worker_processes_keep_the_pace_and_the_wait_together() -> None:
    """Roughly, on a machine that does other work, too: the whole size is in `benchmarks/shared_pace.py`."""
    needs_postgres()
    few = ("--workers", "3", "--rate", "60", "--seconds", "4", "--most", "1.5", "--least", "0.5")
    command = [sys.executable, str(PROGRAM), *few]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout, ended.stderr
    found = json.loads(ended.stdout)
    assert ended.returncode == 0, found
    assert found["after_a_second"] == 0
