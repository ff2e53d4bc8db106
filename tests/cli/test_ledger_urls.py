"""The commands that ask a ledger, over a URL as over a path: one question, one answer."""

import csv
import html
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from console import HEADER, Console, Ended, rows
from mirrored import mirror
from one_test import one_test
from postgres import SERVER, a_schema

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.postgres.reading.session import Session
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox

LEDGER = "changes.csv.ledger"
DOUBTFUL = "REMOVE-bia@example.com-3-order%2D2"
FILE = (
    HEADER,
    "ana@example.com,10.50,spring,order-1",
    "bia@example.com,-3.00,returned goods,order-2",
    "ana@example.com,4,spring,order-3",
    "caio@example.com,5,spring,order-4",
)
KEYS = (
    "ADD-ana@example.com-10.5-order%2D1",
    DOUBTFUL,
    "ADD-ana@example.com-4-order%2D3",
    "ADD-caio@example.com-5-order%2D4",
)
Both = Callable[..., Ended]


def plain(text: str, ledger: str) -> str:
    """Return what is said without the name of the ledger, times of the day, and how it is wrapped."""
    text = html.unescape(text)
    for name in (shlex.quote(ledger), ledger, ledger.rpartition("schema=")[2]):
        text = text.replace(name, "L")
    return re.sub(r"\s+", " ", re.sub(r"\d\d:\d\d(:\d\d)?(\.\d+)?", "TIME", text))


@pytest.fixture
def both(console: Console) -> Iterator[Both]:
    """Run a command with a ledger of one unknown change in a file and in a database; both say the same."""
    with (
        a_schema() as database,
        Sandbox(faults=FaultScript(["422", "html-before"])) as sandbox,
    ):
        console.write("changes.csv", *FILE)
        applied = console("apply", "changes.csv", "--yes", "--max-in-flight", "1", sandbox=sandbox)
        assert applied.code == Exit.UNKNOWN
        mirror(Path(LEDGER), database)
        url = f"{SERVER}?schema={database.schema}"

        def run(*args: str) -> Ended:
            ends = []
            for ledger in (LEDGER, url):
                ended = console(*(arg.replace("LEDGER", ledger) for arg in args), sandbox=sandbox)
                page = Path("page.html").read_text("utf-8") if "page.html" in args else ""
                out, err, page = (plain(text, ledger) for text in (ended.out, ended.err, page))
                ends.append(Ended(ended.code, out + page, err))
            assert ends[0] == ends[1]
            return ends[1]

        yield run


QUESTIONS = {
    "status LEDGER": "bonifiq settle L --all-by-repeating",
    "status LEDGER --json": '"oldest_in_doubt":{"change_key":"REMOVE-bia',
    "status LEDGER --look": "nothing to look up",
    "history LEDGER": "4 changes: 1 refused, 1 unknown, 2 applied",
    "history LEDGER --json --customer ana@example.com": '"order-3"',
    "history LEDGER --format csv --effect unknown": "order-2",
    "history LEDGER --reference order-4 --run 1": "caio",
    "history LEDGER --run 2": "The ledger L has no run 2",
    "history LEDGER --customer ANA@example.com": "'ana@example.com'",
    "history LEDGER --runs": "Run 1",
    "export LEDGER --effect unknown --effect refused": "order-2,1,",
    "export LEDGER --effect applied --format jsonl": '"reference":"order-4"',
    "reconcile LEDGER --json": '"agrees":3',
    "check changes.csv --ledger LEDGER --json": '"already_applied":2',
    "check changes.csv --ledger LEDGER": "2 of them are applied already, says L",
    "apply changes.csv --ledger LEDGER --dry-run": "2 changes would be sent",
    "settle LEDGER --key x --as applied --note seen -y": "No change is in doubt under the key x in L",
    "settle LEDGER --key order-2 --as applied --note seen -y": "No change is in doubt",
}


@one_test
@pytest.mark.parametrize(("question", "answer"), QUESTIONS.items())
def test_a_question_has_one_answer(both: Both, question: str, answer: str) -> None:
    ended = both(*question.split())
    assert answer in ended.out + ended.err


def test_a_word_is_taken_once(both: Both) -> None:
    word = ("settle", "LEDGER", "--key", DOUBTFUL, "--as", "applied", "--note", "seen", "--yes")
    assert both(*word).code == 0
    assert "is applied since" in both(*word).err
    assert '"settled_by_hand":1' in both("status", "LEDGER", "--json").out
    found = both("history", "LEDGER", "--key", DOUBTFUL, "--json").out
    assert '"settled by hand: seen"' in found and '"last_run":2' in found


