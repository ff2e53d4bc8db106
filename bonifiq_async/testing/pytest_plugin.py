"""A plugin of pytest: sandboxes as fixtures, waits that pass at once, and a report when a test fails.

The fixtures are synchronous and their servers run in threads, so that a test may be async under any
plugin and loop scope, or not at all. Nothing else of the package is imported before a test asks for it.
"""

from collections.abc import Generator, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypedDict, cast

import pytest

if TYPE_CHECKING:
    import pluggy
    from aioresponses import aioresponses

    from bonifiq_async._concurrency.runtime import Runtime
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._transport.session import Timeouts
    from bonifiq_async.bonifiq.client import BasicCredentials
    from bonifiq_async.raba7ni.client import Raba7niCredentials
    from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

_MARKERS = {
    "bonifiq": {
        "faults": "names of what the requests meet, in order, or a FaultScript",
        "duplicates": "how a used key is answered: replay, error-200, error-400 or error-409",
        "reused_key": "the same, of one that comes with another change",
        "customers": "who exists, as a mapping with their balances, or with a sandbox.Customer each",
        "cashback_active": "whether cashback is; else changes move points alone",
        "old_envelope": "whether answers have only the older documentation's members",
    },
    "raba7ni": {
        "faults": "as in bonifiq",
        "cards": "percentages by card id",
        "members": "the ids that exist",
        "scopes": "what the key may do",
    },
}
_ATTEMPT, _CALL = 2.0, 20.0
"""Seconds for one request and for a call: on loopback only silence takes longer."""
_STARTED = pytest.StashKey["list[Sandbox | Raba7niSandbox]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for name, options in _MARKERS.items():
        words = "; ".join(f"{option}: {what}" for option, what in options.items())
        config.addinivalue_line("markers", f"{name}(...): settings of the fixture {name}_sandbox. {words}.")
    config.addinivalue_line(
        "markers", "mocked_aiohttp(...): what the fixture of this name gives to aioresponses, as passthrough."
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker cannot be understood, whether or not it has a sandbox."""
    item.stash[_STARTED] = []
    for problem in filter(None, (_problem(item, name) for name in _MARKERS)):
        pytest.fail(problem, pytrace=False)


@pytest.hookimpl(hookwrapper=True)  # the older kind, which every pluggy knows: this loads in every session
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> "Generator[None, pluggy.Result[pytest.TestReport], None]":
    """Show what the sandboxes of a test that failed have seen."""
    report = (yield).get_result()
    if report.failed:
        for sandbox in item.stash.get(_STARTED, []):
            report.sections.append((f"{type(sandbox).__name__} {sandbox.url}", sandbox.report()))
    if report.when == "teardown":
        item.stash[_STARTED] = []  # items live as long as the session; books need not


class BonifiQClientKwargs(TypedDict):
    """What `BonifiQClient(**...)` takes to work with a sandbox."""

    credentials: "BasicCredentials"
    base_url: str
    retry: "RetryPolicy"
    timeouts: "Timeouts"


class Raba7niClientKwargs(TypedDict):
    """What `Raba7niClient(**...)` takes to work with a sandbox."""

    credentials: "Raba7niCredentials"
    base_url: str
    retry: "RetryPolicy"
    timeouts: "Timeouts"


@pytest.fixture
def bonifiq_sandbox(request: pytest.FixtureRequest) -> "Iterator[Sandbox]":
    """BonifiQ on this machine, as `@pytest.mark.bonifiq(...)` says; its `books` say what really happened."""
    with _bonifiq(request.node) as sandbox:
        request.node.stash[_STARTED].append(sandbox)
        yield sandbox


@pytest.fixture
def raba7ni_sandbox(request: pytest.FixtureRequest) -> "Iterator[Raba7niSandbox]":
    """Raba7ni on this machine, as `@pytest.mark.raba7ni(...)` says; its `books` say what really happened."""
    with _raba7ni(request.node) as sandbox:
        request.node.stash[_STARTED].append(sandbox)
        yield sandbox


@pytest.fixture
def bonifiq_client_kwargs(bonifiq_sandbox: "Sandbox") -> BonifiQClientKwargs:
    """Credentials and address of the sandbox, and settings with which a repeat is not waited for."""
    retry, timeouts = _quick()
    return {
        "credentials": bonifiq_sandbox.credentials,
        "base_url": bonifiq_sandbox.url,
        "retry": retry,
        "timeouts": timeouts,
    }


@pytest.fixture
def raba7ni_client_kwargs(raba7ni_sandbox: "Raba7niSandbox") -> Raba7niClientKwargs:
    """The same of the other provider."""
    retry, timeouts = _quick()
    return {
        "credentials": raba7ni_sandbox.credentials,
        "base_url": raba7ni_sandbox.url,
        "retry": retry,
        "timeouts": timeouts,
    }


@pytest.fixture
def bonifiq_environment(bonifiq_sandbox: "Sandbox", monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables, set for the test, with which `BonifiQClient.from_env()` comes to the sandbox."""
    return _set(bonifiq_sandbox.environment(), monkeypatch)


@pytest.fixture
def raba7ni_environment(raba7ni_sandbox: "Raba7niSandbox", monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same of the other provider."""
    return _set(raba7ni_sandbox.environment(), monkeypatch)


@pytest.fixture
def no_waiting(request: pytest.FixtureRequest) -> "Runtime":
    """A virtual clock for `BonifiQClient(..., runtime=no_waiting)`: waits pass at once.

    It stands still while a sandbox of the test is answering; `no_waiting.monotonic()` reads it.
    """
    from bonifiq_async.testing.virtual_time import VirtualClock

    started = request.node.stash[_STARTED]
    clock = VirtualClock(busy=lambda: any(sandbox.journal.busy for sandbox in started), patience=0.001)
    return clock.runtime()


@pytest.fixture
def mocked_aiohttp(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[aioresponses]":
    """An `aioresponses`, as `@pytest.mark.mocked_aiohttp(...)` says, whose answers aiohttp 3.14 takes.

    It answers in the place of aiohttp's session: what is mocked never leaves, also where the mock raises.
    """
    from aioresponses import aioresponses, core

    monkeypatch.setattr(core, "ClientResponse", _with_writer(vars(core)["ClientResponse"]))
    marker = request.node.get_closest_marker("mocked_aiohttp")
    with aioresponses(**({} if marker is None else marker.kwargs)) as mock:
        yield mock


def _with_writer(response: type[Any]) -> type[Any]:
    """Return a class of responses that may be made without the writer of their request.

    aiohttp asks for one since 3.14, and aioresponses 0.7.9 knows of none.
    """
    from unittest.mock import Mock

    def initialized(self: object, *args: object, **named: object) -> None:
        named.setdefault("stream_writer", Mock(output_size=0))
        response.__init__(self, *args, **named)

    return type("MockedResponse", (response,), {"__init__": initialized})


def _bonifiq(item: pytest.Item) -> "Sandbox":
    from bonifiq_async.sandbox import Sandbox

    return Sandbox(**_settings(item, "bonifiq"))


def _raba7ni(item: pytest.Item) -> "Raba7niSandbox":
    from bonifiq_async.sandbox import Raba7niSandbox

    return Raba7niSandbox(**_settings(item, "raba7ni"))


_SANDBOXES = {"bonifiq": _bonifiq, "raba7ni": _raba7ni}


def _problem(item: pytest.Item, name: str) -> str | None:
    """Return why no sandbox can be made of the markers of a test, None if one can."""
    if item.get_closest_marker(name) is None:
        return None
    from bonifiq_async._model.errors import BonifiQError

    try:
        _SANDBOXES[name](item)
    except (BonifiQError, TypeError, ValueError) as error:
        return f"@pytest.mark.{name}: {error}"
    return None


def _settings(item: pytest.Item, name: str) -> dict[str, Any]:
    """Return what the markers of a test say, the closest having the last word."""
    from bonifiq_async.sandbox import FaultScript

    settings: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(name))):
        if marker.args:
            raise TypeError(f"{marker.args[0]!r} has no name; the options are {', '.join(_MARKERS[name])}")
        for option, value in marker.kwargs.items():
            if isinstance(value, Iterator):
                # It can be read once, but is looked at for each test, and twice.
                cast("dict[str, Any]", marker.kwargs)[option] = tuple(value)
        settings |= marker.kwargs
    unknown = sorted(settings.keys() - _MARKERS[name])
    if unknown:
        raise TypeError(
            f"there is no option {', '.join(unknown)}; the options are {', '.join(_MARKERS[name])}"
        )
    faults = settings.get("faults", ())
    if isinstance(faults, FaultScript):
        faults = deepcopy(faults)  # each test meets the whole script
    elif isinstance(faults, list | tuple):
        faults = FaultScript(faults)
    else:
        raise TypeError(f"faults must be a list of names, not {faults!r}")
    settings["faults"] = faults
    return settings


def _quick() -> "tuple[RetryPolicy, Timeouts]":
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._transport.session import Timeouts

    return RetryPolicy(base=0.001, cap=0.01), Timeouts(attempt=_ATTEMPT, call=_CALL)


def _set(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment
