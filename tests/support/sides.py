"""The providers behind one face, so that a behaviour is written once and run for each."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal

from conftest import client_for, raba7ni_client_for

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackChange,
    Earn,
    Effect,
    Member,
    MemberToken,
    Outcome,
    Raba7niClient,
    Raba7niCredentials,
    Redeem,
)
from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

Client = BonifiQClient | Raba7niClient
Server = Sandbox | Raba7niSandbox
Start = Callable[..., Server]
AMOUNT = Decimal("12.345")


class Side(ABC):
    """What a behaviour needs of a provider.

    `repeats` says whether a change may be sent again, `replays` whether a repeat is answered like the first,
    `fixture` what starts its sandbox. `shown_on_the_wire` are the secrets that stand there as they are.
    """

    name: str
    fixture: str
    repeats: bool
    replays: bool
    shown_on_the_wire: tuple[str, ...]
    module: str
    secrets: tuple[str, ...]
    """Canaries: what `credentials` and `change_with_secrets` are made of."""

    @abstractmethod
    def credentials(self) -> object:
        """Return credentials made of canaries."""

    @abstractmethod
    def client(self, server: Server, **settings: object) -> Client:
        """Return a client of `server` that retries fast."""

    @abstractmethod
    def change(self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123) -> object:
        """Return a change."""

    @property
    def repeated(self) -> Effect:
        """What comes of a change in doubt that is made again."""
        done = Effect.APPLIED if self.replays else Effect.ALREADY_APPLIED
        return done if self.repeats else Effect.UNKNOWN

    def change_with_secrets(self) -> object:
        """Return a change with every secret in it that the provider knows."""
        return self.change()

    def signs_in(self, server: Server) -> None:
        """Let the server know the secrets of `change_with_secrets`; a provider without any needs nothing."""
        del server

    def moves(self, amount: Decimal) -> Decimal:
        """Return by how much a change of `amount` moves a balance."""
        return amount

    @abstractmethod
    def effects(self, server: Server, reference: str = "order-1") -> int:
        """Return how often the change took effect."""

    @abstractmethod
    async def read(self, client: Client, deadline: float | None = None) -> object:
        """Read a balance."""

    async def make(self, client: Client, change: object) -> Outcome:
        """Make a change; return its outcome, whatever that is."""
        return await client.outcome_of(change)


class BonifiQ(Side):
    """The provider that de-duplicates by key."""

    name, fixture, repeats, replays, module = "BonifiQ", "sandbox", True, True, "bonifiq"
    shown_on_the_wire = ()
    secrets = ("canarytoken", "canary-key-7319")

    def credentials(self) -> BasicCredentials:
        return BasicCredentials(*self.secrets)

    def client(self, server: Server, **settings: object) -> BonifiQClient:
        return client_for(server, **settings)

    def change(
        self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123
    ) -> CashbackChange:
        return CashbackChange(str(customer), amount, "Loyalty", f"ADD-{reference}")

    def effects(self, server: Server, reference: str = "order-1") -> int:
        return len(server.books.effects(f"ADD-{reference}"))

    async def read(self, client: Client, deadline: float | None = None) -> object:
        return await client.customers.points("123", deadline=deadline)


class Raba7ni(Side):
    """The provider whose writes nobody de-duplicates."""

    name, fixture, repeats, replays, module = "Raba7ni", "raba7ni", False, False, "raba7ni"
    secrets = ("canary-api-key-7319", "canary.member.token", "canary-pin-4711")
    shown_on_the_wire = secrets

    def credentials(self) -> Raba7niCredentials:
        return Raba7niCredentials("app_1", self.secrets[0])

    def client(self, server: Server, **settings: object) -> Raba7niClient:
        return raba7ni_client_for(server, **settings)

    def change(self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123) -> Earn:
        return Earn(card_id=10, member=Member.by_id(customer), purchase_amount=amount, reference=reference)

    def change_with_secrets(self) -> Redeem:
        token, pin = self.secrets[1:]
        return Redeem(
            card_id=10, amount=Decimal(1), member_token=MemberToken(token), pin=pin, reference="order-1"
        )

    def signs_in(self, server: Server) -> None:
        server.books._tokens[self.secrets[1]] = 123
        server.books.person(123).pin = self.secrets[2]
        server.books.move("earn", "gift", 10, 123, Decimal(5))

    def moves(self, amount: Decimal) -> Decimal:
        return (amount / 20).quantize(Decimal("0.001"))

    def effects(self, server: Server, reference: str = "order-1") -> int:
        return len(server.books.effects("earn", reference)) + len(server.books.effects("redeem", reference))

    async def read(self, client: Client, deadline: float | None = None) -> object:
        return await client.cashback.balance(10, 123, deadline=deadline)


BONIFIQ, RABA7NI = BonifiQ(), Raba7ni()
