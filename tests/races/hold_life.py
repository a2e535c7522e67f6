"""The life of a hold against a model of ten lines: two processes, three slots, two of which share a gauge."""

import sys
from collections.abc import Coroutine
from copy import deepcopy
from itertools import product
from typing import Any, ClassVar, TypeAlias
from uuid import UUID, uuid4

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    Hold,
    HoldEnded,
    HoldMismatch,
    NotEnoughPlaces,
    PlaceHold,
    PlaceLine,
    ReturnPlaces,
    SoldOut,
)
from services.inventory.holds.jobs import sweep_expired_holds
from services.kit.errors import Refused
from tests.races.stage import Stage
from tests.services.inventory.rows import INSERT_GAUGE, make_slot

Lines: TypeAlias = dict[UUID, int]
CAPACITIES = (6, 8, 10)
SHARED_CAPACITY = 12
# One to four places on one slot or on two. Drawn as one number: a life may draw only so much before it is cut short.
PLACES = [dict(enumerate(places)) for places in product(range(5), repeat=3) if 1 <= len(places) - places.count(0) <= 2]
LINES = st.sampled_from([{slot: places for slot, places in wanted.items() if places} for wanted in PLACES])
SHORT = (SoldOut, NotEnoughPlaces)
GAUGES = "SELECT id, capacity, held, sold FROM inventory.gauges WHERE establishment_id = $1"
HOLDS = """
SELECT holds.id, holds.state, hold_lines.slot_id, hold_lines.quantity FROM inventory.holds
JOIN inventory.hold_lines ON hold_lines.hold_id = holds.id AND hold_lines.quantity > 0
WHERE holds.establishment_id = $1"""
END = "UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE id = $1 AND state = 'held'"
# As calendars and shared gauges do it: what is taken stays.
RESIZE = "UPDATE inventory.gauges SET capacity = greatest($2, held + sold) WHERE id = $1 RETURNING capacity"


class Kept(msgspec.Struct):
    """`state`: held; over, its time being up and nobody having noticed; sold; or ended."""

    state: str
    lines: Lines


class Model:
    """The ten lines that the product is compared with."""

    def __init__(self, gauges_of: dict[UUID, list[UUID]], capacity: Lines) -> None:
        self.gauges_of, self.capacity, self.holds = gauges_of, capacity, dict[UUID, Kept]()

    def taken(self, gauge: UUID, state: str) -> int:
        return sum(self.drawn(hold.lines, gauge) for hold in self.holds.values() if hold.state == state)

    def drawn(self, lines: Lines, gauge: UUID) -> int:
        return sum(places for slot, places in lines.items() if gauge in self.gauges_of[slot])

    def place(self, hold_id: UUID, lines: Lines, state: str) -> bool:
        taken = {gauge: self.taken(gauge, "held") + self.taken(gauge, "sold") for gauge in self.capacity}
        if fits := all(taken[gauge] + self.drawn(lines, gauge) <= self.capacity[gauge] for gauge in taken):
            self.holds[hold_id] = Kept(state, dict(lines))
        return fits


