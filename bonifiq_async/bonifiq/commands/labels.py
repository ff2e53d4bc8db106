"""What a table calls the members of an answer; what is not here has its name in the answer."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import phrase

LABELS: Mapping[str, str] = {
    "customer_id": phrase("customer id"),
    "customer_exists": phrase("customer exists"),
    "cashback_balance": phrase("cashback balance"),
    "points_balance": phrase("points balance"),
    "name": phrase("name"),
    "total_pending_points": phrase("total pending points"),
    "total_pending_cashback": phrase("total pending cashback"),
    "pending_orders": phrase("pending orders"),
    "removed": phrase("removed"),
    "message": phrase("message"),
    "repeated": phrase("repeated"),
    "original_id": phrase("id in the store"),
    "public_id": phrase("public id"),
    "email": phrase("e-mail"),
    "phone": phrase("phone"),
    "document": phrase("document"),
    "birthday_date": phrase("birthday"),
    "signup_date": phrase("signed up"),
    "is_enrolled": phrase("takes part"),
    "balance_of_points": phrase("points balance"),
    "balance_cashback": phrase("cashback balance"),
    "order_placement_date": phrase("placed"),
    "order_completed_date": phrase("completed"),
    "order_cancelled_date": phrase("cancelled"),
    "updated_date": phrase("changed"),
    "order_status": phrase("status"),
    "is_cancelled_or_returned": phrase("is cancelled or returned"),
    "is_completed": phrase("is completed"),
    "order_total": phrase("total"),
    "coupon": phrase("coupon"),
    "external_coupon": phrase("external coupon"),
    "date": phrase("date"),
    "points": phrase("points"),
    "title": phrase("title"),
    "cashback": phrase("cashback"),
    "cashback_value": phrase("cashback"),
    "event_date": phrase("date"),
    "expiration_date": phrase("expires"),
    "customer_email": phrase("customer"),
    "customer.original_id": phrase("customer"),
}


def label(name: str) -> str:
    """Return what a table calls a member."""
    return LABELS.get(name, name.replace("_", " "))
