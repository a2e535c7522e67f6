from datetime import UTC, datetime, timedelta

from parvis.gate_hub.clock import HubClock

NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)


class Machine:
    """Its clock can be set; that it runs cannot."""

    def __init__(self, shows: datetime) -> None:
        self.shows = shows
        self.running = 100.0

    def passes(self, seconds: float) -> None:
        self.shows += timedelta(seconds=seconds)
        self.running += seconds

    def clock(self, offset: timedelta = timedelta(), not_before: datetime = NOON) -> HubClock:
        return HubClock(offset, not_before, machine=lambda: self.shows, running=lambda: self.running)


def test_time_goes_on_whoever_sets_the_machines_clock():
    machine = Machine(NOON)
    clock = machine.clock()
    machine.passes(60)
    machine.shows -= timedelta(hours=3)
    assert clock.now() == NOON + timedelta(seconds=60)
    assert not clock.is_doubtful


def test_machine_that_woke_up_in_the_past_goes_on_from_its_books():
    machine = Machine(datetime(1970, 1, 1, tzinfo=UTC))
    clock = machine.clock()
    assert clock.is_doubtful
    machine.passes(30)
    assert clock.now() == NOON + timedelta(seconds=30)
    clock.learn(NOON + timedelta(hours=8), 0.2)
    assert not clock.is_doubtful
    assert clock.now() == NOON + timedelta(hours=8, seconds=0.1)


def test_offset_to_the_instance_outlives_a_restart_and_slow_answers_teach_nothing():
    machine = Machine(NOON)
    clock = machine.clock()
    clock.learn(NOON + timedelta(minutes=10), 0)
    clock.learn(NOON + timedelta(hours=5), 9)
    machine.passes(20)
    assert machine.clock(clock.offset).now() == NOON + timedelta(minutes=10, seconds=20)