class HoldLife(RuleBasedStateMachine):
    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.tenant, shared = uuid4(), uuid4()
        self._run(self.stage.owner.execute(INSERT_GAUGE, self.tenant, shared, SHARED_CAPACITY))
        self.slots = [
            self._run(make_slot(self.stage.owner, self.tenant, capacity=capacity, shared=[shared] if number else []))
            for number, capacity in enumerate(CAPACITIES)
        ]
        gauges_of = {slot: [slot, shared] if number else [slot] for number, slot in enumerate(self.slots)}
        capacity = dict(zip([*self.slots, shared], [*CAPACITIES, SHARED_CAPACITY], strict=True))
        self.model = Model(gauges_of, capacity)
        self.requests: list[PlaceHold] = []
        self.returned: list[ReturnPlaces] = []

    @rule(lines=LINES, sell=st.booleans(), process=st.booleans())
    def place(self, lines: dict[int, int], *, sell: bool, process: bool) -> None:
        request = self._request(lines, sell=sell)
        answer = self.stage.outcome(self._place(request, process))
        self._check_placed(request, answer, fits=self._place_in(self.model, request))

    @rule(first=LINES, second=LINES, sell=st.booleans())
    def place_two_at_once(self, first: dict[int, int], second: dict[int, int], *, sell: bool) -> None:
        """Whichever comes first: what they get is what they would have got one after the other."""
        requests = [self._request(first, sell=sell), self._request(second, sell=False)]
        answers = self.stage.at_once(*(self._place(request, bool(n)) for n, request in enumerate(requests)))
        granted = [isinstance(answer, Hold) for answer in answers]
        for order in (requests, requests[::-1]):
            model = deepcopy(self.model)
            fits = {request.hold_id: self._place_in(model, request) for request in order}
            if [fits[request.hold_id] for request in requests] == granted:
                self.model = model
                return
        raise AssertionError(f"{requests} were answered {answers}")

    @rule(n=st.integers(0, 9), process=st.booleans())
    def place_again(self, n: int, *, process: bool) -> None:
        """The same request again, whatever became of its hold: nothing changes."""
        placed = [request for request in self.requests if request.hold_id in self.model.holds]
        if not placed:
            return
        request = placed[-1 - n % len(placed)]
        kept = self.model.holds[request.hold_id]
        answer = self.stage.outcome(self._place(request, process))
        assert answer is HoldMismatch or (isinstance(answer, Hold) and _agree(answer.state, kept.state)), answer

    @rule(n=st.integers(0, 9))
    def extend(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        hold_id, kept = found
        answer = self.stage.outcome(self._inventory.extend_hold(ExtendHold(self.tenant, hold_id, 900)))
        assert isinstance(answer, Hold) == (kept.state == "held"), (answer, kept)
        assert isinstance(answer, Hold) or answer is HoldEnded

    @rule(n=st.integers(0, 9), times=st.integers(1, 2))
    def confirm(self, n: int, times: int) -> None:
        """Once, or at two processes at once."""
        if not (found := self._pick(n)):
            return
        hold_id, kept = found
        confirmation = ConfirmHold(self.tenant, hold_id)
        answers = self.stage.at_once(*(one.confirm_hold(confirmation) for one in self.stage.inventories[:times]))
        if kept.state in ("held", "sold"):
            kept.state = "sold"
            assert all(isinstance(answer, Hold) and answer.state == "sold" for answer in answers), answers
        else:
            assert answers == [HoldEnded] * times

    @rule(n=st.integers(0, 9), part=st.booleans())
    def give_back(self, n: int, *, part: bool) -> None:
        """All places, or one of them."""
        if not (found := self._pick(n)):
            return
        hold_id, kept = found
        partly = part and kept.state in ("held", "sold")
        slot = next(iter(kept.lines), None)
        lines = [PlaceLine(slot, 1)] if partly and slot else None
        self.returned.append(ReturnPlaces(self.tenant, uuid4(), hold_id, lines))
        answer = self.stage.outcome(self._inventory.return_places(self.returned[-1]))
        self._return_in_model(kept, lines)
        assert isinstance(answer, Hold), answer
        assert _agree(answer.state, kept.state), (answer, kept)

    @rule(n=st.integers(0, 9))
    def give_back_again(self, n: int) -> None:
        if not self.returned:
            return
        again = self.returned[-1 - n % len(self.returned)]
        assert isinstance(self.stage.outcome(self._inventory.return_places(again)), Hold)

    @rule(n=st.integers(0, 9))
    def confirm_and_give_back_at_once(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        hold_id, kept = found
        alive = kept.state in ("held", "sold")
        confirmed, returned = self.stage.at_once(
            self.stage.inventories[0].confirm_hold(ConfirmHold(self.tenant, hold_id)),
            self.stage.inventories[1].return_places(ReturnPlaces(self.tenant, uuid4(), hold_id)),
        )
        assert confirmed is HoldEnded or (alive and isinstance(confirmed, Hold)), (confirmed, kept)
        assert isinstance(returned, Hold), returned
        self._return_in_model(kept, None)

    @rule(n=st.integers(0, 9), lines=LINES)
    def replace(self, n: int, lines: dict[int, int]) -> None:
        if not (found := self._pick(n)):
            return
        replaced, kept = found
        old = next(request for request in self.requests if request.hold_id == replaced)
        request = self._request(lines, sell=False)
        request = msgspec.structs.replace(request, owner_id=old.owner_id, replaces=replaced)
        self.requests[-1] = request
        answer = self.stage.outcome(self._place(request, process=False))
        if kept.state != "held":
            assert answer is HoldEnded, (answer, kept)
            return
        kept.state = "ended"
        fits = self._place_in(self.model, request)
        kept.state = "ended" if fits else "held"
        self._check_placed(request, answer, fits=fits)

    @rule(n=st.integers(0, 9))
    def time_is_up(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        hold_id, kept = found
        self._run(self.stage.owner.execute(END, hold_id))
        kept.state = "over" if kept.state == "held" else kept.state

    @rule()
    def sweep(self) -> None:
        self._run(sweep_expired_holds(self.stage.inventory_database))
        for kept in self.model.holds.values():
            kept.state = "ended" if kept.state == "over" else kept.state

    @rule(n=st.integers(0, 3), capacity=st.integers(0, 14))
    def resize(self, n: int, capacity: int) -> None:
        gauge = list(self.model.capacity)[n]
        taken, over = [sum(self.model.taken(gauge, state) for state in s) for s in (("held", "sold"), ("over",))]
        resized: int = self._run(self.stage.owner.fetchval(RESIZE, gauge, capacity))
        assert max(capacity, taken) <= resized <= max(capacity, taken + over)
        self.model.capacity[gauge] = resized

    @invariant()
    def gauges_agree(self) -> None:
        self.stage.steps += 1
        for row in self._run(self.stage.owner.fetch(GAUGES, self.tenant)):
            held, over, sold = [self.model.taken(row["id"], state) for state in ("held", "over", "sold")]
            # Nobody may have noticed yet that some holds are over.
            assert row["sold"] == sold, (row, sold)
            assert held <= row["held"] <= held + over, (row, held, over)
            assert row["capacity"] == self.model.capacity[row["id"]] >= sold + held

    def teardown(self) -> None:
        """Every hold is what the model says, line by line."""
        if sys.exception():
            return
        self.sweep()
        self.gauges_agree()
        found: dict[UUID, Lines] = {}
        for row in self._run(self.stage.owner.fetch(HOLDS, self.tenant)):
            if row["state"] in ("held", "sold"):
                assert self.model.holds[row["id"]].state == row["state"]
                found.setdefault(row["id"], {})[row["slot_id"]] = row["quantity"]
        assert found == {id_: kept.lines for id_, kept in self.model.holds.items() if kept.state in ("held", "sold")}

    @property
    def _inventory(self) -> Any:  # noqa: ANN401 - the process that a step does not care about
        return self.stage.inventories[0]

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - any step
        return self.stage.run(step)

    def _pick(self, n: int) -> tuple[UUID, Kept] | None:
        """One of the last ten. Rules have no preconditions: who wins a race must not decide what can be drawn."""
        holds = list(self.model.holds.items())[-10:]
        return holds[-1 - n % len(holds)] if holds else None

    def _request(self, lines: dict[int, int], *, sell: bool) -> PlaceHold:
        wanted = [PlaceLine(self.slots[number], places) for number, places in lines.items()]
        self.requests.append(PlaceHold(self.tenant, uuid4(), uuid4(), wanted, None if sell else 600))
        return self.requests[-1]

    def _place(self, request: PlaceHold, process: bool) -> Coroutine[Any, Any, Hold]:  # noqa: FBT001 - the first or the second
        return self.stage.inventories[process].place_hold(request)

    def _place_in(self, model: Model, request: PlaceHold) -> bool:
        lines = {line.slot_id: line.quantity for line in request.lines}
        return model.place(request.hold_id, lines, "sold" if request.expires_in_seconds is None else "held")

    def _return_in_model(self, kept: Kept, lines: list[PlaceLine] | None) -> None:
        for line in lines or []:
            kept.lines[line.slot_id] -= line.quantity
        kept.lines = {} if lines is None else {slot: places for slot, places in kept.lines.items() if places}
        kept.state = kept.state if kept.lines else "ended"

    def _check_placed(self, request: PlaceHold, answer: Hold | type[Refused], *, fits: bool) -> None:
        assert isinstance(answer, Hold) == fits, f"{request} was answered {answer}, places enough: {fits}"
        assert fits or answer in SHORT, answer


def _agree(state: str, kept: str) -> bool:
    """`state` as inventory says it."""
    return state in {"held": {"held"}, "sold": {"sold"}, "over": {"held", "expired"}}.get(kept, {"released", "expired"})
