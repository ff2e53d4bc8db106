"""Orders, also those of the point of sale: taken in, completed, cancelled, refunded in part.

What the provider does with a second order under an OriginalId is not documented; here it is refused, so that
nothing is granted twice and a second sending is noticed.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial

from attrs import frozen

from bonifiq_async.bonifiq.payloads import PendingOrder
from bonifiq_async.bonifiq.sandbox.books import Books, Refunded
from bonifiq_async.bonifiq.sandbox.endpoints.customers import profile_from
from bonifiq_async.bonifiq.sandbox.endpoints.order_answer import bonus, order_answer
from bonifiq_async.bonifiq.sandbox.endpoints.redeeming import give_back, pairs_of
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import DONE, older
from bonifiq_async.bonifiq.sandbox.forms.asked import AskedMembers, RequestRefused, body_of
from bonifiq_async.bonifiq.sandbox.forms.bodies import (
    CANCEL_ORDER,
    CANCEL_PARTIALLY,
    COMPLETE_ORDER,
    CREATE_ORDER,
)
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records.orders import (
    CANCELLED,
    COMPLETED,
    INITIAL,
    OF_API,
    OF_POINT_OF_SALE,
    PENDING,
    Line,
    Order,
)
from bonifiq_async.bonifiq.sandbox.used_keys import Key
from bonifiq_async.sandbox.document import MONEY, total
from bonifiq_async.sandbox.protocol import Reply, Request, Route

CANCEL_KEY = "CancelKey"
NO_ORDER = Said("The order was not found", name="Order_NotFound", status=404)
_KNOWN = Said("An order with this OriginalId is registered", name="Order_AlreadyExists")
_NEEDS_COMPLETED = Said("OrderCompletedDate is required", 11, "Order_OrderCompletedNeddCompletedDate")
_COMPLETED_EARLY = Said(
    "OrderCompletedDate is before OrderPlacementDate", 12, "Order_OrderCompletedDateMustBeAfterPlacementDate"
)
_BOTH = Said("An order is not completed and cancelled", 13, "Order_CompletedOrderCannotBeCancelled")
_NEEDS_CANCELLED = Said("OrderCancelledDate is required", 14, "Order_CancelledOrderRequiresCancellationDate")
_CANCELLED_EARLY = Said(
    "OrderCancelledDate is before OrderPlacementDate", 15, "Order_OrderCancellationDateBeforePlacementDate"
)


def pending_of(books: Books, customer_id: str) -> Iterator[PendingOrder]:
    """Yield the orders of a customer that are not completed yet."""
    for order in books.orders.values():
        if order.customer_id == customer_id and order.state == PENDING:
            yield PendingOrder(order.placed, order.left, bonus(order.left))


@frozen
class OrderEndpoints:
    """The endpoints of orders."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/Order"): partial(self.create, origin=OF_API),
            ("POST", "/v1/pvt/POS/orders"): partial(self.create, origin=OF_POINT_OF_SALE),
            ("GET", "/v1/pvt/Order/{orderId}"): self.get,
            ("POST", "/v1/pvt/Order/{orderId}/complete"): self.complete,
            ("POST", "/v1/pvt/Order/{orderId}/cancel"): self.cancel,
            ("POST", "/v1/pvt/POS/orders/{orderId}/cancel"): self.cancel,
            ("POST", "/v1/pvt/Order/{orderId}/partialcancel"): self.cancel_partially,
            ("POST", "/v1/pvt/POS/{orderId}/partialcancel"): self.cancel_partially,
        }

    def create(self, request: Request, *, origin: int) -> Reply:
        """Take an order in, and grant its points where it is completed."""
        asked = body_of(request, CREATE_ORDER)
        books, original_id = self.store.books, asked.text("OriginalId")
        order = self._read(asked, original_id, origin)
        if original_id in books.orders:
            raise RequestRefused(_KNOWN)
        customer = asked.maybe_part("Customer")
        order.customer_id = profile_from(self.store, customer or AskedMembers({})).original_id
        books.orders[original_id] = order
        used = books.redeems.by_code(order.coupon or "")
        if used is not None and used.is_open and used.customer_id == order.customer_id:
            if used.checkout is not None:
                books.clear_checkout(used.customer_id, used.checkout)
            used.order, order.redeem = original_id, used.number
        self._settle(order)
        return self.store.answers.done(self.shown(order))

    def get(self, request: Request) -> Reply:
        """Answer an order."""
        order = self._find(request)
        if order is None:
            raise RequestRefused(NO_ORDER)
        return Reply(200, self.shown(order))

    def complete(self, request: Request) -> Reply:
        """Complete an order; one that is not there, or is cancelled, is answered with `IsCompleted` false."""
        asked = body_of(request, COMPLETE_ORDER)
        when, order = asked.moment("OrderCompletedDate"), self._find(request)
        if order is not None and order.state == PENDING:
            if when < order.placed:
                raise RequestRefused(_COMPLETED_EARLY)
            order.state, order.completed, order.updated = COMPLETED, when, self.store.now()
            order.status = asked.maybe_text("OrderStatus") or order.status
            self._settle(order)
        done = order is not None and order.state == COMPLETED
        result: dict[str, object] = {"IsCompleted": done, "Status": INITIAL if order is None else order.state}
        return older(result if order is None else {**result, "UpdatedAt": order.updated})

    def cancel(self, request: Request) -> Reply:
        """Cancel an order: its points are taken back, and its redeem goes back.

        One that is not there is answered with `isCanceled` false in a 200; one that is cancelled already was
        found, and is cancelled.
        """
        asked = body_of(request, CANCEL_ORDER)
        when, order = asked.moment("OrderCancelledDate"), self._find(request)
        if order is not None and order.state != CANCELLED:
            if when < order.placed:
                raise RequestRefused(_CANCELLED_EARLY)
            order.status = asked.maybe_text("OrderStatus") or order.status
            order.cancelled = when
            self._end(order, with_redeem=True)
        return self.store.answers.done(self._cancelled(order, done=order is not None))

    def cancel_partially(self, request: Request) -> Reply:
        """Cancel a part of an order once for a CancelKey. A part that cannot be is refused within a 200."""
        asked = body_of(request, CANCEL_PARTIALLY)
        value, key = asked.above_zero("ValueToRefund"), asked.key(CANCEL_KEY)
        if value is None:
            raise RequestRefused(Said("ValueToRefund is required", *BLANK))
        parts = tuple(
            (each.text("OriginalId"), each.amount("ValueToRefund")) for each in asked.parts("Products")
        )
        with_redeem, order_id = asked.maybe_flag("ShouldRefundRedeem"), request.parameters["orderId"]

        def act() -> Reply:
            order = self._find(request)
            if order is None:
                raise RequestRefused(DONE, self._cancelled(None, done=False))
            self._refundable(order, value, parts)
            for name, much in parts:
                order.refunded_lines[name] = MONEY.add(order.refunded_lines.get(name, Decimal(0)), much)
            order.refunded, order.updated = MONEY.add(order.refunded, value), self.store.now()
            self.store.books.refunds.record(
                key or "", lambda number: Refunded(order.customer_id, value, key or "", order_id, number)
            )
            if order.left:
                self._settle(order)
            else:
                self._end(order, with_redeem=with_redeem is not False)
            return self.store.answers.done(self._cancelled(order, done=True))

        asking = (value, parts, with_redeem)
        return self.store.used.once(None if key is None else Key(CANCEL_KEY, key, order_id), asking, act)

    def shown(self, order: Order) -> dict[str, object]:
        """Return an order as its answer has it (schema OrderResponse)."""
        return order_answer(self.store, order)

    def _find(self, request: Request) -> Order | None:
        return self.store.books.orders.get(request.parameters["orderId"])

    def _read(self, asked: AskedMembers, original_id: str, origin: int) -> Order:
        value, placed = asked.amount("OrderTotal"), asked.moment("OrderPlacementDate")
        if value < 0:
            raise RequestRefused(Said("OrderTotal is below zero", 9, "General_BiggerThanZero"))
        completed, cancelled = (
            asked.maybe_moment("OrderCompletedDate"),
            asked.maybe_moment("OrderCancelledDate"),
        )
        state = PENDING
        if asked.maybe_flag("IsCompleted"):
            state = COMPLETED
        if asked.maybe_flag("IsCancelledOrReturned"):
            if state == COMPLETED:
                raise RequestRefused(_BOTH)
            state = CANCELLED
        for wanted, moment, missing, early in (
            (COMPLETED, completed, _NEEDS_COMPLETED, _COMPLETED_EARLY),
            (CANCELLED, cancelled, _NEEDS_CANCELLED, _CANCELLED_EARLY),
        ):
            if state == wanted and moment is None:
                raise RequestRefused(missing)
            if moment is not None and moment < placed:
                raise RequestRefused(early)
        return Order(
            len(self.store.books.orders) + 1,
            original_id,
            "",
            placed,
            value,
            asked.maybe_moment("UpdatedDate") or self.store.now(),
            tuple(map(_line, asked.parts("Products"))),
            completed,
            cancelled,
            asked.maybe_text("OrderStatus"),
            asked.maybe_text("Coupon"),
            asked.maybe_text("ExternalCoupon"),
            pairs_of(asked, "Metadatas"),
            state,
            origin,
        )

    def _settle(self, order: Order) -> None:
        """Grant what an order gives now, or take back what it no longer gives."""
        profile = self.store.books.profiles.of(order.customer_id)
        due = bonus(order.left) if order.state == COMPLETED and (profile.takes_part or order.granted) else 0
        self.store.grant(order, due - order.granted)
        order.granted = due

    def _end(self, order: Order, *, with_redeem: bool) -> None:
        order.state, order.updated = CANCELLED, self.store.now()
        order.cancelled = order.cancelled or order.updated
        self._settle(order)
        used = self.store.books.redeems.find(order.redeem)
        if used is not None and with_redeem:
            give_back(self.store, used)

    def _refundable(self, order: Order, value: Decimal, parts: tuple[tuple[str, Decimal], ...]) -> None:
        """Raise `RequestRefused` within a 200 unless a part of an order can be refunded."""
        if order.state == CANCELLED:
            self._refuse(order, "OrderCancelled", "The order is cancelled", {})
        if value > order.left:
            expected = {"Field": "ValueToRefund", "ExpectedValue": order.left, "ActualValue": value}
            self._refuse(order, "ValueAboveOrder", "ValueToRefund is above what is left", expected)
        amounts: dict[str, Decimal] = {}
        for name, much in parts:
            amounts[name] = MONEY.add(amounts.get(name, Decimal(0)), much)
        together = total(amounts.values())
        if parts and together != value:
            expected = {"Field": "Products", "ExpectedValue": value, "ActualValue": together}
            self._refuse(order, "ProductsDoNotAddUp", "The products do not come to ValueToRefund", expected)
        for name, much in amounts.items():
            prices = [line.price for line in order.lines if line.original_id == name]
            left = MONEY.subtract(total(prices), order.refunded_lines.get(name, Decimal(0)))
            if not 0 < much <= left:
                of_product = {"ProductOriginalId": name, "ExpectedValue": left, "ActualValue": much}
                self._refuse(order, "ProductAboveOrder", "The product has no such value left", of_product)

    def _refuse(self, order: Order, code: str, message: str, details: Mapping[str, object]) -> None:
        refusal = {"Code": code, "Message": message, **details}
        raise RequestRefused(DONE, {**self._cancelled(order, done=False), "RefundErrorDetails": refusal})

    def _cancelled(self, order: Order | None, *, done: bool) -> dict[str, object]:
        result: dict[str, object] = {
            "isCanceled": done,
            "Status": INITIAL if order is None else order.state,
            "RefundErrorDetails": None,
        }
        return result if order is None else {**result, "UpdatedAt": order.updated}


def _line(asked: AskedMembers) -> Line:
    return Line(
        asked.text("OriginalId"),
        asked.maybe_text("Title"),
        asked.maybe_text("Url"),
        asked.maybe_text("ImageUrl"),
        asked.maybe_flag("IsActive"),
        asked.amount("ProductPrice"),
    )