def test_a_page_is_the_same_but_for_the_name_of_its_ledger(both: Both) -> None:
    page = both("report", "LEDGER", "--html", "page.html").out
    assert "bonifiq settle L --all-by-repeating" in page and DOUBTFUL in page


def test_a_ledger_in_a_database_has_no_log(both: Both, console: Console) -> None:
    ended = console("settle", f"{SERVER}?schema=none", "--without-log")
    assert ended.code == Exit.USAGE and "is for a ledger in a file" in ended.err


@one_test
@pytest.mark.parametrize(
    "command", ["status", "history", "export --effect applied", "settle --without-log", "reconcile"]
)
@pytest.mark.parametrize("secret", ["ana:s3cret@db/shop", "ana@db/shop?password=s3cret"])
def test_a_password_in_a_url_is_refused_and_shown_nowhere(
    console: Console, command: str, secret: str
) -> None:
    name, *options = command.split()
    ended = console(name, f"postgresql://{secret}", *options)
    assert ended.code == Exit.USAGE
    assert "has a password in it" in ended.err and "PGPASSWORD" in ended.err
    assert "s3cret" not in ended.out + ended.err


def test_a_password_in_the_url_of_a_run_is_refused_before_a_file_is_read(console: Console) -> None:
    ended = console("apply", "none.csv", "--yes", "--ledger", "postgresql://ana:s3cret@db/shop")
    assert ended.code == Exit.USAGE and "has a password in it" in ended.err
    assert "s3cret" not in ended.out + ended.err


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a ledger in which nothing was sent yet."""
    with a_schema() as database:
        yield f"{SERVER}?schema={database.schema}"


def test_a_file_is_applied_once_and_goes_on_over_a_url(console: Console, url: str) -> None:
    """As with a file: what is applied is not sent again, what is unknown is repeated under its key."""
    console.write("changes.csv", *FILE)
    with Sandbox(faults=FaultScript(["422", "html-after"])) as sandbox:
        apply = ("apply", "changes.csv", "--yes", "--ledger", url, "--max-in-flight", "1", "--out", "o.csv")
        first = console(*apply, sandbox=sandbox)
        assert (
            first.code == Exit.UNKNOWN and f"recorded in {url}; the same command goes on there" in first.err
        )
        assert f"bonifiq settle {url} --key KEY" in first.err
        again = console(*apply, "--json", sandbox=sandbox)
        assert again.code == Exit.DONE and f"2 of them are applied already, says {url}" in again.err
        assert sandbox.books.requests == 6
        third = console(*apply[:-1], "new.csv", "--report", "page.html", sandbox=sandbox)
        assert (third.code, sandbox.books.requests) == (Exit.DONE, 6)
        assert [len(sandbox.books.effects(key)) for key in KEYS] == [1] * 4
    with Path("new.csv").open(newline="") as file:
        rows = [(row["change_key"], row["effect"], row["last_run"]) for row in csv.DictReader(file)]
    # What was applied before has the run that applied it.
    expected = zip(KEYS, ("2", "2", "1", "1"), strict=True)
    assert set(rows) == {(key, "already_applied", run) for key, run in expected}
    runs = [json.loads(line) for line in console("history", url, "--runs", "--json").out.splitlines()]
    assert [(run["run"], run["state"], run["command"]) for run in runs] == [
        (number, "ended", "apply") for number in (3, 2, 1)
    ]


def test_what_is_in_doubt_is_repeated_over_a_url(console: Console, url: str) -> None:
    console.write("changes.csv", *FILE)
    with Sandbox(faults=FaultScript(["html-before"])) as sandbox:
        assert console("apply", "changes.csv", "--yes", "--ledger", url, sandbox=sandbox).code == Exit.UNKNOWN
        settled = console("settle", url, "--all-by-repeating", "--yes", sandbox=sandbox)
        assert settled.code == Exit.DONE
        assert '"unknown":{"changes":0' in console("status", url, "--json").out


def test_a_ledger_in_a_database_is_of_one_account(console: Console, url: str) -> None:
    """Until a person says that the account is the same; nothing is sent before."""
    console.write("changes.csv", *FILE)
    apply = ("apply", "changes.csv", "--yes", "--ledger", url)
    with Sandbox() as sandbox:
        assert console(*apply, sandbox=sandbox).code == Exit.DONE
    with Sandbox() as other:
        refused = console(*apply, sandbox=other)
        assert refused.code == Exit.USAGE and "is of another account" in refused.err
        assert other.books.requests == 0
        assert console(*apply, "--same-account", sandbox=other).code == Exit.DONE
        assert other.books.requests == 0


def test_changes_that_are_not_de_duplicated_need_a_word_on_failovers(console: Console, url: str) -> None:
    """A failover to an asynchronous standby forgets claims, and with them that something was sent."""
    console.write("earn.csv", "operation,card_id,member_id,amount,reference", "earn,10,7,10,order-1")
    apply = ("apply", "earn.csv", "--provider", "raba7ni", "--yes", "--ledger")
    with Raba7niSandbox() as sandbox:
        refused = console(*apply, url, sandbox=sandbox)
        assert refused.code == Exit.USAGE and "lossless_failover" in refused.err
        assert sandbox.books.requests == 0
        assert console(*apply, f"{url}&lossless_failover=yes", sandbox=sandbox).code == Exit.DONE
    assert console("status", f"{url}&lossless_failover=maybe").code == Exit.USAGE


def test_a_database_without_tables_is_refused_before_a_file_is_read(console: Console) -> None:
    console.write("changes.csv", *FILE)
    with a_schema(made=False) as database, Sandbox() as sandbox:
        url = f"{SERVER}?schema={database.schema}"
        refused = console("apply", "changes.csv", "--yes", "--ledger", url, sandbox=sandbox)
        assert refused.code == Exit.USAGE and "bonifiq ledger migrate URL" in refused.err
        assert "ainda não tem tabelas" in console("status", url, "--language", "pt").err
        assert sandbox.books.requests == 0


def test_a_url_of_something_else_is_no_path_of_a_ledger(console: Console) -> None:
    console.write("changes.csv", *FILE)
    wrong = "posgresql://ana:geheim@127.0.0.1/shop"
    for command in (
        ("status", wrong),
        ("apply", "changes.csv", "--dry-run", "--ledger", wrong),
        ("apply", "changes.csv", "--yes", "--ledger", wrong),
    ):
        refused = console(*command)
        assert refused.code == Exit.USAGE and "begins with postgresql://" in refused.err
        assert "geheim" not in refused.err + refused.out


def test_there_is_nothing_to_watch_where_no_file_has_shards(console: Console, url: str) -> None:
    for ledger in ("none.ledger", url):
        refused = console("status", ledger, "--watch")
        assert refused.code == Exit.USAGE and "is applied in shards" in refused.err and not refused.out


CONNECTIONS = {
    "status URL": 1,
    "history URL --customer none": 1,
    "report URL --html page.html": 1,
    "export URL --effect applied": 1,
    "check changes.csv --ledger URL": 1,
    "apply changes.csv --ledger URL --dry-run": 1,
    "apply changes.csv --ledger URL --yes": 2,  # that of the ledger which sends
    "apply changes.csv --ledger URL --yes --out o.csv": 3,
}


def test_a_command_asks_over_one_connection(
    console: Console, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it asks several questions: with TLS and PgBouncer, each connection takes its time."""
    console.write("changes.csv", *FILE)
    made, connect = [], asyncpg.connect
    monkeypatch.setattr(asyncpg, "connect", lambda *args, **named: made.append(1) or connect(*args, **named))
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", "--yes", "--ledger", url, sandbox=sandbox).code == 0
        for command, connections in CONNECTIONS.items():
            made.clear()
            ended = console(*command.replace("URL", url).split(), sandbox=sandbox)
            assert ended.code == 0, ended.err
            assert len(made) == connections, command


def test_what_was_applied_before_is_looked_up_many_at_a_time(
    console: Console, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question for each row of a long file would take as long as to send it."""
    console.write("changes.csv", *rows(250))
    asked: list[str] = []
    fetch = Session.fetch
    monkeypatch.setattr(Session, "fetch", lambda *args: asked.append(args[1]) or fetch(*args))
    with Sandbox() as sandbox:
        apply = ("apply", "changes.csv", "--yes", "--ledger", url)
        assert console(*apply, sandbox=sandbox).code == 0
        asked.clear()
        assert console(*apply, "--out", "o.jsonl", sandbox=sandbox).code == 0
    lines = [json.loads(line) for line in Path("o.jsonl").read_text("utf-8").splitlines()]
    assert {(line["effect"], line["last_run"]) for line in lines} == {("already_applied", 1)}
    assert len(lines) == 250 and len(asked) < 25
