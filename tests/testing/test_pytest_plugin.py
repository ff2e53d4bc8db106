"""The plugin of pytest, run by pytest: under each async plugin, mode and loop scope, and on two workers."""

import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from sides import Side, sides

from bonifiq_async import Effect

pytest_plugins = ["pytester"]

MODULE = "bonifiq_async.testing.pytest_plugin"
HEAVY = ("aiohttp", "attr", "backoff", "cattrs", "msgspec")
PAY = """
    import asyncio
    from decimal import Decimal

    import pytest

    from bonifiq_async import BonifiQClient, Effect


    async def pay(kwargs, order="1", reason="paid", **more):
        async with BonifiQClient(**kwargs, **more) as client:
            add = client.customers.add_cashback
            return await add("ana", Decimal("10.50"), reason=reason, reference=order)


    async def pays_once(sandbox, kwargs):
        outcome = await pay(kwargs)
        assert outcome.effect is Effect.ALREADY_APPLIED
        sandbox.assert_applied_once(outcome.change.change_key)
        sandbox.assert_balance("ana", Decimal("10.50"))


    TWICE = pytest.mark.bonifiq(faults=["close-after"], duplicates="error-400")
"""
ASYNC_TEST = """
    {mark}
    @TWICE
    async def test_{name}(bonifiq_sandbox, bonifiq_client_kwargs):
        await pays_once(bonifiq_sandbox, bonifiq_client_kwargs)
"""
OWN_FIXTURE = """
    @pytest_asyncio.fixture(loop_scope="{scope}")
    async def client_{scope}(bonifiq_client_kwargs):
        async with BonifiQClient(**bonifiq_client_kwargs) as client:
            yield client


    {mark}
    @TWICE
    async def test_fixture_{scope}(bonifiq_sandbox, client_{scope}):
        await client_{scope}.customers.add_cashback("ana", Decimal(1), reason="paid", reference="1")
        bonifiq_sandbox.assert_balance("ana", 1)
"""
BY_FUNCTION = "-oasyncio_default_fixture_loop_scope=function"
SCOPES = ("function", "class", "module", "package", "session")


class Runs:
    """Runs pytest in a process of its own, with this plugin and no other but those named."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, code: str, *plugins: str, args: tuple[str, ...] = ()) -> pytest.RunResult:
        """Write a package of one module and run it; every warning is an error."""
        package = self.pytester.mkpydir("package")
        source = "\n".join(line.removeprefix("    ") for line in code.splitlines())
        package.joinpath("test_it.py").write_text(source)
        loaded = [part for plugin in (MODULE, *plugins) for part in ("-p", plugin)]
        return self.pytester.runpytest_subprocess(
            *loaded, "--strict-markers", "-W", "error", "-p", "no:cacheprovider", *args, timeout=60
        )


@pytest.fixture
def runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Pytest without the other plugins that are installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Runs(pytester)


def scoped() -> str:
    """Return a module with a test and a fixture in each loop scope."""
    marks = {scope: f'@pytest.mark.asyncio(loop_scope="{scope}")' for scope in SCOPES if scope != "class"}
    tests = [ASYNC_TEST.format(mark=mark, name=scope) for scope, mark in marks.items()]
    fixtures = [OWN_FIXTURE.format(mark=mark, scope=scope) for scope, mark in marks.items()]
    in_class = """
    @pytest.mark.asyncio(loop_scope="class")
    class TestClass:
        @TWICE
        async def test_first(self, bonifiq_sandbox, bonifiq_client_kwargs):
            await pays_once(bonifiq_sandbox, bonifiq_client_kwargs)

        @TWICE
        async def test_second(self, bonifiq_sandbox, bonifiq_client_kwargs):
            await pays_once(bonifiq_sandbox, bonifiq_client_kwargs)
"""
    return "\n".join([PAY, "    import pytest_asyncio\n", *tests, *fixtures, in_class])


ALONE: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
ON_TWO = (("xdist",), ("-n", "2"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "workers", "args"), [("auto", *ON_TWO), ("strict", *ALONE)], ids=["auto, two workers", "strict"]
)
def test_pytest_asyncio(mode: str, workers: tuple[str, ...], args: tuple[str, ...], runs: Runs) -> None:
    """In both modes and every loop scope, for tests and for fixtures of the user's own."""
    runs(
        scoped(), "pytest_asyncio.plugin", *workers, args=(f"--asyncio-mode={mode}", BY_FUNCTION, *args)
    ).assert_outcomes(passed=10)


