"""BonifiQ's client: one account, one pool of connections, one event loop."""

import base64
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self, Unpack, cast

import aiohttp
from attrs import field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.evidence import DuplicateRule
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._model.secret import Credentials, Secret, masked
from bonifiq_async._model.values import public
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._provider.connection import Connection, ConnectionOptions
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.bonifiq import PROVIDER
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.calls.caller import PATHS, Caller, checked_paths
from bonifiq_async.bonifiq.changes.kept import KeptChange
from bonifiq_async.bonifiq.changes.points import PointsChange
from bonifiq_async.bonifiq.checkout import Checkout
from bonifiq_async.bonifiq.customers import Customers
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.bonifiq.used_key import reports_used_key
from bonifiq_async.ledger.protocol import Ledger

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.calls.catalogue import Affiliates, Customizations, Objectives, Products, Tiers
    from bonifiq_async.bonifiq.calls.orders import Orders
    from bonifiq_async.bonifiq.calls.point_of_sale import PointOfSale
    from bonifiq_async.bonifiq.calls.reports import Points, Reports
    from bonifiq_async.bonifiq.calls.rewards import RewardConfigurations, Rewards
    from bonifiq_async.bonifiq.operations.table import OperationEntry

BASE_URL = "https://api.bonifiq.com.br"


