"""What the command line has to know of a provider: one value for each, and nothing of them elsewhere.

The values are loaded when they are asked for, so that help is quick.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from bonifiq_async._delivery.terms import Terms
    from bonifiq_async._model.operation import RepeatClass
    from bonifiq_async._model.outcome import Outcome
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._transport.session import PoolLimits, Timeouts
    from bonifiq_async.cli.files.rows import Cells, Problem
    from bonifiq_async.ledger.protocol import Ledger
    from bonifiq_async.ledger.sqlite.reader import Recorded
    from bonifiq_async.sandbox import FaultScript


class Provider(StrEnum):
    """What `--provider` takes, and what a ledger's account is called."""

    bonifiq = "bonifiq"
    raba7ni = "raba7ni"


MEANT = Provider.bonifiq
"""The provider when none is said."""
ENVIRONMENT = (
    "BONIFIQ_API_TOKEN, BONIFIQ_API_KEY and, if need be, BONIFIQ_BASE_URL; with --provider raba7ni "
    "RABA7NI_APP_ID, RABA7NI_API_KEY and RABA7NI_BASE_URL"
)
"""Which settings the providers' clients read."""

PROVIDERS = {provider: f"bonifiq_async.{provider}.files" for provider in Provider}
"""The module whose `SIDE` says how it is with a provider."""


class FileChange(Protocol):
    """A change and the line of the file that it came from, counted from 1; 0 for one of no file."""

    @property
    def line(self) -> int: ...
    @property
    def customer_id(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def change_key(self) -> str: ...


class Client(Protocol):
    """A provider's client, which takes the changes of its own files."""

    @property
    def account(self) -> tuple[str, str]: ...

    async def outcome_on(self, change: FileChange, terms: Terms) -> Outcome[object]: ...

    def in_doubt(self) -> tuple[str, ...]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class Counted(Protocol):
    """Books that know how many requests arrived."""

    @property
    def requests(self) -> int: ...


class Local(Protocol):
    """A sandbox."""

    @property
    def books(self) -> Counted: ...
    @property
    def faults(self) -> FaultScript: ...
    @property
    def url(self) -> str: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...


@frozen
class ClientSettings:
    """How patient a client is, how wide, and where it records."""

    retry: RetryPolicy
    timeouts: Timeouts
    pool: PoolLimits
    ledger: Ledger | None = None


@frozen
class Movement:
    """What moved a balance: when, of which kind, by how much, and whether by what the change would move it.

    `expected` is None where it is not known by how much that is.
    """

    at: str
    event: str
    amount: Decimal
    expected: bool | None


@frozen
class Sight:
    """What a provider shows of the balance that a change in doubt is about: now, and what moved it then.

    `movements` are those that may be the change. `note` says what could not be seen, or how it was searched.
    """

    note: str
    balance: Decimal | None = None
    movements: tuple[Movement, ...] = ()


@frozen
class Columns:
    """The columns of a file: `required` must stand in its header, and one at least of each of `either`.

    `keys` tell a change from others: their cells are taken as they stand, with the blanks around them, which
    are refused. `customers` say whose it is. The cells of `multiline` alone may have line breaks.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    either: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    customers: tuple[str, ...]
    multiline: tuple[str, ...] = ()


@frozen
class Side:
    """One provider.

    `row` reads the cells of a line under `columns`, or says what is wrong with them; `digest` is what a
    ledger keeps of a change, and `repeat` the class of every operation that it may hold, by name.
    `connect` makes a client of the environment's settings, and raises `ConfigurationError` naming what is
    missing. `about` and `answered` name what an outcome file says of a change and of its answer, and
    `told` gives their values. `cells` are those of a recorded change under the columns `exported`. `money`
    writes an amount for people; `sums` are the names of what was added and what was removed. `sandbox`
    makes one that fails as the script says, at a port (0: any), where a used key is answered as said;
    `environment` are the settings that point to its address. `look` asks the provider what helps to decide
    on a change in doubt; None where a repeat decides it.
    """

    name: str
    columns: Columns
    row: Callable[[int, Cells], FileChange | Problem]
    digest: Callable[[FileChange], bytes]
    repeat: Mapping[str, RepeatClass]
    connect: Callable[[ClientSettings], Client]
    about: tuple[str, ...]
    answered: tuple[str, ...]
    told: Callable[[FileChange, object], Sequence[object]]
    exported: tuple[str, ...]
    cells: Callable[[Recorded], Iterable[object]]
    money: Callable[[Decimal], str]
    sums: tuple[str, str]
    sandbox: Callable[[FaultScript, int, str | None], Local]
    environment: Callable[[str], Mapping[str, str]]
    look: Callable[[Client, Recorded], Awaitable[Sight]] | None = None

    @property
    def forgets(self) -> bool:
        """Whether nobody de-duplicates some change: then the ledger alone knows what was sent."""
        from bonifiq_async._model.operation import RepeatClass

        return RepeatClass.NEVER in self.repeat.values()

    @property
    def keyed(self) -> bool:
        """Whether the provider de-duplicates some change by its key, which may have been used elsewhere."""
        from bonifiq_async._model.operation import RepeatClass

        return RepeatClass.KEYED in self.repeat.values()


def side_of(provider: str) -> Side | None:
    """Return how it is with a provider, None for one that nobody here knows."""
    return chosen(Provider(provider)) if provider in set(Provider) else None


def chosen(provider: Provider = MEANT) -> Side:
    """Return how it is with the provider that was said, or with the one that is meant when none was."""
    return _loaded(PROVIDERS[provider])


def _loaded(module: str) -> Side:
    side = import_module(module).SIDE
    if not isinstance(side, Side):
        raise TypeError(f"{module}.SIDE is no side")
    return side
