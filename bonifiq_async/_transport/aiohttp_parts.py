"""The parts of aiohttp that the fast path uses or does without, and whether they are its own.

A mock, a guard or an instrument replaces one of them, in a class or in one session. The fast path would pass
it by, and a test that believes itself without a network would send real money.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FunctionType

import aiohttp
from yarl import URL

TRIED = ("3.14.4", "3.14.5")
"""The versions of aiohttp with which the fast path was tried."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "client.ClientSession": ("_connector", "_trace_configs", "_middlewares", "_request_class"),
    "connector.TCPConnector": ("_get", "connect"),
    "connector.Connection": ("protocol", "release", "close"),
    "client_reqrep.ClientRequest": ("headers", "connection_key"),
    "client_reqrep.ClientResponse": (),
    "client_proto.ResponseHandler": (
        "transport",
        "should_close",
        "is_connected",
        "exception",
        "read",
        "__len__",
        "set_response_params",
        "_on_read_timeout",
        "_payload",
    ),
    "streams.StreamReader": ("readany", "at_eof"),
    "http.RawResponseMessage": ("code", "headers"),
}
"""What the fast path uses of aiohttp, by class."""
_VERBS = ("request", "get", "post", "put", "patch", "delete", "head", "options")
_UPDATED = "auth auto_headers body_from_data content_encoding cookies expect_continue headers host proxy"
_UPDATED += " transfer_encoding version"
PASSED_BY: Mapping[str, tuple[str, ...]] = {
    "client.ClientSession": (*_VERBS, "_request", "_build_url", "_prepare_headers", "closed", "trust_env"),
    "connector.TCPConnector": ("connect", "closed", "force_close"),
    "client_reqrep.ClientRequest": (
        *("__init__", "send", "write_bytes", "body", "request_info", "connection_key"),
        *("_get_content_length", "_writer", *(f"update_{what}" for what in _UPDATED.split())),
    ),
    "client_reqrep.ClientResponse": (
        *("__init__", "start", "headers", "release", "wait_for_close", "__aenter__", "__aexit__", "_writer"),
        *("_cleanup_writer", "_notify_content", "_release_connection", "_response_eof"),
    ),
    "client_proto.ResponseHandler": ("start_timeout", "upgraded", "writing_paused"),
}
"""What aiohttp's session does for a request on a kept connection, and the fast path does not, by class."""
_HOME = str(Path(aiohttp.__file__).parent)


class AiohttpParts:
    """What of aiohttp the fast path of `session`, made by this library, depends on.

    `missing` says what it needs and cannot be sure of; None when there is all.
    """

    def __init__(self, session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._connector = session.connector
        self._kinds = {name: kind for name in NEEDED if (kind := _class(name)) is not None}
        self.missing = self._missing(loop)
        self._looks = [
            (attrgetter(*PASSED_BY[name]), kind) for name, kind in self._kinds.items() if name in PASSED_BY
        ]
        # Typed: a wrapper may say that it equals what it wraps, but it is of another type than a function.
        self._all_own = lru_cache(maxsize=1, typed=True)(_all_own)
        self._sizes = (0, 0)

    def foreign(self) -> str | None:
        """Return what is not aiohttp's own now, None when all is. Asked before every request."""
        ways: list[object] = []
        try:
            for look, kind in self._looks:
                ways += look(kind)
            if not self._all_own(*ways):
                return self._examine()
        except (AttributeError, TypeError):  # one is gone, or has no hash
            return self._examine()
        session = self._session
        sizes = len(vars(session)), len(vars(self._connector))
        plain = (
            session._connector is self._connector and not session._trace_configs and not session._middlewares
        )
        if sizes == self._sizes and plain and session._request_class is aiohttp.ClientRequest:
            return None
        return self._examine()

    def _examine(self) -> str | None:
        """Do the same thoroughly."""
        for name, attributes in PASSED_BY.items():
            kind = self._kinds[name]
            for attribute in attributes:
                if not _is_own(getattr(kind, attribute, None)):
                    return f"aiohttp's {name}.{attribute} is replaced"
        session, connector = self._session, self._connector
        for thing, name in ((session, "client.ClientSession"), (connector, "connector.TCPConnector")):
            for attribute in PASSED_BY[name]:
                if attribute in vars(thing):
                    return f"{attribute} of the client's own {name} is replaced"
        if session._connector is not connector:
            return "the connector of the client's session is replaced"
        for attribute in ("_trace_configs", "_middlewares"):
            if getattr(session, attribute):
                return f"the client's session has {attribute}"
        if not session._request_class is aiohttp.ClientRequest is self._kinds["client_reqrep.ClientRequest"]:
            return "aiohttp.ClientRequest is replaced"
        self._sizes = (len(vars(session)), len(vars(connector)))
        return None

    def _missing(self, loop: asyncio.AbstractEventLoop) -> str | None:
        if aiohttp.__version__ not in TRIED:
            return f"it was not tried with aiohttp {aiohttp.__version__}, only with {', '.join(TRIED)}"
        examples: Mapping[str, Callable[[Callable[..., object]], object]] = {
            "client.ClientSession": lambda _: self._session,
            "connector.TCPConnector": lambda _: self._connector,
            "client_reqrep.ClientRequest": lambda made: made("GET", URL("http://localhost"), loop=loop),
            "client_proto.ResponseHandler": lambda made: made(loop),
        }
        for name, attributes in NEEDED.items():
            if name not in self._kinds:
                return f"this aiohttp has no {name}"
            kind = self._kinds[name]
            try:
                thing = examples[name](kind) if name in examples else kind
            except Exception as error:  # noqa: BLE001 - whatever a mock or a later release does: no fast path
                return f"a {name} cannot be made ({type(error).__name__})"
            for attribute in attributes:
                if not hasattr(thing, attribute):
                    return f"this aiohttp has no {name}.{attribute}"
        if type(self._session) is not self._kinds["client.ClientSession"]:
            return "the client's session is of another class than aiohttp's"
        return None


def replaced(thing: object, name: str) -> bool:
    """Say whether the method `name` of `thing` is another than its class in aiohttp has it."""
    return name in getattr(thing, "__dict__", {}) or not _is_own(getattr(type(thing), name, None))


def _class(name: str) -> type | None:
    module, _, attribute = name.partition(".")
    try:
        found = getattr(import_module(f"aiohttp.{module}"), attribute, None)
    except ImportError:
        return None
    return found if isinstance(found, type) else None


def _all_own(*ways: object) -> bool:
    return all(map(_is_own, ways))


def _is_own(value: object) -> bool:
    """Say whether an attribute of a class is a function or a property that aiohttp has put there."""
    if isinstance(value, property):
        return all(_is_own(way) for way in (value.fget, value.fset, value.fdel) if way is not None)
    if type(value) is FunctionType:  # a wrapper may look like one, and have its code
        return value.__code__.co_filename.startswith(_HOME)
    return type(value).__module__.startswith("propcache")  # how aiohttp caches a property
