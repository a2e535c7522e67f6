"""Values remembered for a short while: how often they are loaded, and by whom they are seen."""

import asyncio

import pytest

from services.kit.recent import Recent

FOR_EVER = 3600.0


class Source:
    """Counts its loads and, while `shut`, lets nobody through."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, key: str) -> str:
        self.loads.append(key)
        number = len(self.loads)
        await self.open.wait()
        if self.fails:
            raise LookupError(key)
        return f"{key} {number}"


@pytest.fixture
def source() -> Source:
    return Source()


async def asked(recent: Recent[str, str], *keys: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(recent.get(key)) for key in keys]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_value_is_loaded_once_while_it_is_fresh(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    assert [await recent.get("a"), await recent.get("b"), await recent.get("a")] == ["a 1", "b 2", "a 1"]


async def test_value_is_loaded_again_when_it_is_old(source: Source):
    recent = Recent(source.load, max_age_seconds=0)
    assert [await recent.get("a"), await recent.get("a")] == ["a 1", "a 2"]


async def test_callers_at_the_same_time_share_one_load(source: Source):
    recent = Recent(source.load, max_age_seconds=0)
    source.open.clear()
    tasks = await asked(recent, *["a"] * 20)
    source.open.set()
    assert set(await asyncio.gather(*tasks)) == {"a 1"}


async def test_age_counts_from_before_the_load(source: Source):
    recent = Recent(source.load, max_age_seconds=0.02)
    source.open.clear()
    (task,) = await asked(recent, "a")
    await asyncio.sleep(0.03)
    source.open.set()
    assert await task == "a 1"
    # What committed during the load may be missing from it: it is too old the moment it arrives.
    assert await recent.get("a") == "a 2"


async def test_first_caller_going_away_leaves_the_load_to_the_others(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    source.open.clear()
    first, second = await asked(recent, "a", "a")
    first.cancel()
    source.open.set()
    assert await second == "a 1"
    assert await recent.get("a") == "a 1"


async def test_error_is_shared_and_not_remembered(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    source.fails = True
    source.open.clear()
    tasks = await asked(recent, "a", "a")
    source.open.set()
    assert [type(reply) for reply in await asyncio.gather(*tasks, return_exceptions=True)] == [LookupError] * 2
    source.fails = False
    assert await recent.get("a") == "a 2"


async def test_forget_makes_the_next_caller_load(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    await recent.get("a")
    await recent.get("b")
    recent.forget("a")
    recent.forget("never asked for")
    assert [await recent.get("a"), await recent.get("b")] == ["a 3", "b 2"]


async def test_forget_during_a_load_keeps_its_value_from_being_remembered(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    source.open.clear()
    (before,) = await asked(recent, "a")
    recent.forget("a")
    (after,) = await asked(recent, "a")
    source.open.set()
    assert (await before, await after) == ("a 1", "a 2")
    assert await recent.get("a") == "a 2"


async def test_load_that_was_forgotten_does_not_disturb_the_one_after_it(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER)
    first_may_end = source.open
    first_may_end.clear()
    (forgotten,) = await asked(recent, "a")
    recent.forget("a")
    source.open = asyncio.Event()
    (second,) = await asked(recent, "a")
    first_may_end.set()
    assert await forgotten == "a 1"
    (third,) = await asked(recent, "a")
    source.open.set()
    assert (await second, await third) == ("a 2", "a 2")
    assert await recent.get("a") == "a 2"


async def test_number_of_values_is_bounded_and_the_oldest_goes_first(source: Source):
    recent = Recent(source.load, max_age_seconds=FOR_EVER, max_entries=2)
    for key in "abc":
        await recent.get(key)
    assert [await recent.get(key) for key in "cba"] == ["c 3", "b 2", "a 4"]
