"""A change of points. Points are no money: their unit is never that of cashback."""

from decimal import Decimal

from attrs import field, frozen

from bonifiq_async._model import operation as units
from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.outcome import Change
from bonifiq_async._model.values import public
from bonifiq_async.bonifiq.changes.keys import one_key, points_parts, whole_points
from bonifiq_async.bonifiq.payloads import ChangePointOperation, check_customer_reason, shown_reason
from bonifiq_async.bonifiq.schemas.customers import CustomerChangePointsRequest


@public
@frozen
class PointsChange(Change):
    """One intended change of a customer's points.

    `points` is a whole number, signed: above zero adds, below zero removes. `customer_id`, `reason`,
    `customer_reason` and `change_key` are as in `CashbackChange`; a key counts for both, and for every other
    change of the provider. `value` is the same number, and its `unit` is points: no sum adds it to reais.

    Raises `PayloadError` naming the field for anything that must not be sent. Source: endpoint page "Add or
    remove points"; schema CustomerChangePointsRequest.
    """

    customer_id: str
    points: int
    reason: str
    change_key: str
    customer_reason: str | None = field(default=None, converter=shown_reason)

    def __attrs_post_init__(self) -> None:
        validation.path_segment(self.customer_id, "customer_id")
        whole_points(self.points, "points")
        validation.text(self.reason, "reason")
        validation.label(self.change_key, "change_key")
        if self.customer_reason is not None:
            check_customer_reason(self.customer_reason)

    @property
    def value(self) -> Decimal:
        """The signed number of points."""
        return Decimal(self.points)

    @property
    def unit(self) -> str:
        """What the value is measured in."""
        return units.POINTS

    @classmethod
    def add(
        cls,
        customer_id: str,
        points: int,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
    ) -> "PointsChange":
        """Return the change that adds `points` (above zero).

        Exactly one of `change_key` and `reference` is given; a `reference` (an order or event id) derives the
        key.
        """
        number = _above_zero(points)
        key = _key(customer_id, number, change_key, reference)
        return cls(customer_id, number, reason, key, customer_reason)

    @classmethod
    def remove(
        cls,
        customer_id: str,
        points: int,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
    ) -> "PointsChange":
        """Return the change that removes `points` (above zero); the rest is as in `add`."""
        number = -_above_zero(points)
        key = _key(customer_id, number, change_key, reference)
        return cls(customer_id, number, reason, key, customer_reason)


def body_of(change: PointsChange) -> CustomerChangePointsRequest:
    """Return what is sent of a change; the type of the operation follows from the sign."""
    kind = ChangePointOperation.REMOVE_POINTS if change.points < 0 else ChangePointOperation.ADD_POINTS
    return CustomerChangePointsRequest(
        change.points, kind, change.reason, change.change_key, change.customer_reason
    )


def _above_zero(points: object) -> int:
    number = whole_points(points, "points")
    if number < 0:
        raise PayloadError("points is below zero; give the number without a sign", path="points")
    return number


def _key(customer_id: str, points: int, change_key: str | None, reference: str | None) -> str:
    kind, parts = points_parts(customer_id, points)
    return one_key(change_key, reference, parts, kind=kind, given="change_key")
