"""The questions that finance asks afterwards, answered from a ledger: run, file and line, times, effect."""

import csv
import getpass
import hashlib
import io
import json
import platform
import re
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from console import HEADER, Console, process, rows
from one_test import one_test
from python_calamine import CalamineWorkbook

from bonifiq_async import change_key_for
from bonifiq_async._policy.change_key import reference_in
from bonifiq_async.cli.afterwards.question import moment_of
from bonifiq_async.cli.commands.history import COLUMNS
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.language.choice import language_of
from bonifiq_async.cli.language.phrase import ENGLISH, READER
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox

APPLY = ("apply", "changes.csv", "--yes")
LEDGER = "changes.csv.ledger"
FILE = (
    HEADER,
    "ana@example.com,10.50,spring,order-1",
    "bia@example.com,-3.00,returned goods,order-2",
    "ana@example.com,4,spring,order-3",
)


@pytest.fixture
def asked(console):
    """A ledger in which the first change was refused and the second is unknown, by one run."""
    with Sandbox(faults=FaultScript(["422", "html-before"])) as sandbox:
        console.write("changes.csv", *FILE)
        assert console(*APPLY, "--max-in-flight", "1", sandbox=sandbox).code == Exit.UNKNOWN
        yield sandbox


def listed(console: Console, *options: str) -> list[dict[str, object]]:
    """Return the JSON of `history`."""
    ended = console("history", LEDGER, "--json", *options)
    assert ended.code == 0
    return [json.loads(line, parse_float=Decimal) for line in ended.out.splitlines()]


