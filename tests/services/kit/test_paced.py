"""Values that change while everybody asks: how old they get, how often they are loaded, who sees which change."""

import asyncio

import pytest

from services.kit.paced import GROUPS_KEPT, Bounds, Paced


class Source:
    """Counts its loads and, while `shut`, lets nobody through. The clock stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.loads = 0
        self.running = 0
        self.most_running = 0
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, group: str, key: str) -> str:
        self.loads += 1
        number = self.loads
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.open.wait()
        self.running -= 1
        if self.fails:
            raise LookupError(key)
        return f"{group}{key} {number}"

    def paced(self, *, at_once: int = 5, max_weight: int = 1000) -> Paced[str, str, str]:
        bounds = Bounds(max_age_seconds=1, max_weight=max_weight, pace_seconds=0.1, at_once=at_once)
        return Paced(self.load, weigh=len, bounds=bounds, now=lambda: self.now)

    def pass_time(self, seconds: float = 0.001) -> None:
        self.now += seconds


@pytest.fixture
def source() -> Source:
    return Source()


async def asked(paced: Paced[str, str, str], count: int = 1) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(paced.get("a", "x")) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_value_is_at_hand_until_it_is_old(source: Source):
    paced = source.paced()
    assert paced.at_hand("a", "x") is None
    assert await paced.get("a", "x") == "ax 1"
    source.pass_time(0.499)
    assert (paced.at_hand("a", "x"), await paced.get("a", "x")) == ("ax 1", "ax 1")
    source.pass_time(0.501)
    assert paced.at_hand("a", "x") is None
    assert await paced.get("a", "x") == "ax 2"


async def test_value_that_is_asked_for_is_made_anew_before_it_is_old(source: Source):
    paced = source.paced()
    await paced.get("a", "x")
    source.pass_time(0.5)
    source.open.clear()
    seen = [await task for task in await asked(paced, 20)]
    assert (set(seen), source.loads) == ({"ax 1"}, 2)
    source.open.set()
    await asyncio.sleep(0.001)
    assert paced.at_hand("a", "x") == "ax 2"


async def test_failure_to_make_it_anew_is_met_when_it_is_old(source: Source):
    paced = source.paced()
    await paced.get("a", "x")
    source.fails = True
    source.pass_time(0.5)
    (seen,) = await asked(paced)
    await asyncio.sleep(0.001)
    assert (await seen, paced.at_hand("a", "x")) == ("ax 1", "ax 1")
    source.pass_time(0.5)
    with pytest.raises(LookupError):
        await paced.get("a", "x")


async def test_whoever_asks_after_a_change_sees_it(source: Source):
    paced = source.paced()
    await paced.get("a", "x")
    source.pass_time()
    paced.changed("a")
    assert paced.at_hand("a", "x") is None
    source.pass_time()
    assert await paced.get("a", "x") == "ax 2"
    assert paced.at_hand("a", "x") == "ax 2"


async def test_change_concerns_its_group_only(source: Source):
    paced = source.paced()
    for group in "ab":
        await paced.get(group, "x")
    source.pass_time()
    paced.changed("a")
    assert (paced.at_hand("a", "x"), paced.at_hand("b", "x")) == (None, "bx 2")
    paced.changed(None)
    assert paced.at_hand("b", "x") is None


async def test_callers_at_the_same_time_share_one_load(source: Source):
    paced = source.paced()
    source.open.clear()
    tasks = await asked(paced, 20)
    source.open.set()
    assert set(await asyncio.gather(*tasks)) == {"ax 1"}


async def test_constant_changes_cost_ten_loads_a_second(source: Source):
    paced = source.paced()
    loaded_at: dict[str, float] = {}
    ages = []
    for _ in range(1000):
        source.pass_time(0.001)
        paced.changed("a")
        seen = await paced.get("a", "x")
        ages.append(source.now - loaded_at.setdefault(seen, source.now))
        await asyncio.sleep(0)
    assert 10 <= source.loads <= 15
    assert max(ages) <= 0.2


async def test_first_changes_after_a_quiet_time_are_seen_at_once(source: Source):
    paced = source.paced(at_once=3)
    seen = []
    for _ in range(5):
        source.pass_time()
        paced.changed("a")
        source.pass_time()
        seen.append(await paced.get("a", "x"))
    assert seen == ["ax 1", "ax 2", "ax 3", "ax 3", "ax 3"]
    source.pass_time(0.1)
    # The rush may still be on: seen again as it was, and looked at meanwhile.
    assert await paced.get("a", "x") == "ax 3"
    await asyncio.sleep(0.001)
    assert await paced.get("a", "x") == "ax 4"


async def test_after_a_rush_nobody_sees_it_as_it_was_long_ago(source: Source):
    paced = source.paced(at_once=1)
    await paced.get("a", "x")
    source.pass_time()
    paced.changed("a")
    source.pass_time(0.2)
    assert paced.at_hand("a", "x") is None
    assert await paced.get("a", "x") == "ax 2"


async def test_load_that_a_change_overtook_does_for_those_before_and_not_for_those_after(source: Source):
    paced = source.paced()
    source.open.clear()
    before = await asked(paced, 3)
    source.pass_time()
    paced.changed("a")
    source.pass_time()
    after = await asked(paced, 3)
    source.open.set()
    assert set(await asyncio.gather(*before)) == {"ax 1"}
    assert set(await asyncio.gather(*after)) == {"ax 2"}
    assert (source.loads, source.most_running) == (2, 1)


async def test_load_that_takes_too_long_does_not_do_for_late_comers(source: Source):
    paced = source.paced()
    source.open.clear()
    (early,) = await asked(paced)
    source.pass_time(1.5)
    (late,) = await asked(paced)
    source.open.set()
    assert (await early, await late) == ("ax 1", "ax 2")


async def test_error_is_shared_and_not_kept(source: Source):
    paced = source.paced()
    source.fails = True
    source.open.clear()
    tasks = await asked(paced, 2)
    source.open.set()
    assert [type(reply) for reply in await asyncio.gather(*tasks, return_exceptions=True)] == [LookupError] * 2
    source.fails = False
    assert await paced.get("a", "x") == "ax 2"


async def test_first_caller_going_away_leaves_the_load_to_the_others(source: Source):
    paced = source.paced()
    source.open.clear()
    first, second = await asked(paced, 2)
    first.cancel()
    source.open.set()
    assert (await second, paced.at_hand("a", "x")) == ("ax 1", "ax 1")


async def test_memory_is_bounded_and_the_oldest_goes_first(source: Source):
    paced = source.paced(max_weight=len("ax 1") * 2)
    for key in "xyz":
        await paced.get("a", key)
    assert [paced.at_hand("a", key) for key in "xyz"] == [None, "ay 2", "az 3"]
    source.pass_time(2)
    await paced.get("a", "y")
    assert len(paced._kept) == 2


async def test_changes_of_many_groups_take_bounded_memory_and_none_is_forgotten(source: Source):
    paced = source.paced()
    await paced.get("a", "x")
    source.pass_time()
    paced.changed("a")
    for number in range(GROUPS_KEPT):
        paced.changed(f"other {number}")
    assert len(paced._changed_at) <= GROUPS_KEPT
    assert paced.at_hand("a", "x") is None
