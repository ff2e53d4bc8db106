"""Raba7ni's changes: what is earned, redeemed and taken back, each under a key of our own.

The provider knows no key and promises nothing of `reference`, so that the key serves this side alone: a
ledger finds the change by it, and nothing is sent twice.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.values import public
from bonifiq_async.raba7ni.member import Member, MemberToken, Pin, known

DEEPEST = 20
"""Levels of metadata that are taken at the most."""
FARTHEST = 100
"""Digits before the point, or zeros after it, of a number in metadata: it is sent written out."""


def _purchase(value: Decimal | int) -> Decimal:
    return validation.amount(value, "purchase_amount", positive=True)


def _redeemed(value: Decimal | int) -> Decimal:
    return validation.amount(value, "amount", positive=True)


def _refunded(value: Decimal | int) -> Decimal:
    return validation.amount(value, "refund_amount", positive=True)


def _deducted(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else validation.total(value, "cashback_to_deduct")


def _extras(value: Mapping[str, object] | None) -> Mapping[str, object] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise PayloadError(f"metadata must be an object, not {type(value).__name__}", path="metadata")
    return _sorted(value, "metadata", DEEPEST)


def _sorted(members: Mapping[str, object], path: str, levels: int) -> dict[str, object]:
    """Copy an object with its names in order: the same metadata has the same bytes."""
    names = [validation.text(name, f"a name in {path}", blank=True) for name in members]
    return {name: _extra(members[name], f"{path}.{name}", levels - 1) for name in sorted(names)}


def _extra(value: object, path: str, levels: int) -> object:
    """Copy what JSON can hold exactly, else raise `PayloadError` naming the place."""
    if levels < 0:
        raise PayloadError("metadata has too many levels", path="metadata")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _utf8(value, path)
    if isinstance(value, Decimal) and value.is_finite():
        if abs(value.adjusted()) > FARTHEST:
            raise PayloadError(f"{path} has more than {FARTHEST} digits before or after the point", path=path)
        return value
    if isinstance(value, Mapping):
        return _sorted(value, path, levels)
    if isinstance(value, list | tuple):
        return [_extra(item, f"{path}[{index}]", levels - 1) for index, item in enumerate(value)]
    raise PayloadError(f"{path} is a {type(value).__name__}, which JSON cannot hold exactly", path=path)


def _utf8(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PayloadError(f"{path} has half a character", path=path) from None
    return text


def _labels(reference: str | None, key: str | None) -> None:
    if reference is not None:
        validation.label(reference, "reference")
    if key is not None:
        validation.label(key, "key")
    if reference is None and key is None:
        raise PayloadError(
            "give a reference, or a key that tells this change from any other: nothing else does", path="key"
        )


def unit_of(customer_id: str) -> str:
    """Return the card of a change: its currency is the provider's to know, and two cards may differ."""
    return f"card {customer_id.partition(':')[0]}"


class _OfCard:
    """What the changes of a card's cashback share: `_KIND` begins their keys, since references repeat."""

    __slots__ = ()
    _KIND: ClassVar[str]
    card_id: int
    reference: str | None
    key: str | None

    @property
    def unit(self) -> str:
        """The card, whose currency only the provider knows."""
        return unit_of(str(self.card_id))

    @property
    def change_key(self) -> str:
        """The key, given or derived: `EARN-10-ORDER-12345`, of operation, card and reference."""
        return self.key if self.key is not None else f"{self._KIND}-{self.card_id}-{self.reference}"


class _OfMember(_OfCard):
    """What those share that name their member: `Redeem` need not."""

    __slots__ = ()
    member: Member

    @property
    def customer_id(self) -> str:
        """Whose balance it is: card and member."""
        return f"{self.card_id}:{self.member}"