def test_each_change_is_listed_with_its_run_file_and_line(console, asked):
    began = time.time()
    refused, unknown, applied = listed(console)
    assert list(refused) == list(COLUMNS)
    content = (console.folder / "changes.csv").read_bytes()
    origin = {
        "run": 1,
        "last_run": 1,
        "command": "apply",
        "user": getpass.getuser(),
        "host": platform.node(),
        "file": str(console.folder / "changes.csv"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    for line, each in enumerate((refused, unknown, applied), 2):
        assert {name: each[name] for name in origin} == origin
        assert (each["line"], each["attempts"]) == (line, 1)
        for name in ("first_sent", "ended"):
            at = datetime.fromisoformat(str(each[name]))
            assert at.utcoffset() is not None and began - 60 < at.timestamp() < began + 60
    assert [each["effect"] for each in (refused, unknown, applied)] == ["refused", "unknown", "applied"]
    assert (refused["status"], refused["code"], unknown["status"]) == (422, None, 200)
    assert "was refused by the provider" in str(refused["message"])
    assert (applied["value"], applied["unit"]) == (Decimal(4), "BRL")
    assert (applied["reference"], applied["reason"]) == ("order-3", "spring")
    assert str(applied["answer"]).startswith("status=200 cashback_balance=")


def test_a_change_that_a_later_run_ended_belongs_to_both_runs(console, asked):
    """The run that sent it first, also where it was refused, with its line; and the one that ended it."""
    console.write("changes.csv", FILE[0], FILE[2], FILE[1], FILE[3])
    assert console(*APPLY, sandbox=asked).code == 0
    of = {each["reference"]: (each["run"], each["line"], each["last_run"]) for each in listed(console)}
    assert of == {"order-1": (1, 2, 2), "order-2": (1, 3, 2), "order-3": (1, 4, 1)}
    runs = [json.loads(line) for line in console("history", LEDGER, "--runs", "--json").out.splitlines()]
    assert [(run["run"], run["state"], run["counts"]) for run in runs] == [
        (2, "ended", {"applied": 2, "already_applied": 1}),
        (1, "ended", {"applied": 1, "refused": 1, "unknown": 1}),
    ]


QUESTIONS = {
    "all": ((), "123"),
    "a customer": (("--customer", "ana@example.com"), "13"),
    "a key": (("--key", "ADD-ana@example.com-4-order%2D3"), "3"),
    "a reference": (("--reference", "order-2"), "2"),
    "no such reference": (("--reference", "order-9"), ""),
    "an effect": (("--effect", "refused"), "1"),
    "two effects": (("--effect", "refused", "--effect", "applied"), "13"),
    "a run": (("--run", "1"), "123"),
    "since today": (("--since", "TODAY"), "123"),
    "until today, which is in it": (("--until", "TODAY"), "123"),
    "until this morning": (("--until", "TODAYT00:00"), ""),
    "since tomorrow": (("--since", "2999-01-01"), ""),
    "since a moment with a zone": (("--since", "2020-01-01T00:00-03:00"), "123"),
    "several": (("--customer", "ana@example.com", "--effect", "applied", "--run", "1"), "3"),
}


def test_a_question_is_answered_with_the_changes_that_it_asks_for(console, asked):
    today = datetime.now().date().isoformat()
    found = {
        name: "".join(
            str(each["reference"])[-1]
            for each in listed(console, *(option.replace("TODAY", today) for option in options))
        )
        for name, (options, _) in QUESTIONS.items()
    }
    assert found == {name: expected for name, (_, expected) in QUESTIONS.items()}


WRONG = {
    ("--since", "yesterday"): "'yesterday' is no time",
    ("--until", "9999-12-31"): "'9999-12-31' is no time",
    ("--effect", "done"): "done is none of claimed, in_doubt, applied",
    ("--run", "2"): "has no run 2",
    ("--runs", "--run", "1"): "stands alone",
}


def test_a_question_that_cannot_be_answered_is_refused(console, asked):
    for options, why in WRONG.items():
        ended = console("history", LEDGER, *options)
        assert (options, ended.code, why in ended.err) == (options, Exit.USAGE, True)


def test_csv_has_the_same_columns(console, asked):
    cells = list(csv.DictReader(io.StringIO(console("history", LEDGER, "--format", "csv").out)))
    assert [tuple(row) for row in cells] == [COLUMNS] * 3
    assert [row["line"] for row in cells] == ["2", "3", "4"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_screen(width, console, asked):
    """In one table, however many changes are read at a time; and nothing in it is cut."""
    console.write("more.csv", *rows(250))
    with Sandbox() as sandbox:
        console("apply", "more.csv", "--yes", sandbox=sandbox)
    for ledger in (LEDGER, "more.csv.ledger"):
        ended = console("history", ledger, COLUMNS=str(width))
        lines = ended.out.splitlines()
        assert max(map(len, lines)) <= width
        assert sum("first sent" in line for line in lines) == 1
    assert ended.err.endswith("250 changes: 250 applied.\n")
    ended = console("history", LEDGER, COLUMNS=str(width))
    text = "".join(line.rpartition("│")[2].strip() for line in ended.out.splitlines())
    for part in ("REMOVE-bia@example.com-3-order%2D2", "line3", "returnedgoods", "answer422"):
        assert part in text.replace(" ", "")
    assert "R$ -3.00" in ended.out and "1 attempt" in ended.out


@one_test
@pytest.mark.parametrize(
    ("text", "language", "moment"),
    [
        ("29/11/2026", "pt", datetime(2026, 11, 29)),
        ("2026-11-29", "pt", datetime(2026, 11, 29)),
        ("29/11/2026 14:30", "pt", datetime(2026, 11, 29, 14, 30)),
        ("29/11/2026 14:30:05 -0300", "pt", datetime.fromisoformat("2026-11-29T14:30:05-03:00")),
        ("29/11/2026", "", None),
        ("1/2/26", "pt", None),
        ("31/02/2026", "pt", None),
    ],
)
def test_a_day_is_typed_as_the_reader_writes_it(text, language, moment):
    """Where two countries read a date as two days, it is refused in the language of neither."""
    READER.set(language_of(language))
    try:
        if moment is None:
            with pytest.raises(typer.BadParameter):
                moment_of(text, "--since")
            return
        assert moment_of(text, "--since") == moment.timestamp()
        days = 1 if " " not in text else 0
        assert moment_of(text, "--until") == (moment + timedelta(days=days)).timestamp()
    finally:
        READER.set(ENGLISH)


def test_the_table_has_the_times_as_the_reader_writes_them(console, asked):
    today = datetime.now().astimezone()
    assert f"{today:%d/%m/%Y} " in console("history", LEDGER, "--language", "pt").out
    assert f"{today:%Y-%m-%d}T" in console("history", LEDGER, "--language", "pt", "--json").out


def test_times_are_in_the_zone_of_the_reader(console, asked, monkeypatch):
    monkeypatch.setenv("TZ", "America/Sao_Paulo")
    time.tzset()
    try:
        assert all(str(each["ended"]).endswith("-03:00") for each in listed(console))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_settlement_is_listed_with_the_person_that_made_it(console, asked):
    key = "REMOVE-bia@example.com-3-order%2D2"
    console("settle", LEDGER, "--key", key, "--as", "applied", "--note", "seen by Eva")
    [change] = listed(console, "--key", key)
    assert (change["run"], change["line"], change["last_run"]) == (1, 3, 2)
    assert (change["effect"], change["message"]) == ("applied", "settled by hand: seen by Eva")
    ended = console("history", LEDGER, "--runs")
    assert ended.out.startswith("Run 2 (settle, begun ")


def test_what_is_exported_can_be_applied_again(console, asked):
    """With all columns of the export, of which none is new to the command, and under the same keys."""
    export = console("export", LEDGER, "--effect", "applied", "--effect", "unknown")
    head, *lines = export.out.splitlines()
    columns = "customer_id,value,reason,change_key,customer_reason,points,reference,last_run,first_sent,ended"
    assert head == columns
    assert len(lines) == 2
    for name, text in (
        ("again.csv", export.out),
        ("again.jsonl", console("export", LEDGER, "--effect", "applied", "--format", "jsonl").out),
    ):
        Path(name).write_text(text)
        ended = console("check", name, "--ledger", LEDGER)
        assert ended.code == 0 and "means nothing" not in ended.err and "left out" not in ended.err
        assert console("apply", name, "--yes", "--ledger", LEDGER, sandbox=asked).code == 0
    keys = [str(each["change_key"]) for each in listed(console)]
    assert len(keys) == len(set(keys)) == 3
    assert [len(asked.books.effects(key)) for key in keys].count(1) == 2


BOTH = {
    "that agree": ("ADD-a-1-o%2D1,o-1", 0),
    "with the key of another row": ("ADD-a-2-o%2D1,o-1", Exit.USAGE),
    "with a key that is not derived": ("K,o-1", Exit.USAGE),
}


@pytest.mark.parametrize(("cells", "code"), BOTH.values(), ids=BOTH)
def test_a_row_may_have_a_key_beside_the_reference_that_it_is_derived_from(cells, code, console):
    console.write("changes.csv", "customer_id,value,reason,change_key,reference", f"a,1,r,{cells}")
    ended = console("check", "changes.csv")
    assert ended.code == code
    assert ("give exactly one of change_key and reference" in ended.err) == (code != 0)


@pytest.mark.parametrize("reference", ["order-1", "a%b", "%2D", "%25", "ção ", " x", "-", "%"])
def test_a_reference_is_read_from_the_key_that_it_makes(reference):
    value = Decimal("-10.50")
    if reference != reference.strip():
        key = f"REMOVE-ana%2Da-10.5-{reference}"
        assert reference_in(key, "ana-a", value) is None
        return
    key = change_key_for("ana-a", value, reference)
    assert reference_in(key, "ana-a", value) == reference
    for customer, amount in (("ana", value), ("ana-a", -value), ("ana-a", Decimal(-10))):
        assert reference_in(key, customer, amount) is None
    assert reference_in("ORDER-7", "ana-a", value) is None


def test_an_outcome_has_the_new_columns_after_the_former_ones(console):
    console.write("changes.csv", *FILE[:2], "bia@example.com,1,late,order-9")
    with Sandbox() as sandbox:
        console(*APPLY, "--out", "o.csv", sandbox=sandbox)
        head, *lines = csv.reader(Path("o.csv").read_text().splitlines())
        names = ["notice", "error", "reason", "reference", "last_run", "first_sent", "ended", "repeats"]
        assert head[-8:] == names
        for line in lines:
            said = dict(zip(head, line, strict=True))
            assert said["last_run"] == "1" and said["reference"].startswith("order-")
            sent, ended = (datetime.fromisoformat(said[name]) for name in ("first_sent", "ended"))
            assert sent.utcoffset() is not None and sent <= ended
        console(*APPLY, "--out", "again.csv", sandbox=sandbox)
    known = {each["change_key"]: each for each in listed(console)}
    for said in csv.DictReader(Path("again.csv").read_text().splitlines()):
        change = known.pop(said["change_key"])
        assert (said["effect"], said["last_run"]) == ("already_applied", "1")  # the run that sent it
        for name in ("first_sent", "ended"):
            assert datetime.fromisoformat(said[name]) == datetime.fromisoformat(change[name])
    assert not known


def test_a_file_of_raba7ni_is_listed_too(console):
    console.write("c.csv", "operation,card_id,member_id,amount,reference", "earn,10,123,50.000,ORDER-1")
    with Raba7niSandbox() as sandbox:
        options = ("--yes", "--provider", "raba7ni", "--ledger", LEDGER, "--out", "o.jsonl")
        assert console("apply", "c.csv", *options, sandbox=sandbox).code == 0
    [change] = listed(console, "--reference", "ORDER-1")
    assert (change["operation"], change["unit"], change["line"]) == ("earn", "card 10", 2)
    said = json.loads(Path("o.jsonl").read_text())
    assert (said["reference"], said["reason"], said["last_run"]) == ("ORDER-1", None, 1)


@pytest.mark.slow
def test_a_killed_run_is_reported_by_status_and_by_the_next_run(console):
    """It has a beginning and no end; the next run of the same file says so and goes on."""
    console.write("changes.csv", *rows(2000))
    with Sandbox(faults=FaultScript(["slow"] * 20)) as sandbox:
        running = process(sandbox, console.folder, *APPLY)
        while sandbox.books.requests < 50:
            assert running.poll() is None
            time.sleep(0.01)
        running.kill()
        running.communicate()
        shown = console("status", LEDGER)
        assert "not ended, and its process is gone: it was killed" in shown.out
        [run] = json.loads(console("status", LEDGER, "--json").out)["runs"]
        assert (run["run"], run["state"], run["ended"], run["counts"]) == (1, "not ended", None, {})
        console.write("another.csv", *rows(1))
        other = console("apply", "another.csv", "--yes", "--ledger", LEDGER, sandbox=sandbox)
        assert "not ended" not in other.err
        ended = console(*APPLY, sandbox=sandbox)
        assert ended.code == 0
        assert "was not ended: its process is gone. This is run 3: it goes on" in ended.err
        again = console(*APPLY, sandbox=sandbox)
        assert "not ended" not in again.err
    of = [(each["run"], each["last_run"]) for each in listed(console)]
    assert len(of) == 2000 and {(1, 1), (3, 3)} <= set(of) <= {(1, 1), (1, 3), (3, 3), (2, 2)}


def test_an_id_in_another_case_is_named(console, asked):
    """No change is hidden behind a letter: the answer is not that the customer got nothing."""
    ended = console("history", LEDGER, "--customer", "Ana@Example.com")
    assert (ended.code, "has changes of 'ana@example.com'" in ended.err) == (0, True), ended.err
    assert "has changes of" not in console("history", LEDGER, "--customer", "ana@example.com").err


def test_a_spreadsheet_has_dates_texts_and_the_readers_words(console, asked):
    """Ids stay texts, times are dates, and an existing file stays as it is."""
    assert console("history", LEDGER, "--out", "h.xlsx", "--language", "pt").code == 0
    head, *lines = CalamineWorkbook.from_path("h.xlsx").get_sheet_by_index(0).to_python()
    assert (len(head), head[:3], head[4:6]) == (
        len(COLUMNS),
        ["primeiro envio", "terminou", "efeito"],
        ["identificador do cliente", "valor"],
    )
    first = dict(zip(COLUMNS, lines[0], strict=True))
    assert abs(first["first_sent"] - datetime.now()) < timedelta(minutes=5)
    assert (first["customer_id"], first["value"], first["reference"]) == ("ana@example.com", 10.5, "order-1")
    assert len(lines) == 3
    for args in (("--out", "h.xlsx"), ("--out", "h.txt"), ("--out", "h.csv", "--json")):
        assert console("history", LEDGER, *args).code == Exit.USAGE, args
    ended = console("history", LEDGER, "--out", "h.csv", "--out-form", "comma", "--language", "pt")
    assert ended.code == 0
    head, line, *_ = Path("h.csv").read_text("utf-8-sig").splitlines()
    assert head.startswith("first_sent;ended;effect;")
    assert re.match(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;", line) and ";10,50;" in line
    assert console("history", LEDGER, "--out", "plain.csv").code == 0
    assert Path("plain.csv").read_text() == console("history", LEDGER, "--format", "csv").out
    again = console("apply", "h.xlsx", "--ledger", LEDGER, "--dry-run", "--language", "pt", sandbox=asked)
    assert (again.code, "Nada foi enviado" in again.err) == (Exit.USAGE, True)  # it is no file of changes


def test_csv_has_the_form_that_is_asked_for(console, asked):
    """That of outcome files: a spreadsheet of a country with decimal commas opens it by a click."""
    ended = console("history", LEDGER, "--format", "csv", "--out-form", "comma")
    head, first, *_ = ended.out.splitlines()
    assert (head[0], head[1:].split(";")) == ("\ufeff", list(COLUMNS))
    assert ";10,50;" in first
    assert console("history", LEDGER, "--format", "csv").out.startswith("first_sent,")
    assert console("history", LEDGER, "--runs", "--format", "csv", "--out-form", "comma").out[1:5] == "run;"
