"""What the command line has to know of a provider: the protocol of a file adapter, and the values it takes.

Each provider's package has one adapter, which the registry names. It is loaded when a command needs it, so
that help is quick.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, cast, runtime_checkable

from attrs import frozen

from bonifiq_async._provider.registry import names, spec_of, specs
from bonifiq_async._provider.trial import TrialFiles
from bonifiq_async.cli.files.unfit import every
from bonifiq_async.cli.language.phrase import joined, number, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from decimal import Decimal

    from bonifiq_async._delivery.terms import Terms
    from bonifiq_async._limits.shared import SharedLimit
    from bonifiq_async._model.operation import Operation, RepeatClass
    from bonifiq_async._model.outcome import Outcome
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._provider.spec import ObjectReference
    from bonifiq_async._transport.connector import PoolLimits
    from bonifiq_async._transport.session import Timeouts
    from bonifiq_async.cli.afterwards.statement import StatementReader
    from bonifiq_async.cli.columns import Columns
    from bonifiq_async.cli.files.rows import Cells
    from bonifiq_async.ledger.protocol import Ledger
    from bonifiq_async.ledger.recorded import Recorded
    from bonifiq_async.sandbox import FaultScript


DEFAULT = names()[0]
"""The provider of a file when `--provider` is not given."""


class FileChange(Protocol):
    """A change and the line of the file that it came from, counted from 1; 0 for one of no file."""

    # The members of `Change` stand here again: as its base, that would import the models for every `--help`.

    @property
    def line(self) -> int: ...
    @property
    def customer_id(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def change_key(self) -> str: ...


class OfCustomer(Protocol):
    """A change of a file, or one that a ledger recorded."""

    @property
    def customer_id(self) -> str: ...


class Client(Protocol):
    """A provider's client, which takes the changes of its own files."""

    @property
    def account(self) -> tuple[str, str]: ...
    @property
    def limit(self) -> SharedLimit: ...

    async def outcome_on(self, change: FileChange, terms: Terms) -> Outcome[object]: ...

    def in_doubt(self) -> tuple[str, ...]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class RequestCount(Protocol):
    """A sandbox's books, which know how many requests arrived."""

    @property
    def requests(self) -> int: ...


class LocalSandbox(Protocol):
    """A provider's sandbox. `environment` are the settings with which a client comes to it."""

    @property
    def books(self) -> RequestCount: ...
    @property
    def faults(self) -> FaultScript: ...

    def environment(self) -> Mapping[str, str]: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...


@frozen
class ClientSettings:
    """How patient a client is, how many connections it may have, and the ledger that it records in."""

    retry: RetryPolicy
    timeouts: Timeouts
    pool: PoolLimits
    ledger: Ledger | None = None


@frozen
class Movement:
    """One line of a balance's history: its time, kind and amount.

    `expected` says whether the amount is the one that the change in doubt would cause; None where that amount
    is not known.
    """

    at: str
    event: str
    amount: Decimal
    expected: bool | None


@frozen
class BalanceEvidence:
    """What a provider shows of the balance that a change in doubt concerns: now, and at the time it was sent.

    `movements` are those that may be the change. `note` says what could not be read, or how it was searched.
    """

    note: str
    balance: Decimal | None = None
    movements: tuple[Movement, ...] = ()


TOLD = ("last_run", "first_sent", "ended")
"""Columns that an export adds to say what became of a change. In a file of changes they ask for nothing."""


@frozen
class Grounds:
    """Why a change is made: its reason in words, and the order or event that it is for; None: unknown."""

    reason: str | None = None
    reference: str | None = None


class EvidenceReader(Protocol):
    """Asks a provider for what helps a person to decide on a change in doubt."""

    async def read(self, client: Client, doubt: Recorded) -> BalanceEvidence:
        """Return what the provider shows. Raises `AuthenticationError` where it refuses the credentials."""
        ...


class _SandboxClass(Protocol):
    def __call__(self, *, faults: FaultScript, port: int) -> LocalSandbox: ...


class _ClientClass(Protocol):
    def from_env(
        self, *, retry: RetryPolicy, timeouts: Timeouts, pool: PoolLimits, ledger: Ledger | None
    ) -> Client: ...


