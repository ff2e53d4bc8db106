"""The location of a ledger: when its files are not surely the ones that were written."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import AsyncExitStack, closing
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import change, client_for, raba7ni_client_for
from ledger_files import AWAY, killed
from mounts import mounted

from bonifiq_async import ConfigurationError, Earn, Effect, LedgerError, Member, SqliteLedger
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import Ending, Granted, Held, Intent, State
from bonifiq_async.ledger.reader import standing
from bonifiq_async.ledger.sqlite import location
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.location import REFUSED, kind_of_mount, mount_of
from bonifiq_async.ledger.sqlite.reader import SqliteReader

ACCOUNT = ("bonifiq", "API token=12ab\nbase URL=https://api.example")
INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ACCOUNT)


def moved(path: Path, *endings: str) -> Path:
    """Move a ledger, with those of its files that have these endings."""
    location = path.with_name("elsewhere")
    location.mkdir()
    for ending in ("", *endings):
        path.with_name(f"{path.name}{ending}").rename(location / f"{path.name}{ending}")
    return location / path.name


@pytest.mark.parametrize(
    "count", [1, 40, pytest.param(3000, marks=pytest.mark.slow)], ids="{} changes".format
)
async def test_a_ledger_that_was_moved_without_its_log_is_refused(count, tmp_path):
    """Whether none or most of what was written is in the file; with its log it is whole."""
    path = moved(killed(tmp_path / "l", count))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="its log l-wal was last seen, and the log is missing"):
            await SqliteLedger(path).bind("p", "a")
    (tmp_path / "l-wal").rename(path.with_name("l-wal"))
    async with SqliteLedger(path) as ledger:
        await ledger.bind("p", "a")
    assert standing(SqliteReader(path)).counts[State.APPLIED] == count


async def test_a_ledger_that_was_copied_while_in_use_is_whole_only_with_its_log(tmp_path):
    """As a backup of the file alone, which lacks the latest."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
        copies = {}
        for name, files in {"alone": ["l"], "with its log": ["l", "l-wal"]}.items():
            (tmp_path / name).mkdir()
            subprocess.run(["cp", *(str(tmp_path / file) for file in files), tmp_path / name], check=True)
            copies[name] = tmp_path / name / "l"
    with pytest.raises(ConfigurationError, match="the log is missing"):
        opened(copies["alone"])
    assert standing(SqliteReader(copies["with its log"])).counts[State.APPLIED] == 1
    assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 1, "closed, it needs no log"
    shutil.copy(tmp_path / "l", tmp_path / "closed")
    assert standing(SqliteReader(tmp_path / "closed")).counts[State.APPLIED] == 1


