"""What the clients of all providers share: one account, one pool of connections, one event loop.

A provider's client checks its settings through here, and adds the groups of its operations.
"""

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import ClassVar, Generic, Protocol, Self, TypedDict, TypeVar, Unpack

import aiohttp

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.operation import rivals_of
from bonifiq_async._model.outcome import Change, Outcome
from bonifiq_async._model.secret import HeaderValue, Secret
from bonifiq_async._policy.request import base_url_of, checked_base_url
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import SessionManager, Timeouts
from bonifiq_async._transport.sign_in import SignIn
from bonifiq_async.ledger.account import account_text
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.protocol import Ledger


class ConnectionOptions(TypedDict, total=False):
    """The settings that the client of every provider takes, by name."""

    base_url: str
    retry: RetryPolicy
    timeouts: Timeouts
    pool: PoolLimits
    ledger: Ledger | None
    session: aiohttp.ClientSession | None
    trust_env: bool
    runtime: Runtime


class SignsIn(Protocol):
    """What the connection uses of a provider's credentials."""

    def fingerprint(self, provider: str) -> str:
        """Return what tells this account from another in a ledger; no secret can be read from it."""

    def headers(self) -> Mapping[str, HeaderValue]:
        """Return the headers of every request."""

    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not come back in an answer or an error."""


C = TypeVar("C", bound=Change)
R = TypeVar("R")


class Connection(Generic[C, R]):
    """A client's connection to its provider, an async context manager.

    `SPEC` is what the provider's package says of itself, `BASE_URL` its address, `ACCOUNT` what its ledgers
    call the credential that tells accounts apart, and `CREDENTIALS` makes credentials of the environment's
    texts. `C` is the provider's change, `R` what it answers to one. Credentials that are a `SignIn` sign each
    attempt themselves.
    """

    SPEC: ClassVar[ProviderSpec]
    BASE_URL: ClassVar[str]
    ACCOUNT: ClassVar[str]
    CREDENTIALS: ClassVar[Callable[..., SignsIn]]

    def __init__(self, credentials: SignsIn, **options: Unpack[ConnectionOptions]) -> None:
        self._calls, self._address = self._connect(credentials, **options)

    @classmethod
    def from_env(cls, **options: Unpack[ConnectionOptions]) -> Self:
        """Return a client made from the variables of `SPEC.environment`.

        The arguments are those of the class. Raises `ConfigurationError` naming what is missing or empty.
        """
        return cls(cls.CREDENTIALS(*cls._from_env(options)), **options)

    async def outcome_of(self, change: C, *, deadline: float | None = None) -> Outcome[R]:
        """Make `change` once, and return its outcome whatever that is.

        Errors are inside the outcome; raises only `ConfigurationError` and `LedgerError`.
        """
        return await self.outcome_on(change, Terms(deadline))

    @abstractmethod
    async def outcome_on(self, change: C, terms: Terms) -> Outcome[R]:
        """Do the same on the terms of a batch: see `ChangeClient`."""

    def _connect(self, credentials: SignsIn, **options: Unpack[ConnectionOptions]) -> tuple[Calls, str]:
        """Return what makes the calls, and the checked base URL. An option left out has its default."""
        try:
            address = checked_base_url(options.pop("base_url", self.BASE_URL))
        except ConfigurationError as error:
            del options  # they may hold what a traceback must not show
            raise error.with_traceback(None) from None
        timeouts, ledger = options.get("timeouts", Timeouts()), options.get("ledger")
        policy, runtime = options.get("retry", RetryPolicy()), options.get("runtime", Runtime())
        headers: dict[str, HeaderValue] = {**credentials.headers(), "Accept": "application/json"}
        self._session = SessionManager(
            headers,
            timeouts=timeouts,
            pool=options.get("pool", PoolLimits()),
            borrowed=options.get("session"),
            trust_env=options.get("trust_env", False),
            sign_in=credentials if isinstance(credentials, SignIn) else None,
            wall=runtime.wall,
        )
        self._delivery = delivery = Delivery(
            self._session,
            policy=policy,
            timeouts=timeouts,
            runtime=runtime,
            secrets=credentials.secrets(),
        )
        name = self.SPEC.name
        self._account = (name, account_text(self.ACCOUNT, credentials.fingerprint(name), address))
        self._ledger: Ledger = MemoryLedger() if ledger is None else ledger
        self._claims = SingleFlight(self._ledger, *self._account, runtime.sleep)
        rivals = rivals_of((self.SPEC.changes or self.SPEC.operations).load(tuple))
        return Calls(delivery, self._claims, timeouts, rivals), address

    @classmethod
    def _from_env(cls, options: ConnectionOptions) -> list[str]:
        """Return the environment's credentials, and set the base URL of `options`, checked."""
        names, setting = cls.SPEC.environment.credentials, cls.SPEC.environment.base_url
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise ConfigurationError(f"Set {' and '.join(missing)} in the environment. Nothing was sent.")
        try:
            if options.get("base_url") is None:
                options["base_url"] = base_url_of(setting, os.environ.get(setting), cls.BASE_URL)
            else:
                options["base_url"] = checked_base_url(options["base_url"])
        except ConfigurationError as error:
            options.pop("base_url", None)  # it may hold what a traceback must not show
            raise error.with_traceback(None) from None
        return [os.environ[name] for name in names]

    @property
    def account(self) -> tuple[str, str]:
        """Whose changes these are, as a ledger has them: the provider, the account, and where it is."""
        return self._account

    @property
    def limit(self) -> SharedLimit:
        """What is known of the provider's limit, for all calls of this client: see `ChangeClient`."""
        return self._delivery.limit

    @property
    def ledger(self) -> Ledger:
        """The record of its changes, shared or its own."""
        return self._ledger

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys of the changes of this client that may or may not have been applied, oldest first.

        A call that was cancelled after its request had left stands here, as one that raised
        `OutcomeUnknownError` does, until this client repeats it with the same key and is answered. It is
        empty in a new client, also one with the same ledger: what a ledger has in doubt, the commands
        `status LEDGER --json` and `history LEDGER --effect unknown --json` give.
        """
        return self._claims.in_doubt()

    async def aclose(self) -> None:
        """Close the connections, unless the session is borrowed. Idempotent; calls in flight are lost."""
        await self._session.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
