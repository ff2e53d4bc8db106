"""Fault scripts: which request gets which fault, how a file is read, and how one with an error is refused."""

import asyncio
import random
import re
import subprocess
import sys
import textwrap
import time
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import change, client_for, fast, raba7ni_client_for, until
from one_test import one_test

from bonifiq_async import ConfigurationError, Effect, Member
from bonifiq_async.sandbox import FAULTS, Arrival, FaultScript, Latency, Limit, Outage, Retention, Rule
from bonifiq_async.sandbox.capacity import Bucket


def names(script: FaultScript, *arrivals: Arrival) -> list[str]:
    """Return the names of the faults that requests get."""
    return [script.meet(arrival).name for arrival in arrivals]


def numbered(count: int, **more: object) -> list[Arrival]:
    """Return requests, numbered from 1."""
    return [Arrival(number, **more) for number in range(1, count + 1)]


RULES = {
    "by number": (Rule("429", requests=[2, 4]), numbered(5), ["", "429", "", "429", ""]),
    "by one number": (Rule("429", requests=1), numbered(2), ["429", ""]),
    "by key": (
        Rule("429", key="order-[12]"),
        [Arrival(1, "order-1"), Arrival(2, "order-3"), Arrival(3)],
        ["429", "", ""],
    ),
    "by customer": (
        Rule("429", customer="ana*"),
        [Arrival(1, customer="ana@x"), Arrival(2, customer="ANA"), Arrival(3)],
        ["429", "", ""],
    ),
    "by all of them": (
        Rule("429", requests=[1, 2], key="a", customer="b"),
        [Arrival(1, "a", "b"), Arrival(2, "a", "c"), Arrival(3, "a", "b")],
        ["429", "", ""],
    ),
    "so often": (Rule("429", times=2), numbered(4), ["429", "429", "", ""]),
    "a number of times for one key": (
        Rule("429", times_per_key=1),
        [Arrival(1, "a"), Arrival(2, "b"), Arrival(3, "a"), Arrival(4, "c")],
        ["429", "429", "", "429"],
    ),
    "never": (Rule("429", rate=0), numbered(9), [""] * 9),
}


@pytest.mark.parametrize(("rule", "arrivals", "met"), RULES.values(), ids=RULES)
def test_which_request_a_rule_matches(rule, arrivals, met):
    """Every condition of a rule must hold."""
    assert names(FaultScript(rules=[rule]), *arrivals) == met


def test_chance_is_repeated_by_its_seed_and_by_that_alone():
    """The same seed draws the same faults; one more rule before it changes none of them."""
    rule = Rule(["429", "500-after"], rate=0.3)

    def drawn(seed: int, *rules: Rule) -> list[str]:
        return names(FaultScript(seed=seed, rules=[*rules, rule]), *numbered(2000))

    met = drawn(1)
    assert met == drawn(1) != drawn(2)
    assert {*met} == {"", "429", "500-after"} and 500 < sum(map(bool, met)) < 700
    late = FaultScript(seed=1, rules=[rule, Rule("400", requests=[1999])])
    assert [name for name in names(late, *numbered(2000)) if name != "400"] == [
        name for at, name in enumerate(met) if name or at != 1998
    ]


def test_the_first_matching_source_of_faults_decides():
    """In this order: sequence, outage, limit, rules, chance."""
    script = FaultScript(
        ["400", ""],
        outages=[Outage(0.0, 1.0, "502-before")],
        limit=Limit(at_once=1),
        rules=[Rule("422", requests=[5])],
        rate=1.0,
        among=["401"],
    )
    met = names(
        script,
        Arrival(1),
        Arrival(2),
        Arrival(3, elapsed=0.5, at_once=2),
        Arrival(4, elapsed=1.0, at_once=2),
        Arrival(5, elapsed=1.1),
        Arrival(6, elapsed=1.2),
    )
    assert met == ["400", "", "502-before", "at once", "422", "401"]
    assert script.met.total() == 5


