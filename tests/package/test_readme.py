"""The examples of the README and of docs/ under faults.

`test_pages.py` runs each block as it stands.
"""

import re
import shlex
import subprocess
import sys
from decimal import Decimal
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestClient, TestServer
from console import Console, settings
from page_blocks import PAGES, codes, run

from bonifiq_async import BonifiQClient, change_key_for
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import FAULTS, FaultScript, Raba7niSandbox, Sandbox

pytest_plugins = ["pytester"]

README = PAGES["README.md"]
(SERVICE,) = codes("docs/how-to/web-service.md", "python")
(CONSUMER,) = codes("docs/how-to/event-consumer.md", "python")
(RABA7NI,) = codes("docs/how-to/raba7ni.md", "python")
SANDBOX, PLUGIN, MOCKED = codes("docs/how-to/testing.md", "python")


@pytest.fixture
def sandbox(monkeypatch):
    """A sandbox that the environment points to."""
    with Sandbox(faults=FaultScript(["503-before"])) as running:
        for name, value in settings(running).items():
            monkeypatch.setenv(name, value)
        yield running


def test_the_readme_is_short():
    """Reference material is on other pages."""
    assert len(README.splitlines()) <= 200


async def test_the_web_service_answers_each_effect(sandbox):
    """The same order twice moves money once; a refusal and a doubt have their own status."""
    app = run(SERVICE)["make_app"]()
    async with TestClient(TestServer(app)) as client:
        order = {"id": "1001", "customer": "ana", "cashback": "10.50"}
        for effect in ("applied", "already_applied"):
            response = await client.post("/order-paid", json=order)
            assert (response.status, await response.json()) == (200, {"effect": effect})
        for fault, status in (("422", 422), ("401", 503), ("html-after", 202), ("429-long", 503)):
            sandbox.faults = FaultScript([fault])
            assert (await client.post("/order-paid", json={**order, "id": fault})).status == status
        wrong = ({"cashback": "0"}, {"id": 7}, {"customer": ""}, {"cashback": "NaN"}, {"cashback": "abc"})
        for body in ({}, [], 7, None, *({**order, **each} for each in wrong), {**order, "cashback": None}):
            assert (await client.post("/order-paid", json=body)).status == 400
        for no_amount in (True, [0, [1, 5], 0]):  # Decimal takes both
            assert (await client.post("/order-paid", json={**order, "cashback": no_amount})).status == 400
        said = await (await client.post("/order-paid", json={**order, "cashback": "abc"})).json()
        assert said["invalid"].startswith("InvalidOperation")
        assert (await client.post("/order-paid", data=b"no json")).status == 400
    assert sandbox.books.effects("ADD-ana-10.5-1001")[0].value == Decimal("10.50")


async def test_the_consumer_acknowledges_what_is_settled(sandbox):
    """Twice the same event is one change; a doubt is not acknowledged."""
    handle, aside = run(CONSUMER)["handle"], []

    def put_aside(event: object, error: Exception) -> None:
        aside.append(error)

    event = SimpleNamespace(customer="ana", amount=Decimal(3), id="e1")
    async with BonifiQClient(sandbox.credentials, base_url=sandbox.url) as client:
        assert await handle(client, event, put_aside) is True
        assert await handle(client, event, put_aside) is True
        for fault, acknowledged in (("html-after", False), ("401", False), ("422", True)):
            sandbox.faults = FaultScript([fault])
            other = SimpleNamespace(**{**vars(event), "id": fault})
            assert await handle(client, other, put_aside) is acknowledged
        nothing = SimpleNamespace(**{**vars(event), "amount": Decimal(0)})
        assert await handle(client, nothing, put_aside) is True
    assert [type(error).__name__ for error in aside] == ["RefusedError", "PayloadError"]
    assert sandbox.books.balance("ana") == 6


async def test_the_consumer_keeps_a_ledger(sandbox, monkeypatch, tmp_path):
    """Delivered again to another process, an event is answered from it."""
    monkeypatch.chdir(tmp_path)
    acknowledged = []

    async def messages():
        async def acknowledge() -> None:
            acknowledged.append(1)

        event = SimpleNamespace(customer="ana", amount=Decimal(3), id="e1")
        yield SimpleNamespace(event=event, acknowledge=acknowledge)

    for _ in range(2):
        await run(CONSUMER)["consume"](messages(), None)
    assert (len(acknowledged), sandbox.books.requests) == (2, 2)  # the first of them failed on purpose


def test_every_fault_is_named():
    """With both of its endings, where it has two."""
    page = re.sub(r"\s+", " ", PAGES["docs/how-to/testing.md"])
    passage = page[page.index("the table of what can go wrong:") :]
    named = set(re.findall(r"`([a-z0-9-]+)`", passage[: passage.index("`422`") + 5]))
    assert {re.sub("-(before|after)$", "", name) for name in FAULTS} == named - {"-before", "-after"}


