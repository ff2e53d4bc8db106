"""What a provider's package says of itself, as `PROVIDER`: names alone, so that reading it imports nothing.

Client, files and sandbox stand above or beside it; each is an `ObjectReference`, loaded on demand.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class ObjectReference(NamedTuple):
    """Where a value or a class is defined: a module by its dotted name, and the name in it."""

    module: str
    name: str

    def load(self, kind: type[T]) -> T:
        """Import the value. Raises `TypeError` unless it is a `kind`."""
        value: object = getattr(import_module(self.module), self.name)
        if not isinstance(value, kind):
            raise TypeError(f"{self.module}.{self.name} is no {kind.__name__}")
        return value

    def load_class(self, kind: type[T]) -> type[T]:
        """Import the class. Raises `TypeError` unless it is a subclass of `kind`."""
        value = self.load(type)
        if not issubclass(value, kind):
            raise TypeError(f"{self.module}.{self.name} is no kind of {kind.__name__}")
        return value


class Environment(NamedTuple):
    """The environment variables that a client's `from_env` reads.

    `credentials` are in the order in which the class of the credentials takes them.
    """

    base_url: str
    credentials: tuple[str, ...]


NO_COMMANDS: Mapping[str, ObjectReference] = {}


class ProviderSpec(NamedTuple):
    """One provider.

    `name` is its name in the command line and in ledgers, `title` its name in texts. `operations` is the
    tuple of its endpoints, and `changes` that of those among them that a ledger keeps, where it can be had
    without the rest. `files` is the adapter that the command line uses, and `kept_files` that of what a
    ledger keeps, where it may have changes that no file can ask for. `sandbox_options` say, for each
    argument of the sandbox that the pytest marker of this name takes, what it is for. `commands` are those of
    the command line that this provider alone has, as functions, by name. `portuguese` has what its files and
    commands say, by the English of it.
    """

    name: str
    title: str
    environment: Environment
    client: ObjectReference
    operations: ObjectReference
    files: ObjectReference
    sandbox: ObjectReference
    sandbox_options: Mapping[str, str]
    commands: Mapping[str, ObjectReference] = NO_COMMANDS
    changes: ObjectReference | None = None
    portuguese: ObjectReference | None = None
    kept_files: ObjectReference | None = None
