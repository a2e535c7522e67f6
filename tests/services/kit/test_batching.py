"""Group commit: who leaves together, who gets which answer, and what happens to those who do not wait for it."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from litestar import get
from prometheus_client import REGISTRY

from services.kit.batching import Batcher
from services.kit.errors import Unavailable
from services.kit.service import service_app
from services.kit.web import public


class Kitchen:
    """A run that finishes when told; `served` is every batch, in order of departure."""

    def __init__(self) -> None:
        self.served: list[tuple[str, list[str]]] = []
        self.poison: set[str] = set()
        self.closed = False
        self._open = asyncio.Event()
        self._open.set()

    def shut(self) -> None:
        self._open.clear()

    def reopen(self) -> None:
        self._open.set()

    async def run(self, key: str, requests: Sequence[str]) -> list[str | Exception]:
        self.served.append((key, list(requests)))
        await self._open.wait()
        if self.closed:
            raise Unavailable("The kitchen is closed.")
        if self.poison & set(requests):
            raise ValueError("poisoned")
        return [LookupError(request) if request.startswith("no ") else request.upper() for request in requests]


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest.fixture
def batcher(kitchen: Kitchen) -> Batcher[str, str, str]:
    return Batcher("test", kitchen.run, batch_limit=3, queue_limit=5)


async def turns_of_the_loop() -> None:
    """Enough for every task that can go on to go on. No time passes."""
    for _ in range(10):
        await asyncio.sleep(0)


async def order(batcher: Batcher[str, str, str], *requests: str, key: str = "table") -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(batcher.submit(key, request)) for request in requests]
    await turns_of_the_loop()
    return tasks


async def full_house(batcher: Batcher[str, str, str]) -> list[asyncio.Task[str]]:
    """One is being served, and as many wait as may."""
    return await order(batcher, "first") + await order(batcher, *"abcde")


async def test_lone_request_leaves_at_once(batcher: Batcher[str, str, str], kitchen: Kitchen):
    (task,) = await order(batcher, "tea")
    # No timer: turns of the loop were enough.
    assert task.result() == "TEA"
    assert kitchen.served == [("table", ["tea"])]


async def test_requests_during_a_run_leave_together_in_order_of_arrival(
    batcher: Batcher[str, str, str], kitchen: Kitchen
):
    kitchen.shut()
    tasks = await order(batcher, "one") + await order(batcher, "two", "three", "four", "five")
    assert kitchen.served == [("table", ["one"])]
    kitchen.reopen()
    assert await asyncio.gather(*tasks) == ["ONE", "TWO", "THREE", "FOUR", "FIVE"]
    # At most three at once.
    assert kitchen.served == [("table", ["one"]), ("table", ["two", "three", "four"]), ("table", ["five"])]


async def test_key_has_one_run_in_flight_and_another_key_has_its_own(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    first = await order(batcher, "one", key="window")
    second = await order(batcher, "two", key="window")
    third = await order(batcher, "three", key="terrace")
    assert kitchen.served == [("window", ["one"]), ("terrace", ["three"])]
    kitchen.reopen()
    assert await asyncio.gather(*first, *second, *third) == ["ONE", "TWO", "THREE"]


async def test_queue_that_is_full_is_unavailable(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    eating = await order(batcher, "first")
    waiting = await order(batcher, *"abcde")
    with pytest.raises(Unavailable):
        await batcher.submit("table", "too many")
    elsewhere = await order(batcher, "welcome", key="terrace")
    kitchen.reopen()
    assert await asyncio.gather(*eating, *waiting, *elsewhere) == ["FIRST", *"ABCDE", "WELCOME"]


async def test_full_queue_is_answered_503_with_retry_after(batcher: Batcher[str, str, str], kitchen: Kitchen):
    @get("/table", **public())
    async def sit_down() -> str:
        return await batcher.submit("table", "too many")

    kitchen.shut()
    accepted = await full_house(batcher)
    app = service_app("Kitchen", [sit_down], provided={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kitchen") as http:
        refused = await http.get("/table")
        kitchen.reopen()
        await asyncio.gather(*accepted)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await http.get("/table")).status_code == 200


async def test_queue_has_room_again_once_a_batch_left(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    accepted = await full_house(batcher)
    with pytest.raises(Unavailable):
        await batcher.submit("table", "too early")
    kitchen.reopen()
    await asyncio.gather(*accepted)
    assert await batcher.submit("table", "in time") == "IN TIME"


async def test_caller_that_is_refused_costs_the_others_nothing(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    accepted = await full_house(batcher)
    refused = await asyncio.gather(*await order(batcher, *"uvwxyz"), return_exceptions=True)
    kitchen.reopen()
    assert [type(reply) for reply in refused] == [Unavailable] * 6
    assert await asyncio.gather(*accepted) == ["FIRST", *"ABCDE"]
    assert [batch for _, batch in kitchen.served] == [["first"], ["a", "b", "c"], ["d", "e"]]


async def test_sizes_and_waits_are_measured(kitchen: Kitchen):
    batcher: Batcher[str, str, str] = Batcher("measured", kitchen.run, batch_limit=3)
    kitchen.shut()
    tasks = await order(batcher, "one") + await order(batcher, "two", "three", "four")
    gone = await order(batcher, "gone")
    gone[0].cancel()
    await asyncio.sleep(0.02)
    kitchen.reopen()
    await asyncio.gather(*tasks)
    # Batches of one and three; who went away before leaving counts nowhere.
    assert (sample("parvis_batch_size_count"), sample("parvis_batch_size_sum")) == (2, 4)
    # The longest wait of each batch; only the second one waited for a batch before it.
    assert sample("parvis_batch_queue_seconds_count") == 2
    assert 0.02 <= sample("parvis_batch_queue_seconds_sum") < 1


def sample(name: str) -> float:
    value = REGISTRY.get_sample_value(name, {"batch": "measured"})
    assert value is not None
    return value


async def test_poison_in_a_batch_of_many_leaves_the_order_of_the_rest(
    batcher: Batcher[str, str, str], kitchen: Kitchen
):
    kitchen.shut()
    tasks = await order(batcher, "first") + await order(batcher, "a", "b", "fish", "c", "d")
    kitchen.poison = {"fish"}
    kitchen.reopen()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(reply) for reply in replies] == [str, str, str, ValueError, str, str]
    # Each on its own, in order of arrival; the next batch is whole again.
    assert [batch for _, batch in kitchen.served[-5:]] == [["a", "b", "fish"], ["a"], ["b"], ["fish"], ["c", "d"]]


async def test_caller_that_goes_away_while_the_poison_is_looked_for(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.poison = {"fish"}
    kitchen.shut()
    tasks = await order(batcher, "soup", "fish", "bread")
    tasks[2].cancel()
    kitchen.reopen()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(reply) for reply in replies] == [str, ValueError, asyncio.CancelledError]
    # It had left already: its effect stands, as for any client that hangs up.
    assert [batch for _, batch in kitchen.served][-1] == ["bread"]


async def test_close_without_anybody_is_at_once(batcher: Batcher[str, str, str]):
    await asyncio.wait_for(batcher.close(), timeout=1)
    await asyncio.wait_for(batcher.close(), timeout=1)


async def test_process_that_is_killed_in_a_run_answers_everybody(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    tasks = await full_house(batcher)
    for drain in batcher._drains:
        drain.cancel()
    replies = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=1)
    # Nobody knows what became of the first.
    assert [type(reply) for reply in replies] == [Unavailable] * 6


async def test_exception_as_reply_reaches_its_own_caller_only(batcher: Batcher[str, str, str], kitchen: Kitchen):
    tasks = await order(batcher, "soup", "no salt", "bread")
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(reply) for reply in replies] == ["SOUP", "no salt", "BREAD"]
    assert isinstance(replies[1], LookupError)
    assert len(kitchen.served) == 1


async def test_poisoned_request_is_isolated_one_by_one(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.poison = {"fish"}
    replies = await asyncio.gather(*await order(batcher, "soup", "fish", "bread"), return_exceptions=True)
    assert [type(reply) for reply in replies] == [str, ValueError, str]
    assert [batch for _, batch in kitchen.served] == [["soup", "fish", "bread"], ["soup"], ["fish"], ["bread"]]


async def test_unavailable_is_everybodys_and_not_repeated(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.closed = True
    replies = await asyncio.gather(*await order(batcher, "soup", "bread"), return_exceptions=True)
    assert [type(reply) for reply in replies] == [Unavailable, Unavailable]
    assert len(kitchen.served) == 1
    kitchen.closed = False
    assert await batcher.submit("table", "tea") == "TEA"


async def test_run_with_too_few_replies_leaves_nobody_waiting(kitchen: Kitchen):
    async def forgetful(key: str, requests: Sequence[str]) -> list[str | Exception]:
        return (await kitchen.run(key, requests))[1:]

    batcher: Batcher[str, str, str] = Batcher("test", forgetful)
    tasks = await order(batcher, "soup", "bread")
    replies = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=1)
    assert [type(reply) for reply in replies] == [AssertionError, AssertionError]
    # What was done is done: a second time would do it twice.
    assert kitchen.served == [("table", ["soup", "bread"])]


async def test_caller_that_goes_away_does_not_cancel_the_run(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    leaver, _ = (tasks := await order(batcher, "soup", "bread"))
    leaver.cancel()
    kitchen.reopen()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(reply) for reply in replies] == [asyncio.CancelledError, str]
    assert kitchen.served == [("table", ["soup", "bread"])]


async def test_caller_that_goes_away_while_queued_takes_nobodys_seat(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    eating = await order(batcher, "first")
    leavers = await order(batcher, "a", "b")
    patient = await order(batcher, "c", "d", "e")
    for leaver in leavers:
        leaver.cancel()
    kitchen.reopen()
    assert await asyncio.gather(*eating, *patient) == ["FIRST", "C", "D", "E"]
    assert kitchen.served == [("table", ["first"]), ("table", ["c", "d", "e"])]


async def test_close_answers_what_was_accepted_and_then_refuses(batcher: Batcher[str, str, str], kitchen: Kitchen):
    kitchen.shut()
    accepted = await order(batcher, *"abcd")
    closing = asyncio.create_task(batcher.close())
    await turns_of_the_loop()
    assert not closing.done()
    with pytest.raises(Unavailable):
        await batcher.submit("table", "late")
    kitchen.reopen()
    await closing
    assert [task.result() for task in accepted] == [*"ABCD"]
    with pytest.raises(Unavailable):
        await batcher.submit("terrace", "late")


async def test_key_that_is_done_is_forgotten(batcher: Batcher[str, str, str]):
    for number in range(20):
        await batcher.submit(f"table {number}", "tea")
    await turns_of_the_loop()
    assert batcher._queues == {}
    assert batcher._drains == set()
