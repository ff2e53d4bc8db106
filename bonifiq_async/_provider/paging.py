"""Pages: the rows of one page after the other, and an end to pages that go in a circle."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

from bonifiq_async._model.errors import PayloadError

PageRow = TypeVar("PageRow")
Cursor = TypeVar("Cursor")


async def pages(
    read: Callable[[Cursor | None], Awaitable[tuple[Iterable[PageRow], Cursor | None]]],
) -> AsyncGenerator[PageRow, None]:
    """Yield the rows of all pages. `read` is given a cursor, None for the first, and returns the next one.

    A cursor is what names a page: a token, an offset. None ends it. Raises `PayloadError` where a cursor
    comes a second time: the pages would never end.
    """
    cursor: Cursor | None = None
    seen: set[Cursor] = set()
    while True:
        rows, cursor = await read(cursor)
        for row in rows:
            yield row
        rows = ()  # one page at a time: this one is not kept while the next is read
        if cursor is None:
            return
        if cursor in seen:
            raise PayloadError("the pages go in a circle: a page comes a second time", path="$")
        seen.add(cursor)
