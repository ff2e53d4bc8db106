"""What a redeem takes, in BRL or in points, and what goes back when it is cancelled."""

from datetime import timedelta
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async.bonifiq.sandbox.books import BookedMove
from bonifiq_async.bonifiq.sandbox.customers import CENTS, points_of, thirty_two_bits
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import without_nothing
from bonifiq_async.bonifiq.sandbox.forms.asked import AskedMembers, RequestRefused
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records.program import REWARDS
from bonifiq_async.bonifiq.sandbox.records.redeems import Coupon, MadeRedeem
from bonifiq_async.sandbox.document import MONEY

NOT_ENOUGH = Said("The balance is not enough for this reward", name="NotEnoughPoints")
NO_CASHBACK = Said("The balance has no such cashback", name="CashbackNotAvailable")
NOT_ENROLLED = Said("The customer does not take part in the program", name="CustomerNotEnrolled")
_VALID = timedelta(days=30)
NO_REWARD = Said("The reward was not found", name="Reward_NotFound", status=404)


@frozen
class Taking:
    """What a redeem is to take of a customer: cashback in BRL, or points; and for what."""

    customer_id: str
    key: str | None
    reward: int
    cash: Decimal = Decimal(0)
    points: int = 0
    worth: Decimal | None = None
    checkout: str | None = None
    product: str | None = None
    pairs: tuple[tuple[str, str], ...] = field(default=())


def participant(store: Store, named: object) -> str:
    """Return the id of a customer that can redeem; raise `RequestRefused` for any other."""
    customer_id = store.customer(named)
    if not store.books.profiles.of(customer_id).takes_part:
        raise RequestRefused(NOT_ENROLLED)
    return customer_id


def redeem(store: Store, taking: Taking) -> MadeRedeem:
    """Move what a redeem takes, and write it down; raise `RequestRefused` where there is not enough."""
    books, customer_id, number = store.books, taking.customer_id, store.books.redeems.next_number
    reason = f"redeem {number}"
    if taking.points:
        if books.points.balance(customer_id) < taking.points:
            raise RequestRefused(NOT_ENOUGH)
        moved: BookedMove = books.apply_points(customer_id, -taking.points, taking.key or "", reason=reason)
    else:
        if not 0 < taking.cash <= books.balance(customer_id):
            raise RequestRefused(NO_CASHBACK)
        moved = books.apply(customer_id, MONEY.minus(taking.cash), taking.key or "", reason=reason)
    return books.redeems.add(
        MadeRedeem(
            number,
            customer_id,
            taking.key,
            taking.reward,
            taking.cash,
            taking.points,
            moved.identity,
            store.now(),
            worth=taking.cash or taking.worth,
            checkout=taking.checkout,
            product=taking.product,
            pairs=taking.pairs,
        )
    )


def give_back(store: Store, made: MadeRedeem) -> None:
    """Cancel a redeem: what it took goes back, once."""
    if made.is_cancelled:
        return
    made.is_cancelled = True
    reason = f"redeem {made.number} cancelled"
    if made.points:
        store.books.apply_points(made.customer_id, made.points, "", reason=reason)
    else:
        store.books.apply(made.customer_id, made.cash, "", reason=reason)
    if made.checkout is not None and made.order is None:
        store.books.clear_checkout(made.customer_id, made.checkout)


def coupon_of(made: MadeRedeem) -> Coupon:
    """Return the coupon of a redeem."""
    kind = REWARDS[made.reward].kind
    return Coupon(made.external_code, kind, made.worth or Decimal(0), made.moment, made.moment + _VALID)


def shown_redeem(made: MadeRedeem) -> dict[str, object]:
    """Return a redeem as its answer has it (schema RedeemRewardResponse)."""
    coupon = made.coupon
    return {
        "RewardId": made.number,
        "Point": {
            "PointId": made.effect,
            "Quantity": thirty_two_bits(-(made.points or points_of(made.cash))),
            "Metadatas": [{"Name": name, "Value": value} for name, value in made.pairs],
        },
        "ExternalCode": made.external_code,
        **without_nothing({"OriginalKey": made.key}),
        "Coupon": None
        if coupon is None
        else {
            "CouponCode": coupon.code,
            "CouponType": coupon.kind,
            "CouponValue": coupon.value,
            "ValidDateStart": coupon.begins,
            "ValidDateEnd": coupon.ends,
        },
        "ExternalProductId": made.product,
    }


def amount_of(asked: AskedMembers, most: Decimal) -> Decimal:
    """Return the cashback that a redeem at the point of sale asks for: as an amount, in points, or all."""
    value, points = asked.above_zero("Value"), asked.maybe_whole("Points")
    if value is not None and points is not None:
        raise RequestRefused(Said("Value and Points are alternatives", *BLANK))
    if value is not None:
        return value
    return most if points is None else MONEY.divide(Decimal(points), CENTS)


def pairs_of(asked: AskedMembers, name: str) -> tuple[tuple[str, str], ...]:
    """Return the free name-value pairs of a request."""
    return tuple(
        (each.maybe_text("Name") or "", each.maybe_text("Value") or "") for each in asked.parts(name)
    )