@public
@frozen(kw_only=True)
class Earn(_OfMember):
    """A purchase for which `member` earns the card's share.

    `purchase_amount` (above zero) is in the card's currency. `reference` is sent; `key` (default:
    operation, card and reference) stays here and tells this change from any other; neither has a blank at an
    end, or a character that is not seen. `metadata` is sent
    as it is; floats in it are refused. `member_name` is for a member that this makes. `value` is the
    purchase amount: what is earned, the provider says.

    Raises `PayloadError` naming the field for anything that must not be sent, and when there is neither
    `reference` nor `key`.
    """

    _KIND = "EARN"

    card_id: int
    member: Member
    purchase_amount: Decimal = field(converter=_purchase)
    reference: str | None = None
    metadata: Mapping[str, object] | None = field(default=None, converter=_extras, hash=False)
    member_name: str | None = None
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        validation.number(self.card_id, "card_id")
        known(self.member)
        if self.member_name is not None:
            validation.text(self.member_name, "member_name")
        _labels(self.reference, self.key)

    @property
    def value(self) -> Decimal:
        """The purchase amount."""
        return self.purchase_amount


@public
@frozen(kw_only=True)
class Refund(_OfMember):
    """A refund of `refund_amount` of a purchase, by which cashback is taken back.

    The provider computes the deduction from `refund_amount`, unless `cashback_to_deduct` says it: zero,
    which takes nothing back, or more. The page bounds neither; what was deducted stands in the answer. The
    rest is as in `Earn`; `value` is the refund amount below zero.
    """

    _KIND = "REFUND"

    card_id: int
    member: Member
    refund_amount: Decimal = field(converter=_refunded)
    cashback_to_deduct: Decimal | None = field(default=None, converter=_deducted)
    reference: str | None = None
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        validation.number(self.card_id, "card_id")
        known(self.member)
        _labels(self.reference, self.key)

    @property
    def value(self) -> Decimal:
        """The refund amount, below zero."""
        return self.refund_amount.copy_negate()


@public
@frozen(kw_only=True, init=False)
class Redeem(_OfCard):
    """Cashback of `amount` that the holder of `member_token` spends.

    The request names its member by the token alone. `member` is not sent: it says here whose balance it
    is, so that a key used for two members is noticed, for the order in a batch, and for the reader of a
    ledger. Without it all redemptions of a card wait for one another in a batch, and a derived key that
    is applied already answers `UNKNOWN`: it may be another member's. Token and `pin` are secrets: they are
    in no comparison, key or ledger, so that the same redemption with a newer token is the same change. The
    `pin` is a further check, which the page leaves open when a card asks for. The rest is as in `Earn`;
    `value` is the amount below zero. Source: endpoint page, "Redeem Cashback".
    """

    _KIND = "REDEEM"

    card_id: int
    amount: Decimal = field(converter=_redeemed)
    member_token: MemberToken = field(eq=False)
    pin: Pin | None = field(default=None, eq=False)
    reference: str | None = None
    key: str | None = None
    member: Member | None = None

    def __init__(
        self,
        *,
        card_id: int,
        amount: Decimal | int,
        member_token: MemberToken,
        pin: Pin | str | None = None,
        reference: str | None = None,
        key: str | None = None,
        member: Member | None = None,
    ) -> None:
        try:
            token, number = token_of(member_token), None if pin is None else Pin.of(pin)
        finally:
            del member_token, pin  # a traceback that shows locals must not have them
        self.__attrs_init__(
            card_id=card_id,
            amount=amount,
            member_token=token,
            pin=number,
            reference=reference,
            key=key,
            member=member,
        )
        validation.number(card_id, "card_id")
        if member is not None:
            known(member)
        _labels(reference, key)

    @property
    def customer_id(self) -> str:
        """Whose balance it is: card and member; card alone where only the token names the member."""
        return f"{self.card_id}:{'by token' if self.member is None else self.member}"

    @property
    def value(self) -> Decimal:
        """The amount, below zero."""
        return self.amount.copy_negate()

    @property
    def bearer(self) -> MemberToken | None:
        """The token, where neither `member` nor a key that was given tells this change from another's."""
        return self.member_token if self.member is None and self.key is None else None


CashbackWrite = Earn | Redeem | Refund
"""What `outcome_of` and a batch take."""


def token_of(value: object) -> MemberToken:
    """Return `value` if it is a `MemberToken`, else raise `PayloadError`, which does not show it."""
    kind = type(value).__name__
    if isinstance(value, MemberToken):
        return value
    del value
    raise PayloadError(f"member_token must be a MemberToken, not {kind}", path="member_token")
