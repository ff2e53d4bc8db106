"""`bonifiq prove`: all claims hold, and each fails where the library breaks it."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from attrs import evolve
from broken_runs import BrokenRuns, ended
from one_test import one_test

from bonifiq_async import CashbackChange
from bonifiq_async._provider import registry
from bonifiq_async.cli.commands.prove import Proven, report
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.verification import NAMES, SCALES, Figures, Finding, Proof, Timeline
from bonifiq_async.verification.bench import Closed, Seen, digest_of
from bonifiq_async.verification.experiments import killed_runs, other_providers
from bonifiq_async.verification.finding import SHOWN, found
from bonifiq_async.verification.killing import IN_FLIGHT, Course, Killed, moments
from bonifiq_async.verification.page import Head, page

PAGE = (Path(__file__).parent.parent.parent / "docs" / "explanation" / "promises-tried.md").read_text()


def claims_of(name: str) -> tuple[str, ...]:
    """Return the claims of this name, of every provider."""
    return tuple(each for each in NAMES if each == name or each.endswith(f"-{name}"))


# Breaks for every interpreter of a run, and the claims that must fail for each.
BREAKS = {
    "a new key on each attempt": (
        ("once", "fixed-once"),
        """
        import re, uuid
        from attrs import evolve
        from bonifiq_async._transport.session import SessionManager
        good = SessionManager.attempt
        async def attempt(self, request, *more):
            new = b'"ChangeKey":"%s"' % uuid.uuid4().hex.encode()
            body = re.sub(rb'"ChangeKey":"[^"]*"', new, request.body)
            return await good(self, evolve(request, body=body), *more)
        SessionManager.attempt = attempt
        """,
    ),
    "no claim before the send": (
        ("claim-first",),
        """
        from bonifiq_async.ledger.protocol import Granted
        from bonifiq_async.ledger.sqlite.store import SqliteLedger
        claim, end = SqliteLedger.claim, SqliteLedger.end
        async def grant(self, intent, **_):
            return Granted(1, False)
        async def late(self, intent, fence, ending):
            ruling = await claim(self, intent, lease=60, repeatable=True)
            return await end(self, intent, getattr(ruling, "fence", 0), ending)
        SqliteLedger.claim, SqliteLedger.end = grant, late
        """,
    ),
    "an outcome returned before it is on disk": (
        ("durable",),
        """
        import asyncio
        from bonifiq_async.ledger.sqlite.store import SqliteLedger
        end, later = SqliteLedger.end, set()
        async def slowly(*given):
            await asyncio.sleep(1)
            await end(*given)
        async def early(*given):
            later.add(asyncio.create_task(slowly(*given)))
            return True
        SqliteLedger.end = early
        """,
    ),
    "a ledger that does not remember what is applied": (
        ("resume", "one-key"),
        """
        from bonifiq_async.ledger.protocol import Granted
        from bonifiq_async.ledger.sqlite import reader, store
        def rule(row, intent, **more):
            return Granted(1 if row is None else row.fence + 1, False)
        store.rule = rule
        reader.DONE = frozenset()
        """,
    ),
    "a used key that counts as the caller's own": (
        ("used-keys",),
        """
        from bonifiq_async._delivery import delivery
        delivery._explained = lambda ended, doubted: ended
        """,
    ),
    "an own lost request that counts as another's": (
        ("used-keys", "resume"),
        """
        from attrs import evolve
        from bonifiq_async._delivery import delivery
        delivery._explained = lambda ended, doubted: evolve(ended, used_elsewhere=True)
        """,
    ),
    "a kept connection that is not checked": (
        ("own-answer",),
        """
        from bonifiq_async._transport import connector
        connector.is_quiet = lambda protocol: not protocol.should_close
        """,
    ),
    "no order within a customer": (
        ("order",),
        """
        from bonifiq_async.batch import run
        run.Lanes.enter = lambda self, customer, item: True
        run.Lanes.leave = lambda self, customer: None
        """,
    ),
    "credentials in the output": (
        claims_of("secrets"),
        """
        import os, sys
        from bonifiq_async._provider import registry
        names = (spec.environment.credentials[-1] for spec in registry.specs())
        print(*map(os.environ.get, names), file=sys.stderr)
        """,
    ),
    "a doubt that is forgotten": (
        ("worst-effect",),
        """
        from attrs import evolve
        from bonifiq_async._delivery import delivery
        good = delivery.decide
        delivery.decide = lambda situation: good(evolve(situation, in_doubt=False))
        """,
    ),
    "a transport that repeats requests itself": (
        ("wire-true",),
        """
        from bonifiq_async._transport.session import SessionManager
        good = SessionManager.attempt
        async def attempt(*given):
            evidence = await good(*given)
            return evidence if evidence.failure is None else await good(*given)
        SessionManager.attempt = attempt
        """,
    ),
    "a Retry-After that is not read": (
        ("retry-after",),
        """
        from bonifiq_async._delivery import attempt as watch
        watch.asked_wait = lambda *given, **more: None
        """,
    ),
    "a few requests that do not keep a Retry-After": (
        ("retry-after",),
        """
        import sys, time
        from bonifiq_async._policy.budget import Hold
        from bonifiq_async._delivery.attempt import Watch
        Watch.may_send = lambda self: True
        extend, until, left = Hold.extend, Hold.until, [0]
        def received(self, *given, **more):
            left[0] = 12
            return extend(self, *given, **more)
        def forgotten(self):
            end, now = until.__get__(self), time.monotonic()
            if left[0] > 0 and now < end < now + 1.5:  # later than what may have been on its way
                left[0] -= sys._getframe(1).f_code.co_name == "_enter"  # a request, not a look
                return 0.0
            return end
        Hold.extend, Hold.until = received, property(forgotten, until.__set__)
        """,
    ),
    "a Retry-After that is read when the body is there": (
        ("hold-at-head",),
        """
        import asyncio
        from bonifiq_async._transport import fast_path as direct
        from bonifiq_async._transport import public_path as exchange
        from bonifiq_async._delivery.attempt import Watch
        head, read, heads = Watch.head, exchange.read_within, {}
        def kept(self, status, headers):
            heads[asyncio.current_task()] = (self, status, headers)
        async def late(*given):
            try:
                return await read(*given)
            finally:
                if (given := heads.pop(asyncio.current_task(), None)) is not None:
                    head(*given)
        Watch.head, direct.read_within, exchange.read_within = kept, late, late
        """,
    ),
    "a wait that is not checked again once connected": (
        ("hold-connecting",),
        """
        from bonifiq_async._delivery.attempt import Watch
        Watch.may_send = lambda self: True
        """,
    ),
    "a lease on the wall clock": (
        ("clock-steps",),
        """
        from bonifiq_async.ledger.sqlite.owner import Sight
        Sight.now = lambda self: self.runtime.wall()
        Sight.left = lambda self, claim, _: self._left_by_the_wall(claim, None, self.runtime.wall(), None)
        """,
    ),
    "a process that is not visible counts as ended": (
        ("containers",),
        """
        from bonifiq_async.ledger.sqlite.owner import Sight
        runs = Sight.runs
        Sight.runs = lambda self, name: runs(self, name) or False
        """,
    ),
    "a lease that nothing shortens": (
        ("containers",),
        """
        from bonifiq_async.ledger.sqlite.owner import Sight
        Sight.left = lambda self, claim, _: max(0.0, claim.lease_until - self.now())
        """,
    ),
    "a copy of the file that stays": (
        ("secrets",),
        """
        import sqlite3, tempfile
        good = sqlite3.connect
        sqlite3.connect = lambda name, **more: good(name or tempfile.mkstemp()[1], **more)
        """,
    ),
    "another amount": (
        ("never-twice",),
        """
        from decimal import Decimal
        from bonifiq_async.raba7ni import payloads
        payloads.canonical = lambda value: Decimal(1)
        """,
    ),
    "a success that is reported as a doubt": (
        claims_of("never-twice"),
        """
        from bonifiq_async._delivery import delivery
        from bonifiq_async._model.outcome import Effect, StopReason
        from bonifiq_async._policy.retry import Stop
        delivery.ACCEPTED = Stop(Effect.UNKNOWN, StopReason.NO_SAFE_REPEAT)
        """,
    ),
    "a deadline that is not kept": (
        ("deadline",),
        """
        from bonifiq_async._delivery import delivery
        good = delivery.Deadline
        delivery.Deadline = lambda at: good(at + 2)
        """,
    ),
    "outcomes that are kept": (
        ("memory",),
        """
        from bonifiq_async.batch.summary import Tally
        good, kept = Tally.count, []
        def count(self, outcome):
            kept.append(b"x" * 100_000)
            good(self, outcome)
        Tally.count = count
        """,
    ),
    "a repeated write without de-duplication": (
        ("never-twice", "no-blind-repeat"),
        """
        from bonifiq_async._model.operation import RepeatClass
        from bonifiq_async._model.outcome import Verdict
        from bonifiq_async._policy.retry import ACTIONS, Action
        for verdict in (Verdict.BROKEN, Verdict.LOST):
            ACTIONS[verdict][RepeatClass.NEVER] = Action.AGAIN
        """,
    ),
}


REGISTRY = f"""
from bonifiq_async._provider import registry
registry.PROVIDERS.update({registry.PROVIDERS})
"""
"""The registry of the tests, for every interpreter: the provider made up for them has its claims, too."""


SMALLEST = ("--scale", "tiny", "--json")
LONGEST = 900
"""Seconds that a run may take on a busy machine."""


def environment(folder: Path, prelude: str = "") -> dict[str, str]:
    """Return the environment of a run in `folder`; `prelude` is run by every interpreter that has it."""
    (folder / "sitecustomize.py").write_text(REGISTRY + textwrap.dedent(prelude))
    (folder / "temporary").mkdir(exist_ok=True)  # the files of a run that had to be killed
    tests = Path(__file__).parent.parent
    paths = [str(folder), str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TMPDIR": str(folder / "temporary"),
    }


def command(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run `bonifiq prove` at its smallest."""
    return subprocess.run(
        [sys.executable, "-m", "bonifiq_async", "prove", *SMALLEST, *args],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


class Runs:
    """The run of every break, two at once: they mostly wait.

    Several workers of a test run share `folder`, and the first free worker does each run.
    """

    def __init__(self, folder: Path, broken: BrokenRuns, pool: ThreadPoolExecutor) -> None:
        self._folders = {name: folder / str(number) for number, name in enumerate(BREAKS)}
        self._broken = broken
        for name in BREAKS:
            pool.submit(self._run, name)

    def _run(self, name: str) -> None:
        folder, (claims, prelude) = self._folders[name], BREAKS[name]
        try:
            folder.mkdir()
        except FileExistsError:
            return  # another worker does it
        args = (*SMALLEST, *(arg for claim in claims for arg in ("--only", claim)))
        self._broken.start(folder, args, environment(folder, prelude), textwrap.dedent(prelude))
        self.ended(name)

    def ended(self, name: str) -> "subprocess.CompletedProcess[str]":
        """Return the end of a run, once it has ended."""
        limit = time.monotonic() + LONGEST
        while (found := ended(self._folders[name])) is None:
            assert time.monotonic() < limit, "it has not ended"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Runs]:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs of prove"
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        broken = BrokenRuns(REGISTRY, environment(tmp_path_factory.mktemp("broken")))
        yield Runs(folder, broken, pool)
    broken.close()


