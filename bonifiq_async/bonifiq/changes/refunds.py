"""A part of an order that is taken back under a key."""

from decimal import Decimal

from attrs import frozen

from bonifiq_async._model import validation
from bonifiq_async._model.operation import BRL_OF_ORDERS
from bonifiq_async._model.outcome import Change
from bonifiq_async.bonifiq.schemas.cancels import PartialCancelRequest


@frozen
class PartialCancel(Change):
    """A part of an order that is to be cancelled: the order's id, and the request under its CancelKey.

    `value` is the part of the order, in BRL; what that takes of points or cashback, the provider says.
    """

    order_id: str
    request: PartialCancelRequest

    def __attrs_post_init__(self) -> None:
        validation.path_segment(self.order_id, "order_id")

    @property
    def customer_id(self) -> str:
        """The order, since the request names no customer: `order 123`."""
        return f"order {self.order_id}"

    @property
    def value(self) -> Decimal:
        """What is taken back."""
        return self.request.value_to_refund

    @property
    def unit(self) -> str:
        """What the value is measured in: reais of orders, which are no cashback."""
        return BRL_OF_ORDERS

    @property
    def change_key(self) -> str:
        """The CancelKey."""
        return self.request.cancel_key
