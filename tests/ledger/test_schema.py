"""A ledger of the former format opens, goes on, and then has today's format."""

import sqlite3
import zipfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from bonifiq_async import ConfigurationError, SqliteLedger
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.reader import SqliteReader

ACCOUNT = ("bonifiq", "API token=12ab\nbase URL=https://api.example")
INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ACCOUNT)
FORMER = Path(__file__).parent.parent / "data" / "ledger_format_1.zip"


@pytest.mark.parametrize("left", ["closed", "killed"])
async def test_a_ledger_of_the_former_format_goes_on(left, tmp_path):
    """With its outcomes, and with what was claimed when its process was killed; then it has this format."""
    with zipfile.ZipFile(FORMER) as archive:
        archive.extractall(tmp_path)
    path = tmp_path / left / "ledger"
    intent = evolve(INTENT, operation="bonifiq.customer.change_cashback")
    async with SqliteLedger(path) as ledger:
        await ledger.bind(*ACCOUNT)
        for n, expected in enumerate(["Settled", "Granted", "Granted", "Granted"], 1):
            asked = evolve(intent, key=f"key-{n}", digest=bytes([n]) * 16)
            ruling = await ledger.claim(asked, lease=60, repeatable=True)
            assert type(ruling).__name__ == expected
            if isinstance(ruling, Granted):
                assert ruling.in_doubt == (n != 3)
                await ledger.end(asked, ruling.fence, Ending(State.APPLIED, 1))
        with pytest.raises(ConfigurationError, match="another account"):
            await ledger.bind("bonifiq", "another")
    found = standing(SqliteReader(path))
    assert (SqliteReader(path).provider(), found.counts[State.APPLIED]) == ("bonifiq", 4)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_former_ledger_whose_account_is_gone_is_damaged(tmp_path):
    """The account of its changes is unknown then."""
    with zipfile.ZipFile(FORMER) as archive:
        archive.extractall(tmp_path)
    path = tmp_path / "closed" / "ledger"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DELETE FROM account")
    with pytest.raises(ConfigurationError, match="does not say to which account it belongs"):
        opened(path)


async def test_a_ledger_of_the_former_format_that_was_moved_without_its_log_is_refused(tmp_path):
    """Of one that was killed early, all was in the log."""
    with zipfile.ZipFile(FORMER) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "killed" / "ledger-wal").unlink()
    with pytest.raises(ConfigurationError, match="only the head of a database"):
        await SqliteLedger(tmp_path / "killed" / "ledger").bind(*ACCOUNT)


def test_former_changes_can_be_read_before_anything_is_sent(tmp_path):
    with zipfile.ZipFile(FORMER) as archive:
        archive.extractall(tmp_path)
    counts = {
        state: count
        for state, count in standing(SqliteReader(tmp_path / "killed" / "ledger")).counts.items()
        if count
    }
    assert counts == {State.APPLIED: 1, State.UNKNOWN: 1, State.REFUSED: 1, State.IN_DOUBT: 1}
    assert len(list(recorded(SqliteReader(tmp_path / "closed" / "ledger"), set(State)))) == 4