@pytest.mark.slow
@pytest.mark.usefixtures("runs")  # which begin meanwhile
def test_all_claims_hold(tmp_path):
    """At the smallest size, each with at least one case."""
    ended = command(tmp_path, "--seed", "3", "--html", "page.html")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 1), ended.stderr
    told = msgspec.json.decode(ended.stdout)
    assert [each["claim"] for each in told["claims"]] == list(NAMES)
    assert all(each["holds"] for each in told["claims"])
    (once,) = (each for each in told["claims"] if each["claim"] == "once")
    size = SCALES["tiny"]
    assert (once["changes"], once["kills"], once["doubled"], once["lost"]) == (size.changes, size.kills, 0, 0)
    assert once["requests"] > once["changes"] > once["faults"] > 0
    assert sum(told["faults"]["bonifiq apply, killed and run again"].values()) == once["faults"]
    assert re.search(r"^killed: begun", ended.stderr, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_a_claim_fails_when_the_library_breaks_it(name, runs):
    """Exactly these claims, with an example, the exit code 1 and the seed."""
    run = runs.ended(name)
    assert run.returncode == Exit.BUG, run.stderr
    told = msgspec.json.decode(run.stdout)
    assert {each["claim"]: each["holds"] for each in told["claims"]} == dict.fromkeys(BREAKS[name][0], False)
    assert all(each["wrong"] > 0 and each["problems"] for each in told["claims"])
    assert "--seed 1 --only" in told["command"]


def test_every_claim_is_seen_to_fail():
    """A claim that no break can fail would prove nothing."""
    assert {claim for claims, _ in BREAKS.values() for claim in claims} == set(NAMES)


def test_what_never_happened_proves_nothing():
    """A run without a wait proves nothing about waits."""
    assert found(Figures(), [], met=0).problems
    assert found(Figures(), [], met=1) == Finding(Figures())


def test_a_claim_shows_a_few_of_many_problems_and_counts_all():
    """The figure is the number, not the length of the list."""
    finding = found(Figures(changes=3), map(str, range(100)), met=1)
    assert (len(finding.problems), finding.figures) == (SHOWN, Figures(changes=3, wrong=100))


def test_every_kill_comes_before_the_work_is_done():
    """So that the requested number is killed."""
    import random

    for seed in range(100):
        kills = moments(random.Random(seed), 1000, 20)
        assert len(kills) == 20 and kills == sorted(kills) and kills[0] > 0 and kills[-1] < 950


def change(number: int, customer: str = "f0-1") -> CashbackChange:
    """A change of a record."""
    return CashbackChange(customer, Decimal(number), "r", f"k{number}")


def arrival(key: str, moment: float = 1.0, body: bytes = b"b", **more: object) -> Seen:
    """A request of a record."""
    usual = {"customer": "f0-1", "fault": "", "until": 0.0, "claimed": True}
    return Seen(moment, key, digest=digest_of(body), **usual | more)


def stands(number: int, state: State = State.APPLIED, body: bytes = b"b") -> Recorded:
    """A change as it stands in the ledger of a record."""
    known = (f"k{number}", state, "f0-1", body, None, "", Decimal(number))
    return Recorded(*known, 0.0, 0.0, 1, None, 1, number, 1)


GOOD = killed_runs.Record(
    {f"k{number}": change(number) for number in (1, 2, 3)},
    [Course((Killed(5.0, {"k1": "applied"}),), 0, {f"k{n}": "applied" for n in (1, 2, 3)})],
    Closed(
        [arrival("k1"), arrival("k2", 2.0), arrival("k2", 6.0), arrival("k3", 7.0)],
        [("f0-1", Decimal(number), f"k{number}") for number in (1, 2, 3)],
        {"f0-1": Decimal(6)},
        {"close-before": 1},
    ),
    early=[],
    stand={f"k{number}": stands(number) for number in (1, 2, 3)},
    again=0,
    leaks=[],
    searched=4,
    copies=[],
)
CLAIMS = (
    killed_runs.once,
    killed_runs.resume,
    killed_runs.claim_first,
    killed_runs.durable,
    killed_runs.fixed,
    killed_runs.order,
    killed_runs.secret,
)


def books(*numbers: int, balance: int) -> Closed:
    """Books in which these changes took effect."""
    moved = [("f0-1", Decimal(number), f"k{number}") for number in numbers]
    return evolve(GOOD.closed, history=moved, balances={"f0-1": Decimal(balance)})


def course(**given: str) -> list[Course]:
    """A course that ended with these outcomes."""
    return [evolve(GOOD.courses[0], told={**GOOD.courses[0].told, **given})]


def ledger(**stand: Recorded) -> killed_runs.Record:
    """A record whose ledger has other entries."""
    return evolve(GOOD, stand={**GOOD.stand, **stand})


BAD = {
    "twice": (killed_runs.once, evolve(GOOD, closed=books(1, 2, 3, 3, balance=9))),
    "lost": (killed_runs.once, evolve(GOOD, closed=books(1, 2, balance=3))),
    "an unknown key": (killed_runs.once, evolve(GOOD, closed=books(1, 2, 3, 4, balance=10))),
    "an amount": (killed_runs.once, evolve(GOOD, closed=books(1, 2, 3, balance=7))),
    "not ended": (killed_runs.resume, evolve(GOOD, courses=course(k3="unknown"))),
    "sent again": (
        killed_runs.resume,
        evolve(GOOD, closed=evolve(GOOD.closed, seen=[*GOOD.closed.seen, arrival("k1", 6.0)])),
    ),
    "unclaimed": (
        killed_runs.claim_first,
        evolve(GOOD, closed=evolve(GOOD.closed, seen=[*GOOD.closed.seen, arrival("k3", claimed=False)])),
    ),
    "sent by one more run": (killed_runs.resume, evolve(GOOD, again=1)),
    "sent again for no kill": (
        killed_runs.resume,
        evolve(GOOD, closed=evolve(GOOD.closed, seen=[*GOOD.closed.seen, *[arrival("k2", 3.0)] * IN_FLIGHT])),
    ),
    "early": (killed_runs.durable, evolve(GOOD, early=["k1"])),
    "not in the ledger": (
        killed_runs.durable,
        evolve(GOOD, stand={f"k{number}": stands(number) for number in (1, 2)}),
    ),
    "not applied in the ledger": (killed_runs.durable, ledger(k3=stands(3, State.CLAIMED))),
    "another amount in the ledger": (killed_runs.durable, ledger(k3=stands(2))),
    "another body in the ledger": (killed_runs.fixed, ledger(k3=stands(3, body=b"c"))),
    "two bodies": (
        killed_runs.fixed,
        evolve(GOOD, closed=evolve(GOOD.closed, seen=[arrival("k1"), arrival("k1", body=b"c")])),
    ),
    "another key": (
        killed_runs.fixed,
        evolve(GOOD, closed=evolve(GOOD.closed, seen=[*GOOD.closed.seen, arrival("k9")])),
    ),
    "out of order": (killed_runs.order, evolve(GOOD, closed=books(1, 3, 2, balance=6))),
    "a credential": (killed_runs.secret, evolve(GOOD, leaks=["f0.err"])),
    "a copy": (killed_runs.secret, evolve(GOOD, copies=["etilqs_1"])),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_good_record_fulfils_every_claim(claim):
    """Otherwise the bad ones would show nothing."""
    assert claim(GOOD).problems == ()


@one_test
@pytest.mark.parametrize(("claim", "record"), BAD.values(), ids=BAD)
def test_a_bad_record_fails_the_claim_that_it_breaks_and_no_other(claim, record):
    """Each bad record breaks one claim."""
    assert [each for each in CLAIMS if each(record).figures.wrong] == [claim]


def test_an_earning_that_moved_and_was_denied_is_wrong():
    """Also where it moved only once."""
    closed = Closed([arrival("o-1", fault="500-after")], [("7", Decimal(1), "o-1")], {}, {})
    stand = {"o-1": State.UNKNOWN}
    told = other_providers.Record(
        {"o-1": ("7", Decimal(1))}, Course((), 0, {"o-1": "refused"}), closed, stand, (), ()
    )
    assert other_providers.never_twice(told).figures.wrong == 1
    unknown = evolve(told, course=Course((), 4, {"o-1": "unknown"}))
    assert other_providers.never_twice(unknown).problems == ()
    for meant in ({"o-1": ("7", Decimal(2))}, {"o-1": ("8", Decimal(1))}):
        assert other_providers.never_twice(evolve(unknown, meant=meant)).figures.wrong == 1


STANDS = {
    "moved, in doubt": (True, State.IN_DOUBT, True),
    "moved, applied": (True, State.APPLIED, True),
    "moved, refused": (True, State.REFUSED, False),
    "moved, not there": (True, None, False),
    "not moved, in doubt": (False, State.UNKNOWN, True),
    "not moved, not applied": (False, State.NOT_APPLIED, True),
    "not moved, applied": (False, State.APPLIED, False),
}


@pytest.mark.parametrize(("moved", "state", "right"), STANDS.values(), ids=STANDS)
def test_an_earning_is_in_the_ledger_as_it_happened_or_in_doubt(moved, state, right):
    """So that the sums equal the books once a person has settled the doubts by them."""
    meant = dict.fromkeys(("o-1", "o-2"), ("7", Decimal(1)))
    history = [("7", Decimal(1), "o-2"), *[("7", Decimal(1), "o-1")] * moved]
    closed = Closed([arrival(key, fault="500-after") for key in meant], history, {}, {})
    stand = {"o-2": State.APPLIED} | ({} if state is None else {"o-1": state})
    course = Course((), 4, dict.fromkeys(meant, "unknown"))
    found = other_providers.never_twice(other_providers.Record(meant, course, closed, stand, (), ()))
    assert (found.problems == ()) is right


def test_a_doubt_of_an_earning_needs_a_fault_or_a_kill():
    """A successful one is reported as applied, except those in flight when a process was killed."""
    keys = [f"o-{number}" for number in range(IN_FLIGHT + 1)]
    closed = Closed(list(map(arrival, keys)), [("7", Decimal(1), key) for key in keys], {}, {})
    meant = dict.fromkeys(keys, ("7", Decimal(1)))
    course = Course((Killed(1.0, {}),), 4, dict.fromkeys(keys, "unknown"))
    stand = dict.fromkeys(keys, State.UNKNOWN)
    record = other_providers.Record(meant, course, closed, stand, (), ())
    assert other_providers.never_twice(record).figures.wrong == 1
    told = {**course.told, keys[0]: "applied"}
    assert other_providers.never_twice(evolve(record, course=evolve(course, told=told))).problems == ()


def test_no_credential_is_found_where_nothing_was_searched():
    """Then the claim does not hold."""
    record = other_providers.Record(
        {}, Course((), 0, {}), Closed([], [], {}, {}), {}, (other_providers.LEDGER, other_providers.OUT), ()
    )
    assert other_providers.secret(record).problems == ()
    assert other_providers.secret(evolve(record, leaks=(other_providers.OUT,))).figures.wrong == 1
    for searched in ((), (other_providers.LEDGER,)):
        assert other_providers.secret(evolve(record, searched=searched)).problems != ()


class Reader(HTMLParser):
    """Collects the parts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.links += [name for name, _ in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_from_outside():
    """No script, no link; a column for every step with an arrival, a line for every kill."""
    finding = Finding(Figures(changes=1234, wrong=1), ("<b>k1</b> & more",))
    timeline = Timeline("killed", 0.5, (4, 0, 6), (1, 0, 6), (0.2, 1.4), {"close-after": 7})
    made = page(
        Head("tiny", 3, 9.0, "bonifiq prove --seed 3"),
        [Proof("once", "says", "BonifiQ", finding)],
        [timeline],
    )
    reader = Reader()
    reader.feed(made)
    assert not {"script", "link", "img", "iframe", "b>k1"} & set(reader.tags) and reader.links == []
    assert "url(" not in made and "@import" not in made
    assert (reader.tags["svg"], made.count("V100z"), made.count('V100"')) == (1, 4, 1)
    assert "M1.2" not in made and 'd="M0.400 0V100M2.800 0V100"' in made
    for words in ("0 of 1 claims hold", "1,234", "<b>k1</b> & more", "close-after 7", "12 a second"):
        assert words in reader.text
    assert reader.tags["b"] == 1


def test_the_screen_has_the_faults_by_their_kind(capsys):
    timeline = Timeline("killed", 0.5, (4,), (1,), (), {"close-after": 7, "429": 1200})
    report(Proven(Head("tiny", 3, 9.0, "bonifiq prove"), [], [timeline]))
    assert "killed, faults by kind: 429 1,200, close-after 7." in capsys.readouterr().out


@pytest.mark.slow
def test_an_unknown_claim_is_refused(tmp_path):
    """Before anything is run; so is a page that cannot be written."""
    for args, sentence in (
        (("--only", "twice"), "No claim is called twice. There are: once"),
        (("--html", "gone/page.html"), "The page gone/page.html cannot be written"),
    ):
        ended = command(tmp_path, *args)
        assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
        assert sentence in ended.stderr and "begun" not in ended.stderr


BEGUN = """
import os, signal, sys
for name, act in (("SIGTERM", "SIG_DFL"), ("SIGHUP", "SIG_DFL"), ("SIGINT", sys.argv[1])):
    signal.signal(getattr(signal, name), getattr(signal, act))  # whatever these tests were begun with
os.execv(sys.executable, [sys.executable, "-m", "bonifiq_async", "prove", "--scale", "tiny"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "interrupts"),
    [
        (signal.SIGTERM, "SIG_DFL"),
        (signal.SIGHUP, "SIG_DFL"),
        (signal.SIGINT, "SIG_DFL"),
        (signal.SIGTERM, "SIG_IGN"),  # as in what a script runs in the background
    ],
)
def test_a_run_that_is_ended_leaves_nothing_behind(number, interrupts, tmp_path):
    """Neither its folder nor a process: `timeout` and a closed terminal end it as Ctrl-C does."""
    (tmp_path / "temporary").mkdir()
    mark = f"TMPDIR={tmp_path / 'temporary'}"
    run = subprocess.Popen(
        [sys.executable, "-c", BEGUN, interrupts],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stderr is not None
        assert any(line.startswith("killed: begun") for line in run.stderr)
        while len(begun_with(mark)) < 2:  # its clients have not started yet
            assert run.poll() is None
            time.sleep(0.01)
        assert [path.name[:14] for path in (tmp_path / "temporary").iterdir()] == ["bonifiq-prove-"]
        if interrupts == "SIG_IGN":
            run.send_signal(signal.SIGINT)  # it still runs
            assert "Interrupted." not in next(run.stderr)
        run.send_signal(number)
        assert run.communicate(timeout=60)[1].endswith("Interrupted.\n")
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == Exit.INTERRUPTED
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not begun_with(mark)


def begun_with(mark: str) -> list[Path]:
    """Return the processes that were started with `mark` in their environment."""
    return [path for path in Path("/proc").glob("[0-9]*") if mark in environment_of(path)]


def environment_of(process: Path) -> str:
    """Return the environment of a process, nothing where it is not visible."""
    try:
        return (process / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_the_page_names_every_claim():
    """In the table of a real run, but for those of the provider made up for the tests."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (shown,) = (text for text in blocks if "claim-first" in text)
    made_up = tuple(f"{name}-" for name, package in registry.PROVIDERS.items() if "." not in package)
    ours = [name for name in NAMES if not name.startswith(made_up)]
    assert re.findall(r"^([a-z0-9-]+) +holds", shown, re.MULTILINE) == ours
