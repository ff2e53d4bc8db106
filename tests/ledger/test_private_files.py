"""Only their owner reads files with customers' data: they are made so, closed to others, or refused."""

import os
import re
import sqlite3
import stat
from contextlib import closing
from errno import EPERM, EROFS
from pathlib import Path

import pytest
from ledger_files import killed

from bonifiq_async import ConfigurationError, SqliteLedger
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.sqlite.connection import opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [0o644, 0o640, 0o666, 0o604], ids=oct)
async def test_a_ledger_that_others_could_read_is_closed_to_them(before, tmp_path, caplog):
    """File, log and index, which SQLite makes with the mode of the file; it is said."""
    path = killed(tmp_path / "l", 2)
    names = ("l", "l-wal", "l-shm")
    for name in names:
        (tmp_path / name).chmod(before)
    async with SqliteLedger(path) as ledger:
        await ledger.bind("p", "a")
        assert [mode(tmp_path / name) for name in names] == [0o600] * 3
    assert caplog.text.count(f"could be read by others (mode {before:04o}); its mode is 0600 now") == 3
    caplog.clear()
    async with SqliteLedger(path) as ledger:
        await ledger.bind("p", "a")
    assert caplog.text == ""


def test_a_link_to_a_ledger_that_others_could_read_closes_the_file(tmp_path):
    (tmp_path / "real").touch(mode=0o644)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    opened(tmp_path / "link").close()
    assert mode(tmp_path / "real") == 0o600


def _rows(path: Path) -> None:
    path.write_text("customer_id,value\n" * 100)


def _another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE other (x)")


def _half_a_head(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


NO_LEDGERS = {
    "rows": (_rows, "is no ledger"),
    "another database": (_another_database, "is a database, but not a ledger"),
    "half a head": (_half_a_head, "is no ledger"),
}


@pytest.mark.parametrize(("make", "said"), NO_LEDGERS.values(), ids=NO_LEDGERS)
def test_what_is_no_ledger_keeps_its_mode_and_bytes(make, said, console):
    """The mistake is easily made: the file beside the ledger is named."""
    path = console.folder / "changes.csv"
    make(path)
    path.chmod(0o644)
    before = path.read_bytes()
    ended = console("status", "changes.csv")
    assert ended.code == Exit.USAGE
    assert said in " ".join(ended.err.split())
    assert "changes.csv.ledger" not in ended.err
    assert (mode(path), path.read_bytes()) == (0o644, before)
    assert [each.name for each in console.folder.iterdir()] == ["changes.csv"]
    (console.folder / "changes.csv.ledger").touch()
    assert "The ledger beside it is changes.csv.ledger." in " ".join(
        console("status", "changes.csv").err.split()
    )


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_what_is_no_outcome_file_keeps_its_mode_and_bytes(name, console, sandbox):
    """Another file that is named by mistake is refused before anything about it is changed."""
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    path = console.folder / name
    path.write_text("something,else")
    path.chmod(0o644)
    ended = console("apply", "changes.csv", "--yes", "--out", name, sandbox=sandbox())
    assert ended.code == Exit.USAGE
    assert (mode(path), path.read_text()) == (0o644, "something,else")


def test_the_command_says_so_and_closes_the_outcome_file_too(console, sandbox):
    """Once for each file, in a sentence."""
    server = sandbox()
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    command = ("apply", "changes.csv", "--yes", "--out", "out.csv")
    assert console(*command, sandbox=server).code == 0
    for name in ("changes.csv.ledger", "out.csv"):
        (console.folder / name).chmod(0o644)
    ended = console(*command, sandbox=server)
    assert ended.code == 0
    for name in ("changes.csv.ledger", "out.csv"):
        assert mode(console.folder / name) == 0o600
        assert ended.err.count(f"{name} could be read by others (mode 0644); its mode is 0600 now") == 1


@pytest.mark.parametrize("file", ["changes.csv.ledger", "out.csv"])
def test_a_file_of_another_user_that_others_can_read_is_refused_with_the_command(file, console, sandbox):
    """It is for its owner to close it; nothing is sent meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    server = sandbox()
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    command = ("apply", "changes.csv", "--yes", "--out", "out.csv")
    assert console(*command, sandbox=server).code == 0
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o2")
    os.chown(console.folder / file, 65533, 65533)
    (console.folder / file).chmod(0o666)
    ended = console(*command, sandbox=server)
    assert ended.code == Exit.USAGE
    assert re.search(rf"{file} has mode 0666, .* run `chmod 600 \S*{file}` as its owner", ended.err)
    (console.folder / file).chmod(0o600)
    assert console(*command, sandbox=server).code == 0
    assert server.books.requests == 2


def _refuses(path: Path, mode: int) -> None:
    raise PermissionError(EPERM, "Operation not permitted")


def _does_nothing(path: Path, mode: int) -> None:
    """As on FAT that was mounted with `quiet`, or a share of Windows."""


def _is_read_only(path: Path, mode: int) -> None:
    raise OSError(EROFS, "Read-only file system")


CHMODS = {
    "it refuses": (_refuses, "mount this one with the option umask=077"),
    "it does nothing": (_does_nothing, "mount this one with the option umask=077"),
    "it is read-only": (_is_read_only, r"run `chmod 600 \S*l` \(Read-only file system\)"),
}


@pytest.mark.parametrize(("chmod", "remedy"), CHMODS.values(), ids=CHMODS)
def test_a_file_system_that_keeps_no_modes_is_refused_with_what_to_do(chmod, remedy, tmp_path, monkeypatch):
    """No `chmod` corrects it, and the error must not suggest that the file is closed to others."""
    opened(tmp_path / "l").close()
    (tmp_path / "l").chmod(0o644)
    monkeypatch.setattr(os, "chmod", chmod)
    with pytest.raises(ConfigurationError, match=f"l has mode 0644, .* Nothing was sent; .*{remedy}"):
        opened(tmp_path / "l")
    assert mode(tmp_path / "l") == 0o644