@public
@frozen(init=False)
class BasicCredentials(Credentials):
    """API token (user) and API key (password) of the private API (RFC 7617). No repr or pickle shows them.

    The pair is made in the provider's admin panel, menu "API Keys". It stays on servers: see `BonifiQClient`.
    Raises `ConfigurationError` when one is blank or could not be sent.
    """

    token: str = field(repr=masked)
    key: str = field(repr=masked)

    def __init__(self, token: str, key: str) -> None:
        self.__attrs_init__(token, key)
        del token, key  # a traceback that shows locals must not have them
        self._check()

    def _check(self) -> None:
        self._checked("API ")
        if ":" in self.token:
            raise ConfigurationError("The API token has a colon, which Basic sign-in cannot carry.")

    def header(self) -> str:
        """Return the value of the Authorization header."""
        return f"Basic {self._encoded()}"

    def headers(self) -> dict[str, Secret]:
        """Return the headers of every request."""
        return {"Authorization": Secret.kept(self.header())}

    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not come back: both, and the two in the header, with its padding or without."""
        texts = (self._encoded(), self._encoded().rstrip("="))
        return super().secrets() + tuple([Secret.kept(text) for text in texts])

    def _encoded(self) -> str:
        return base64.b64encode(f"{self.token}:{self.key}".encode()).decode()


class BonifiQOptions(ConnectionOptions, total=False):
    """The arguments of `from_env`: those of the client but for its credentials."""

    duplicate_rule: DuplicateRule
    paths: Mapping[str, str]


@public
class BonifiQClient(Connection[CashbackChange | PointsChange, CustomerPoints]):
    """Client of the BonifiQ private API, an async context manager.

    The API is for back ends: it answers no browser (no CORS), and a program that has its credentials moves
    money. Source: the introduction of the private API.

    One client serves one event loop and any number of tasks; they share its connections (`pool`), its
    retry quota and the wait that the provider asks for. `timeouts.call` is the deadline of a call.
    `ledger` records what was meant and what came of it (none: in memory, for this client alone); it is
    shared, never closed here. `duplicate_rule` reads an error answer and says whether the key was used
    before. A `session` that is given is used and never closed. `trust_env` lets the environment name a
    proxy (HTTPS_PROXY, NO_PROXY), and nothing else: no `.netrc`. `runtime` is the clock, the sleep and the
    random source.

    `paths` replaces the path of an operation that was not seen whole, by its method name:
    `paths={"checkout.refresh": "/v1/pvt/Checkout/refresh"}`. `operations` says which those are. Where a
    parameter of the query stands is said so, too: `"/v1/pvt/POS/rewards?Key={originalKey}"`.

    Raises `ConfigurationError` for a base URL that is neither https nor on loopback, and for a
    `duplicate_rule` that is no plain function. Only a rule's `True` is taken for a yes.
    """

    SPEC: ClassVar[ProviderSpec] = PROVIDER
    BASE_URL: ClassVar[str] = BASE_URL
    ACCOUNT: ClassVar[str] = "API token"
    CREDENTIALS: ClassVar[type[BasicCredentials]] = BasicCredentials
    customers: Customers
    checkout: Checkout

    def __init__(
        self,
        credentials: BasicCredentials,
        *,
        base_url: str = BASE_URL,
        retry: RetryPolicy = RetryPolicy(),
        timeouts: Timeouts = Timeouts(),
        pool: PoolLimits = PoolLimits(),
        ledger: Ledger | None = None,
        duplicate_rule: DuplicateRule = reports_used_key,
        session: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        runtime: Runtime = Runtime(),
        paths: Mapping[str, str] = PATHS,
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
        reader = AnswerReader(duplicate_rule)
        kept = ledger is not None
        self._caller = caller = Caller(calls, address, reader, _checked(paths), runtime.wall, keeps=kept)
        self.customers = Customers(caller)
        self.checkout = Checkout(caller)

    @classmethod
    def from_env(cls, **options: Unpack[BonifiQOptions]) -> Self:
        """Return a client made from BONIFIQ_API_TOKEN, BONIFIQ_API_KEY and BONIFIQ_BASE_URL (optional).

        The arguments are those of the class. Raises `ConfigurationError` naming what is missing or empty.
        """
        return cls(cls.CREDENTIALS(*cls._from_env(options)), **options)

    async def outcome_on(
        self, change: CashbackChange | PointsChange, terms: Terms
    ) -> Outcome[CustomerPoints]:
        """Do the same on the terms of a batch: see `ChangeClient`."""
        if isinstance(change, PointsChange):
            return await self.customers.points_outcome_on(change, terms)
        if isinstance(change, KeptChange):  # of the command line, with a result of its operation
            from bonifiq_async.bonifiq.calls.kept import send_again

            return cast("Outcome[CustomerPoints]", await send_again(self._caller, change, terms))
        return await self.customers.outcome_on(change, terms)

    @cached_property
    def operations(self) -> "tuple[OperationEntry, ...]":
        """What is known of every operation, with the paths that this client uses."""
        from bonifiq_async.bonifiq.operations.table import OPERATIONS, entry_of

        return tuple([entry_of(self._caller.replaced(each)) for each in OPERATIONS])

    @cached_property
    def orders(self) -> "Orders":
        """The orders."""
        from bonifiq_async.bonifiq.calls.orders import Orders

        return Orders(self._caller)

    @cached_property
    def pos(self) -> "PointOfSale":
        """The point of sale."""
        from bonifiq_async.bonifiq.calls.point_of_sale import PointOfSale

        return PointOfSale(self._caller)

    @cached_property
    def rewards(self) -> "Rewards":
        """The redeems that were made."""
        from bonifiq_async.bonifiq.calls.rewards import Rewards

        return Rewards(self._caller)

    @cached_property
    def reward_configurations(self) -> "RewardConfigurations":
        """The rewards as they are set up."""
        from bonifiq_async.bonifiq.calls.rewards import RewardConfigurations

        return RewardConfigurations(self._caller)

    @cached_property
    def affiliates(self) -> "Affiliates":
        """The affiliates."""
        from bonifiq_async.bonifiq.calls.catalogue import Affiliates

        return Affiliates(self._caller)

    @cached_property
    def products(self) -> "Products":
        """Estimates of what products give."""
        from bonifiq_async.bonifiq.calls.catalogue import Products

        return Products(self._caller)

    @cached_property
    def objectives(self) -> "Objectives":
        """The ways to earn points."""
        from bonifiq_async.bonifiq.calls.catalogue import Objectives

        return Objectives(self._caller)

    @cached_property
    def tiers(self) -> "Tiers":
        """The tiers."""
        from bonifiq_async.bonifiq.calls.catalogue import Tiers

        return Tiers(self._caller)

    @cached_property
    def customization(self) -> "Customizations":
        """The look of the program."""
        from bonifiq_async.bonifiq.calls.catalogue import Customizations

        return Customizations(self._caller)

    @cached_property
    def points(self) -> "Points":
        """The points that expire."""
        from bonifiq_async.bonifiq.calls.reports import Points

        return Points(self._caller)

    @cached_property
    def reports(self) -> "Reports":
        """The reports."""
        from bonifiq_async.bonifiq.calls.reports import Reports

        return Reports(self._caller)


def _checked(paths: Mapping[str, str]) -> Mapping[str, str]:
    """Return the replaced paths if they can be used; the table is needed for that alone."""
    if not paths:
        return paths
    from bonifiq_async.bonifiq.operations.table import OPERATIONS

    return checked_paths(paths, OPERATIONS)