@pytest.mark.slow
def test_pytest_asyncio_without_marks(runs: Runs) -> None:
    """In auto mode, with one loop for the session as the default of tests and fixtures."""
    code = PAY + ASYNC_TEST.format(mark="", name="first") + ASYNC_TEST.format(mark="", name="second")
    defaults = [f"-oasyncio_default_{what}_loop_scope=session" for what in ("test", "fixture")]
    runs(code, "pytest_asyncio.plugin", args=("--asyncio-mode=auto", *defaults)).assert_outcomes(passed=2)


@pytest.mark.slow
def test_anyio(runs: Runs) -> None:
    """On its asyncio backend."""
    backend = """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"
    """
    code = PAY + backend + ASYNC_TEST.format(mark="@pytest.mark.anyio", name="anyio")
    runs(code, "anyio.pytest_plugin").assert_outcomes(passed=1)


@pytest.mark.slow
def test_pytest_aiohttp(runs: Runs) -> None:
    """A service of the user's, served by the client fixture of that plugin."""
    service = """
    from aiohttp import web


    def app_with(kwargs):
        async def paid(request):
            outcome = await pay(kwargs, request.query["order"])
            return web.json_response({"effect": outcome.effect.value})

        app = web.Application()
        app.router.add_post("/paid", paid)
        return app


    @TWICE
    async def test_service(aiohttp_client, bonifiq_sandbox, bonifiq_client_kwargs):
        client = await aiohttp_client(app_with(bonifiq_client_kwargs))
        response = await client.post("/paid?order=1")
        assert await response.json() == {"effect": "already_applied"}
        bonifiq_sandbox.assert_balance("ana", Decimal("10.50"))
    """
    ended = runs(
        PAY + service,
        "pytest_asyncio.plugin",
        "pytest_aiohttp.plugin",
        args=("--asyncio-mode=auto", BY_FUNCTION),
    )
    ended.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("workers", "args"),
    [pytest.param(*ALONE, id="alone"), pytest.param(*ON_TWO, id="two workers", marks=pytest.mark.slow)],
)
def test_plain_asyncio_run(workers: tuple[str, ...], args: tuple[str, ...], runs: Runs) -> None:
    """Without any async plugin; two loops in a row share the sandbox and the virtual clock."""
    tests = """
    @TWICE
    def test_run(bonifiq_sandbox, bonifiq_client_kwargs, no_waiting):
        first = asyncio.run(pay(bonifiq_client_kwargs, runtime=no_waiting))
        second = asyncio.run(pay(bonifiq_client_kwargs, runtime=no_waiting))
        assert [first.effect, second.effect] == [Effect.ALREADY_APPLIED] * 2
        bonifiq_sandbox.assert_applied_once(first.change.change_key)


    @pytest.mark.parametrize("number", range(20))
    def test_each_has_books_of_its_own(number, bonifiq_sandbox, bonifiq_client_kwargs):
        asyncio.run(pay(bonifiq_client_kwargs))
        assert bonifiq_sandbox.books.requests == 1
        bonifiq_sandbox.assert_balance("ana", Decimal("10.50"))
    """
    runs(PAY + tests, *workers, args=args).assert_outcomes(passed=21)


def test_marker_settings_reach_the_sandbox(runs: Runs) -> None:
    """Those of class and function together, the closest first; each test starts a script anew."""
    tests = """
    from bonifiq_async import RefusedError
    from bonifiq_async.sandbox import FaultScript

    pytestmark = pytest.mark.bonifiq(customers={"ana": Decimal(5)}, faults=["500-before"])


    @pytest.mark.bonifiq(faults=FaultScript(["close-after"]), duplicates="error-409", old_envelope=True)
    @pytest.mark.parametrize("time", [1, 2])
    def test_both(time, bonifiq_sandbox, bonifiq_client_kwargs):
        outcome = asyncio.run(pay(bonifiq_client_kwargs))
        assert [attempt.status for attempt in outcome.attempts] == [None, 409]
        bonifiq_sandbox.assert_balance("ana", Decimal("15.50"))


    def test_of_the_module(bonifiq_sandbox, bonifiq_client_kwargs):
        outcome = asyncio.run(pay(bonifiq_client_kwargs))
        assert [attempt.status for attempt in outcome.attempts] == [500, 200]


    @pytest.mark.bonifiq(reused_key="error-409", cashback_active=False, faults=[])
    def test_another_change_under_the_key(bonifiq_sandbox, bonifiq_client_kwargs):
        assert asyncio.run(pay(bonifiq_client_kwargs)).result.cashback_balance == 0
        with pytest.raises(RefusedError, match="for another change"):
            asyncio.run(pay(bonifiq_client_kwargs, reason="other"))


    @pytest.mark.bonifiq(customers={"bia"}, faults=[])
    def test_who_exists(bonifiq_sandbox, bonifiq_client_kwargs):
        with pytest.raises(RefusedError):
            asyncio.run(pay(bonifiq_client_kwargs))
        bonifiq_sandbox.assert_balance("ana", 0)
    """
    runs(PAY + tests).assert_outcomes(passed=5)


