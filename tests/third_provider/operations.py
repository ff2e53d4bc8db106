"""The endpoints, and what is sent and answered."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.json_codec import Names
from bonifiq_async._model.operation import Operation, RepeatClass


@frozen
class MilesChange:
    """Miles that an account receives (`value` above zero) or spends."""

    unit = "miles"
    customer_id: str
    value: Decimal = field(converter=lambda value: validation.amount(value, "value"))
    change_key: str
    line: int = field(default=0, eq=False)

    def __attrs_post_init__(self) -> None:
        validation.path_segment(self.customer_id, "customer_id")
        validation.label(self.change_key, "change_key")


@frozen
class Asked:
    miles: Decimal


@frozen
class Booked:
    id: int | None = None
    miles: Decimal | None = None
    balance: Decimal | None = None


@frozen
class Page:
    items: tuple[Booked, ...] = ()
    next: str | None = None


KEYED: dict[str, object] = {"key_header": "Idempotency-Key", "unit": "miles", "kept": ("id", "balance")}


def _operation(name: str, result: type, path: str, repeat=RepeatClass.SAFE, **more) -> Operation:
    method, writes = ("GET", False) if repeat is RepeatClass.SAFE else ("POST", True)
    where = f"/v1/accounts/{{account}}{path}"
    return Operation(f"miles.{name}", method, where, repeat, writes, result, names=Names.SNAKE, **more)


GRANT = _operation("grant", Booked, "/grant", RepeatClass.KEYED, **KEYED)
SPEND = _operation("spend", Booked, "/spend", RepeatClass.KEYED, **KEYED)
BALANCE = _operation("balance", Booked, "")
MOVEMENTS = _operation("movements", Page, "/movements", query=("cursor", "limit"))
OPERATIONS = (GRANT, SPEND, BALANCE, MOVEMENTS)


def request_of(change: MilesChange) -> tuple[Operation[Booked], Mapping[str, str], Asked]:
    operation = GRANT if change.value > 0 else SPEND
    return operation, {"account": change.customer_id}, Asked(change.value.copy_abs())
