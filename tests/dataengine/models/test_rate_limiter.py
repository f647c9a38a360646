"""The rate limiter: limits that hold in every window, one cut per burst, growth while it is well."""

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.models.rate_limiter import RateLimiter, Window


@given(st.integers(1, 9), st.lists(st.tuples(st.floats(0, 20), st.integers(1, 12)), max_size=40))
def test_no_window_of_60_seconds_holds_more_than_the_limit(limit, requests):
    window, now, admitted = Window(limit), 0.0, []
    for pause, amount in requests:
        now += pause
        while (wait := window.wait(now, amount)) > 0:
            now += wait
        window.add(now, amount)
        admitted.append((now, amount))
    for start, _ in admitted:
        inside = [amount for at, amount in admitted if start <= at < start + 60]
        assert sum(inside) <= limit or len(inside) == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=20))
def test_a_corrected_estimate_counts_as_what_it_was(requests):
    window = Window(10)
    entries = [(window.add(0.0, estimate), true) for estimate, true in requests]
    for entry, true in entries:
        window.correct(entry, true)
    assert window.total == sum(true for _, true in requests)
    window.wait(60.0, 1)
    assert window.total == 0
    for entry, _ in entries:
        window.correct(entry, 5)
    assert window.total == 0


def test_a_burst_of_refusals_is_one_cut():
    async def main():
        limiter = RateLimiter(64)
        now = 0.0
        limiter._clock = lambda: now
        passes = []
        async with anyio.create_task_group() as group:
            done = anyio.Event()

            async def one():
                async with limiter.enter(1) as entry:
                    passes.append(entry)
                    await done.wait()

            for _ in range(32):
                group.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            now = 1.0
            for entry in passes:
                limiter.refused(entry, None)
            assert (limiter.limit, limiter.cuts) == (16, 1)
            done.set()
        now = 1.5
        async with limiter.enter(1) as late:
            now = 2.0
            limiter.refused(late, None)
        assert (limiter.limit, limiter.cuts) == (8, 2)

    anyio.run(main)


def test_it_doubles_per_round_trip_until_the_first_cut_and_then_adds_one():
    async def main():
        limiter = RateLimiter(256)

        async def round_trip():
            for _ in range(int(limiter.limit)):
                async with limiter.enter(1) as entry:
                    entry.well = True

        await round_trip()
        assert limiter.limit == 64
        async with limiter.enter(1) as entry:
            limiter.refused(entry, None)
        assert limiter.limit == 32
        await round_trip()
        assert limiter.limit == pytest.approx(33, abs=0.1)
        for _ in range(9):
            limiter._last_cut = -float("inf")
            await round_trip()
        assert limiter.limit == 256

    anyio.run(main)


def test_retry_after_pauses_everybody():
    async def main():
        limiter = RateLimiter(4)
        async with limiter.enter(1) as entry:
            limiter.refused(entry, 0.2)
        start = anyio.current_time()
        async with limiter.enter(1):
            assert anyio.current_time() - start >= 0.19

    anyio.run(main)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.lists(st.booleans(), min_size=1, max_size=30))
def test_places_survive_cancelled_waiters(limit, cancelled):
    async def main():
        limiter = RateLimiter(limit)
        most = 0

        async def one(give_up):
            nonlocal most
            with anyio.move_on_after(0 if give_up else None):
                async with limiter.enter(1):
                    most = max(most, limiter.in_flight)
                    await anyio.sleep(0)

        async with anyio.create_task_group() as group:
            for give_up in cancelled:
                group.start_soon(one, give_up)
        assert limiter.in_flight == 0
        assert not limiter._queue
        assert most <= limit

    anyio.run(main)