NOT_UNDERSTOOD = {
    "bonifiq(fault=['close-after'])": "there is no option fault; the options are faults, duplicates, ",
    "bonifiq(faults=['close-aftr'])": "No fault is called close-aftr; there are: close-unread, ",
    "bonifiq(faults='close-after')": "faults must be a list of names, not 'close-after'",
    "bonifiq(faults=7)": "faults must be a list of names, not 7",
    "bonifiq(duplicates='error-500')": "duplicates cannot be 'error-500'; there are: replay, error-200, ",
    "bonifiq(reused_key='error')": "reused_key cannot be 'error'; there are: replay, error-200, ",
    "bonifiq(customers={'ana': 1.5})": "customers['ana'] must be a Decimal, not float",
    "bonifiq(customers='ana')": "customers must be several names, not one string",
    "bonifiq(['close-after'])": "['close-after'] has no name; the options are faults, duplicates, ",
    "raba7ni(customers={'ana'})": "there is no option customers; the options are faults, cards, ",
    "raba7ni(cards={10: 'five'})": "cards[10] must be a Decimal, not str",
}


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["", "bonifiq_sandbox, raba7ni_sandbox"], ids=["unused", "used"])
def test_an_impossible_marker_fails_the_test(fixture: str, runs: Runs) -> None:
    """With one sentence and no traceback; the other tests run."""
    tests = [
        f"""
    @pytest.mark.{marker}
    def test_{number}({fixture}):
        pass
    """
        for number, marker in enumerate(NOT_UNDERSTOOD)
    ]
    ended = runs(
        "\n".join(["    import pytest", *tests, "    def test_other(bonifiq_sandbox):\n        pass"])
    )
    ended.assert_outcomes(errors=len(NOT_UNDERSTOOD), passed=1)
    told = re.findall(
        r"^_+ ERROR at setup of test_\d+ _+\n(.*)(?=\n[_=]{5})", ended.stdout.str(), re.MULTILINE
    )
    for (marker, said), words in zip(NOT_UNDERSTOOD.items(), told, strict=True):
        assert words.startswith(f"@pytest.mark.{marker.partition('(')[0]}: {said}")


