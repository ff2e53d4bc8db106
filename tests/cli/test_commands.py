"""The console command: what it sends, says, writes and exits with."""

import asyncio
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from console import HEADER, brl, process, rows
from full_disk import file_limit

from bonifiq_async._model.outcome import Effect
from bonifiq_async.batch import CashbackBatch
from bonifiq_async.cli.exit_codes import BY_EFFECT, MEANING, Exit, of_run
from bonifiq_async.cli.terminal.dialogue import interrupts
from bonifiq_async.cli.terminal.report import RunEnding
from bonifiq_async.sandbox import FaultScript, Sandbox


@pytest.fixture
def sandbox():
    """A sandbox that answers a used key with an error."""
    with Sandbox(duplicates="error-400") as running:
        yield running


def test_apply_twice_moves_money_once(console, sandbox):
    """The second run finds every change applied, and both report every row on standard output."""
    console.write("changes.csv", *rows(200))
    first = console("apply", "changes.csv", "--yes", "--json", "--out", "out.jsonl", sandbox=sandbox)
    second = console("apply", "changes.csv", "--yes", "--json", "--out", "out.jsonl", sandbox=sandbox)
    assert (first.code, second.code) == (0, 0)
    assert json.loads(first.out)["effects"]["applied"] == {"changes": 200, **brl(200)}
    assert json.loads(second.out)["effects"]["already_applied"]["changes"] == 200
    assert sandbox.books.balances() == {f"c{n}": Decimal(20) for n in range(10)}
    written = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    for secret in (sandbox.credentials.key, sandbox.credentials.header()):
        assert secret not in Path("out.jsonl").read_text() + first.out + first.err
    assert [row["effect"] for row in written].count("applied") == 200
    assert sorted(row["line"] for row in written[:200]) == list(range(2, 202))


def test_json_lines_keep_every_digit(console, sandbox):
    """From the file to the books and into the outcome file."""
    console.write("c.jsonl", '{"customer_id":"a","value":1234567890123456.78,"reason":"r","change_key":"k"}')
    assert console("apply", "c.jsonl", "--yes", "--out", "out.csv", sandbox=sandbox).code == 0
    assert sandbox.books.balance("a") == Decimal("1234567890123456.78")
    row = next(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert (row["value"], row["cashback_balance"]) == ("1234567890123456.78", "1234567890123456.78")


def test_what_is_about_to_be_sent_is_shown_and_a_dry_run_sends_nothing(console, sandbox):
    """Changes, customers, sums; standard output holds results alone."""
    console.write("changes.csv", HEADER, "a,10.50,r,1", "a,-0.25,r,2", "b,1,r,3")
    ended = console("apply", "changes.csv", "--dry-run", "--json", sandbox=sandbox)
    plan = {"changes": 3, "customers": 2, "repeats": 0, "problems": 0, "kinds": [], "second_amounts": 0}
    assert json.loads(ended.out) == {**plan, **brl(11.5, 0.25)}
    assert "R$ 11.50" in ended.err
    assert sandbox.books.requests == 0


def test_without_a_terminal_and_without_yes_nothing_is_sent(console, sandbox):
    """The message names the option that sends."""
    console.write("changes.csv", *rows(1))
    ended = console("apply", "changes.csv", sandbox=sandbox)
    assert ended.code == Exit.USAGE
    assert "--yes" in ended.err
    assert sandbox.books.requests == 0


EXITS = {
    "all applied": ([], Exit.DONE),
    "a refused row": (["400"], Exit.REFUSED),
    "an unknown row": (["html-after"], Exit.UNKNOWN),
    "given up": (["429-long"], Exit.STOPPED),
    "refused and unknown": (["400", "html-before"], Exit.UNKNOWN),
}


@pytest.mark.parametrize(("faults", "code"), EXITS.values(), ids=EXITS)
def test_exit_codes(console, faults, code):
    """As in the documented table; what is not settled is shown with its line."""
    console.write("changes.csv", *rows(3))
    with Sandbox(faults=FaultScript(faults)) as sandbox:
        ended = console("apply", "changes.csv", "--yes", "--max-in-flight", "1", sandbox=sandbox)
    assert ended.code == code
    assert ("line 2: Change ADD-c0-1-o0" in ended.err) == bool(faults)
    assert ("bonifiq apply changes.csv --yes" in ended.err) == (code in (Exit.UNKNOWN, Exit.STOPPED))


def test_of_several_exit_codes_the_first_documented_wins():
    """130, 5, 4, 3; and every effect but success has one."""
    everything, nothing = set(Effect), {"interrupted": False, "stopped": False, "skipped": False}
    done = {Effect.APPLIED, Effect.ALREADY_APPLIED}
    assert of_run(everything, interrupted=True, stopped=True, skipped=True) is Exit.INTERRUPTED
    assert of_run(everything - {Effect.NOT_APPLIED}, **nothing | {"stopped": True}) is Exit.STOPPED
    assert of_run({Effect.UNKNOWN, Effect.REFUSED}, **nothing) is Exit.UNKNOWN
    assert of_run(done, **nothing | {"skipped": True}) is Exit.REFUSED
    assert of_run(done, **nothing | {"skipped": True}, used_elsewhere=True) is Exit.UNKNOWN
    assert of_run(done, **nothing | {"stopped": True}, used_elsewhere=True) is Exit.STOPPED
    assert of_run(done, **nothing) == 0
    assert set(BY_EFFECT) == everything - done
    assert set(MEANING) == set(Exit)


def test_the_page_has_the_table_of_exit_codes():
    """Word for word, so that the two stay equal."""
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "command-line.md").read_text()
    for code, meaning in MEANING.items():
        assert f"| {code.value} | {meaning}" in page