def test_a_rule_says_for_how_long_to_wait():
    """Otherwise the script does."""
    script = FaultScript(seconds=3, rules=[Rule("429-seconds", requests=1, retry_after=7), Rule("429-date")])
    assert [script.meet(arrival).retry_after for arrival in numbered(2)] == [7, 3]


def test_a_bucket_accepts_its_rate_and_saves_no_more_than_its_burst():
    """Ten a second over five seconds: 5 at first, then 50."""
    bucket = Bucket(Limit(per_second=10, burst=0.5))
    assert [bucket.take(100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert sum(bucket.take(100.0 + moment / 100) for moment in range(1, 501)) == 50
    assert sum(bucket.take(1000.0) for _ in range(100)) == 5


def test_latency_rises_with_load():
    """Fixed below the mark, in proportion beyond it; jitter on top."""
    curve = Latency(0.1, jitter=0.05, at_once=10)
    assert [curve.of(at_once, 0.0) for at_once in (1, 10, 20)] == [0.1, 0.1, 0.2]
    assert curve.of(1, 0.5) == pytest.approx(0.125)


SCRIPT = """
seed = 7
rate = 0.2
among = ["429", "500-after"]
seconds = 2
sequence = ["close-after", ""]

[[fault]]
fault = ["reset-before", "reset-after"]
requests = [3]
key = "order-*"
times = 5

[[fault]]
fault = "429-seconds"
customer = "ana"
rate = 0.5
times_per_key = 1
retry_after = 4

[latency]
seconds = 0.01
jitter = 0.005
at_once = 8

[limit]
per_second = 50
burst = 2
at_once = 16
retry_after = 3

[keys]
forgotten_after_requests = 10

[[outage]]
from = 1.5
for = 2
fault = "502-before"
"""


def test_a_file_can_have_every_setting_of_the_class(tmp_path):
    """A text, its file and the arguments give the same faults to ten thousand requests."""
    (tmp_path / "faults.toml").write_text(SCRIPT)
    made = FaultScript(
        ["close-after", ""],
        seed=7,
        rate=0.2,
        among=["429", "500-after"],
        seconds=2,
        rules=[
            Rule(["reset-before", "reset-after"], requests=[3], key="order-*", times=5),
            Rule("429-seconds", customer="ana", rate=0.5, times_per_key=1, retry_after=4),
        ],
        latency=Latency(0.01, 0.005, 8),
        limit=Limit(50, 2, 3, 16),
        retention=Retention(requests=10),
        outages=[Outage(1.5, 2, "502-before")],
    )
    read = [FaultScript.from_toml(SCRIPT), FaultScript.from_file(tmp_path / "faults.toml")]
    chance = random.Random(1)
    for number in range(1, 10_000):
        arrival = Arrival(
            number, f"order-{number % 50}", chance.choice(("ana", "bia")), b"", number / 40, number % 20
        )
        meeting = made.meet(arrival)
        assert [script.meet(arrival) for script in read] == [meeting, meeting]
    assert {"502-before", "at once", "429-seconds", "429", "500-after"} <= set(made.met)
    assert [script.retention for script in read] == [made.retention] * 2


WRONG = {
    "no TOML": ("seed = 1\nrate = = 2\n", 2, "This is not TOML"),
    "unknown at the top": ("seed = 1\n\nrat = 2\n", 3, "rat means nothing here. There may be: seed"),
    "unknown table": ("[laten]\nseconds = 1\n", 1, "laten means nothing"),
    "unknown member": ("[latency]\nseconds = 1\nsecond = 2\n", 3, "second means nothing"),
    "the right one of several": (
        '[[fault]]\nfault = "429"\ntimes = 1\n\n[[fault]] # two\nfault = "429"\ntimes = 0\n',
        7,
        "times must be a whole number above zero, not 0",
    ),
    "no such fault": ('[[fault]]\n\nfault = ["429", "clsoe"]\n', 3, "No fault is called clsoe"),
    "no such fault above": ('seed = 1\namong = ["clsoe"]\n', 2, "No fault is called clsoe"),
    "no such fault in the sequence": ('sequence = [\n"clsoe"]\n', 1, "No fault is called clsoe"),
    "a share": ('[[fault]]\nfault = "429"\nrate = 1.5\n', 3, "rate must be a number from 0 to 1"),
    "a type": ('[[fault]]\nfault = "429"\nkey = 5\n', 3, "key must be a text"),
    "numbers": ('[[fault]]\nfault = "429"\nrequests = ["x"]\n', 3, "requests"),
    "missing": ("seed = 1\n[[fault]]\ntimes = 1\n", 2, "fault is missing"),
    "its own name": ("\n[[outage]]\nfrom = 1\nfor = 0\n", 4, "for must be a number above zero"),
    "one where there are several": ('[fault]\nfault = "429"\n', 1, "write [[fault]]"),
    "several where there is one": ("seed = 1\n[[limit]]\nat_once = 1\n", 2, "A table is needed"),
    "inline": ("seed = 1\nlatency = { second = 1 }\n", 2, "second means nothing"),
    "many digits": (f"rate = 0\n\nseed = {'9' * 5000}\n", 3, "This is too much to be read"),
    "many brackets": (f"rate = 0\n\nsequence = {'[' * 5000}{']' * 5000}\n", 3, "This is too much to be read"),
    "a table in a table": ("rate = 0\n\n[latency.sub]\nseconds = 1\n", 3, "sub means nothing"),
    "a table in one of several": ("rate = 0\n\n[fault.sub]\nfault = '429'\n", 3, "write [[fault]]"),
    "another end of a line in a comment": ("# a\u2028b\nrat = 1\n", 2, "rat means nothing"),
    "a text like a table": (
        "[[fault]]\nfault = '429'\nkey = '''\n[latency]\ntims = 2\n'''\ntims = 1\n",
        7,
        "tims",
    ),
    "after lines that are one": ("sequence = [\n'429',\n]\nrat = 1\n", 4, "rat means nothing"),
    "a number beyond any float": (f"[latency]\nseconds = 1{'0' * 400}\n", 2, "seconds must be"),
    "a rate beyond any float": (f"[limit]\nper_second = 1{'0' * 400}\n", 2, "per_second must be"),
    "a wait beyond any date": (f"seed = 1\nseconds = 1{'0' * 400}\n", 2, "seconds must be"),
    "an outage of nothing": ("[[outage]]\nfrom = 1\nfor = 1\nfault = 'nope'\n", 4, "No fault is called nope"),
    "an outage of several": ("[[outage]]\nfrom = 1\nfor = 1\nfault = ['429']\n", 4, "No fault is called"),
    "an outage of a number": ("[[outage]]\nfrom = 1\nfor = 1\nfault = 5\n", 4, "No fault is called 5"),
    "a rate among none": ("rate = 0.5\n\namong = []\n", 3, "among is empty"),
    "dotted": ("seed = 1\nkeys.forgotten = 1\n", 2, "forgotten means nothing"),
}


@pytest.mark.parametrize(("text", "line", "problem"), WRONG.values(), ids=WRONG)
def test_an_error_in_a_file_is_reported_with_its_line(text, line, problem, tmp_path):
    """And nothing is started."""
    path = tmp_path / "faults.toml"
    path.write_text(text)
    for source, name in ((text, "The fault script"), (path, str(path))):
        with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
            FaultScript.from_toml(source)
        assert str(refused.value).startswith(f"{name}, line {line}: ")


WRONG_PYTHON = {
    "syntax": ("x = 1\nscript = (\n", 2),
    "a fault": ("from bonifiq_async.sandbox import FaultScript\n\nscript = FaultScript(['clsoe'])\n", 3),
    "a setting": ("from bonifiq_async.sandbox import FaultScript\nscript = FaultScript(rate=30)\n", 2),
    "the syntax of another file": ("\nimport torn\n", 2),
    "an error of syntax that is raised": ("x = 1\n\nraise SyntaxError('own')\n", 3),
    "an end": ("import sys\nsys.exit(0)\n", 2),
}


@pytest.mark.parametrize(("text", "line"), WRONG_PYTHON.values(), ids=WRONG_PYTHON)
def test_an_error_in_python_is_reported_with_its_line(text, line, tmp_path, monkeypatch):
    """The line of the file itself, not of a function that it calls."""
    path = tmp_path / "faults.py"
    (tmp_path / "torn.py").write_text("\n" * 6 + "def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(f"{path}, line {line}: ")):
        FaultScript.from_file(path)


def test_an_error_without_a_line_is_reported_with_the_file(tmp_path):
    """Python names no line for a null byte."""
    path = tmp_path / "faults.py"
    path.write_text("x = 1\n\0\n")
    with pytest.raises(ConfigurationError, match=r"faults\.py(, line \d+)?: .*null bytes"):
        FaultScript.from_file(path)


@one_test
@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 30},
        {"rate": "x"},
        {"rate": 0.5, "among": []},
        {"seconds": -1},
        {"seconds": 10**400},
        {"seed": "x"},
        {"sequence": "429"},
        {"sequence": {"429": 1}},
        {"sequence": 5},
        {"among": "429"},
        {"rules": [{"fault": "429"}]},
        {"rules": Rule("429")},
        {"outages": [(0, 1)]},
        {"latency": 0.5},
        {"limit": {"per_second": 1}},
        {"retention": 5},
    ],
    ids=str,
)
def test_an_impossible_setting_is_refused_in_python_too(settings):
    """Before a server uses it."""
    with pytest.raises(ConfigurationError):
        FaultScript(**settings)


