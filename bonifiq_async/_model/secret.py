"""A value that travels to the provider and is shown nowhere else."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Self, cast

from attrs import Attribute, AttrsInstance, fields

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError, PayloadError

MASK = "***"


def masked(_: object) -> str:
    """Return what an attrs repr shows in place of a secret."""
    return repr(MASK)


class Credentials:
    """What signs a client in: it is checked and never shown, and stays in this process.

    A provider's class is an attrs class of texts. The first tells accounts apart; those that are `masked` are
    secret. A copy is the same; a pickle is refused with `ConfigurationError`.
    """

    __slots__ = ()

    def __init__(self, *texts: str) -> None:
        cast(Callable[..., None], getattr(self, "__attrs_init__"))(*texts)  # noqa: B009 - every attrs class has it
        del texts  # a traceback that shows locals must not have them
        self._checked()

    def fingerprint(self, provider: str) -> str:
        """Return what tells this account from another in a ledger; no secret can be read from it."""
        first = str(getattr(self, self._fields()[0].name))
        return hashlib.blake2b(first.encode(), digest_size=8, person=provider.encode()).hexdigest()

    def headers(self) -> Mapping[str, "HeaderValue"]:
        """Return the headers of every request: none, unless a provider's class says otherwise."""
        return {}

    def secrets(self) -> tuple["Secret", ...]:
        """Return what must not come back in an answer or an error."""
        names = [each.name for each in self._fields() if each.repr is masked]
        return tuple([Secret.kept(getattr(self, name)) for name in names])

    def _fields(self) -> "tuple[Attribute[str], ...]":
        return tuple(fields(cast("type[AttrsInstance]", type(self))))

    def _checked(self, what: str = "") -> None:
        """Raise `ConfigurationError` for a text that is blank or could not be sent, without its value."""
        problems = []
        for name in [each.name for each in self._fields()]:
            try:
                validation.text(getattr(self, name), name)
            except PayloadError as error:
                problems.append(f"The {what}{error}. Nothing was sent.")
        if problems:  # raised out here: the frames of the other error have the value
            raise ConfigurationError(problems[0])

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        raise ConfigurationError(
            f"{type(self).__name__} are not pickled, which would show them. Make them where they are used."
        )


class Secret:
    """A text that no repr, log line, error, pickle or ledger shows; only `reveal` gives it out.

    A pickle carries no value: what is unpickled stands for the secret and cannot reveal it. Raises
    `PayloadError` for what is no text, is blank or has control characters.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: str | None = text
        del text  # a traceback that shows locals must not have it
        try:
            validation.text(self._text, type(self).__name__)
        except PayloadError as error:
            self._text = None
            raise error.with_traceback(None) from None

    @classmethod
    def of(cls, value: "str | Self") -> Self:
        """Return `value` as a secret of this kind, which it may be already."""
        if isinstance(value, cls):
            return value
        given = [cast(str, value)]  # anything but a text is refused there
        del value
        return cls(given.pop())

    @classmethod
    def kept(cls, text: str) -> Self:
        """Return `text` sealed as it came, line feeds and all: it is not to be sent."""
        secret = cls.__new__(cls)
        secret._text = text
        return secret

    @property
    def is_here(self) -> bool:
        """Whether it can be revealed: a pickle leaves its value behind."""
        return self._text is not None

    def reveal(self) -> str:
        """Return the text. Raises `ConfigurationError` when it was left behind by a pickle."""
        if self._text is None:
            raise ConfigurationError(
                f"This {type(self).__name__} was pickled, which leaves its value behind. Nothing was sent; "
                "give it again."
            )
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return type(self) is type(other) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _left_behind, (type(self),)


HeaderValue = str | Secret
"""The value of a header: a text that may be shown, or a secret."""


def revealed(value: HeaderValue) -> str:
    """Return the text of a header's value."""
    return value.reveal() if isinstance(value, Secret) else value


def _left_behind(kind: type[Secret]) -> Secret:
    secret = kind.__new__(kind)
    secret._text = None
    return secret
