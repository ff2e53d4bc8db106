"""The queue of a run's tasks: no item is lost when a task gives up, and no task waits while there is one."""

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
def test_a_queue_loses_nothing_and_keeps_the_order(steps) -> None:
    """Some tasks take, some give up, also in the turn of the loop in which they are served."""

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
        assert not (wait and line), "a task waits although there is an item"
        rest = [line.first() for _ in range(len(line))]
        assert taken + rest == list(range(put))
        for task in wait:
            task.cancel()
        await asyncio.gather(*takers, return_exceptions=True)

    run()


@virtual
async def test_free_space_is_waited_for_and_counted() -> None:
    limiter = Limiter(2)
    assert limiter.take() and limiter.take() and not limiter.take()
    waiting = asyncio.create_task(limiter.acquire(None))
    await asyncio.sleep(1)
    assert not waiting.done()
    limiter.release()
    limiter.release()
    await waiting
    assert limiter.take() and not limiter.take()
