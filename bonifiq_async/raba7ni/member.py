"""Who is meant, and what proves it: members, and the secrets of their sign-in."""

from attrs import field, frozen

from bonifiq_async import door
from bonifiq_async.errors import PayloadError
from bonifiq_async.secret import Secret


class MemberToken(Secret):
    """What a member's sign-in yields: the value of X-Member-Token. Nothing but `reveal` shows it."""

    __slots__ = ()


class Pin(Secret):
    """A member's PIN. Nothing but `reveal` shows it."""

    __slots__ = ()


class OneTimeCode(Secret):
    """A one-time code of a sign-in. Nothing but `reveal` shows it."""

    __slots__ = ()


@frozen(kw_only=True)
class Member:
    """One member, named by exactly one of `id`, `email` and `phone`; `str` is `id:123` and so on.

    Which would count if several were sent is not documented, so that more than one, or none, raises
    `PayloadError`. An `email` or `phone` that nobody has makes a new member when it earns: one with a blank
    at an end, or a character that is not seen, raises it, too.
    """

    id: int | None = field(default=None)
    email: str | None = None
    phone: str | None = None

    def __attrs_post_init__(self) -> None:
        if sum(name is not None for name in (self.id, self.email, self.phone)) != 1:
            raise PayloadError("name a member by exactly one of id, email and phone", path="member")
        if self.id is not None:
            door.number(self.id, "member id")
        if self.email is not None:
            door.label(self.email, "email")
        if self.phone is not None:
            door.label(self.phone, "phone")

    @classmethod
    def by_id(cls, id: int) -> "Member":
        """Return the member with the provider's number `id`."""
        return cls(id=door.number(id, "member id"))

    @classmethod
    def by_email(cls, email: str) -> "Member":
        """Return the member with this e-mail address."""
        return cls(email=door.label(email, "email"))

    @classmethod
    def by_phone(cls, phone: str) -> "Member":
        """Return the member with this phone number, in the form in which the provider knows it."""
        return cls(phone=door.label(phone, "phone"))

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
