"""Members: how one is named, the secrets of the sign-in, and what the sign-in answers.

The provider does not publish the shape of that answer, so that it is kept whole, and secret.
"""

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import LEVELS, decode
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.values import public


@public
class MemberToken(Secret):
    """What a member's sign-in yields: the value of X-Member-Token. Nothing but `reveal` shows it."""

    __slots__ = ()


@public
class Pin(Secret):
    """A member's PIN. Nothing but `reveal` shows it."""

    __slots__ = ()


@public
class OneTimeCode(Secret):
    """A one-time code of a sign-in. Nothing but `reveal` shows it."""

    __slots__ = ()


@public
@frozen(kw_only=True)
class Member:
    """One member, named by exactly one of `id`, `email` and `phone`; `str` is `id:123` and so on.

    Which would count if several were sent is not documented, so that more than one, or none, raises
    `PayloadError`. An `email` or `phone` that no member has makes a new one when it earns: one with a blank
    at an end, or a character that is not seen, raises it, too.
    """

    id: int | None = field(default=None)
    email: str | None = None
    phone: str | None = None

    def __attrs_post_init__(self) -> None:
        if sum(name is not None for name in (self.id, self.email, self.phone)) != 1:
            raise PayloadError("name a member by exactly one of id, email and phone", path="member")
        if self.id is not None:
            validation.number(self.id, "member id")
        if self.email is not None:
            validation.label(self.email, "email")
        if self.phone is not None:
            validation.label(self.phone, "phone")

    @classmethod
    def by_id(cls, id: int) -> "Member":
        """Return the member with the provider's number `id`."""
        return cls(id=validation.number(id, "member id"))

    @classmethod
    def by_email(cls, email: str) -> "Member":
        """Return the member with this e-mail address."""
        return cls(email=validation.label(email, "email"))

    @classmethod
    def by_phone(cls, phone: str) -> "Member":
        """Return the member with this phone number, in the form in which the provider knows it."""
        return cls(phone=validation.label(phone, "phone"))

    def __str__(self) -> str:
        if self.id is not None:
            return f"id:{self.id}"
        return f"email:{self.email}" if self.email is not None else f"phone:{self.phone}"


def known(member: object) -> Member:
    """Return `member` if it is one, else raise `PayloadError`: a bare id or address says too little."""
    if not isinstance(member, Member):
        raise PayloadError(
            f"member must be a Member such as Member.by_id(123), not {type(member).__name__}", path="member"
        )
    return member


@public
@frozen
class SignedIn:
    """The answer to a right one-time code. The name of the token in it is not documented: `names` lists all.

    Its repr and its pickle hold nothing of the answer.
    """

    answer: Secret

    def names(self) -> tuple[str, ...]:
        """Return where texts stand in the answer, such as `token` or `member.name`."""
        return tuple(self._texts())

    def token(self, name: str) -> MemberToken:
        """Return the text that stands under `name`. Raises `PayloadError` listing the names there are."""
        texts = self._texts()
        if name not in texts:
            raise PayloadError(f"there is no text {name!r}; there are: {', '.join(texts)}", path=name)
        return MemberToken(texts[name])

    def _texts(self) -> Mapping[str, str]:
        return dict(_leaves(decode(self.answer.reveal().encode()), ""))


def _leaves(value: object, path: str, levels: int = LEVELS) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and levels:
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else name, levels - 1)
    elif isinstance(value, str) and value.strip():
        yield path, value
