"""One endpoint of a provider as data, and whether a repeat of it is safe."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Generic, TypeVar, cast

from attrs import AttrsInstance, field, fields, frozen

from bonifiq_async._model.json_codec import Names, wire_name_of
from bonifiq_async._model.values import Kind

T_co = TypeVar("T_co", covariant=True)


class RepeatClass(Kind):
    """Whether sending an operation a second time can do harm."""

    SAFE = "safe"
    """A read, or a write that is idempotent by nature (RFC 9110, section 9.2.2)."""
    KEYED = "keyed"
    """A write that the provider de-duplicates by a key in its body."""
    NEVER = "never"
    """A write that the provider does not de-duplicate."""


class AnswerShape(Kind):
    """How a provider wraps the payload of an answer."""

    ENVELOPE = "envelope"
    """The payload is one member of an object that also says whether the call failed."""
    OLD_ENVELOPE = "older envelope"
    """The same by an older page, with fewer members; a reader takes either for the other."""
    PAGE = "page"
    """A page of a list: its items, how many there are, and whether it failed."""
    CHECKED = "checked envelope"
    """An envelope that also lists what is wrong with which field."""
    BARE = "bare"
    """The payload is the whole answer."""


class Certainty(Kind):
    """How sure it is that an endpoint is as its entry says."""

    SEED = "seed"
    """A whole document of it was seen."""
    PAGE = "page"
    """A page of the provider's documentation was seen, with all members."""
    INCOMPLETE = "incomplete"
    """A part of its shape was not seen."""
    UNVERIFIED = "unverified"
    """Its path, or where a parameter stands, was not seen written."""


@frozen
class Documented:
    """Where an endpoint is documented, and what follows from that.

    `called` is the client's method, such as `customers.points`. `source` is the page, `why` the reason of its
    repeat class, and `caveat` what was not seen; `warns` says that a call without that knowledge is a risk of
    which its caller is warned. `unanswered` says of a write what its caller looks at where no answer came, or
    none that says what became of it. `payload` is the class of what is sent, `key` the JSON name of
    the key in it, and `largest_page` the largest size of a page that the provider allows.
    """

    called: str
    certainty: Certainty
    source: str
    why: str
    caveat: str = ""
    warns: bool = False
    payload: type[object] | None = None
    key: str | None = None
    largest_page: int | None = None
    unanswered: str = ""


BRL = "BRL"
POINTS = "points"
CURRENCY_OF_CARD = "the card's currency"
BRL_OF_ORDERS = "BRL of orders"


@frozen
class Operation(Generic[T_co]):
    """One endpoint: everything that delivery has to know about it.

    `path` is a template whose braces name parameters, those of a query included. `writes` says whether
    it can change anything at the provider. `key_header` is the header in which it takes the key of a change;
    None where its body has the key, or the key is ours alone. `own_keys` says that a key counts for this
    operation alone; without a source that says so, it counts for every operation of the provider. `unit` is
    what the value of a change is measured in, None where the operation changes no balance. `query` names the
    optional parameters of the query. `kept` names the attributes of the result that a ledger keeps, and
    `recalled` those of them, each with its type, with which a repeat is answered that is not sent: what does
    not become old, as a balance does. `done` names that attribute of a write's result which is false where
    nothing was done. `undone_by` names the operations by which a change is taken back: where one of these
    stands under its key, it is not made again.
    `codes` maps the endpoint's documented business codes to their names. `names` is how its JSON names are
    spelt. `sealed` says that an answer may have a secret in it: no error keeps it. `documented` is where
    it is documented, for a provider with a table of that.
    """

    name: str
    method: str
    path: str
    repeat: RepeatClass
    writes: bool
    result: type[T_co]
    shape: AnswerShape = AnswerShape.ENVELOPE
    key_header: str | None = None
    own_keys: bool = False
    unit: str | None = None
    query: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    recalled: tuple[tuple[str, type[int] | type[str]], ...] = ()
    done: str = ""
    undone_by: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(factory=dict, hash=False)
    names: Names = Names.PASCAL
    sealed: bool = False
    documented: Documented | None = None

    @cached_property
    def key_space(self) -> str:
        """Within what a key stands for one change: this operation alone, or the whole provider."""
        return self.name if self.own_keys else self.name.partition(".")[0]

    @cached_property
    def members(self) -> frozenset[str]:
        """The JSON names of the members that a result may have."""
        return frozenset(
            wire_name_of(each, self.names) for each in fields(cast(type[AttrsInstance], self.result))
        )


def rivals_of(operations: Iterable[Operation[object]]) -> Mapping[str, tuple[str, ...]]:
    """Return, for each operation that changes a balance, the others for which the same key counts."""
    changes = [each for each in operations if each.unit is not None]
    return {
        one.name: tuple(
            [each.name for each in changes if each is not one and each.key_space == one.key_space]
        )
        for one in changes
    }
