"""Pages are read one after the other, by offset or cursor, and never in a circle."""

from collections.abc import Mapping

import pytest

from bonifiq_async import PayloadError
from bonifiq_async._provider.paging import pages


async def rows_of(given: Mapping[object, tuple[list[int], object]]) -> list[int]:
    async def read(place: object) -> tuple[list[int], object]:
        return given[place]

    return [row async for row in pages(read)]


@pytest.mark.parametrize("places", [("a", "b"), (20, 40)], ids=["cursors", "offsets"])
async def test_all_rows_come_in_order(places: tuple[object, object]) -> None:
    first, second = places
    assert await rows_of({None: ([1, 2], first), first: ([], second), second: ([3], None)}) == [1, 2, 3]


@pytest.mark.parametrize("back", ["a", "b"])
async def test_a_circle_is_an_error_after_the_rows_before_it(back: str) -> None:
    given: dict[object, tuple[list[int], object]] = {None: ([1], "a"), "a": ([2], "b"), "b": ([3], back)}
    found = []

    async def read(place: object) -> tuple[list[int], object]:
        return given[place]

    with pytest.raises(PayloadError, match="circle"):  # noqa: PT012 - what came before it counts
        async for row in pages(read):
            found.append(row)
    assert found == [1, 2, 3]
