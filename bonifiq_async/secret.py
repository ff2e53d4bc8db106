"""Words: a value that travels to the provider and is shown nowhere else."""

import json
from collections.abc import Iterable
from typing import Self
from urllib.parse import quote

from bonifiq_async import door
from bonifiq_async.errors import ConfigurationError, PayloadError

MASK = "***"


def masked(_: object) -> str:
    """Return what an attrs repr shows in place of a secret."""
    return repr(MASK)


class Credentials:
    """What signs a client in: it is checked and never shown, and stays in this process.

    A copy is the same; a pickle is refused with `ConfigurationError`.
    """

    __slots__ = ()

    def _checked(self, what: str, *names: str) -> None:
        """Raise `ConfigurationError` for a text that is blank or could not be sent, without its value."""
        problems = []
        for name in names:
            try:
                door.text(getattr(self, name), name)
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
            door.text(self._text, type(self).__name__)
        except PayloadError as error:
            self._text = None
            raise error.with_traceback(None) from None

    @classmethod
    def of(cls, value: "str | Self") -> Self:
        """Return `value` as a secret of this kind, which it may be already."""
        if isinstance(value, cls):
            return value
        given = [value]
        del value
        return cls(given.pop())  # type: ignore[arg-type]  # anything but a text is refused there

    @classmethod
    def kept(cls, text: str) -> Self:
        """Return `text` sealed as it came, line feeds and all: it is not to be sent."""
        secret = cls.__new__(cls)
        secret._text = text
        return secret

    def reveal(self) -> str:
        """Return the text. Raises `ConfigurationError` when it was left behind by a pickle."""
        if self._text is None:
            raise ConfigurationError(
                f"This {type(self).__name__} was pickled, which leaves its value behind. Nothing was sent; "
                "give it again."
            )
        return self._text

    def blotted(self, text: str) -> str:
        """Return `text` without it."""
        return text if self._text is None else text.replace(self._text, MASK)

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


class Blotter:
    """Blots secrets out of what a provider says, which may repeat what it was given.

    A text of less than three characters is left: it hides nothing, and would spoil every word.
    """

    __slots__ = ("_forms", "_texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = sorted({text for text in texts if len(text) >= 3}, key=len, reverse=True)
        forms = {form.encode() for text in self._texts for form in _forms(text)}
        self._forms = sorted(forms, key=len, reverse=True)

    def and_of(self, secrets: Iterable[Secret]) -> "Blotter":
        """Return a blotter that knows `secrets`, too."""
        return Blotter([*self._texts, *(secret.reveal() for secret in secrets)])

    def text(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def body(self, body: bytes) -> bytes:
        """Return `body` without the secrets, also as JSON and URLs write them."""
        for secret in self._forms:
            if secret in body:
                body = body.replace(secret, MASK.encode())
        return body

    def __repr__(self) -> str:
        return f"Blotter({MASK!r})"


def _forms(text: str) -> Iterable[str]:
    escaped = json.dumps(text)[1:-1]
    return (
        text,
        escaped,
        escaped.replace("/", "\\/"),
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(text, ""),
    )


def _left_behind(kind: type[Secret]) -> Secret:
    secret = kind.__new__(kind)
    secret._text = None
    return secret