@pytest.mark.slow
def test_a_failure_shows_requests_and_books(runs: Runs) -> None:
    """Both sandboxes of the test, and no secret; a test that passes shows nothing."""
    tests = """
    from bonifiq_async import Member, Raba7niClient


    async def earn(kwargs):
        async with Raba7niClient(**kwargs) as client:
            await client.cashback.earn(
                card_id=10, member=Member.by_id(123), purchase_amount=Decimal(50), reference="o-1"
            )


    @pytest.mark.bonifiq(faults=["close-unread", "close-after"], duplicates="error-400")
    @pytest.mark.bonifiq(customers={"ana": 5, "eva": 1})
    def test_fails(
        bonifiq_sandbox,
        bonifiq_client_kwargs,
        bonifiq_environment,
        raba7ni_sandbox,
        raba7ni_client_kwargs,
        raba7ni_environment,
    ):
        asyncio.run(pay(bonifiq_client_kwargs))
        asyncio.run(earn(raba7ni_client_kwargs))
        bonifiq_sandbox.books.apply("bia", Decimal(3), "ADD-ana-10.5-1")
        with open("secrets", "w") as file:
            file.write(f"{bonifiq_environment['BONIFIQ_API_KEY']} {raba7ni_environment['RABA7NI_API_KEY']}")
        bonifiq_sandbox.assert_balance("ana", 0)


    def test_passes(bonifiq_sandbox, bonifiq_client_kwargs):
        asyncio.run(pay(bonifiq_client_kwargs, "elsewhere"))
    """
    ended = runs(PAY + tests, args=("--showlocals", "-rP"))
    ended.assert_outcomes(failed=1, passed=1)
    ended.stdout.fnmatch_lines(
        [
            "E * ana has 15.5, not 0: 15.5 too much. It was moved by: ADD-ana-10.5-1: 2 requests; *",
            "*- Sandbox http://127.0.0.1:* -*",
            "last requests:",
            "     1  -    (a connection, not read)  -  close-unread",
            "     2  POST /v1/pvt/Customer/ana/cashback  ADD-ana-10.5-1  close-after",
            "     3  POST /v1/pvt/Customer/ana/cashback  ADD-ana-10.5-1  400",
            "balances that changed:",
            "  ana: 5 -> 15.5",
            "  bia: 0 -> 3",
            "keys:",
            "  ADD-ana-10.5-1: 2 requests; +10.5 for ana, +3 for bia -- MORE THAN ONCE",
            "*- Raba7niSandbox http://127.0.0.1:* -*",
            "     1  POST /api/v1/cashback/cashback/earn  earn o-1  200",
            "  member 123 on card 10: 0 -> 2.500",
            "  earn o-1: 1 request; +2.500 for member 123 on card 10",
        ],
        consecutive=False,
    )
    secrets = (runs.pytester.path / "secrets").read_text().split()
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in ended.stdout.str()] == []
    assert "\n  eva: " not in ended.stdout.str()
    assert "elsewhere" not in ended.stdout.str()


@pytest.mark.slow
def test_what_can_be_read_once_serves_every_test_of_a_marker(runs: Runs) -> None:
    """Generators and other iterators, over the tests that share the marker."""
    tests = """
    @pytest.mark.parametrize("number", range(2))
    @pytest.mark.bonifiq(customers=(name for name in ["ana"]), faults=iter(["close-after"]))
    @pytest.mark.raba7ni(members=iter([123]), scopes=map(str.strip, ["card_read "]))
    def test_it(number, bonifiq_sandbox, raba7ni_sandbox):
        assert bonifiq_sandbox.books.knows("ana") and not bonifiq_sandbox.books.knows("eva")
        assert bonifiq_sandbox.faults.left == ("close-after",)
        assert raba7ni_sandbox.books.person(123) is not None and raba7ni_sandbox.books.person(1) is None
        assert raba7ni_sandbox._provider.scopes == {"card_read"}
    """
    runs(PAY + tests).assert_outcomes(passed=2)


def test_the_hooks_are_of_a_kind_that_every_pluggy_knows() -> None:
    """A wrapper of the newer kind ends every session under an older pluggy, even where no test uses it."""
    plugin = importlib.import_module(MODULE)
    marks = [getattr(hook, "pytest_impl", {}) for name, hook in vars(plugin).items() if name[:7] == "pytest_"]
    assert {"hookwrapper": True} in [
        {key: mark[key] for key in ("hookwrapper",) if key in mark} for mark in marks
    ]
    assert not any(mark.get("wrapper") for mark in marks)


@pytest.mark.slow
def test_from_env_uses_the_sandbox_during_the_test(runs: Runs) -> None:
    """Both providers; afterwards the variables are as before."""
    tests = """
    import os

    from bonifiq_async import Raba7niClient


    async def reads():
        async with BonifiQClient.from_env() as client, Raba7niClient.from_env() as other:
            await client.customers.points("ana")
            await other.cashback.balance(10, 123)


    def test_inside(bonifiq_environment, raba7ni_environment, bonifiq_sandbox, raba7ni_sandbox):
        asyncio.run(reads())
        assert (bonifiq_sandbox.books.requests, raba7ni_sandbox.books.requests) == (1, 1)


    def test_outside():
        ours = ("BONIFIQ_API", "BONIFIQ_BASE", "RABA7NI_")
        assert not [name for name in os.environ if name.startswith(ours)]
    """
    runs(PAY + tests).assert_outcomes(passed=2)


