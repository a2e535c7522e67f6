from hypothesis import given
from hypothesis import strategies as st

from gateway.buckets import LocalLimiter, Take
from gateway.settings import Rate

RATES = st.builds(Rate, st.integers(1, 500), st.integers(1, 120))


@given(RATES, st.lists(st.floats(0, 10), max_size=200))
def test_no_window_lets_through_more_than_twice_the_rate(rate: Rate, pauses: list[float]):
    now = 0.0
    limiter = LocalLimiter(lambda: now)
    admitted = []
    for pause in pauses:
        now += pause
        if limiter.count(Take("a", rate)).allowed:
            admitted.append(now)

    for start in admitted:
        # All of the rate may come at once, and during a window as much again becomes free.
        assert sum(start <= moment < start + rate.seconds for moment in admitted) <= 2 * rate.requests


@given(RATES)
def test_all_of_the_rate_may_come_at_once_and_one_more_may_not(rate: Rate):
    limiter = LocalLimiter(lambda: 5.0)
    verdicts = [limiter.count(Take("a", rate)) for _ in range(rate.requests + 1)]

    assert [verdict.allowed for verdict in verdicts] == [True] * rate.requests + [False]
    assert [verdict.remaining for verdict in verdicts] == [*reversed(range(rate.requests)), 0]


def test_looking_costs_nothing():
    limiter = LocalLimiter(lambda: 0.0)
    verdicts = [limiter.count(Take("a", Rate(2), cost=0)) for _ in range(5)]

    assert [verdict.remaining for verdict in verdicts] == [2] * 5


def test_memory_is_bounded():
    limiter = LocalLimiter(lambda: 0.0, size=10)
    for number in range(1000):
        limiter.count(Take(str(number), Rate(5)))

    assert len(limiter._arrivals) == 10
