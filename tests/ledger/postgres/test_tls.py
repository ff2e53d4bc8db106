"""A ledger over TLS, with a password: what is refused, and that the password is shown nowhere."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from attrs import frozen
from console import Console
from on_this_machine import skip_without
from postgres import by_sql
from postgres_cluster import Cluster, a_cluster, installed
from tracebacks import rendered

from bonifiq_async import ConfigurationError, PostgresLedger
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader

PASSWORD, WRONG = "canary-7319", "canary-2846"
pytestmark = pytest.mark.slow


@frozen
class Secured:
    """A server that takes TLS and a password alone. The file `authority` has the one of its certificate."""

    cluster: Cluster
    authority: Path

    @property
    def url(self) -> str:
        """Its URL, by the name in its certificate."""
        return self.cluster.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    skip_without(installed(), "the programs of PostgreSQL are not installed here")
    with a_cluster() as cluster:
        by_sql(Database.of(cluster.url), f"ALTER ROLE postgres PASSWORD '{PASSWORD}'")
        asyncio.run(PostgresLedger.migrate(cluster.url))
        authority = cluster.secure()
        cluster.crash()
        cluster.start()
        secured = Secured(cluster, tmp_path_factory.mktemp("authority") / "authority.pem")
        authority.cert_pem.write_to_path(secured.authority)
        yield secured


@pytest.fixture
def environment(server: Secured, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings of PostgreSQL's programs: password, and a server whose certificate is to be right."""
    for name, value in {
        "PGPASSWORD": PASSWORD,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(server.authority),
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def bound(url: str) -> PostgresLedger:
    """Open a ledger, and bind it."""
    async with PostgresLedger(url) as ledger:
        await ledger.bind("provider", "account")
        return ledger


def refused(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """Return what is said where nothing can be opened: at once, each time, and without a password."""
    caplog.set_level("DEBUG")
    said = []
    for attempt in (
        lambda: asyncio.run(bound(url)),
        lambda: asyncio.run(PostgresLedger.migrate(url)),
        PostgresReader.at(url).runs,
    ):
        with pytest.raises(ConfigurationError) as caught:
            attempt()  # type: ignore[no-untyped-call]
        said.append(str(caught.value))
        for text in (rendered(caught.value), repr(caught.value), caplog.text):
            assert PASSWORD not in text and WRONG not in text
    assert "takes no connection now" not in caplog.text, "it was not tried again"
    assert len(set(said)) == 1
    return said[0]


def test_a_ledger_is_used_over_tls_with_a_password(
    server: Secured, environment: pytest.MonkeyPatch, console: Console, tmp_path: Path
) -> None:
    """Both come from the environment, or the password from its file."""
    ledger = asyncio.run(bound(server.url))
    assert by_sql(Database.of(server.url), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [
        (True,)
    ]
    environment.delenv("PGPASSWORD")
    file = tmp_path / "passwords"
    file.write_text(f"localhost:*:*:postgres:{PASSWORD}\n")
    file.chmod(0o600)
    environment.setenv("PGPASSFILE", str(file))
    asyncio.run(bound(server.url))
    ended = console("status", f"{server.url}?sslmode=verify-full")
    assert ended.code == 0
    assert PASSWORD not in repr(ledger) + repr(PostgresReader.at(server.url)) + ended.out + ended.err


def test_a_server_with_another_authority_is_refused(
    server: Secured, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    environment.setenv("PGSSLROOTCERT", str(tmp_path / "another.pem"))
    assert "certificate verify failed" in refused(server.url, caplog)


def test_a_server_of_another_name_is_refused(
    server: Secured, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert "certificate is not valid for '127.0.0.1'" in refused(server.cluster.url, caplog)


def test_a_wrong_password_is_refused(
    server: Secured, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, console: Console
) -> None:
    environment.setenv("PGPASSWORD", WRONG)
    assert "password authentication failed" in refused(server.url, caplog)
    ended = console("status", server.url)
    assert ended.code == 2 and "password authentication failed" in ended.err
    assert WRONG not in ended.out + ended.err


def test_a_server_that_takes_tls_alone_refuses_another_connection(
    server: Secured, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("PGSSLMODE", "disable")
    assert "no encryption" in refused(server.url, caplog)
