"""Raba7ni's payloads; attribute names are the wire names. Amounts are exact and in the card's currency.

Source: the samples of the endpoint page. Nothing says which members are always there, so that every
member of an answer may be None.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.values import fixed, public
from bonifiq_async._policy.change_key import canonical
from bonifiq_async.raba7ni.changes import Earn, Redeem, Refund
from bonifiq_async.raba7ni.member import OneTimeCode, Pin


@fixed
class EarnRequest:
    """Body of an earn."""

    card_id: int
    purchase_amount: Decimal
    member_id: int | None = None
    email: str | None = None
    phone: str | None = None
    member_name: str | None = None
    reference: str | None = None
    metadata: Mapping[str, object] | None = None

    @classmethod
    def of(cls, change: Earn) -> "EarnRequest":
        """Return the body of `change`."""
        return cls(
            card_id=change.card_id,
            purchase_amount=canonical(change.purchase_amount),
            member_id=change.member.id,
            email=change.member.email,
            phone=change.member.phone,
            member_name=change.member_name,
            reference=change.reference,
            metadata=change.metadata,
        )


@fixed
class RedeemRequest:
    """Body of a redeem."""

    card_id: int
    amount: Decimal
    pin: Pin | None = None
    reference: str | None = None

    @classmethod
    def of(cls, change: Redeem) -> "RedeemRequest":
        """Return the body of `change`."""
        return cls(change.card_id, canonical(change.amount), change.pin, change.reference)


@fixed
class RedeemRecord:
    """What a ledger keeps of a redeem: no PIN, but the member, which the request names by the token alone."""

    card_id: int
    amount: Decimal
    reference: str | None = None
    member: str | None = None

    @classmethod
    def of(cls, change: Redeem) -> "RedeemRecord":
        """Return the record of `change`: another member under its key is another change."""
        member = None if change.member is None else str(change.member)
        return cls(change.card_id, canonical(change.amount), change.reference, member)


@fixed
class RefundRequest:
    """Body of a refund."""

    card_id: int
    refund_amount: Decimal
    member_id: int | None = None
    email: str | None = None
    phone: str | None = None
    cashback_to_deduct: Decimal | None = None
    reference: str | None = None

    @classmethod
    def of(cls, change: Refund) -> "RefundRequest":
        """Return the body of `change`."""
        deducted = change.cashback_to_deduct
        return cls(
            card_id=change.card_id,
            refund_amount=canonical(change.refund_amount),
            member_id=change.member.id,
            email=change.member.email,
            phone=change.member.phone,
            cashback_to_deduct=None if deducted is None else canonical(deducted),
            reference=change.reference,
        )


@public
@frozen
class CashbackEarned:
    """What an earn came to. An e-mail or phone that no member had is a new member's: see `member_id`."""

    transaction_id: int | None = None
    purchase_amount: Decimal | None = None
    cashback_percentage: Decimal | None = None
    cashback_earned: Decimal | None = None
    new_balance: Decimal | None = None
    member_id: int | None = None
    card_id: int | None = None
    earned_at: datetime | None = None


@public
@frozen
class CashbackRedeemed:
    """What a redeem came to. `amount_redeemed` has no sign; the history has it below zero."""

    transaction_id: int | None = None
    amount_redeemed: Decimal | None = None
    new_balance: Decimal | None = None
    member_id: int | None = None
    card_id: int | None = None
    redeemed_at: datetime | None = None


@public
@frozen
class CashbackRefunded:
    """What a refund came to. `balance_warning` was only ever shown as null: it is kept as it comes."""

    transaction_id: int | None = None
    cashback_deducted: Decimal | None = None
    refund_amount: Decimal | None = None
    previous_balance: Decimal | None = None
    new_balance: Decimal | None = None
    currency: str | None = None
    member_id: int | None = None
    card_id: int | None = None
    reference: str | None = None
    balance_warning: object = field(default=None, hash=False)
    refunded_at: datetime | None = None


