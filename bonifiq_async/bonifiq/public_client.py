"""The client of BonifiQ's public API: signed in by a token that a browser may have, it changes nothing."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from attrs import field, frozen

from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.outcome import Change, Outcome
from bonifiq_async._model.secret import Credentials, Secret, masked
from bonifiq_async._model.values import public
from bonifiq_async._provider.connection import Connection, ConnectionOptions
from bonifiq_async._provider.spec import Environment, ProviderSpec
from bonifiq_async.bonifiq import PROVIDER
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.calls.caller import PATHS, Caller, CallParts, checked_paths, segment
from bonifiq_async.bonifiq.calls.catalogue import listed_products
from bonifiq_async.bonifiq.client import BASE_URL
from bonifiq_async.bonifiq.operations import public as operations
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.bonifiq.reading.plain import read_any, read_array
from bonifiq_async.bonifiq.schemas.catalogue import Customization, ProductPointsInput, ProductPointsItem
from bonifiq_async.bonifiq.schemas.pages import Unshaped

_ALL = (
    operations.POINTS,
    operations.CUSTOMIZATION,
    operations.PRODUCT_POINTS,
    operations.PRODUCT_POINTS_LIST,
)


@frozen(init=False)
class PublicApiToken(Credentials):
    """The token of the public API. No repr shows it, though a browser may have it."""

    api_token: str = field(repr=masked)

    def __init__(self, api_token: str) -> None:
        self.__attrs_init__(api_token)
        del api_token  # a traceback that shows locals must not have it
        self._checked()

    def headers(self) -> dict[str, Secret]:
        """Return the headers of every request."""
        return {"X-BQ-ApiToken": Secret.kept(self.api_token)}


@public
class BonifiQPublicClient(Connection[Change, CustomerPoints]):
    """Client of the BonifiQ public API, an async context manager. All its calls are reads.

    `api_token` is the public token of the admin panel, not the one of the private API. The settings are those
    of `BonifiQClient`; the environment's variable is BONIFIQ_PUBLIC_API_TOKEN. Every method raises
    `RefusedError`, `NotAppliedError` and `PayloadError`.
    """

    SPEC: ClassVar[ProviderSpec] = PROVIDER._replace(
        environment=Environment(PROVIDER.environment.base_url, ("BONIFIQ_PUBLIC_API_TOKEN",))
    )
    BASE_URL: ClassVar[str] = BASE_URL
    ACCOUNT: ClassVar[str] = "public API token"
    CREDENTIALS = PublicApiToken

    def __init__(
        self,
        api_token: str | PublicApiToken,
        *,
        paths: Mapping[str, str] = PATHS,
        **options: Unpack[ConnectionOptions],
    ) -> None:
        given = [api_token]
        del api_token  # a traceback that shows locals must not have it
        token = given.pop()
        token = token if isinstance(token, PublicApiToken) else PublicApiToken(token)
        super().__init__(token, **options)
        self._caller = Caller(self._calls, self._address, AnswerReader(), checked_paths(paths, _ALL))

    async def points(self, customer_id: str, *, deadline: float | None = None) -> CustomerPoints:
        """Return the balance of a customer. An unknown one has `customer_exists` false and no balance."""
        asked = CallParts({"id": segment(customer_id, "customer_id")})
        return await self._caller.value(operations.POINTS, asked, deadline=deadline)

    async def customization(self, *, deadline: float | None = None) -> Customization:
        """Return the look of the program."""
        return await self._caller.value(operations.CUSTOMIZATION, CallParts(), deadline=deadline)

    async def product_points(
        self, products: Sequence[ProductPointsInput], *, deadline: float | None = None
    ) -> Unshaped:
        """Return an estimate of what products give, as it comes: a file of bytes is documented."""
        asked = CallParts(payload=listed_products(products))
        return await self._caller.value(operations.PRODUCT_POINTS, asked, read=read_any, deadline=deadline)

    async def product_points_list(
        self, products: Sequence[ProductPointsInput], *, deadline: float | None = None
    ) -> tuple[ProductPointsItem, ...]:
        """Return how many points, and what cashback, each of the products would give."""
        asked = CallParts(payload=listed_products(products))
        found = await self._caller.value(
            operations.PRODUCT_POINTS_LIST, asked, read=read_array, deadline=deadline
        )
        return found.items

    async def outcome_on(self, change: Change, terms: Terms) -> Outcome[CustomerPoints]:
        """Raise `ConfigurationError`: the public API changes nothing."""
        raise ConfigurationError("The public API changes nothing: give a BonifiQClient. Nothing was sent.")
