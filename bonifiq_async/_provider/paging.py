"""Pages: the rows of one page after the other, and an end to pages that go in a circle."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

from bonifiq_async._model.errors import PayloadError

Row = TypeVar("Row")
Place = TypeVar("Place")


async def pages(
    read: Callable[[Place | None], Awaitable[tuple[Iterable[Row], Place | None]]],
) -> AsyncGenerator[Row, None]:
    """Yield the rows of all pages. `read` is given a place, None for the first, and returns the next one.

    A place is what names a page: a cursor, an offset. None ends it. Raises `PayloadError` where a place comes
    a second time: the pages would never end.
    """
    place: Place | None = None
    seen: set[Place] = set()
    while True:
        rows, place = await read(place)
        for row in rows:
            yield row
        if place is None:
            return
        if place in seen:
            raise PayloadError("the pages go in a circle: a place comes a second time", path="$")
        seen.add(place)
