"""BonifiQ's 48 endpoints as data: what is sent and answered, whether a repeat is safe, how sure it is.

An endpoint is added by an entry in one of these files and in `table`, its classes, and a method of the
client.
Paths, parameters and names are those of the provider's pages; an entry says which page.

catalogue      affiliates, products, objectives, tiers, the look of the program
changes        those that a ledger keeps
customers      customers
entries        how an entry says where it is documented
orders         orders
point_of_sale  rewards, the PIN challenge and orders at the point of sale
public         what the public API answers
redeems        cashback on a checkout, redeems that were made, and rewards as they are set up
reports        reports, and points that expire
seed           the four whose whole documents were seen
table          all of them, and what is shown of each
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.operations.seed import (
        CHANGE_CASHBACK,
        PENDING_POINTS,
        POINTS,
        REMOVE_CHECKOUT_CASHBACK,
    )
    from bonifiq_async.bonifiq.operations.table import OPERATIONS

__all__ = ["CHANGE_CASHBACK", "OPERATIONS", "PENDING_POINTS", "POINTS", "REMOVE_CHECKOUT_CASHBACK"]

_SEED, _TABLE = f"{__name__}.seed", f"{__name__}.table"
# The table has all classes of the API: a program that moves cashback alone need not import them.
__getattr__ = lazy_names(__name__, {name: _TABLE if name == "OPERATIONS" else _SEED for name in __all__})
