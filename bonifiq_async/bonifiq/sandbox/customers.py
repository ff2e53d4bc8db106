"""What a sandbox knows of a customer of BonifiQ, and how that stands in an answer, as the pages spell it."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar, cast

from attrs import Attribute, field, frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.payloads import CustomerPointsToExpire, PendingOrder, PointDetailItem
from bonifiq_async.sandbox.document import MONEY, decimal, total
from bonifiq_async.sandbox.report import exact, several

T = TypeVar("T")
CENTS = 100
"""Points for one unit of cashback here: a point is a cent."""
_MOST_POINTS = 2**31 - 1
"""The contract's `format: int32`."""

_EXPIRING = {"Points": "points", "When": "when"}
_LINE = {
    "Id": "id",
    "IsCanceled": "is_canceled",
    "DateReceived": "date_received",
    "ExpirationDate": "expiration_date",
    "Amount": "amount",
    "CashbackAmount": "cashback_amount",
    "BranchId": "branch_id",
    "BranchName": "branch_name",
    "OrderOrigin": "order_origin",
    "OrderOriginDescription": "order_origin_description",
    "PointType": "point_type",
    "PointTypeDescription": "point_type_description",
}
_ORDER = {
    "OrderDate": "order_date",
    "OrderValue": "order_value",
    "PendingPoints": "pending_points",
    "PendingCashback": "pending_cashback",
}
_NULLABLE = (frozenset(_LINE) - {"Id", "IsCanceled", "DateReceived", "Amount"}) | {"PendingCashback"}
"""Members that the schemas let be null; any other is left out where it is not given."""


def _of(kind: type[T]) -> Callable[[object, "Attribute[tuple[T, ...]]", tuple[object, ...]], None]:
    """Return the check that each of several values is of a class."""

    def check(_: object, attribute: "Attribute[tuple[T, ...]]", given: tuple[object, ...]) -> None:
        for number, each in enumerate(given):
            if not isinstance(each, kind):
                where = f"{attribute.name}[{number}]"
                wanted = f"made with {kind.__name__}(...), not {type(each).__name__}"
                raise PayloadError(f"{where} must be {wanted}", path=where)

    return check


def _balance(amount: object) -> Decimal:
    return _money(amount, "balance")


def _money(amount: object, field: str) -> Decimal:
    """Return an amount that the contract's decimal holds. Raises `PayloadError` naming `field`."""
    balance = exact(amount, field)
    if decimal(balance) is None:
        raise PayloadError(f"{field} has more digits than the provider's decimal", path=field)
    return balance


@frozen(kw_only=True)
class Customer:
    """A customer that a `Sandbox` begins with.

    `balance` is in BRL. The rest stands in answers as it is given: `name` (default: the customer's id),
    `redeem_key`, `points_to_expire` and `point_history` in a balance, `pending_orders` in pending points.
    After `point_history` come the changes that the books have.
    Raises `PayloadError` for a balance that is no exact amount, and for values of another class.
    """

    balance: Decimal = field(default=Decimal(0), converter=_balance)
    name: str | None = None
    redeem_key: str | None = None
    points_to_expire: tuple[CustomerPointsToExpire, ...] = field(
        default=(), converter=tuple, validator=_of(CustomerPointsToExpire)
    )
    point_history: tuple[PointDetailItem, ...] = field(
        default=(), converter=tuple, validator=_of(PointDetailItem)
    )
    pending_orders: tuple[PendingOrder, ...] = field(default=(), converter=tuple, validator=_of(PendingOrder))


KnownCustomers = Iterable[str] | Mapping[str, Decimal | int | Customer]
"""What `Sandbox(customers=)` takes: ids, or ids with a balance or with a `Customer`."""


def customers_of(given: KnownCustomers) -> dict[str, Customer]:
    """Return customers by id. Raises `PayloadError` for one string, and for a balance that is no amount."""
    if isinstance(given, str):
        raise PayloadError("customers must be several names, not one string", path="customers")
    if not isinstance(given, Mapping):
        return {name: Customer() for name in several(given, "customers")}
    return {
        name: what if isinstance(what, Customer) else Customer(balance=_money(what, f"customers[{name!r}]"))
        for name, what in given.items()
    }


def points_of(cashback: Decimal) -> int:
    """Return the points that so much cashback is, as far as 32 bits hold them (`format: int32`)."""
    return thirty_two_bits(int(MONEY.multiply(cashback, CENTS)))


def thirty_two_bits(number: int) -> int:
    """Return a number as far as 32 bits hold it (`format: int32`)."""
    return max(-_MOST_POINTS, min(number, _MOST_POINTS))


def expiring(points: CustomerPointsToExpire) -> Mapping[str, object]:
    """Return points to expire as an answer has them (schema CustomerPointsToExpire)."""
    return _written(points, _EXPIRING)


def history_line(line: PointDetailItem, *, cashback_active: bool) -> Mapping[str, object]:
    """Return a line of the history as an answer has it (schema PointDetailItem)."""
    written = _written(line, _LINE)
    return written if cashback_active else {**written, "CashbackAmount": None}


def pending_points(orders: Iterable[PendingOrder], *, cashback_active: bool) -> Mapping[str, object]:
    """Return the answer of pending points (schema CustomerPendingPointsResponse).

    Where cashback is active, an order without a `pending_cashback` has that of its points; else none has.
    """
    lines = [_pending(order, cashback_active) for order in orders]
    points = [line["PendingPoints"] for line in lines if isinstance(line.get("PendingPoints"), int)]
    cashback = [line["PendingCashback"] for line in lines]
    return {
        "TotalPendingPoints": sum(cast("list[int]", points)),
        "TotalPendingCashback": total(cast("list[Decimal]", cashback)) if cashback_active else None,
        "PendingOrders": lines,
    }


def _pending(order: PendingOrder, cashback_active: bool) -> Mapping[str, object]:
    written, cashback = _written(order, _ORDER), order.pending_cashback
    if cashback_active and cashback is None:
        cashback = MONEY.divide(Decimal(order.pending_points or 0), CENTS)
    return {**written, "PendingCashback": cashback if cashback_active else None}


def _written(value: object, members: Mapping[str, str]) -> dict[str, object]:
    """Return the members of an answer that `value` has; None is null where the schema lets it be."""
    found = {wire: cast(object, getattr(value, name)) for wire, name in members.items()}
    return {wire: each for wire, each in found.items() if each is not None or wire in _NULLABLE}
