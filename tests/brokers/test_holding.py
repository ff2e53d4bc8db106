"""What is held of a broker's messages: signs of life, acknowledgements together, bodies as they came."""

import asyncio
from collections.abc import Collection

from virtual import now, virtual

from bonifiq_async.faststream.extra import Heart
from bonifiq_async.faststream.redis import HeldEntries, StreamEntry, body_of


@virtual
async def test_signs_of_life_are_given_of_what_is_held_and_go_on_after_a_failure() -> None:
    signs: list[tuple[float, Collection[str]]] = []

    async def sign(held: Collection[str]) -> None:
        signs.append((now() - began, sorted(held)))
        if len(signs) == 1:
            raise ConnectionError("the broker is away")

    began, heart = now(), Heart(sign, 10.0)
    with heart.holding("a"):
        await asyncio.sleep(5.0)
        with heart.holding("b"):
            await asyncio.sleep(10.0)
        await asyncio.sleep(10.0)
    await asyncio.sleep(100.0)
    assert signs == [(10.0, ["a", "b"]), (20.0, ["a"])]
    assert len(asyncio.all_tasks()) == 1
    with heart.holding("c"):
        await asyncio.sleep(15.0)
    assert signs[2:] == [(135.0, ["c"])]
    await asyncio.sleep(1.0)  # the last one ends


class Redis:
    """Takes a second for each command, and may be away."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[object, ...]] = []
        self.away = False

    async def connect(self) -> "Redis":
        return self

    async def xack(self, *entries: object) -> None:
        await asyncio.sleep(1.0)
        if self.away:
            raise ConnectionError("the broker is away")
        self.acknowledged.append(entries)


@virtual
async def test_entries_are_acknowledged_together_while_others_are_on_their_way() -> None:
    redis = Redis()
    held = HeldEntries(redis)

    async def after(seconds: float, number: int) -> float:
        await asyncio.sleep(seconds)
        await held.acknowledge(StreamEntry("s", "g", b"%d" % number))
        return now() - began

    began = now()
    told = await asyncio.gather(after(0.0, 1), after(0.0, 2), after(0.2, 3), after(0.4, 4), after(5.0, 5))
    assert redis.acknowledged == [("s", "g", b"1", b"2"), ("s", "g", b"3", b"4"), ("s", "g", b"5")]
    assert told == [1.0, 1.0, 2.0, 2.0, 6.0]


@virtual
async def test_a_call_that_is_cancelled_takes_no_acknowledgement_of_others_with_it() -> None:
    redis = Redis()
    held = HeldEntries(redis)
    calls = [asyncio.create_task(held.acknowledge(StreamEntry("s", "g", b"%d" % each))) for each in (1, 2)]
    await asyncio.sleep(0.5)
    calls[0].cancel()
    await calls[1]
    assert redis.acknowledged == [("s", "g", b"1", b"2")]
    redis.away = True
    failed = await asyncio.gather(
        *(held.acknowledge(StreamEntry("s", "g", b"3")) for _ in "ab"), return_exceptions=True
    )
    assert [type(each) for each in failed] == [ConnectionError] * 2


def test_a_body_is_that_of_its_entry_alone() -> None:
    assert body_of({b"__data__": b'{"id": "1"}'}) == b'{"id": "1"}'
    assert body_of({b"__data__": b"\xff no json"}) == b"\xff no json"
    assert body_of({b"id": b"1", b"customer": b"ANA\xff"}) == b'{"id": "1", "customer": "ANA\\ufffd"}'