def test_a_python_file_gives_a_script(tmp_path):
    """By the name `script`; another thing under it, or no file, is refused."""
    path = tmp_path / "faults.py"
    path.write_text("from bonifiq_async.sandbox import FaultScript\nscript = FaultScript(['429'])\n")
    assert FaultScript.from_file(path).left == ("429",)
    path.write_text("script = 5\n")
    with pytest.raises(ConfigurationError, match="script = FaultScript"):
        FaultScript.from_file(path)
    for name in ("gone.py", "gone.toml"):
        with pytest.raises(ConfigurationError, match="No such file"):
            FaultScript.from_file(tmp_path / name)


async def test_the_server_plays_a_script(sandbox):
    """By customer and key, over the wire: the request with the fault is repeated, the other is not."""
    server = sandbox(
        faults=FaultScript.from_toml('[[fault]]\nfault = "503-after"\ncustomer = "ANA"\ntimes_per_key = 2')
    )
    async with client_for(server) as client:
        struck = await client.customers.change_cashback(change("a", customer="ANA"))
        other = await client.customers.change_cashback(change("b", customer="BIA"))
    assert (len(struck.attempts), len(other.attempts)) == (3, 1)
    assert len(server.books.effects("a")) == 1 and server.faults.met == {"503-after": 2}


async def test_the_other_provider_plays_it_too(raba7ni):
    """A reference is its key, a member its customer."""
    script = FaultScript(rules=[Rule("500-after", key="r-1", customer="7"), Rule("422", customer="8")])
    server = raba7ni(faults=script)
    async with raba7ni_client_for(server) as client:
        for member, reference, effect in (
            (7, "r-1", "500-after"),
            (7, "r-2", None),
            (8, "r-3", "422"),
        ):
            outcome = await client.outcome_of(_earn(member, reference))
            assert (outcome.error is None) == (effect is None)
    assert script.met == {"500-after": 1, "422": 1}
    with pytest.raises(ConfigurationError, match="knows no keys"):
        raba7ni(faults=FaultScript(retention=Retention(seconds=1)))


def _earn(member: int, reference: str) -> object:
    from bonifiq_async import Earn

    return Earn(card_id=10, member=Member.by_id(member), purchase_amount=Decimal(100), reference=reference)


async def test_a_forgotten_key_moves_money_again(sandbox):
    """As at a provider that forgets keys early; a remembered key moves no money again."""
    server = sandbox(faults=FaultScript(retention=Retention(requests=2)), duplicates="error-409")
    effects = []
    for key in ("k", "k", "other", "k"):
        async with client_for(server) as client:  # a client without a memory of its own
            effects.append((await client.customers.change_cashback(change(key))).effect)
    assert effects == [Effect.APPLIED, Effect.ALREADY_APPLIED, Effect.APPLIED, Effect.APPLIED]
    assert len(server.books.effects("k")) == 2


