"""The providers of the registry behind one interface, so that a behaviour is written once and run for each.

A provider gives the rest in `side.py`, in the folder of the tests that has the name of its package.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib import import_module

from conftest import quick

from bonifiq_async import Effect, Outcome
from bonifiq_async._provider import registry
from bonifiq_async._provider.connection import Connection as Client
from bonifiq_async.cli.adapter import FileAdapter, adapter_for
from bonifiq_async.sandbox.server import Server

Start = Callable[..., Server]
AMOUNT = Decimal("12.345")


class Side(ABC):
    """What a behaviour needs of a provider.

    `path` begins the paths of `change` and `read`; `yes` and `balance` are whole answers to them.
    `replays` says whether a repeat is answered like the first, where the provider counts it once. `unsent`
    are the credentials that are not on the wire in plain text.
    """

    path: bytes
    yes: bytes
    balance: bytes
    replays = False
    unsent: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec = registry.spec_of(name)

    @abstractmethod
    def change(self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123) -> object:
        """Return a change; its key ends with `reference`."""

    @abstractmethod
    async def read(self, client: Client, deadline: float | None = None) -> object:
        """Read a balance."""

    def effects(self, server: Server, reference: str = "order-1") -> int:
        """Return how often the change took effect."""
        return len(server.books.effects(self.change(reference).change_key))

    def moves(self, amount: Decimal) -> Decimal:
        """Return the difference that a change of `amount` makes in a balance."""
        return amount

    def change_with_secrets(self) -> object:
        """Return a change with every secret in it that the provider knows."""
        return self.change()

    @property
    def secrets_of_a_change(self) -> tuple[str, ...]:
        """The secrets of `change_with_secrets`."""
        return ()

    def signs_in(self, server: Server) -> None:
        """Let the server know the secrets of `change_with_secrets`; a provider without any needs nothing."""
        del server

    @property
    def adapter(self) -> FileAdapter:
        """Its adapter for the command line."""
        return adapter_for(self.name)

    @property
    def sandbox(self) -> type[Server]:
        """The class of its sandbox."""
        return self.spec.sandbox.load_class(Server)

    @property
    def repeats(self) -> bool:
        """Whether a change may be sent again."""
        return self.adapter.has_keys

    @property
    def repeated(self) -> Effect:
        """The effect of a repeated change in doubt."""
        done = Effect.APPLIED if self.replays else Effect.ALREADY_APPLIED
        return done if self.repeats else Effect.UNKNOWN

    def credentials(self) -> object:
        """Return credentials made of canaries."""
        made = (f"canary-{number}-7319" for number, _ in enumerate(self.spec.environment.credentials))
        return type(self.sandbox().credentials)(*made)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of `credentials` and `change_with_secrets`, which must not be shown anywhere."""
        kept = tuple(secret.reveal() for secret in self.credentials().secrets())
        return (*kept, *self.secrets_of_a_change)

    @property
    def shown_on_the_wire(self) -> tuple[str, ...]:
        """Those of the secrets that are on the wire in plain text."""
        hidden = {getattr(self.credentials(), name) for name in self.unsent}
        return tuple(secret for secret in self.secrets if secret not in hidden)

    def client(self, server: Server, **settings: object) -> Client:
        """Return a client of `server` that retries fast."""
        return self.spec.client.load_class(Client)(server.credentials, **quick(server) | settings)

    async def make(self, client: Client, change: object) -> Outcome:
        """Make a change; return its outcome, whatever that is."""
        return await client.outcome_of(change)


@cache
def side_of(name: str) -> Side:
    """Return the side of a provider of the registry."""
    folder = registry.PROVIDERS[name].rpartition(".")[2]
    return import_module(f"{folder}.side").ThisSide(name)


def sides() -> tuple[Side, ...]:
    """Return the side of every provider, in the order of the registry."""
    return tuple(map(side_of, registry.names()))
