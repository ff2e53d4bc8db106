"""A plugin of pytest: sandboxes as fixtures, waits that pass at once, and a report when a test fails.

The fixtures are synchronous and their servers run in threads, so that a test may be async under any
plugin and loop scope, or not at all. Each provider of the registry has a marker of its name and three
fixtures. Nothing else of the package is imported before a test asks for it.
"""

from collections.abc import Callable, Generator, Iterator
from copy import deepcopy
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypedDict, TypeVar, cast

import pytest

from bonifiq_async._provider import registry

if TYPE_CHECKING:
    import pluggy
    from aioresponses import aioresponses

    from bonifiq_async._concurrency.runtime import Runtime
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._transport.session import Timeouts
    from bonifiq_async.sandbox.journal import Journal


class AnySandbox(Protocol):
    """What the plugin uses of any provider's sandbox."""

    journal: "Journal"

    @property
    def credentials(self) -> object: ...
    @property
    def url(self) -> str: ...

    def environment(self) -> dict[str, str]: ...

    def report(self) -> str: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


_ATTEMPT, _CALL = 2.0, 20.0
"""Seconds for one request and for a call: on loopback only silence takes longer."""
_STARTED = pytest.StashKey["list[AnySandbox]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Register markers and fixtures: now, as a `conftest.py` may have added a provider to the registry."""
    fixtures = ModuleType("fixtures of the providers")  # pytest takes no object that cannot be hashed
    for spec in registry.specs():
        vars(fixtures).update(_fixtures(spec.name))
        words = "; ".join(f"{option}: {what}" for option, what in spec.sandbox_options.items())
        config.addinivalue_line(
            "markers", f"{spec.name}(...): settings of the fixture {spec.name}_sandbox. {words}."
        )
    config.pluginmanager.register(fixtures)
    config.addinivalue_line(
        "markers", "mocked_aiohttp(...): what the fixture of this name gives to aioresponses, as passthrough."
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker cannot be understood, whether or not it has a sandbox."""
    item.stash[_STARTED] = []
    for problem in filter(None, (_problem(item, name) for name in registry.names())):
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


C = TypeVar("C")


class ClientKwargs(TypedDict, Generic[C]):
    """What a provider's client takes, `Client(**...)`, to work with its sandbox.

    Type checkers accept the call with the class of its credentials: `ClientKwargs[BasicCredentials]`.
    """

    credentials: C
    base_url: str
    retry: "RetryPolicy"
    timeouts: "Timeouts"


def _fixtures(provider: str) -> "Iterator[tuple[str, Callable[..., object]]]":
    """Yield the fixtures of a provider by their names."""
    named = f"{provider}_sandbox"

    def sandbox(request: pytest.FixtureRequest) -> "Iterator[AnySandbox]":
        with _sandbox(request.node, provider) as started:
            request.node.stash[_STARTED].append(started)
            yield started

    def client_kwargs(request: pytest.FixtureRequest) -> ClientKwargs[object]:
        started, (retry, timeouts) = request.getfixturevalue(named), _quick()
        return {
            "credentials": started.credentials,
            "base_url": started.url,
            "retry": retry,
            "timeouts": timeouts,
        }

    def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        return _set(request.getfixturevalue(named).environment(), monkeypatch)

    made: dict[Callable[..., object], str] = {
        sandbox: f"{provider} on this machine (`@pytest.mark.{provider}`); its `books` say what was.",
        client_kwargs: f"Credentials and address of `{named}`, and settings under which no repeat waits.",
        environment: f"Variables, set for the test, with which the client's `from_env()` comes to `{named}`.",
    }
    for function, what in made.items():
        function.__doc__ = what
        name = f"{provider}_{function.__name__}"
        yield name, pytest.fixture(name=name)(function)


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


def _sandbox(item: pytest.Item, provider: str) -> AnySandbox:
    from bonifiq_async.sandbox.server import Server

    kind = registry.spec_of(provider).sandbox.load_class(Server)
    return cast("Callable[..., AnySandbox]", kind)(**_settings(item, provider))


def _problem(item: pytest.Item, name: str) -> str | None:
    """Return why no sandbox can be made of the markers of a test, None if one can."""
    if item.get_closest_marker(name) is None:
        return None
    from bonifiq_async._model.errors import BonifiQError

    try:
        _sandbox(item, name)
    except (BonifiQError, TypeError, ValueError) as error:
        return f"@pytest.mark.{name}: {error}"
    return None


def _settings(item: pytest.Item, name: str) -> dict[str, Any]:
    """Return what the markers of a test say, the closest having the last word."""
    from bonifiq_async.sandbox import FaultScript

    options = registry.spec_of(name).sandbox_options
    settings: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(name))):
        if marker.args:
            raise TypeError(f"{marker.args[0]!r} has no name; the options are {', '.join(options)}")
        for option, value in marker.kwargs.items():
            if isinstance(value, Iterator):
                # It can be read once, but is looked at for each test, and twice.
                cast("dict[str, Any]", marker.kwargs)[option] = tuple(value)
        settings |= marker.kwargs
    unknown = sorted(settings.keys() - options.keys())
    if unknown:
        raise TypeError(f"there is no option {', '.join(unknown)}; the options are {', '.join(options)}")
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