def test_a_key_is_forgotten_after_its_seconds():
    """At the second, not before it."""
    memory = Retention(seconds=60)
    assert memory.remembers(59.9, 10**6) and not memory.remembers(60.0, 0)


async def test_too_many_at_once_are_refused(sandbox):
    """Two places: of six at once four get a 503, and all succeed in the end."""
    server = sandbox(faults=FaultScript(limit=Limit(at_once=2), latency=Latency(0.1)))
    async with client_for(server, retry=fast(base=0.2, cap=0.5, max_attempts=30)) as client:
        keys = [change(f"k{number}", customer=f"c{number}") for number in range(6)]
        outcomes = await asyncio.gather(*(client.customers.change_cashback(each) for each in keys))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert server.faults.met["at once"] >= 4
    assert max(len(outcome.attempts) for outcome in outcomes) > 1


async def test_silence_takes_no_place(sandbox):
    """A request that is never answered blocks no other."""
    server = sandbox(faults=FaultScript(["silence-before"], limit=Limit(at_once=1)))
    async with client_for(server) as client:
        silent = asyncio.create_task(client.outcome_of(change("a")))
        await until(lambda: server.books.requests == 1)
        assert (await client.outcome_of(change("b"))).effect is Effect.APPLIED
        silent.cancel()
        await asyncio.wait([silent])
    assert "at once" not in server.faults.met


@pytest.mark.slow
async def test_a_rate_limit_names_the_wait(sandbox):
    """Beyond it 429, with a Retry-After that the client keeps."""
    server = sandbox(faults=FaultScript(limit=Limit(per_second=2, burst=0.5)))
    async with client_for(server) as client:
        await client.customers.change_cashback(change("a"))
        since = time.monotonic()
        outcome = await client.customers.change_cashback(change("b"))
    assert outcome.attempts[0].status == 429 and time.monotonic() - since >= 1.0


@pytest.mark.slow
def test_the_sandbox_command_plays_a_script_and_refuses_one_with_an_error(tmp_path):
    """It names the line and starts nothing."""
    (tmp_path / "faults.toml").write_text("[latency]\nsecond = 1\n")
    ended = subprocess.run(
        [sys.executable, "-m", "bonifiq_async", "sandbox", "--port", "0", "--script", "faults.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("faults.toml, line 2: second means nothing here.")


@pytest.mark.slow
def test_the_demo_plays_a_script(tmp_path):
    """Keys that are forgotten at once apply changes twice: the demo says so and ends with 1."""
    (tmp_path / "forgets.toml").write_text(
        textwrap.dedent("""
            [[fault]]
            fault = "close-after"
            times_per_key = 1
            rate = 0.2

            [keys]
            forgotten_after_seconds = 0.001
        """)
    )
    ended = subprocess.run(
        [sys.executable, "-m", "bonifiq_async", "demo", "--changes", "100", "--script", "forgets.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    doubled = re.search(r"100 changes, 0 lost, (\d+) doubled", ended.stdout)
    assert doubled is not None and 5 < int(doubled[1]) < 50


def test_every_fault_can_be_named_in_a_script():
    """The table and the scripts stay the same."""
    for name in FAULTS:
        assert names(FaultScript(rules=[Rule(name)]), Arrival(1)) == [name]


def test_the_page_on_testing_has_a_script_that_is_valid():
    """The one that it shows."""
    page = (Path(__file__).parent.parent.parent / "docs" / "how-to" / "testing.md").read_text()
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    FaultScript.from_toml(text)