@pytest.mark.slow
def test_no_waiting_skips_the_silence_of_a_server(runs: Runs) -> None:
    """Virtual time advances past a request that is never answered."""
    tests = """
    from bonifiq_async import RetryPolicy, Timeouts


    @pytest.mark.bonifiq(faults=["silence-after", "429-seconds"], duplicates="error-400")
    def test_silence(bonifiq_client_kwargs, no_waiting):
        begun = no_waiting.monotonic()
        patient = {"retry": RetryPolicy(base=7200, cap=7200), "timeouts": Timeouts(attempt=0.2, call=86400)}
        outcome = asyncio.run(pay(bonifiq_client_kwargs | patient, runtime=no_waiting))
        assert len(outcome.attempts) == 3
        assert no_waiting.monotonic() - begun >= 3600
    """
    runs(PAY + tests).assert_outcomes(passed=1)


@pytest.mark.slow
def test_aioresponses_leaves_nothing_behind(runs: Runs) -> None:
    """After a test, its class of responses and aiohttp's session are the same as before."""
    tests = """
    import aiohttp
    from aioresponses import core

    THEIRS = (aiohttp.ClientSession._request, core.ClientResponse)


    def test_mocked(mocked_aiohttp, bonifiq_client_kwargs):
        assert (aiohttp.ClientSession._request, core.ClientResponse) != THEIRS
        mocked_aiohttp.post(
            f"{bonifiq_client_kwargs['base_url']}/v1/pvt/Customer/ana/cashback",
            payload={"HasError": False, "Result": {"CashbackBalance": 7}},
        )
        assert asyncio.run(pay(bonifiq_client_kwargs)).result.cashback_balance == 7


    def test_not_mocked(bonifiq_sandbox, bonifiq_client_kwargs):
        assert (aiohttp.ClientSession._request, core.ClientResponse) == THEIRS
        assert asyncio.run(pay(bonifiq_client_kwargs)).effect is Effect.APPLIED
        assert bonifiq_sandbox.books.requests == 1
    """
    runs(PAY + tests).assert_outcomes(passed=2)


def test_nothing_heavy_is_imported_until_a_test_uses_it() -> None:
    """Importing the plugin imports this package's root, the registry (names alone) and its folder."""
    names = ("", "._provider", "._provider.registry", "._provider.spec", ".testing")
    wanted = [*(f"bonifiq_async{name}" for name in names), MODULE]
    code = (
        f"import sys, {MODULE}\n"
        f"heavy = [name for name in sys.modules if name.partition('.')[0] in {HEAVY}]\n"
        "own = [name for name in sys.modules if name.partition('.')[0] == 'bonifiq_async']\n"
        f"assert (heavy, sorted(own)) == ([], {wanted}), (heavy, own)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_a_session_that_does_not_use_it_imports_nothing_heavy(runs: Runs) -> None:
    """Nor do its hooks."""
    code = f"""
    import sys

    def test_it():
        assert [name for name in {HEAVY} if name in sys.modules] == []
    """
    runs(code).assert_outcomes(passed=1)


def test_the_distribution_declares_the_plugin() -> None:
    """And the declared plugin can be loaded."""
    project = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["pytest11"]
    assert declared == {"bonifiq": MODULE}
    assert EntryPoint("bonifiq", declared["bonifiq"], "pytest11").load() is sys.modules[MODULE]


@pytest.mark.slow
def test_markers_and_fixtures_are_listed(runs: Runs) -> None:
    """By pytest's own help."""
    listed = runs("", args=("--markers",)).stdout.str()
    assert "@pytest.mark.bonifiq(...)" in listed
    assert "@pytest.mark.raba7ni(...)" in listed
    assert "@pytest.mark.mocked_aiohttp(...)" in listed
    fixtures = runs.pytester.runpytest_subprocess("-p", MODULE, "--fixtures").stdout.str()
    named = ("sandbox", "client_kwargs", "environment")
    for name in (
        "no_waiting",
        "mocked_aiohttp",
        *(f"{side}_{what}" for side in ("bonifiq", "raba7ni") for what in named),
    ):
        assert name in fixtures


@pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
async def test_every_provider_of_the_registry_has_its_fixtures(
    side: Side, request: pytest.FixtureRequest
) -> None:
    """Also one that a `conftest.py` has added."""
    named = ("sandbox", "client_kwargs", "environment")
    server, kwargs, environment = (request.getfixturevalue(f"{side.name}_{name}") for name in named)
    client = side.spec.client.load(type)
    for reference, made in (("1", client(**kwargs)), ("2", client.from_env())):
        async with made:
            outcome = await made.outcome_of(side.change(reference))
        assert (outcome.effect, side.effects(server, reference)) == (Effect.APPLIED, 1)
    assert environment == server.environment()
