"""A file that a command writes never takes the place of another one: not of a ledger, say."""

from collections.abc import Callable

import pytest
from console import HEADER, Console, rows
from one_test import one_test

from bonifiq_async.bonifiq.files import ADAPTER
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.outcome_file import OutcomeFile, columns
from bonifiq_async.sandbox import Sandbox

SHEET = f"{HEADER}\nana,1.00,r,o1\n"
CHANGE = '{"customer_id":"ana","value":1,"reason":"r","reference":"o1"}\n'


@one_test
@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        ("customers.csv", SHEET, "--report"),
        ("customers.csv", SHEET, "--problems"),
        ("short.csv", "a,b\n", "--out"),
        ("customers.csv", SHEET, "--out"),
        ("customers.jsonl", CHANGE, "--out"),
        ("customers.jsonl", CHANGE[:-1], "--out"),
    ],
)
def test_another_file_stays_as_it_is_and_nothing_is_sent(
    console: Console, sandbox: Callable[..., Sandbox], name: str, content: str, option: str
) -> None:
    server = sandbox()
    console.write("f.csv", *rows(1))
    console.folder.joinpath(name).write_text(content)
    ledger = f"{option}{len(content)}"
    ended = console("apply", "f.csv", "--yes", f"--ledger={ledger}", option, name, sandbox=server)
    assert (ended.code, server.books.requests) == (Exit.USAGE, 0), ended.err
    assert f"{name} " in ended.err and "name another" in ended.err and "Nothing was sent." in ended.err
    assert console.folder.joinpath(name).read_text() == content


def test_a_page_replaces_a_page_and_nothing_else(console: Console, sandbox: Callable[..., Sandbox]) -> None:
    """That of a run which is repeated stands beside the first, as its spreadsheets do."""
    server = sandbox()
    console.write("f.csv", *rows(1))
    for name in ("r.html", "r-2.html"):
        ended = console("apply", "f.csv", "--yes", "--report", "r.html", sandbox=server)
        assert (ended.code, f"The report is in {name}." in ended.err) == (0, True), ended.err
    pages = [console.folder.joinpath(name) for name in ("r.html", "r-2.html")]
    first, second = (page.read_text() for page in pages)
    assert "<h1>Run 1</h1>" in first and "<h1>Run 2</h1>" in second
    console.write("wrong.csv", HEADER, "ana,much,r,o1")
    assert console("apply", "wrong.csv", "--yes", "--report", "r.html", sandbox=server).code == Exit.USAGE
    assert sorted(console.folder.glob("*.html")) == sorted(pages)  # no page, where there is no run
    assert console("report", "f.csv.ledger", "--html", "r.html").code == 0
    assert "All changes of" in pages[0].read_text()
    ledger = console.folder / "f.csv.ledger"
    before = ledger.read_bytes()
    ended = console("report", "f.csv.ledger", "--html", "f.csv.ledger")
    assert (ended.code, "stays as it is" in ended.err) == (Exit.USAGE, True)
    assert ledger.read_bytes() == before


def test_two_runs_do_not_write_one_outcome_file(console: Console, sandbox: Callable[..., Sandbox]) -> None:
    """Each would add a line for what the other has written."""
    server = sandbox()
    console.write("f.csv", *rows(1))
    with OutcomeFile(console.folder / "o.csv", columns(ADAPTER)):
        ended = console("apply", "f.csv", "--yes", "--out", "o.csv", sandbox=server)
    assert (ended.code, server.books.requests) == (Exit.USAGE, 0)
    assert "Another run is writing to the outcome file o.csv" in ended.err
    assert console("apply", "f.csv", "--yes", "--out", "o.csv", sandbox=server).code == 0


def test_what_was_wrong_with_another_file_is_not_left_in_the_list(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a profile kept of options that fit no file, and that is said."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(console.folder))
    console.write("f.csv", HEADER, "ana,much,r,o1")
    console.write("g.csv", "a,b", "1,2")
    listed = console.folder / "p.csv"
    ended = console("check", "f.csv", "--problems", "p.csv", "--save-profile", "x")
    assert (ended.code, "The profile x is not saved" in ended.err) == (Exit.USAGE, True)
    assert len(listed.read_text().splitlines()) == 2
    assert console("check", "g.csv", "--problems", "p.csv", "--save-profile", "x").code == Exit.USAGE
    assert len(listed.read_text().splitlines()) <= 1
    ended = console("apply", "f.csv", "--dry-run", "--save-profile", "x")
    assert (ended.code, "The profile x is not saved" in ended.err) == (Exit.USAGE, True)
    assert not list(console.folder.rglob("x.json"))
    console.write("f.csv", HEADER, "ana,1,r,o1", "ana,2,r,o1")
    ended = console("check", "f.csv", "--save-profile", "x")  # refused, but read rightly
    assert (ended.code, "Saved in" in ended.err, "not saved" in ended.err) == (Exit.USAGE, True, False)