def test_single_calls(console, sandbox):
    """Balance, pending points and checkout removal, for machines."""
    sandbox.books.put_checkout("ana", "cart", Decimal(5))
    sandbox.books.apply("ana", Decimal("7.50"), "k")
    assert json.loads(console("balance", "ana", "--json", sandbox=sandbox).out)["cashback_balance"] == 7.5
    assert json.loads(console("pending", "ana", "--json", sandbox=sandbox).out)["total_pending_points"] == 0
    removed = console("checkout-remove", "ana", "cart", "--total", "9.90", "--json", sandbox=sandbox)
    assert json.loads(removed.out)["removed"] is True
    assert "04" in console("checkout-remove", "ana", "cart", sandbox=sandbox).out
    assert console("balance", "..", sandbox=sandbox).code == Exit.USAGE


def test_the_table_of_operations(console):
    """All 48, for machines one a line; a terminal shows the same."""
    lines = [json.loads(line) for line in console("operations", "--json").out.splitlines()]
    assert len(lines) == 48
    assert {line["source"] for line in lines} == {"seed", "page", "incomplete", "unverified"}
    assert all({"method", "path", "repeat", "key", "source", "method_name"} <= line.keys() for line in lines)
    shown = console("operations").out
    assert [line["method_name"] for line in lines if line["method_name"] not in shown] == []
    assert "ChangeKey" in shown and "unverified" in shown


def test_an_answer_that_cannot_be_read_is_no_wrong_value(console):
    """What was typed is right, and the command may be run again."""
    with Sandbox(faults=FaultScript(["html-before"] * 20)) as sandbox:
        ended = console("balance", "ana", "--language", "pt", sandbox=sandbox)
    assert (ended.code, "não é como diz a documentação" in ended.err) == (Exit.STOPPED, True), ended.err
    assert "não é aceito" not in ended.err


