"""Raba7ni's client: one application, one pool of connections, one event loop."""

from typing import ClassVar, Self, Unpack

import aiohttp
from attrs import field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._model.secret import Credentials, Secret, masked
from bonifiq_async._model.values import public
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._provider.connection import Connection, ConnectionOptions
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.ledger.protocol import Ledger
from bonifiq_async.raba7ni import PROVIDER
from bonifiq_async.raba7ni.answers import AnswerReader
from bonifiq_async.raba7ni.cards import Cards
from bonifiq_async.raba7ni.cashback import Cashback
from bonifiq_async.raba7ni.changes import CashbackWrite
from bonifiq_async.raba7ni.members import Members
from bonifiq_async.raba7ni.operations import SignInPaths
from bonifiq_async.raba7ni.payloads import CashbackAnswer

BASE_URL = "https://app.raba7ni.com"


@public
@frozen(init=False)
class Raba7niCredentials(Credentials):
    """Application id (`app_...`) and API key (`test_...` or `prod_...`). No repr or pickle shows the key.

    A test key moves real balances: it only mutes the messages to members. Raises `ConfigurationError` when
    one is blank or could not be sent.
    """

    app_id: str
    api_key: str = field(repr=masked)

    def __init__(self, app_id: str, api_key: str) -> None:
        self.__attrs_init__(app_id, api_key)
        del app_id, api_key  # a traceback that shows locals must not have them
        self._checked()

    def headers(self) -> dict[str, Secret]:
        """Return the headers of every request."""
        return {"X-App-Id": Secret.kept(self.app_id), "X-Api-Key": Secret.kept(self.api_key)}


class Raba7niOptions(ConnectionOptions, total=False):
    """The arguments of `from_env`: those of the client but for its credentials."""

    sign_in_paths: SignInPaths


@public
class Raba7niClient(Connection[CashbackWrite, CashbackAnswer]):
    """Client of the Raba7ni Cashback API, an async context manager.

    One client serves one event loop and any number of tasks; they share its connections (`pool`), its
    retry quota and the wait that the provider asks for. `timeouts.call` is the deadline of a call.
    `ledger` records what was meant and what came of it (none: in memory, for this client alone, up to
    100,000 changes): give a durable one, since what is in doubt must never be sent again. It is shared,
    never closed here.
    `sign_in_paths` says which of the two documented families of paths serves one-time codes. A `session`
    that is given is used and never closed. `trust_env` lets the environment name a proxy (HTTPS_PROXY,
    NO_PROXY), and nothing else: no `.netrc`. `runtime` is the clock, the sleep and the random source.

    Raises `ConfigurationError` for a base URL that is neither https nor on loopback.
    """

    SPEC: ClassVar[ProviderSpec] = PROVIDER
    BASE_URL: ClassVar[str] = BASE_URL
    ACCOUNT: ClassVar[str] = "app id"
    CREDENTIALS: ClassVar[type[Raba7niCredentials]] = Raba7niCredentials
    cashback: Cashback
    cards: Cards
    members: Members

    def __init__(
        self,
        credentials: Raba7niCredentials,
        *,
        base_url: str = BASE_URL,
        retry: RetryPolicy = RetryPolicy(),
        timeouts: Timeouts = Timeouts(),
        pool: PoolLimits = PoolLimits(),
        ledger: Ledger | None = None,
        sign_in_paths: SignInPaths = SignInPaths.AUTH_MEMBER,
        session: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        runtime: Runtime = Runtime(),
    ) -> None:
        given = [base_url]
        del base_url  # it may hold what a traceback must not show
        calls, address = self._connect(
            credentials,
            base_url=given.pop(),
            retry=retry,
            timeouts=timeouts,
            pool=pool,
            ledger=ledger,
            session=session,
            trust_env=trust_env,
            runtime=runtime,
        )
        reader = AnswerReader()
        self.cashback = Cashback(calls, address, reader)
        self.cards = Cards(calls, address, reader)
        self.members = Members(calls, address, reader, sign_in_paths)

    @classmethod
    def from_env(cls, **options: Unpack[Raba7niOptions]) -> Self:
        """Return a client made from RABA7NI_APP_ID, RABA7NI_API_KEY and RABA7NI_BASE_URL (optional).

        The arguments are those of the class. Raises `ConfigurationError` naming what is missing or empty.
        """
        return cls(cls.CREDENTIALS(*cls._from_env(options)), **options)

    async def outcome_on(self, change: CashbackWrite, terms: Terms) -> Outcome[CashbackAnswer]:
        """Do the same on the terms of a batch: see `ChangeClient`."""
        return await self.cashback.outcome_on(change, terms)

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys of the changes of this client that may or may not have been applied, oldest first.

        They are not sent again: a person compares balance and history, and settles them in the ledger, which
        has those of earlier clients, too (`bonifiq status LEDGER --json`).
        """
        return super().in_doubt()
