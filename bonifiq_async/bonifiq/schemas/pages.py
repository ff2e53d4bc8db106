"""What every page of a list says beside its items, and answers that are no more than a yes."""

from attrs import frozen

from bonifiq_async._model.json_codec import NotNull, NotNullArray


@frozen
class BarePage:
    """What every page of a list says beside its `items`: how many there are, and which page this is.

    `total_item_count` counts the items of all pages. Source: the schemas of the pages with lists.
    """

    total_item_count: NotNull[int] = None
    page_size: NotNull[int] = None
    page_number: NotNull[int] = None
    has_next_page: NotNull[bool] = None


@frozen
class Page(BarePage):
    """The same of a list that can say that it failed, as all but one can."""

    has_error: NotNull[bool] = None
    error_messages: NotNullArray[str] = ()


@frozen
class Acknowledged:
    """What a call answers that changes something and says no more than whether it did (BooleanEnvelope).

    `done` is None where the provider says that it succeeded and nothing else.
    """

    done: bool | None = None


@frozen
class Unshaped:
    """An answer whose shape was never seen: `value` is its JSON as it came, numbers exact."""

    value: object = None