@runtime_checkable
class FileAdapter(TrialFiles, Protocol):
    """What differs between the providers' files of changes, outcomes and exports.

    `change_columns` are the columns of an outcome file that describe a change, `answer_columns` those that
    describe its answer. `sum_labels` name what was added and what was removed. `amounts_name_units` says that
    `amount` tells the units apart, so that no name need stand beside it. `evidence` is None where a repeat
    decides what became of a change in doubt, `statements` where no movements can be asked for.
    """

    name: ClassVar[str]
    columns: ClassVar[Columns]
    change_columns: ClassVar[tuple[str, ...]] = ("customer_id", "value")
    answer_columns: ClassVar[tuple[str, ...]]
    sum_labels: ClassVar[tuple[str, str]] = (phrase("added"), phrase("removed"))
    amounts_name_units: ClassVar[bool] = False
    evidence: ClassVar[EvidenceReader | None] = None
    statements: ClassVar[StatementReader | None] = None

    def read_row(self, line: int, cells: Cells) -> FileChange:
        """Return the change that the cells of a line ask for.

        Raises `PayloadError`, whose path is a column, for what is wrong with them.
        """
        ...

    def digest(self, change: FileChange) -> bytes:
        """Return what a ledger keeps of a change to tell it from another one under the same key."""
        ...

    @cached_property
    def recorded(self) -> Mapping[str, Operation[object]]:
        """The operations that change a balance, by name: those that a ledger of the provider may hold."""
        spec = spec_of(self.name)
        operations = (spec.changes or spec.operations).load(tuple)
        return {each.name: each for each in operations if each.unit is not None}

    @property
    def changes(self) -> Mapping[str, Operation[object]]:
        """Those of the `recorded` that a file may ask for."""
        return self.recorded

    def kept(self) -> FileAdapter:
        """Return the adapter of what a ledger keeps: also of changes that no file can ask for."""
        reference = spec_of(self.name).kept_files
        return self if reference is None else _adapter_at(reference, self.name)

    def sends_again(self, change: Recorded) -> bool:
        """Say whether a ledger's change is sent again: its key counts once, and its request is there."""
        from bonifiq_async._model.operation import RepeatClass

        operation = self.kept().changes.get(change.operation)
        has_request = change.operation in self.changes or bool(change.path)
        return operation is not None and operation.repeat is RepeatClass.KEYED and has_request

    @cached_property
    def repeat_classes(self) -> Mapping[str, RepeatClass]:
        """Whether each of the `changes`, by name, may be sent again."""
        return {name: each.repeat for name, each in self.changes.items()}

    @property
    def export_columns(self) -> tuple[str, ...]:
        """The columns of an exported change."""
        return self.columns.names

    def change_cells(self, change: FileChange) -> Sequence[object]:
        """Return the values of a change under `change_columns`: its attributes of these names."""
        return [getattr(change, name) for name in self.change_columns]

    def answer_cells(self, result: object) -> Sequence[object]:
        """Return the values of an answer under `answer_columns`; of any other object, as many nulls."""
        return [getattr(result, name, None) for name in self.answer_columns]

    def export_cells(self, change: Recorded) -> Iterable[object]:
        """Return the values of a recorded change under `export_columns`.

        They are members of its request, and what a ledger has of every change.
        """
        from bonifiq_async._model.json_codec import decode, wire_name

        body = decode(change.body)
        said = body if isinstance(body, dict) else {}
        names = self.changes[change.operation].names
        kept = {"customer_id": change.customer_id, "value": change.value, "change_key": change.key}
        return [said.get(wire_name(name, names), kept.get(name)) for name in self.export_columns]

    def grounds(self, change: FileChange) -> Grounds:
        """Return why a change of a file is made."""
        return Grounds()

    def recorded_grounds(self, change: Recorded) -> Grounds:
        """Return why a recorded change was made."""
        return Grounds()

    def purpose(self, key: str, customer_id: str, value: Decimal, body: bytes) -> str | None:
        """Return for what a change of a customer is, whatever its amount: the reference, and the direction.

        None where it has no reference. `body` is that of a recorded change.
        """
        return None

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the same of a change of a file."""
        return self.purpose(change.change_key, change.customer_id, change.value, b"")

    def unit_of(self, change: OfCustomer) -> str:
        """Return the unit of a change's value: amounts of two units are never added together.

        Raises `ValueError` where the `changes` have several: a provider of these says whose is which.
        """
        (unit,) = {str(each.unit) for each in self.changes.values()}
        return unit

    def unit_name(self, unit: str) -> str:
        """Return what a table calls a unit."""
        return unit

    def is_money(self, unit: str) -> bool:
        """Say whether amounts in a unit are money: `--confirm-above` asks for sums of money alone."""
        return True

    def money(self, amount: Decimal) -> str:
        """Return an amount for a screen, with every digit that it has."""
        return number(amount)

    def amount(self, value: Decimal, unit: str) -> str:
        """Return the same of an amount in a unit, which says the unit where it is not money."""
        return self.money(value)

    def shown_as(self, name: str, beside: Container[str]) -> Callable[[Decimal], str]:
        """Return how an amount under a column of a file is shown, whose columns are all `beside` it.

        It has no currency where it is a count, and where another cell of its row says what it is.
        """
        other = name in self.columns.counts or any(each in beside for each in self.columns.filled)
        return number if other else self.money

    def column_of(self, unit: str) -> str:
        """Return the column under which an amount in a unit stands."""
        return (*self.columns.amounts, "value")[0]

    def sandbox(self, faults: FaultScript, port: int, duplicates: str | None) -> LocalSandbox:
        """Return a sandbox that fails as `faults` say, at a port (0: any free one).

        `duplicates` says how it answers a used key (None: as it does by default). Raises
        `ConfigurationError` where it has no such setting.
        """
        from bonifiq_async._model.errors import ConfigurationError

        spec = spec_of(self.name)
        if duplicates is not None:
            raise ConfigurationError(
                phrase("The sandbox of {provider} has no --duplicates: leave it out.", provider=spec.title)
            )
        return cast(_SandboxClass, spec.sandbox.load(type))(faults=faults, port=port)

    def connect(self, settings: ClientSettings) -> Client:
        """Return a client with the credentials of the environment.

        Raises `ConfigurationError` naming the variables that are missing.
        """
        from bonifiq_async._model.errors import ConfigurationError

        missing = [name for name in spec_of(self.name).environment.credentials if not os.environ.get(name)]
        if missing:
            names = every(missing)
            raise ConfigurationError(phrase("Set {names} in the environment. Nothing was sent.", names=names))
        client_class = cast(_ClientClass, spec_of(self.name).client.load(type))
        return client_class.from_env(
            retry=settings.retry, timeouts=settings.timeouts, pool=settings.pool, ledger=settings.ledger
        )

    @property
    def ledger_alone_knows(self) -> bool:
        """Whether the provider takes some repeat for a new change: then the ledger alone tells them apart."""
        from bonifiq_async._model.operation import RepeatClass

        return RepeatClass.NEVER in self.repeat_classes.values()

    @property
    def has_keys(self) -> bool:
        """Whether the provider de-duplicates some change by its key, which another program may have used."""
        from bonifiq_async._model.operation import RepeatClass

        return RepeatClass.KEYED in self.repeat_classes.values()


def adapter_of(provider: str) -> FileAdapter | None:
    """Return the adapter of a provider; None where the registry has no provider of that name."""
    return adapter_for(provider) if provider in names() else None


def adapter_for(provider: str = DEFAULT) -> FileAdapter:
    """Return the adapter of a provider of the registry."""
    return _adapter_at(spec_of(provider).files, provider)


def _adapter_at(reference: ObjectReference, provider: str) -> FileAdapter:
    adapter = reference.load(object)
    if not isinstance(adapter, FileAdapter):
        raise TypeError(f"the files of {provider} have no file adapter")
    return adapter


def environment_help() -> str:
    """Return which environment variables each provider's client reads, in words."""
    texts = []
    for spec in specs():
        names = joined(spec.environment.credentials)
        said = phrase("{names} and, if need be, {url}", names=names, url=spec.environment.base_url)
        default = spec.name == DEFAULT
        option = f"--provider {spec.name}"
        texts.append(said if default else phrase("with {option} {variables}", option=option, variables=said))
    return joined(texts, "; ")
