"""Words: the enums of this library."""

import enum


class Kind(enum.Enum):
    """An enum whose members are told apart by identity: every request looks several of them up."""

    __hash__ = object.__hash__