async def test_a_ledger_that_another_process_has_closed_meanwhile_says_again_that_it_has_a_log(tmp_path):
    """Each process that closes it records that it has none; the next that writes corrects that."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.claim(INTENT, lease=60, repeatable=True)
        async with SqliteLedger(tmp_path / "l") as other:
            await other.claim(evolve(INTENT, key="other"), lease=60, repeatable=True)
        await ledger.end(INTENT, 1, Ending(State.APPLIED, 1))
        subprocess.run(["cp", str(tmp_path / "l"), str(tmp_path / "alone")], check=True)
    with pytest.raises(ConfigurationError, match="the log is missing"):
        opened(tmp_path / "alone")


def test_a_file_without_its_log_is_trusted_only_after_a_person_confirms_it(console, sandbox, tmp_path):
    """The command says what to do; where another program closed it, a person confirms it once."""
    path = killed(console.folder / "l", 3)
    with closing(
        sqlite3.connect(path)
    ) as other:  # such as the sqlite3 shell: it brings the log in, deletes it
        other.execute("SELECT count(*) FROM change").fetchone()
    assert not path.with_name("l-wal").exists()
    ended = console("status", "l")
    assert ended.code == Exit.USAGE and "put the log back beside it" in ended.err
    assert "settle l --without-log" in ended.err.replace(str(path), "l")
    assert console("settle", "l", "--without-log", "--note", "x").code == Exit.USAGE
    told = console("settle", "l", "--without-log")
    assert (told.code, told.err) == (0, "l is taken as whole without its log.\n")
    assert standing(SqliteReader(path)).counts[State.APPLIED] == 3


def test_confirming_a_whole_ledger_changes_nothing(tmp_path):
    opened(tmp_path / "l").close()
    SqliteReader(tmp_path / "l").accept_without_log()
    opened(tmp_path / "l").close()
    with pytest.raises(ConfigurationError, match="There is no ledger"):
        SqliteReader(tmp_path / "none").accept_without_log()


def test_only_the_head_of_a_database_is_no_new_ledger(tmp_path):
    """What the former format left of a ledger whose log was lost: it was treated as an empty one."""
    path = tmp_path / "l"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode=WAL")
    assert path.stat().st_size == 4096
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"only the head of a database.*put the log back"):
        opened(path)
    assert path.read_bytes() == before


async def test_what_makes_it_a_ledger_is_in_the_file_before_it_has_a_log(tmp_path):
    """So that a file with only a head never is one that was used."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        shutil.copy(tmp_path / "l", tmp_path / "file alone")
    with closing(sqlite3.connect(f"file:{tmp_path / 'file alone'}?mode=ro&immutable=1", uri=True)) as found:
        assert {name for (name,) in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == {
            "book",
            "change",
            "owner",
            "run",
        }


async def test_a_hard_link_is_refused_by_either_name(tmp_path):
    """Its log is beside one of them; with the other removed, it goes on."""
    opened(tmp_path / "l").close()
    os.link(tmp_path / "l", tmp_path / "second")
    for name in ("l", "second"):
        with pytest.raises(ConfigurationError, match=f"-samefile {tmp_path}/{name}"):
            await SqliteLedger(tmp_path / name).bind("p", "a")
    (tmp_path / "second").unlink()
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        os.link(tmp_path / "l", tmp_path / "backup")  # as a backup by links makes it; it is never opened
        assert isinstance(
            await ledger.claim(evolve(INTENT, account=("p", "a")), lease=60, repeatable=True), Granted
        )


async def test_a_symbolic_link_is_its_file(tmp_path):
    """SQLite keeps the log beside the file, whatever the link is called."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "l")
    async with SqliteLedger(tmp_path / "link") as one, SqliteLedger(tmp_path / "real" / "l") as other:
        await one.claim(INTENT, lease=60, repeatable=True)
        assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Held)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        opened(tmp_path / "loop")


@pytest.mark.parametrize("what", ["l", "l-wal", "l-shm"])
def test_a_file_that_was_mounted_by_itself_is_refused_and_a_folder_is_not(what, tmp_path):
    """As by `docker run -v l:/data/l`: each container has a log of its own."""
    killed(tmp_path / "l", 1)
    inside = tmp_path / "inside"
    inside.mkdir()
    with mounted("--bind", tmp_path, at=inside):
        assert standing(SqliteReader(inside / "l")).counts[State.APPLIED] == 1
    subprocess.run(
        [
            "cp",
            *(str(tmp_path / name) for name in ("l", "l-wal", "l-shm") if (tmp_path / name).exists()),
            inside,
        ],
        check=True,
    )
    (tmp_path / what).touch()
    (inside / what).touch()
    refused = pytest.raises(ConfigurationError, match=f"{what} of the ledger .* mount the folder")
    with mounted("--bind", tmp_path / what, at=inside / what), refused:
        opened(inside / "l")


def earns(count: int) -> list[Earn]:
    member = Member.by_id(123)
    return [
        Earn(card_id=10, member=member, purchase_amount=Decimal(1), reference=f"o{n}") for n in range(count)
    ]


async def test_an_earn_is_sent_once_though_its_ledger_was_mounted_into_two_containers(raba7ni, tmp_path):
    """Where the provider does not de-duplicate, a second ledger is a second earn."""
    server, path = raba7ni(), tmp_path / "one" / "l"
    path.parent.mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "l").touch()
    async with SqliteLedger(path) as ledger, raba7ni_client_for(server, ledger=ledger) as client:
        for each in earns(3):
            assert (await client.outcome_of(each)).effect is Effect.APPLIED
        with mounted("--bind", path, at=tmp_path / "two" / "l"):
            async with (
                SqliteLedger(path),
                raba7ni_client_for(server, ledger=SqliteLedger(tmp_path / "two" / "l")) as second,
            ):
                for each in earns(3):
                    with pytest.raises(ConfigurationError, match="is a mount point"):
                        await second.outcome_of(each)
    assert server.books.requests == 3


KINDS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/our\\040files rw,relatime shared:2 master:1 - nfs4 server:/x rw,vers=4.2
31 22 0:41 / /mnt/-\\040- rw - fuse.sshfs me@there:/ rw
32 22 0:42 / /mnt/disk rw - fuseblk /dev/sdb1 rw
33 22 0:43 / /run rw - tmpfs - rw
"""
READ_AS = {22: "ext4", 30: "nfs4", 31: "fuse.sshfs", 32: "fuseblk", 33: "tmpfs", 34: "", None: ""}


@pytest.mark.parametrize(("number", "kind"), READ_AS.items())
def test_the_kind_of_a_mount_is_read_whatever_it_is_called(number, kind, tmp_path):
    """A blank in a name is written \\040, and optional fields stand before the type."""
    (tmp_path / "mountinfo").write_text(KINDS)
    assert kind_of_mount(number, tmp_path / "mountinfo") == kind
    assert kind_of_mount(number, tmp_path / "none") == ""


NOT_TRUSTED = [*sorted(REFUSED), "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs"]


@pytest.mark.parametrize("kind", NOT_TRUSTED)
async def test_a_network_or_shared_file_system_is_refused(kind, tmp_path, monkeypatch):
    """Its locks cannot be trusted, nor its shared memory; nothing is made there."""
    monkeypatch.setattr(location, "kind_of_mount", lambda number: kind)
    with pytest.raises(ConfigurationError, match=rf"network or shared file system \({kind}\)"):
        await SqliteLedger(tmp_path / "l").bind("p", "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "apfs", ""])
def test_a_local_file_system_is_not(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(location, "kind_of_mount", lambda number: kind)
    opened(tmp_path / "l").close()


def test_the_mount_is_found_under_a_name_with_blanks(tmp_path, monkeypatch):
    """A real one, which counts as a network's here; the folder around it does not."""
    inside = tmp_path / "our files\t\\"
    inside.mkdir()
    with mounted("-t", "tmpfs", "none", at=inside):
        (inside / "deeper").mkdir()
        assert kind_of_mount(mount_of(inside / "deeper")) == "tmpfs"
        monkeypatch.setattr(location, "REFUSED", {"tmpfs"})
        with pytest.raises(ConfigurationError, match=r"shared file system \(tmpfs\)"):
            opened(inside / "deeper" / "l")
    assert kind_of_mount(mount_of(tmp_path)) != ""
    opened(tmp_path / "l").close()


@pytest.mark.parametrize(("act", "why"), AWAY.values(), ids=AWAY)
async def test_what_is_written_to_a_deleted_file_does_not_count_as_written(act, why, tmp_path, sandbox):
    """It would be lost with the process: a change claimed there is not sent, and its outcome is an error."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change("first"))).effect is Effect.APPLIED
        act(tmp_path / "l")
        for key in ("second", "third"):
            with pytest.raises(LedgerError, match=why) as caught:
                await client.outcome_of(change(key))
            assert caught.value.effect is Effect.UNKNOWN
        left = [path.read_bytes() for path in (tmp_path / "l", tmp_path / "x") if path.exists()]
        assert not [content for content in left if b"second" in content], "nothing is written there any more"
    assert server.books.requests == 1


async def test_files_deleted_during_a_commit_are_noticed_before_it_is_confirmed(tmp_path, sandbox):
    """They go between the check before the commit and its end."""
    server, goes = sandbox(), []

    def clock() -> float:
        for path in goes:
            path.unlink(missing_ok=True)
        return time.time()

    ledger = SqliteLedger(tmp_path / "l", clock=clock)  # asked for the time of a claim within its commit
    async with ledger, client_for(server, ledger=ledger) as client:
        await client.outcome_of(change("first"))
        goes.append(tmp_path / "l-wal")
        with pytest.raises(LedgerError, match="No such file"):
            await client.outcome_of(change("second"))
    assert server.books.requests == 1


async def test_a_log_that_was_deleted_under_a_ledger_is_brought_in_when_it_is_closed(tmp_path):
    """The process that has it open has all of it; otherwise it would report that the log is missing."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
        (tmp_path / "l-wal").unlink()
        with pytest.raises(LedgerError):
            await ledger.claim(evolve(INTENT, key="other"), lease=60, repeatable=True)
    assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 1


BESIDE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM change").fetchone()
connection.close()
"""


@pytest.mark.parametrize("again", ["a look", "a second ledger", "a third that is closed"])
async def test_a_ledger_that_is_opened_twice_in_a_process_keeps_its_locks(again, tmp_path):
    """Closing any descriptor of a file releases all locks of its process: then another deletes the log."""
    path = tmp_path / "l"
    async with SqliteLedger(path) as ledger, AsyncExitStack() as stack:
        await ledger.claim(INTENT, lease=60, repeatable=True)
        if again == "a look":
            standing(SqliteReader(path))
        elif again == "a second ledger":
            stack.enter_context(closing(opened(path)))
        else:
            opened(path).close()
        subprocess.run([sys.executable, "-c", BESIDE, str(path)], check=True)
        assert path.with_name("l-wal").exists(), "another process has closed the file as if it were the last"
        assert await ledger.end(INTENT, 1, Ending(State.APPLIED, 1))


async def test_a_relative_path_means_the_same_file_for_ever(tmp_path, monkeypatch, sandbox):
    """A program that changes its folder does not begin a second ledger."""
    server = sandbox()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    ledger = SqliteLedger("l")
    assert ledger.path == tmp_path / "a" / "l"
    for folder in ("a", "b"):
        monkeypatch.chdir(tmp_path / folder)
        async with ledger, client_for(server, ledger=ledger) as client:
            assert (await client.outcome_of(change())).effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
    assert server.books.requests == 1 and list((tmp_path / "b").iterdir()) == []


def test_a_relative_path_in_a_folder_that_is_gone_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    (tmp_path / "a").rmdir()
    with pytest.raises(ConfigurationError, match="give an absolute path"):
        SqliteLedger("l")


def test_only_a_file_on_a_disk_is_opened(tmp_path):
    """What is no file on a disk is refused in one sentence, without a wait."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="Is not a file on a disk"):
        opened(tmp_path / "pipe")


async def test_two_ledgers_that_are_made_at_once_are_one(tmp_path):
    """In threads of one process, which share their locks: each opens the file while others make it."""
    for number in range(5):
        path = tmp_path / f"l{number}"
        ledgers = [SqliteLedger(path) for _ in range(8)]
        await asyncio.gather(*(each.bind("p", "a") for each in ledgers))
        rulings = await asyncio.gather(
            *(each.claim(evolve(INTENT, account=("p", "a")), lease=60, repeatable=True) for each in ledgers)
        )
        assert sorted(type(ruling).__name__ for ruling in rulings) == ["Granted", *["Held"] * 7]
        await asyncio.gather(*(each.aclose() for each in ledgers))