CashbackAnswer = CashbackEarned | CashbackRedeemed | CashbackRefunded
"""What a write is answered with."""


@public
@frozen
class CashbackBalance:
    """A member's balance on a card."""

    card_id: int | None = None
    member_id: int | None = None
    cashback_balance: Decimal | None = None
    cashback_percentage: Decimal | None = None
    reward_system: str | None = None
    queried_at: datetime | None = None


@public
@frozen
class CashbackTransaction:
    """One line of a member's history. `amount` is signed. It shows neither reference nor metadata."""

    id: int | None = None
    type: str | None = None
    amount: Decimal | None = None
    points: int | None = None
    event: str | None = None
    created_at: datetime | None = None


@public
@frozen
class Pagination:
    """Where a page of a history stands."""

    limit: int | None = None
    offset: int | None = None
    total: int | None = None
    has_more: bool | None = None


@public
@frozen
class HistoryPage:
    """One page of a history."""

    card_id: int | None = None
    member_id: int | None = None
    transactions: tuple[CashbackTransaction, ...] = ()
    pagination: Pagination | None = None


@public
@frozen
class CashbackConfig:
    """How a card gives cashback. To what the two bounds apply is not documented."""

    cashback_percentage: Decimal | None = None
    cashback_min_amount: Decimal | None = None
    cashback_max_amount: Decimal | None = None
    allows_pin_redemption: bool | None = None


@public
@frozen
class CashbackCard:
    """A card: the members of both documented samples, which agree on `id`, `unique_identifier`, `name`."""

    id: int | None = None
    unique_identifier: str | None = None
    name: str | None = None
    description: str | None = None
    reward_system: str | None = None
    cashback_config: CashbackConfig | None = None
    head: str | None = None
    is_active: bool | None = None
    points_per_currency: int | None = None
    currency_unit_amount: Decimal | None = None
    club_id: int | None = None


@frozen
class CardList:
    """The cards of an application."""

    cards: tuple[CashbackCard, ...] = ()
    total: int | None = None


@public
@frozen
class CardReward:
    """A reward of a card. `title` is a text for each language code; `points` is what it costs."""

    id: int | None = None
    name: str | None = None
    title: Mapping[str, object] | None = field(default=None, hash=False)
    points: int | None = None
    reward_type: str | None = None
    is_active: bool | None = None


@frozen
class RewardList:
    """The rewards of a card."""

    card_id: int | None = None
    rewards: tuple[CardReward, ...] = ()


@fixed
class Contact:
    """Where a member is asked for: body of a check and of a request for a one-time code."""

    email: str | None = None
    phone: str | None = None
    phone_number: str | None = None


@fixed
class RegistrationRequest:
    """Body of a registration."""

    name: str
    email: str
    phone: str
    accepts_emails: bool | None = None


@public
@frozen
class MaskedMember:
    """A member as the sign-in shows it: e-mail and phone have asterisks in them."""

    id: int | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


@public
@frozen
class MemberCheck:
    """Whether a member exists; `registration_endpoint` comes when it does not."""

    exists: bool | None = None
    is_active: bool | None = None
    member: MaskedMember | None = None
    registration_endpoint: str | None = None


def _without(code: OneTimeCode | None, message: str | None) -> str | None:
    """Return a provider's words without the code: these are printed."""
    return message if code is None or message is None else Redactor([code]).text(message)


@public
@frozen
class MemberRegistration:
    """A new member. A one-time code was sent to it; `otp_code` has it, with a test key alone."""

    message: str | None = None
    member: MaskedMember | None = None
    otp_expires_in_minutes: int | None = None
    otp_code: OneTimeCode | None = None

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "message", _without(self.otp_code, self.message))


@public
@frozen
class OneTimeCodeSent:
    """A one-time code is on its way; `otp_code` has it, with a test key alone."""

    message: str | None = None
    expires_in_minutes: int | None = None
    member: MaskedMember | None = None
    otp_code: OneTimeCode | None = None

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "message", _without(self.otp_code, self.message))
