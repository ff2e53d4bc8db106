"""Pages of lists and estimates, and which page comes next."""

from typing import Protocol, TypeVar

from attrs import define, field

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async._policy.answer_body import said_of
from bonifiq_async.bonifiq.answers import AnswerReader, members

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)


class Listing(Protocol[Item_co]):
    """What the pages of every list have."""

    @property
    def items(self) -> tuple[Item_co, ...]: ...
    @property
    def total_item_count(self) -> int | None: ...
    @property
    def page_number(self) -> int | None: ...
    @property
    def has_next_page(self) -> bool | None: ...


def read_page(reader: AnswerReader, operation: Operation[T], evidence: Evidence) -> Reading[T]:
    """Read a page of a list, or an estimate: both can say by themselves that they failed."""
    status = evidence.status or 0
    if status >= 400:
        return reader.read(operation, evidence)
    try:
        answer = members(evidence)
    except PayloadError:
        return reader.read(operation, evidence)  # which says what is wrong with it
    if answer.get("HasError") is True:
        return reader.failed(operation, said_of(answer, status))
    return reader.bare(operation, answer)


@define
class Turning:
    """Which page comes next of a list whose pages have `size` items, and what shows that a list is broken.

    Of the page before, only its first and last item are kept.
    """

    size: int
    seen: int = 0
    ends: tuple[object, object] | None = field(default=None, init=False)

    def after(self, number: int, page: Listing[object]) -> int | None:
        """Return the number of the next page, None after the last.

        Raises `PayloadError` where the provider gives another page than the one that was asked for, the same
        again, one without items that promises more, or an end before all items that it counts.
        """
        items = page.items
        if page.page_number is not None and page.page_number != number:
            raise PayloadError(
                f"page {number} was asked for, and page {page.page_number} came", path="$.PageNumber"
            )
        ends = (items[0], items[-1]) if len(items) > 1 else None
        if ends is not None and ends == self.ends:
            raise PayloadError("the same page came twice: the provider does not turn it", path="$.Items")
        self.ends, self.seen = ends, self.seen + len(items)
        if self._goes_on(page, len(items)):
            if not items:
                raise PayloadError("the page has no items and promises more", path="$.HasNextPage")
            return number + 1
        if page.total_item_count is not None and self.seen < page.total_item_count:
            raise PayloadError(
                f"the list ends after item {self.seen} of {page.total_item_count}", path="$.TotalItemCount"
            )
        return None

    def _goes_on(self, page: Listing[object], count: int) -> bool:
        if page.has_next_page is not None:
            return page.has_next_page
        if page.total_item_count is not None:
            return count > 0 and self.seen < page.total_item_count
        return count >= self.size
