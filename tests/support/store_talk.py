"""What the tests of BonifiQ's sandbox send to it: a customer, an order, the writes that have a key."""

from collections.abc import Mapping

from attrs import frozen

ANA = "ana@b.example"
CUSTOMER = "/v1/pvt/Customer/ana%40b.example"
MOMENT = "2026-03-01T12:30:00Z"
BEFORE, AFTER = "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"
Json = dict[str, object]


def order(original_id: str = "o1", **other: object) -> Json:
    """Return the body of an order of 99.90, in two lines."""
    lines = [{"OriginalId": "a", "ProductPrice": 60}, {"OriginalId": "b", "ProductPrice": 39.9, "Title": "B"}]
    return {
        "OriginalId": original_id,
        "OrderPlacementDate": MOMENT,
        "OrderTotal": 99.9,
        "Customer": {"OriginalId": ANA, "Name": "Ana"},
        "Products": lines,
        **other,
    }


COMPLETED: Mapping[str, object] = {"IsCompleted": True, "OrderCompletedDate": AFTER}


@frozen
class Keyed:
    """A write with a key: its path, the member with the key, its body but for the key, and another one."""

    path: str
    key: str
    body: Mapping[str, object]
    other: Mapping[str, object]

    def under(self, key: str, *, other: bool = False) -> Json:
        """Return the body of a request under `key`."""
        return {**(self.other if other else self.body), self.key: key}


_POINTS = {"Points": 5, "OperationType": 0, "Reason": "r"}
_CART = {"CustomerId": ANA, "CheckoutId": "cart", "CashbackValue": 2.5}
_SALE = {"CustomerId": ANA, "Value": 2.5}
_PART = {"ValueToRefund": 2.5, "Products": [{"OriginalId": "a", "ValueToRefund": 2.5}]}
KEYED: Mapping[str, Keyed] = {
    "points": Keyed(f"{CUSTOMER}/points", "ChangeKey", _POINTS, {**_POINTS, "Reason": "other"}),
    "checkout": Keyed("/v1/pvt/Checkout/redeem", "OriginalKey", _CART, {**_CART, "Total": 50}),
    "point of sale": Keyed("/v1/pvt/POS/rewards/1/redeem", "OriginalKey", _SALE, {**_SALE, "Value": 3}),
    "order": Keyed("/v1/pvt/Order/o1/partialcancel", "CancelKey", _PART, {"ValueToRefund": 2.5}),
    "order of the point of sale": Keyed(
        "/v1/pvt/POS/o1/partialcancel", "CancelKey", _PART, {"ValueToRefund": 3}
    ),
}
"""The writes with a key beside cashback; for them a sandbox needs cashback of ANA and the order `o1`."""