def test_a_run_is_recorded_beside_its_file(console, sandbox):
    """The ledger is named, private, shown by status, and has one account."""
    console.write("changes.csv", *rows(20))
    assert "changes.csv.ledger" in console("apply", "changes.csv", "--yes", sandbox=sandbox).err
    told = json.loads(console("status", "changes.csv.ledger", "--json").out)
    assert told["states"]["applied"] == {"changes": 20, **brl(20)}
    assert told["oldest_in_doubt"] is None
    assert "applied" in console("status", "changes.csv.ledger").out
    assert console("apply", "changes.csv", "--yes", sandbox=sandbox).code == 0
    assert sandbox.books.requests == 20
    other = console("apply", "changes.csv", "--yes", sandbox=sandbox, BONIFIQ_API_TOKEN="another")
    assert (other.code, "another account" in other.err) == (Exit.USAGE, True)
    assert console("status", "nowhere.ledger").code == Exit.USAGE


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 100, 600])
def test_a_full_disk_for_the_copy_of_the_file_is_one_sentence(tmp_path, size, monkeypatch):
    """Before anything is sent. Where coverage is measured, its file in the child does not fit either."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)
    (tmp_path / "changes.csv").write_text("\n".join(rows(200)))
    with Sandbox() as sandbox:
        running = process(sandbox, tmp_path, "apply", "changes.csv", "--yes", prelude=file_limit(size))
        _, said = running.communicate(timeout=60)
        assert running.returncode == Exit.USAGE, said
        assert said.startswith("changes.csv cannot be read and copied: ") and said.count("\n") == 1
        assert sandbox.books.requests == 0


def test_check_distinguishes_valid_from_invalid(console):
    """Without credentials, since it sends nothing."""
    console.write("good.csv", *rows(3))
    console.write("bad.csv", HEADER, "a,x,r,1")
    assert console("check", "good.csv").code == 0
    assert console("check", "bad.csv", "--json").code == Exit.USAGE


def test_the_demo_compares_the_books(console):
    """Small here; its size is an option."""
    ended = console("demo", "--changes", "200", "--faults", "0.1")
    assert ended.code == 0
    assert "200 changes, 0 lost, 0 doubled." in ended.out


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2], ids=["once", "twice"])
def test_an_interrupted_run_goes_on_with_the_same_command(tmp_path, signals):
    """Ctrl-C ends with 130 and the command to go on; run again, every change has exactly one effect."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(1000)))
    command = ("apply", "changes.csv", "--yes", "--max-in-flight", "4", "--out", "out.jsonl")
    faults = FaultScript(rate=0.3, seed=3, among=["slow"]) if signals == 2 else None
    with Sandbox(duplicates="error-409", faults=faults) as sandbox:
        running = process(sandbox, tmp_path, *command)
        while sandbox.books.requests < 20:
            assert running.poll() is None, running.communicate()
            time.sleep(0.002)
        for _ in range(signals):
            running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == Exit.INTERRUPTED, said
        assert "bonifiq apply changes.csv --yes --max-in-flight 4 --out out.jsonl" in said
        assert sandbox.books.requests < 1000
        again = process(sandbox, tmp_path, *command)
        _, said = again.communicate(timeout=60)
        assert again.returncode == 0, said
        assert all(len(sandbox.books.effects(f"ADD-c{n % 10}-1-o{n}")) == 1 for n in range(1000))


