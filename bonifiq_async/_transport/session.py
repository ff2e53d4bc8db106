"""The session manager. It sends one attempt and returns evidence; it decides nothing.

With `exchange` and `direct`, the two ways of a request, the only module that touches aiohttp's client.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import aiohttp
from attrs import field, frozen
from yarl import URL

from bonifiq_async._concurrency.runtime import no_loop, running_loop
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._model.secret import HeaderValue, Secret
from bonifiq_async._model.values import public
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.verdict import PROXY_REFUSED
from bonifiq_async._transport import fast_path, proxies
from bonifiq_async._transport.connector import KeptConnector, PoolLimits
from bonifiq_async._transport.failure_causes import explained
from bonifiq_async._transport.public_path import UnderWay, by_session
from bonifiq_async._transport.sign_in import SignIn, SignInFailed, signed
from bonifiq_async._transport.write_guard import Trail

_CLOSED = "the session was closed"
MOCKED_LATE = (
    "aiohttp.ClientSession is replaced, as by a mock, after the client has made its session. Nothing was "
    "sent; make the client within the mock."
)


@public
@frozen
class Timeouts:
    """Seconds: to `connect`, for one `attempt` with its answer, and for the whole `call`."""

    connect: float = field(default=5.0, validator=validation.setting)
    attempt: float = field(default=20.0, validator=validation.setting)
    call: float = field(default=60.0, validator=validation.setting)


class SessionManager:
    """Owns one pooled aiohttp session, made in the loop of the first request; or borrows one.

    A borrowed session is used as it is and never closed here. `headers` are those of every request;
    `sign_in` makes those of one attempt, at the time that `wall` tells.
    """

    def __init__(
        self,
        headers: Mapping[str, HeaderValue],
        *,
        timeouts: Timeouts,
        pool: PoolLimits,
        borrowed: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        sign_in: SignIn | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._headers = headers
        self._sign_in = sign_in
        self._wall = wall
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect)
        self._pool = pool
        self._borrowed = borrowed
        self._trust_env = trust_env
        self._session = borrowed
        self._direct: fast_path.FastPath | None = None
        self._told: set[str] = set()
        self._proxies: dict[str, URL | None] = {}
        self._proxy_told = False
        self._made_of: type[aiohttp.ClientSession] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way = UnderWay()
        self._closed = False

    @property
    def capacity(self) -> int:
        """How many requests the connector takes at once, so that it never queues."""
        connector = self._borrowed.connector if self._borrowed is not None else None
        limits = (connector.limit, connector.limit_per_host) if connector is not None else ()
        return min([self._pool.connections, *(limit for limit in limits if limit)])

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed or (self._borrowed is not None and self._borrowed.closed)

    def ready(self) -> aiohttp.ClientSession:
        """Return the session of the running loop, made now if this is the first use.

        Raises `ConfigurationError` when closed, in another event loop than the first request's or in none, or
        where a mock of aiohttp's session comes too late to be used.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise no_loop() from None
        closed = self._closed if self._borrowed is None else self.closed
        if self._session is not None and self._loop is loop and not closed:
            if self._made_of is not None and self._made_of is not aiohttp.ClientSession:
                raise ConfigurationError(MOCKED_LATE)
            return self._session
        if closed:
            raise ConfigurationError("The client or its session is closed. Nothing was sent; open a new one.")
        if self._loop is not None:
            raise ConfigurationError(
                "The client was first used in another event loop. Nothing was sent; use one client per loop."
            )
        self._loop = loop
        if self._session is None:
            self._session = self._made(loop)
        return self._session

    def _made(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        """Make a session of our own, and its fast path."""
        replaced = aiohttp.TCPConnector not in KeptConnector.__mro__  # as by a mock: then it is used
        connector = (aiohttp.TCPConnector if replaced else KeptConnector)(
            limit=0, keepalive_timeout=self._pool.keepalive
        )
        self._made_of = aiohttp.ClientSession
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        if not isinstance(connector, KeptConnector) or session.connector is not connector:
            self._tell("aiohttp's session or connector is replaced")
        else:
            fast = fast_path.FastPath(session, connector, self._headers, self._timeout, self._under_way, loop)
            if fast.parts.missing is None:
                self._direct = fast
            else:
                self._tell(fast.parts.missing)
        return session

    def _tell(self, why_not: str) -> None:
        """Say once why the fast path is not taken."""
        if why_not not in self._told:
            self._told.add(why_not)
            logger.info("requests go by aiohttp's session, and the fast path is off: %s", why_not)

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        """Send `request` once, for at most `seconds` with its answer, and return what is known of it.

        `hand_over` tells, also after a cancellation, whether the body was handed to the transport.
        Raises nothing but the cancellation; a call is `ready` before its first attempt.
        """
        session = self.ready() if self._session is None else self._session
        started, task = time.perf_counter(), asyncio.current_task(self._loop)
        cancelling = 0 if task is None else task.cancelling()
        secrets: tuple[Secret, ...] = ()
        if self._sign_in is not None:
            try:
                request, secrets = await signed(self._sign_in, request, self._wall(), seconds)
            except SignInFailed as failed:
                elapsed = time.perf_counter() - started
                return Evidence(False, 0, failure=Failure.LOCAL, detail=str(failed), elapsed=elapsed)
            seconds -= time.perf_counter() - started
        trail = Trail(hand_over)
        proxy = self._proxy(request.base_url) if self._trust_env and self._borrowed is None else None
        try:
            await self._exchange(session, request, seconds, trail, proxy)
        except asyncio.CancelledError as cancelled:
            if task is not None and task.cancelling() > cancelling:
                raise _bare(cancelled) from None
            # The caller did not cancel: aiohttp did it to itself, as when its session is closed.
            trail.failure, trail.detail = Failure.DISCONNECTED, _CLOSED
        except Exception as error:  # noqa: BLE001 - whatever it is, it is evidence and loses nothing
            trail.failure, trail.detail = explained(error, request.base_url, sent=hand_over.done)
            if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == PROXY_REFUSED:
                trail.status = PROXY_REFUSED
            if not (hand_over.done or hand_over.withheld):
                trail.detail += self._of_unused_proxy(request.base_url, trail.failure)
            if self._closed and self._borrowed is None:
                trail.failure, trail.detail = Failure.DISCONNECTED, _CLOSED
        except BaseException as error:  # noqa: BLE001 - a signal that was raised, say
            raise _bare(error) from None
        if trail.status == PROXY_REFUSED and proxy is not None and not trail.detail:
            trail.detail = f"{proxies.shown(proxy)} answered with status {PROXY_REFUSED}"
        return Evidence(
            hand_over.done,
            (trail.requests or 1) if hand_over.done else 0,
            trail.status,
            trail.headers,
            trail.body,
            trail.failure,
            trail.detail,
            time.perf_counter() - started,
            secrets,
        )

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: PreparedRequest,
        seconds: float,
        trail: Trail,
        proxy: URL | None,
    ) -> None:
        """Send `request` by the fast path where it may be taken now, else by aiohttp's session."""
        if self._direct is not None and proxy is None:
            why_not = self._direct.parts.foreign()
            if why_not is not None:
                self._tell(why_not)
            else:
                try:
                    return await self._direct.exchange(request, seconds, trail)
                except (AttributeError, TypeError, ImportError) as error:
                    self._direct = None  # a broken one is off for good
                    said = f"{type(error).__name__} {getattr(error, 'name', '')}".rstrip()
                    self._tell(f"it is broken ({said})")
                    if trail.hand_over.done:
                        raise
        headers = {**self._headers, **dict(request.headers)}
        async with self._under_way.limit(seconds):
            await by_session(session, request, headers, self._timeout, trail, proxy)

    def _proxy(self, base_url: str) -> URL | None:
        """Return the proxy that the environment names, looked up once for each base URL."""
        if base_url not in self._proxies:
            self._proxies[base_url] = proxies.proxy_of(base_url)
            if self._proxies[base_url] is not None:
                self._tell("the environment names a proxy")
        return self._proxies[base_url]

    def _of_unused_proxy(self, base_url: str, failure: Failure) -> str:
        """Say that the environment names a proxy, when there is no connection. The log says so once."""
        reached = failure not in (Failure.CONNECT, Failure.TIMEOUT) or self._borrowed is not None
        if reached or self._trust_env or not proxies.is_named(base_url):
            return ""
        name = proxies.variable(base_url)
        if not self._proxy_told:
            self._proxy_told = True
            logger.info("%s is set, and not used: trust_env=True lets the environment name a proxy", name)
        return f"; {name} is set, and not used"

    async def aclose(self) -> None:
        """Close what is owned, and end what is under way there. Idempotent."""
        self._closed = True
        if self._session is None or self._borrowed is not None:
            return
        if self._loop is running_loop():
            self._under_way.ring_all()
        await self._session.close()


def _bare(error: BaseException) -> BaseException:
    """Return an error without the frames that it came through: they hold what signs in, which tools show."""
    error.__context__ = None
    return error.with_traceback(None)