def test_the_key_that_is_shown_is_the_derived_one():
    """For the first row of the example file; and every state can be exported by its name."""
    key = change_key_for("ana@example.com", Decimal("10.50"), "order-1001")
    assert f"`{key}`" in PAGES["docs/reference/command-line.md"]
    assert [
        state for state in State if f"`{state.name.lower()}`" not in PAGES["docs/explanation/ledger.md"]
    ] == []


def test_what_raba7ni_left_in_doubt_is_settled_by_hand(capsys, monkeypatch, tmp_path):
    """The answer to the example's earn is lost; it prints what helps to decide; its command settles it."""
    console = Console(monkeypatch, capsys, tmp_path)
    command = next(code for code in codes("docs/how-to/raba7ni.md", "sh") if "settle raba7ni" in code)
    with Raba7niSandbox(faults=FaultScript(["", "close-after"])) as raba7ni:
        for name, value in {
            "RABA7NI_APP_ID": raba7ni.credentials.app_id,
            "RABA7NI_API_KEY": raba7ni.credentials.api_key,
            "RABA7NI_BASE_URL": raba7ni.url,
        }.items():
            monkeypatch.setenv(name, value)
        run(RABA7NI)
        told = capsys.readouterr().out.splitlines()
        assert told[:2] == ["settle EARN-10-ORDER-12345", "balance 0 -> 2.500"]
        assert told[2].endswith("cashback_earned 2.500")
        assert console(*shlex.split(command)[1:]).code == 0
        run(RABA7NI)
        assert capsys.readouterr().out == "Effect.ALREADY_APPLIED\n"
        assert len(raba7ni.books.effects("earn", "ORDER-12345")) == 1


def test_the_sandbox_example(capsys):
    """It asserts its own balance."""
    run(SANDBOX)
    assert "Effect.ALREADY_APPLIED" in capsys.readouterr().out


@pytest.fixture
def tested(pytester, monkeypatch):
    """Run the plugin's example with a shop, as a user would."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("bonifiq_async.testing.pytest_plugin", "pytest_asyncio.plugin", "pytest_aiohttp.plugin")
    loaded = [part for plugin in plugins for part in ("-p", plugin)]

    def run(shop: str, tests: str = PLUGIN) -> pytest.RunResult:
        pytester.makepyfile(shop=shop, test_shop=tests)
        given = ("--asyncio-mode=auto", "--strict-markers", "-p", "no:cacheprovider")
        scope = "-oasyncio_default_fixture_loop_scope=function"
        return pytester.runpytest_subprocess(*loaded, *given, scope, "-W", "error", timeout=60)

    return run


@pytest.mark.slow
def test_the_service_passes_its_test(tested):
    """With the plugin's fixtures, and every warning an error."""
    tested(SERVICE).assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_example_with_aioresponses_passes(tested):
    """Nothing is sent to the provider's real address."""
    tested("", MOCKED).assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_service_that_pays_twice_fails_as_shown(tested):
    """Its reference differs each time; the report is that of the page."""
    broken = SERVICE.replace('reference=order["id"]', "reference=str(next(NUMBERS))")
    ended = tested(f"from itertools import count\n\nNUMBERS = count(1)\n{broken}")
    ended.assert_outcomes(failed=1, passed=2)
    assert [
        block for block in codes("docs/how-to/testing.md", "text") if block not in ended.stdout.str()
    ] == []


def test_the_file_example_is_valid(monkeypatch, capsys, tmp_path):
    """And does what it says."""
    console = Console(monkeypatch, capsys, tmp_path)
    console.write("changes.csv", codes("docs/reference/command-line.md", "csv")[0].rstrip())
    with Sandbox() as sandbox:
        assert console("check", "changes.csv", sandbox=sandbox).code == 0
        ended = console("apply", "changes.csv", "--out", "outcomes.jsonl", "--yes", sandbox=sandbox)
        assert ended.code == 0
        assert sandbox.books.balance("ana@example.com") == Decimal("10.50")


def test_the_file_example_of_raba7ni_is_valid(monkeypatch, capsys, tmp_path):
    """It changes the balances as the books say."""
    console = Console(monkeypatch, capsys, tmp_path)
    [example] = [each for each in codes("docs/reference/command-line.md", "csv") if "operation," in each]
    console.write("changes.csv", example.rstrip())
    with Raba7niSandbox() as raba7ni:
        ended = console("apply", "changes.csv", "--provider", "raba7ni", "--yes", sandbox=raba7ni)
        assert (ended.code, "mean nothing" in ended.err) == (0, False)
        assert sorted(raba7ni.books.balances().values()) == [Decimal("1.025"), Decimal("1.250")]


@pytest.mark.slow
def test_the_first_command_ends_as_shown():
    """The demo at its full size; setting up is the continuous check's part."""
    command = codes("README.md", "sh")[0].strip()
    assert command.endswith(".venv/bin/bonifiq demo")
    done = subprocess.run(
        [sys.executable, "-m", "bonifiq_async", "demo"], capture_output=True, text=True, check=True
    )
    shown = codes("README.md", "text")[0]
    assert shown in done.stdout
