"""All operations, in the order of the provider's documentation, and what of each is shown to a reader."""

from collections.abc import Mapping

from attrs import field, frozen

from bonifiq_async._model.operation import Documented, Operation
from bonifiq_async.bonifiq.operations import (
    catalogue,
    customers,
    orders,
    point_of_sale,
    public,
    redeems,
    reports,
    seed,
)

OPERATIONS: tuple[Operation[object], ...] = (
    customers.GET,
    customers.UPDATE,
    customers.UPSERT,
    seed.POINTS,
    customers.CHANGE_POINTS,
    seed.CHANGE_CASHBACK,
    seed.PENDING_POINTS,
    customers.HISTORY,
    customers.AVAILABLE_COUPONS,
    customers.SET_BIRTHDAY,
    customers.CHANGE_STATUS,
    customers.CHANGE_TIER,
    orders.CREATE,
    orders.GET,
    orders.CANCEL,
    orders.COMPLETE,
    orders.CANCEL_PARTIALLY,
    point_of_sale.AVAILABLE_REWARDS,
    point_of_sale.CHALLENGE,
    point_of_sale.VALIDATE_CHALLENGE,
    point_of_sale.REDEEM,
    point_of_sale.CANCEL_REDEEM,
    point_of_sale.CANCEL_REDEEM_BY_KEY,
    point_of_sale.CREATE_ORDER,
    point_of_sale.CANCEL_ORDER,
    point_of_sale.CANCEL_ORDER_PARTIALLY,
    redeems.REDEEM_CHECKOUT,
    seed.REMOVE_CHECKOUT_CASHBACK,
    redeems.REFRESH_CHECKOUT,
    redeems.GET_REDEEM,
    redeems.GET_CONFIGURATION,
    redeems.REDEEM_CONFIGURATION,
    redeems.REDEEM_PRODUCT_DISCOUNT,
    catalogue.UPSERT_AFFILIATE,
    catalogue.DISABLE_AFFILIATE,
    catalogue.PRODUCT_POINTS,
    catalogue.ACTIVE_OBJECTIVES,
    catalogue.AVAILABLE_TIERS,
    catalogue.TIER_BENEFITS,
    reports.TO_EXPIRE,
    reports.CUSTOMERS,
    reports.RECEIVED_POINTS,
    reports.EXPIRING_POINTS,
    catalogue.CUSTOMIZATION,
    public.POINTS,
    public.CUSTOMIZATION,
    public.PRODUCT_POINTS,
    public.PRODUCT_POINTS_LIST,
)
"""BonifiQ's 48 endpoints. Three more are named by its documentation without a path, and are not here."""


def documented(operation: Operation[object]) -> Documented:
    """Return where an operation of the table is documented."""
    if operation.documented is None:
        raise AssertionError(f"{operation.name} is an entry of the table")
    return operation.documented


@frozen
class OperationEntry:
    """What is known of one operation, for a reader.

    `method_name` is the client's method, such as `customers.points`; `path` has the names of its parameters
    in braces. `repeat` is `safe`, `keyed` or `never`, and `why` the reason; `key` is the JSON name of the
    key. `source` says how sure all this is: `seed` (a whole document), `page` (a whole page), `incomplete` or
    `unverified`, with what was not seen as `caveat`; `page` is where it is documented. `shape` is that of the
    answer, `codes` the business codes with their names. `unanswered` says what to look at where no answer
    came, or none that says what became of it; None where the same call tells.
    """

    method_name: str
    method: str
    path: str
    repeat: str
    why: str
    key: str | None
    source: str
    page: str
    caveat: str | None
    shape: str
    codes: Mapping[str, str] = field(hash=False)
    unanswered: str | None = None


def entry_of(operation: Operation[object]) -> OperationEntry:
    """Return what is known of an operation."""
    known = documented(operation)
    return OperationEntry(
        known.called,
        operation.method,
        operation.path,
        operation.repeat.value,
        known.why,
        known.key,
        known.certainty.value,
        known.source,
        known.caveat or None,
        operation.shape.value,
        dict(operation.codes),
        known.unanswered or None,
    )