@pytest.mark.slow
def test_a_change_cut_off_in_flight_is_unknown_never_not_tried(tmp_path):
    """Interrupted twice while the server is silent: what it had applied is reported with its key."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(40)))
    command = ("apply", "changes.csv", "--yes", "--max-in-flight", "4", "--out", "out.jsonl", "--json")
    with Sandbox(faults=FaultScript(["silence-after"] * 40)) as sandbox:
        running = process(sandbox, tmp_path, *command)
        while sandbox.books.requests < 4:
            assert running.poll() is None, running.communicate()
            time.sleep(0.002)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        while "Stopping" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        told, said = running.communicate(timeout=60)
        assert running.returncode == Exit.INTERRUPTED, said
        ending = json.loads(told)
        assert ending["effects"]["unknown"]["changes"] == 4
        assert ending["not_tried"] == 36
        written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert {row["change_key"] for row in written} == set(sandbox.books.keys())
        assert {row["effect"] for row in written} == {"unknown"}


async def test_after_the_second_interrupt_no_other_counts(capsys):
    """The first stops the batch, the second cancels; a third disturbs nothing that is reported after that."""
    told: list[str] = []
    batch = CashbackBatch(None)
    batch.stop = lambda: told.append("stop")
    loop, go_on = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    async def apply() -> tuple[bool, ...]:
        with interrupts(RunEnding(None), batch, 180.0):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                await go_on.wait()
        return tuple(loop.remove_signal_handler(number) for number in numbers)

    applying = asyncio.create_task(apply())
    await asyncio.sleep(0)
    for number in (*numbers, signal.SIGINT):
        signal.raise_signal(number)
        for _ in range(5):
            await asyncio.sleep(0)  # the loop learns of a signal through a socket
    go_on.set()
    assert await applying == (True, True)
    assert (told, applying.cancelling()) == (["stop", "cancelled"], 1)


@pytest.mark.slow
def test_a_reader_that_closes_its_end_does_not_end_a_run(tmp_path):
    """Standard error closed in the middle: every change is still applied and written down."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(100)))
    with Sandbox(faults=FaultScript(["400"] * 20)) as sandbox:
        arguments = ("apply", "changes.csv", "--yes", "--out", "out.jsonl", "--max-in-flight", "1")
        running = process(sandbox, tmp_path, *arguments)
        assert running.stdout is not None and running.stderr is not None
        while sandbox.books.requests == 0:
            assert running.poll() is None
            time.sleep(0.002)
        running.stderr.close()
        running.stdout.close()
        assert running.wait(timeout=60) == Exit.REFUSED
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 100


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_loses_no_outcome(tmp_path):
    """The file keeps whole lines; what it could not hold is on standard error; the run can go on."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(500)))
    command = ("apply", "changes.csv", "--yes", "--no-ledger", "--max-in-flight", "4", "--out", "out.jsonl")
    with Sandbox(duplicates="error-400") as sandbox:
        running = process(sandbox, tmp_path, *command, prelude=file_limit(20_000))
        _, said = running.communicate(timeout=60)
        assert running.returncode == Exit.STOPPED, said
        assert "The outcome file takes no more" in said
        on_disk = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert re.search(rf"^{len(told)} outcomes? stands? above, and not in out.jsonl; those", said, re.M)
        reported = {row["change_key"] for row in (*on_disk, *told) if row["effect"] == "applied"}
        assert reported == set(sandbox.books.keys())
        assert 0 < len(on_disk) < 500
        again = process(sandbox, tmp_path, *command, "--accept-used-keys")  # no record of the run before
        _, said = again.communicate(timeout=60)
        assert again.returncode == 0, said


@pytest.mark.slow
def test_the_sandbox_in_the_foreground_serves_and_ends(tmp_path):
    """It prints the settings that point to it."""
    with Sandbox() as other:
        running = process(other, tmp_path, "sandbox", "--port", "0", "--faults", "0.1")
        assert running.stdout is not None
        assert running.stdout.readline().startswith("export BONIFIQ_BASE_URL=http://127.0.0.1:")
        running.stdout.readline(), running.stdout.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 0
        taken = process(other, tmp_path, "sandbox", "--port", str(other.port))
        _, said = taken.communicate(timeout=30)
        assert taken.returncode == Exit.USAGE
        assert "cannot be used" in said


def test_help_imports_neither_the_transport_nor_the_converters():
    """So that it answers at once."""
    script = (
        "import sys, contextlib; sys.argv = ['bonifiq', '--help']\n"
        "from bonifiq_async.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print([name for name in ('aiohttp', 'cattrs', 'msgspec') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    told = " ".join(done.stdout.split())
    assert [meaning for code, meaning in MEANING.items() if f"{code.value}: {meaning}." not in told] == []


def test_without_its_extra_the_command_says_so(monkeypatch):
    """In one sentence, for a service that embeds the library alone."""
    from bonifiq_async import cli

    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'bonifiq-async\[cli\]'"):
        cli.main()


def test_all_that_is_in_doubt_is_settled_by_repeating_it(console):
    """Under the same keys and bytes; what is settled already is not touched, and then nothing is left."""
    console.write("changes.csv", *rows(30))
    with Sandbox(duplicates="error-400", faults=FaultScript(["html-after", "html-before"] * 5)) as sandbox:
        assert console("apply", "changes.csv", "--yes", sandbox=sandbox).code == Exit.UNKNOWN
        before = sandbox.books.requests
        again = console("settle", "changes.csv.ledger", "--all-by-repeating", "--yes", "--json")
        assert (again.code, sandbox.books.requests - before) == (0, 10)
        effects = json.loads(again.out)["effects"]
        assert (effects["applied"]["changes"], effects["already_applied"]["changes"]) == (5, 5)
        nothing = console("settle", "changes.csv.ledger", "--all-by-repeating", "--yes")
        assert (nothing.code, "Nothing" in nothing.err, sandbox.books.requests - before) == (0, True, 10)
        assert sandbox.books.balances() == {f"c{n}": Decimal(3) for n in range(10)}
    for options in (["--all-by-repeating", "--key", "k"], ["--key", "k"], []):
        assert console("settle", "changes.csv.ledger", *options).code == Exit.USAGE


def test_what_is_in_doubt_can_be_exported_applied_again_or_settled_by_hand(console):
    """And a settled change is not sent again; nothing else can be settled."""
    console.write("changes.csv", *rows(3))
    with Sandbox(duplicates="error-400", faults=FaultScript(["html-after", "html-before"])) as sandbox:
        command = ("apply", "changes.csv", "--yes", "--max-in-flight", "1")
        assert console(*command, sandbox=sandbox).code == Exit.UNKNOWN
        left = console("export", "changes.csv.ledger", "--effect", "unknown").out
        assert [row["change_key"] for row in csv.DictReader(left.splitlines())] == [
            "ADD-c0-1-o0",
            "ADD-c1-1-o1",
        ]
        word = ("--as", "applied", "--note", "seen in the panel, ana")
        assert console("settle", "changes.csv.ledger", "--key", "ADD-c0-1-o0", *word).code == 0
        for key, why in (
            ("ADD-c0-1-o0", "is applied since "),
            ("ADD-c2-1-o2", "is applied since "),
            ("ADD-c1-1", "In doubt is ADD-c1-1-o1, of a similar key."),
            ("unknown", "No change is in doubt under the key unknown"),
        ):
            refused = console("settle", "changes.csv.ledger", "--key", key, *word)
            assert (refused.code, "Nothing was settled" in refused.err) == (Exit.USAGE, True)
            assert why in refused.err
        refused = console("settle", "changes.csv.ledger", "--key", "ADD-c1-1-o1", "--as", "applied")
        assert (refused.code, "missing: --note" in refused.err) == (Exit.USAGE, True), refused.err
        shown = console("status", "changes.csv.ledger")
        assert "1 of these was settled by hand" in shown.out
        counted = json.loads(console("status", "changes.csv.ledger", "--json").out)
        assert counted["settled_by_hand"] == 1
        [day] = counted["days"]
        assert {name: each["changes"] for name, each in day["effects"].items()} == {
            "applied": 2,
            "unknown": 1,
        }
        console.write(
            "left.jsonl",
            console("export", "changes.csv.ledger", "--effect", "unknown", "--format", "jsonl").out.rstrip(),
        )
        again = console(
            "apply", "left.jsonl", "--yes", "--ledger", "changes.csv.ledger", "--json", sandbox=sandbox
        )
        assert (again.code, json.loads(again.out)["effects"]["applied"]["changes"]) == (0, 1)
        assert sandbox.books.requests == 4
        assert console("export", "changes.csv.ledger", "--effect", "lost").code == Exit.USAGE
