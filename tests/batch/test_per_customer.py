"""Order per customer, without a run: which change may start, and that an empty lane is forgotten."""

import pickle
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from bonifiq_async.batch.per_customer import Lanes


@given(st.lists(st.sampled_from("ABC")), st.randoms(use_true_random=False))
def test_each_customers_changes_start_in_their_order_and_one_at_a_time(customers, random):
    lanes: Lanes[int] = Lanes()
    running, started, waiting = {}, [], deque(enumerate(customers))
    while waiting or running:
        if waiting and (not running or random.random() < 0.6):
            number, customer = waiting.popleft()
            first = lanes.enter(customer, number)
            assert first is (customer not in running)
        else:
            customer = random.choice(sorted(running))
            del running[customer]
            number = lanes.leave(customer)
            first = number is not None
        if first:
            running[customer] = number
            started.append((customer, number))
    assert sorted(started, key=lambda each: each[1]) == [
        (customer, at) for at, customer in enumerate(customers)
    ]
    for name in "ABC":
        numbers = [number for customer, number in started if customer == name]
        assert numbers == sorted(numbers)
    assert pickle.dumps(lanes) == pickle.dumps(Lanes())
