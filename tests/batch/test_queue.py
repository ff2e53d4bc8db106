"""What a run's tasks wait for: nothing is lost, whoever gives up, and nobody sleeps beside what is there."""

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st
from virtual import virtual

from bonifiq_async._concurrency.limiter import Limiter
from bonifiq_async.batch.queue import FifoQueue

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 3)),
        st.tuples(st.just("take"), st.integers(0, 3)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("turn"), st.integers(1, 3)),
    ),
    max_size=40,
)


@given(STEPS)
@example([("take", 2), ("turn", 1), ("put", 1), ("cancel", 0)])
def test_a_line_loses_nothing_and_keeps_the_order(steps) -> None:
    """Some take, some give up, in the very turn in which they are served as well."""

    @virtual
    async def run() -> None:
        line: FifoQueue[int] = FifoQueue()
        taken, takers, put = [], [], 0

        async def take() -> None:
            taken.append(await line.take())

        for step, number in steps:
            if step == "put":
                for _ in range(number):
                    line.put(put)
                    put += 1
            elif step == "take":
                takers += [asyncio.create_task(take()) for _ in range(number)]
            elif step == "cancel" and takers:
                takers[number % len(takers)].cancel()
            elif step == "turn":
                for _ in range(number):
                    await asyncio.sleep(0)
        await asyncio.sleep(1)
        wait = [task for task in takers if not task.done()]
        assert not (wait and line), "somebody waits beside what is there"
        rest = [line.first() for _ in range(len(line))]
        assert taken + rest == list(range(put))
        for task in wait:
            task.cancel()
        await asyncio.gather(*takers, return_exceptions=True)

    run()


@virtual
async def test_room_is_waited_for_and_counted() -> None:
    room = Limiter(2)
    assert room.take() and room.take() and not room.take()
    waiting = asyncio.create_task(room.acquire(None))
    await asyncio.sleep(1)
    assert not waiting.done()
    room.release()
    room.release()
    await waiting
    assert room.take() and not room.take()
