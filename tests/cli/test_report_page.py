"""`bonifiq report`: what it counts, and what it shows of a run and of a period."""

import itertools
import re
import tracemalloc
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from console import Console, rows
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test
from recorded import NOON, recorded

from bonifiq_async.cli.afterwards.digest import ENDED, MOST_GROUPS, SHOWN, WRONG, Digest, kind_of
from bonifiq_async.cli.afterwards.histogram import STEPS, WIDTHS, Histogram
from bonifiq_async.cli.afterwards.question import Question
from bonifiq_async.cli.afterwards.report import time_of
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.runs import Run, RunOrigin, RunState
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox

HOSTILE = "<script>alert(1)</script>"


class Words(HTMLParser):
    """Collects the texts of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def words(path: Path) -> str:
    return " ".join(Words(path.read_text("utf-8")).text.split())


@given(st.lists(st.tuples(st.floats(0, 3e11), st.booleans()), max_size=50))
def test_no_event_is_lost_however_wide_the_steps_are(events: list[tuple[float, bool]]) -> None:
    found = Histogram()
    for at, wrong in events:
        found.put(at, *([ENDED, WRONG] if wrong else [ENDED]))
    assert sum(found.counts(ENDED)) == len(events)
    assert sum(found.counts(WRONG)) == sum(wrong for _, wrong in events)
    assert found.length <= STEPS
    for at, _ in events:
        assert found.counts(ENDED)[int((at - found.begin) // found.width)] > 0


def test_steps_divide_each_other() -> None:
    assert [wide % narrow for narrow, wide in itertools.pairwise(WIDTHS)] == [0] * (len(WIDTHS) - 1)


def test_steps_are_as_narrow_as_possible() -> None:
    found = Histogram()
    for at in (100.0, 101.5, 100.0 + STEPS - 1):
        found.put(at, ENDED)
    assert (found.width, found.begin, found.counts(ENDED)[:3], found.length) == (1, 100, [1, 1, 0], STEPS)
    found.put(100.0 + STEPS, ENDED)
    assert (found.width, found.counts(ENDED)[:2], sum(found.counts(ENDED))) == (2, [2, 0], 4)


def digest_of(*changes: object) -> Digest:
    found = Digest(lambda change: "points" if change.operation == "p" else "BRL")
    for change in changes:
        found.put(change)
    return found


def test_units_effects_and_days_are_kept_apart() -> None:
    found = digest_of(
        recorded(),
        recorded(operation="p"),
        recorded(State.REFUSED, error="no"),
        recorded(last_sent=NOON + 86_400),
    )
    assert {
        (day.day, state.value, unit): (sums.added, kind.counts[unit])
        for day, states in found.days.items()
        for state, kind in states.items()
        for unit, sums in kind.sums.by_unit.items()
    } == {
        (1, "applied", "BRL"): (1, 1),
        (1, "applied", "points"): (1, 1),
        (1, "refused", "BRL"): (1, 1),
        (2, "applied", "BRL"): (1, 1),
    }
    assert (found.changes, found.count(State.APPLIED, State.REFUSED), found.attempts) == (4, 4, 4)
    assert (found.first, found.last) == (NOON, NOON + 86_400)


@one_test
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Change ADD-ana-1-o1 was refused", "Change … was refused"),
        ("ana: wait until 2026-11-30 16:23 UTC", "…: wait until … UTC"),
        ("wait until 2026-11-30T16:23:01", "wait until …"),
        ("status 400", "status 400"),
    ],
)
def test_errors_of_one_kind_have_the_same_words(text: str, kind: str) -> None:
    assert kind_of(recorded(State.REFUSED, error=text)) == kind


def test_errors_are_grouped_and_what_is_settled_by_hand_is_no_error() -> None:
    refused = [recorded(State.REFUSED, key=f"k{n}", error=f"Change k{n} no") for n in range(3)]
    found = digest_of(*refused, recorded(State.UNKNOWN, error="no"), recorded(error="settled by hand: x"))
    assert {name: (group.count, group.first.key) for name, group in found.errors.items()} == {
        (State.REFUSED, "Change … no"): (3, "k0"),
        (State.UNKNOWN, "no"): (1, "ADD-ana-1-o1"),
    }
    assert list(found.by_hand) == [(State.APPLIED, "settled by hand: x")]


def test_memory_does_not_grow_with_the_changes() -> None:
    """Though each of them fails in another way."""
    found = Digest(lambda change: "BRL")

    def put(first: int, last: int) -> None:
        for n in range(first, last):
            at = NOON + n / 1000
            found.put(recorded(State.UNKNOWN, key=f"k{n}", error=f"{n} " * 20, last_sent=at))

    put(0, 1_000)
    tracemalloc.start()
    put(1_000, 6_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000
    assert (len(found.errors), len(found.doubts)) == (MOST_GROUPS + 1, SHOWN)
    assert sum(group.count for group in found.errors.values()) == found.changes == 6_000


@pytest.fixture
def applied(console: Console, sandbox: Callable[..., Sandbox]) -> Console:
    """A file of which one row was refused and one is in doubt; its customer and file have hostile names."""
    server = sandbox(faults=FaultScript(["", "400", "html-before"]))
    console.write(f"{HOSTILE[1:8]}.csv", *rows(30), f"{HOSTILE},2.00,r,last")
    args = ("--yes", "--max-in-flight", "1", "--ledger", "l", "--report", "r.html")
    ended = console("apply", f"{HOSTILE[1:8]}.csv", *args, sandbox=server)
    assert (ended.code, "The report is in r.html." in ended.err) == (4, True), ended.err
    return console


def test_a_run_is_reported_at_its_end(applied: Console) -> None:
    said = words(applied.folder / "r.html")
    for each in (
        "Run 1 At the end of the run, 29 of 31 changes were applied. 1 was refused. Of 1 it is not known. ",
        "applied BRL 29 R$ 30.00 R$ 0.00",
        "refused BRL 1 R$ 1.00 R$ 0.00",
        "unknown BRL 1 R$ 1.00 R$ 0.00",
        "refused Change … was refused by the provider (status 400, Fault 400). Nothing changed. 1 ADD",
        "ADD-c1-1-o1 run 1, line 3",
        "bonifiq settle l --all-by-repeating",
        "bonifiq settle l --key ADD-c2-1-o2 --operation change_cashback --as applied --note 'how",
        "applied in all BRL 29 R$ 30.00 R$ 0.00",
        "29 applied, 1 refused, 1 unknown",
    ):
        assert each in said
    assert not {"script", "img", "link"} & Words((applied.folder / "r.html").read_text()).tags


def test_the_same_page_is_made_afterwards_in_the_language_of_the_reader(applied: Console) -> None:
    at_the_end = words(applied.folder / "r.html").partition(" Sums by effect")[2]
    assert applied("report", "l", "--html", "again.html", "--run", "1").code == 0
    assert words(applied.folder / "again.html").partition(" Sums by effect")[2] == at_the_end
    ended = applied("report", "l", "--html", "pt.html", "--language", "pt")
    assert (ended.code, ended.err) == (0, "O relatório está em pt.html.\n")
    assert "aplicado (applied) BRL 29 R$ 30,00 R$ 0,00" in words(applied.folder / "pt.html")
    refused = "foi recusado pelo provedor (status 400, Fault 400). Nada mudou."
    assert f"Lançamento … {refused}" in words(applied.folder / "pt.html")
    told = applied("history", "l", "--effect", "refused", "--language", "pt").out
    assert "Lançamento ADD-c1-1-o1 foi recusado" in re.sub(r"[│\s]+", " ", told)
    assert '<html lang="pt-BR">' in (applied.folder / "pt.html").read_text("utf-8")


def headline_of(path: Path) -> str:
    return words(path).partition(" At the end of the run, ")[2].partition(" Ledger ")[0]


def test_the_page_of_a_run_says_what_the_run_ended_with_whatever_later_runs_did(
    console: Console, sandbox: Callable[..., Sandbox]
) -> None:
    """A refused change is sent by three runs: each says what it ended with, and what has changed since."""
    server = sandbox(faults=FaultScript(["", "400", "400", "400"]))
    console.write("f.csv", *rows(3))
    args = ("--yes", "--max-in-flight", "1", "--ledger", "l", "--report")
    ends = []
    for number in ("1", "2", "3"):
        console("apply", "f.csv", *args, f"{number}.html", sandbox=server)
        ends.append(headline_of(console.folder / f"{number}.html"))
    assert ends == [
        "1 of 3 changes were applied. 2 were refused.",
        "2 of 3 changes were applied. 1 of them had been applied before. 1 was refused.",
        "3 of 3 changes were applied. 2 of them had been applied before.",
    ]
    console("apply", "f.csv", *args, "4.html", sandbox=server)
    assert "3 of them had been applied before." in headline_of(console.folder / "4.html")
    assert "in a second" not in words(console.folder / "4.html")  # it sent nothing
    later = []
    for number in ("1", "2", "3"):
        assert console("report", "l", "--html", "r.html", "--run", number).code == 0
        later.append(headline_of(console.folder / "r.html"))
    assert later == [
        f"{ends[0]} 2 were sent again or settled later (run 2, 3): below is what stands of them today.",
        f"{ends[1]} 1 is in no list below: it stands under another run, or under none.",
        ends[2],
    ]


@one_test
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--since", "2000-01-01"), "29 of 31 changes"),
        (("--until", "2000-01-01"), "0 of 0 changes"),
        (("--since", "2000-01-01", "--until", "2000-01-02"), "Changes from 2000-01-01 to 2000-01-02 0 of 0"),
    ],
)
def test_a_period_is_reported(applied: Console, asked: tuple[str, ...], said: str) -> None:
    assert applied("report", "l", "--html", "period.html", *asked).code == 0
    assert said in words(applied.folder / "period.html")


def test_what_is_not_repeated_is_settled_by_a_person(
    console: Console, raba7ni: Callable[..., Raba7niSandbox]
) -> None:
    """Each change has its command, in which the name of the ledger is quoted for a shell."""
    server = raba7ni(faults=FaultScript(["close-after"]))
    console.write("f.csv", "operation,card_id,amount,member_id,reference", "earn,10,50,123,o 1")
    args = ("apply", "f.csv", "--provider", "raba7ni", "--yes", "--ledger", "my ledger")
    assert console(*args, sandbox=server).code == 4
    assert console("report", "my ledger", "--html", "r.html").code == 0
    said = words(console.folder / "r.html")
    assert "bonifiq status 'my ledger' --look" in said and "--all-by-repeating" not in said
    assert "bonifiq settle 'my ledger' --key 'EARN-" in said and "--operation earn --as applied" in said


@one_test
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ("--report", "gone/r.html", "--ledger", "l"),
            "The page gone/r.html cannot be written: No such file",
        ),
        (("--report", "r.html", "--no-ledger"), "needs a ledger"),
        (("--report", "f.csv", "--ledger", "l"), "FILE and --report are the same file"),
        (("--report", "l", "--ledger", "l"), "--report and --ledger are the same file"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused_before_anything_is_sent(
    console: Console, sandbox: Callable[..., Sandbox], args: tuple[str, ...], said: str
) -> None:
    server = sandbox()
    console.write("f.csv", *rows(1))
    ended = console("apply", "f.csv", "--yes", *args, sandbox=server)
    assert (ended.code, said in ended.err, server.books.requests) == (2, True, 0), ended.err


def test_there_is_no_report_without_a_ledger_run_or_time(applied: Console) -> None:
    (applied.folder / "r.html").unlink()
    for args, said in (
        (("gone",), "There is no ledger gone"),
        (("l", "--run", "9"), "has no run 9"),
        (("l", "--since", "soon"), "is no time"),
    ):
        ended = applied("report", *args, "--html", "r.html")
        assert (ended.code, said in ended.err) == (2, True), ended.err
    assert not (applied.folder / "r.html").exists()


def test_a_run_that_ended_early_is_not_shown_as_whole(
    console: Console, sandbox: Callable[..., Sandbox]
) -> None:
    """What was not tried is counted; a key that was used elsewhere is not counted as applied."""
    server = sandbox(duplicates="error-400")
    console.write("f.csv", *rows(40))
    console.write("g.csv", *rows(3))
    assert console("apply", "g.csv", "--yes", "--no-ledger", sandbox=server).code == 0
    server.faults = FaultScript(["", "", "", *["401"] * 50])
    args = ("--yes", "--max-in-flight", "1", "--ledger", "l", "--report", "r.html")
    assert console("apply", "f.csv", *args, sandbox=server).code == 2
    said = words(console.folder / "r.html")
    assert (
        "the run, 0 of 40 changes were applied. 2 were refused. 3 have a key that was used elsewhere." in said
    )
    assert "The run ended early: " in said and "were not tried." in said


def test_each_run_is_listed_and_counted_by_its_own_words(applied: Console) -> None:
    """Also the one that changed nothing; and a run's speed is not that of the time between two runs."""
    assert applied("apply", f"{HOSTILE[1:8]}.csv", "--yes", "--ledger", "l", "--dry-run").code == 0
    with Sandbox() as server:
        ended = applied(
            "apply", f"{HOSTILE[1:8]}.csv", "--yes", "--ledger", "l", "--same-account", sandbox=server
        )
    assert ended.code == 0, ended.err
    with Sandbox() as server:
        args = ("--yes", "--ledger", "l", "--same-account")
        assert applied("apply", f"{HOSTILE[1:8]}.csv", *args, sandbox=server).code == 0
    assert applied("report", "l", "--html", "all.html").code == 0
    said = words(applied.folder / "all.html")
    assert "29 already_applied, 2 applied" in said or "2 applied, 29 already_applied" in said
    assert "31 already_applied 0" in said
    assert "not tried" not in said
    assert applied("status", "l").out.count("applied in all") == 1


def test_the_speed_is_that_of_the_runs_and_not_of_the_time_between_them() -> None:
    """A change that is settled by hand a day later makes no run slower."""
    first, killed, settled = (
        Run(number, RunOrigin("apply", "ana", "h"), begun, ended, RunState.ENDED)
        for number, begun, ended in ((1, 100.0, 104.0), (2, 200.0, None), (3, 90_000.0, 90_000.0))
    )
    assert time_of(Question(), [first, settled]) == 4.0
    assert time_of(Question(), [first, killed]) is None  # how long it took is not known
    assert time_of(Question(since="2026-01-01"), [first]) is None  # which changes were its own is not known
    assert time_of(Question(), []) is None
