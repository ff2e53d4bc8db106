"""How a connection is opened: again while the server restarts, and for how long."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from console import Console
from on_this_machine import skip_without
from postgres import a_schema
from postgres_cluster import a_cluster, installed
from postgres_wire import a_wire

from bonifiq_async import ConfigurationError, PostgresLedger
from bonifiq_async.ledger.postgres import connection
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader

ACCOUNT = ("provider", "account")


@pytest.fixture
def database() -> Iterator[Database]:
    with a_schema() as made:
        yield made


def ledger_of(database: Database) -> PostgresLedger:
    return PostgresLedger(database.dsn, schema=database.schema)


async def test_a_ledger_is_opened_when_its_server_is_there_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """So is what is asked of it afterwards, and tables are made; the log says once of each that it waits."""
    async with a_wire(database) as (wire, through):
        wire.sever()
        opening = asyncio.create_task(ledger_of(through).__aenter__())
        asking = asyncio.create_task(asyncio.to_thread(PostgresReader("url", through).provider))
        making = asyncio.create_task(PostgresLedger.migrate(through.dsn, through.schema))
        await asyncio.sleep(0.2)
        assert not (opening.done() or asking.done() or making.done())
        wire.down = False
        ledger = await opening
        assert (await asking, await making) == (None, [])
        await ledger.bind(*ACCOUNT)
        await ledger.aclose()
    assert caplog.text.count("takes no connection now") == 3


async def test_a_server_that_stays_away_is_waited_for_no_longer_than_it_says(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT", 0.3)
    async with a_wire(database) as (wire, through):
        wire.sever()
        began = time.monotonic()
        with pytest.raises(ConfigurationError, match=r"cannot be used: .*Nothing was sent"):
            await ledger_of(through).__aenter__()
        assert 0.1 < time.monotonic() - began < 5.0


def test_a_command_says_that_it_waits(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and then how that ended."""
    monkeypatch.setattr(connection, "CONNECT", 0.3)
    ended = console("status", "postgresql://ana@127.0.0.1:9/shop")
    assert ended.code == 2 and ended.err.count("takes no connection now, and is tried again for 0 s") == 1
    assert "cannot be used" in ended.err and "ana" not in ended.err


async def test_what_would_not_go_well_later_is_not_tried_again(database: Database) -> None:
    """A setting is wrong."""
    async with a_wire(Database.of(database.dsn.replace("/test", "/none"), database.schema)) as (
        wire,
        through,
    ):
        with pytest.raises(ConfigurationError, match='database "none" does not exist'):
            await ledger_of(through).__aenter__()
        assert wire.connections == 1


@pytest.mark.slow
def test_a_ledger_is_opened_while_its_server_restarts() -> None:
    """Over a crash: it refuses connections, and then those that come before it has recovered."""
    skip_without(installed(), "the programs of PostgreSQL are not installed here")
    with a_cluster() as cluster, ThreadPoolExecutor() as threads:
        asyncio.run(PostgresLedger.migrate(cluster.url))
        cluster.crash()
        opening = threads.submit(asyncio.run, _opened_and_bound(cluster.url))
        asking = threads.submit(PostgresReader.at(cluster.url).runs)
        time.sleep(0.3)
        assert not (opening.done() or asking.done())
        cluster.start()
        assert (opening.result(30), asking.result(30)) == (None, [])
        assert PostgresReader.at(cluster.url).provider() == ACCOUNT[0]


async def _opened_and_bound(url: str) -> None:
    async with PostgresLedger(url) as ledger:
        await ledger.bind(*ACCOUNT)
