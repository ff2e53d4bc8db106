"""An order as answers have one, and what it gives."""

from decimal import Decimal

from bonifiq_async.bonifiq.sandbox.customers import thirty_two_bits
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import without_nothing
from bonifiq_async.bonifiq.sandbox.records.orders import CANCELLED, COMPLETED, Order


def bonus(total: Decimal) -> int:
    """Return the points that so much of an order gives here: one for each whole real."""
    return thirty_two_bits(int(total))


def order_answer(store: Store, order: Order) -> dict[str, object]:
    """Return an order as its answer has it (schema OrderResponse)."""
    return {
        "Id": order.number,
        "OriginalId": order.original_id,
        "OrderPlacementDate": order.placed,
        "OrderCompletedDate": order.completed,
        "OrderCancelledDate": order.cancelled,
        **without_nothing({"OrderStatus": order.status}),
        "IsCancelledOrReturned": order.state == CANCELLED,
        "IsCompleted": order.state == COMPLETED,
        "OrderTotal": order.total,
        "Customer": _customer(store, order.customer_id),
        "Products": [
            without_nothing(
                {
                    "OriginalId": line.original_id,
                    "Title": line.title,
                    "Url": line.url,
                    "ImageUrl": line.image_url,
                    "IsActive": line.is_active,
                    "ProductPrice": line.price,
                }
            )
            for line in order.lines
        ],
        "UpdatedDate": order.updated,
        "Coupon": order.coupon,
        "State": order.state,
        "Origin": order.origin,
        "Metadatas": [
            {"Id": number, "OrderId": order.number, "Name": name, "Value": value}
            for number, (name, value) in enumerate(order.pairs, 1)
        ],
        "Branch": None,
        "TenantSalesman": None,
        "ExternalCoupon": order.external_coupon,
        "EstimatedBonus": _bonus(store, bonus(order.left)),
    }


def _customer(store: Store, customer_id: str) -> dict[str, object]:
    """Return the customer of an order (schema OrderCustomer)."""
    profile = store.books.profiles.of(customer_id)
    return {
        "Id": profile.number,
        "OriginalId": customer_id,
        "Name": store.name(customer_id),
        **without_nothing({"Email": profile.email, "Phone": profile.phone, "Document": profile.document}),
        "IsEnrolled": profile.takes_part,
        "PointsBalance": store.shown_points(customer_id),
        "Cashback": store.shown_cashback(customer_id),
        "Affiliate": None,
    }


def _bonus(store: Store, points: int) -> dict[str, object]:
    """Return what an order gives (schema EstimatedBonus)."""
    cashback = store.worth(points)
    return {
        "GenerateBonus": points > 0,
        "EstimatedPoints": points,
        "EstimatedCashback": cashback,
        "EstimatedCashbackFormatted": f"R$ {cashback}",
    }
