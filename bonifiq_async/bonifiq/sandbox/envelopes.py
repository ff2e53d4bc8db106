"""The shapes of answers: both envelopes, and the pages of lists; other shapes are their endpoints' own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.forms.asked import PageAsked
from bonifiq_async.bonifiq.sandbox.judge import ERROR, SUCCESS, WARNING, Said
from bonifiq_async.sandbox.protocol import Reply

DONE = Said("", severity=SUCCESS, status=200)
T = TypeVar("T")
ListItem = Mapping[str, object]


@frozen
class Envelopes:
    """The envelopes. With `old` they have only the older documentation's four members."""

    old: bool

    def envelope(self, said: Said, result: object = None) -> Reply:
        """Return an answer in its envelope."""
        answer = _older(said, result)
        if not self.old:
            answer |= {
                "Code": said.code,
                "CodeName": said.name,
                "Severity": said.severity,
                "HasWarning": said.severity == WARNING,
            }
        return Reply(said.status, answer)

    def done(self, result: object) -> Reply:
        """Return the answer to what was done."""
        return self.envelope(DONE, result)


def older(result: object) -> Reply:
    """Return the answer to what was done, of an endpoint whose page has the older envelope alone."""
    return Reply(DONE.status, _older(DONE, result))


def _older(said: Said, result: object) -> dict[str, object]:
    failed = said.severity == ERROR
    return {
        "ErrorMessage": said.message if failed else None,
        "ErrorCode": said.number,
        "Result": result,
        "HasError": failed,
    }


def without_nothing(members: ListItem) -> dict[str, object]:
    """Return the members of an answer that have a value: the schemas do not let these be null."""
    return {name: value for name, value in members.items() if value is not None}


def as_it_is(item: ListItem) -> ListItem:
    """Return an item that is shown already."""
    return item


def page(items: Sequence[T], asked: PageAsked, show: Callable[[T], ListItem]) -> dict[str, object]:
    """Return a page of a list, without the members of a failure; `show` makes what an answer has of an item.

    It is called for the items of the page alone, so that a long list costs each page little.
    """
    before, end = (asked.number - 1) * asked.size, asked.number * asked.size
    return {
        "Items": [show(each) for each in items[before:end]],
        "TotalItemCount": len(items),
        "PageSize": asked.size,
        "PageNumber": asked.number,
        "HasNextPage": end < len(items),
    }


def whole_page(items: Sequence[T], asked: PageAsked, show: Callable[[T], ListItem]) -> Reply:
    """Return a page of a list, with the members of a failure, of which there is none."""
    return Reply(DONE.status, {**page(items, asked, show), "HasError": False, "ErrorMessages": []})
