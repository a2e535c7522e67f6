"""The table of cases that the scanner is held to as well, and what holds for all cases there could be."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ticketing.entry.rules import (
    PASSBACK,
    Earlier,
    EntryFacts,
    Passage,
    RecordedPassage,
    TicketFacts,
    Verdict,
    after,
    clock_correction,
    decide,
    deciding_time,
    fold,
    objection,
)

TABLE = json.loads((Path(__file__).parents[3] / "gate" / "cases.json").read_text())
OPENS, CLOSES = datetime(2026, 7, 1, 10, tzinfo=UTC), datetime(2026, 7, 1, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VENUE, OTHER_VENUE, GATE, OTHER_GATE = (UUID(int=number) for number in range(4))
TICKET = TicketFacts(
    status="valid", revision=1, payment_due=False, venue_id=VENUE, valid_from=OPENS, valid_until=CLOSES
)
PASSAGE = Passage(gate_id=GATE, venue_id=VENUE, device_gate_ids=None, at=OPENS, direction="in", revision=1)
USED = replace(TICKET, entries=1, inside=True, passed_at=OPENS, admitted_at=OPENS, admitted_gate_id=OTHER_GATE)

moments = st.datetimes(
    OPENS.replace(tzinfo=None) - timedelta(hours=2),
    CLOSES.replace(tzinfo=None) + timedelta(hours=2),
    timezones=st.just(UTC),
)
tickets = st.builds(
    TicketFacts,
    status=st.sampled_from(["valid", "cancelled"]),
    revision=st.integers(0, 2),
    payment_due=st.booleans(),
    venue_id=st.sampled_from([VENUE, OTHER_VENUE]),
    gate_ids=st.sampled_from([[], [GATE], [OTHER_GATE]]),
    valid_from=st.just(OPENS),
    valid_until=st.just(CLOSES),
)
passages = st.builds(
    Passage,
    gate_id=st.sampled_from([GATE, OTHER_GATE]),
    venue_id=st.sampled_from([VENUE, OTHER_VENUE]),
    device_gate_ids=st.none() | st.frozensets(st.sampled_from([GATE, OTHER_GATE])),
    at=moments,
    direction=st.sampled_from(["in", "out"]),
    revision=st.none() | st.integers(0, 2),
    full=st.booleans(),
    override_reason=st.sampled_from([None, "", " ", "A child"]),
)
recorded = st.builds(
    RecordedPassage,
    id=st.uuids(),
    at=moments,
    gate_id=st.sampled_from([GATE, OTHER_GATE]),
    direction=st.sampled_from(["in", "in", "out"]),
)
histories = st.lists(recorded, max_size=8, unique_by=lambda passage: passage.id)
allowances = st.fixed_dictionaries({"entries_allowed": st.sampled_from([1, 2, None]), "re_entry": st.booleans()})
Rules = dict[str, Any]


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_decide_gives_the_verdict_of_the_table(case: dict[str, Any]):
    ticket, passage = msgspec.convert(case["ticket"], TicketFacts), msgspec.convert(case["passage"], Passage)
    verdict = decide(ticket, passage)
    assert {"outcome": verdict.outcome, "reason": verdict.reason} == case["verdict"]


@pytest.mark.parametrize("case", TABLE["folds"], ids=lambda case: case["name"])
def test_fold_comes_to_what_the_table_says(case: dict[str, Any]):
    passages = msgspec.convert(case["passages"], list[RecordedPassage])
    folded = fold(passages, entries_allowed=case["entries_allowed"], re_entry=case["re_entry"])
    rules = {"entries_allowed": case["entries_allowed"], "re_entry": case["re_entry"]}
    assert msgspec.to_builtins(folded.facts) == case["facts"] | rules
    assert msgspec.to_builtins(folded.conflicts) == case["conflicts"]


def test_table_names_every_field_so_that_no_reader_needs_defaults():
    ticket, passage = set(TicketFacts.__struct_fields__), set(Passage.__struct_fields__)
    assert [case["name"] for case in TABLE["cases"] if set(case["ticket"]) != ticket] == []
    assert [case["name"] for case in TABLE["cases"] if set(case["passage"]) != passage] == []
    assert len({case["name"] for case in TABLE["cases"]}) == len(TABLE["cases"]) >= 60


def test_refusal_of_a_used_ticket_says_when_and_where():
    assert decide(USED, PASSAGE) == Verdict("refused", "already_admitted", Earlier(OPENS, OTHER_GATE))


@given(tickets, passages)
def test_nobody_enters_unless_everything_is_in_order(ticket: TicketFacts, passage: Passage):
    bound, of_offer = passage.device_gate_ids, ticket.gate_ids or [GATE, OTHER_GATE]
    right_gate = (
        ticket.venue_id == passage.venue_id
        and passage.gate_id in of_offer
        and (bound is None or passage.gate_id in bound)
    )
    in_hours = OPENS <= passage.at < CLOSES and not passage.full
    in_order = right_gate and (
        passage.direction == "out"
        or (
            ticket.status == "valid"
            and passage.revision in (None, *range(ticket.revision, 3))
            and not ticket.payment_due
            and (in_hours or passage.override_reason == "A child")
        )
    )
    verdict = decide(ticket, passage)
    assert (verdict.outcome == "admitted", verdict.reason is None) == (in_order, in_order)


@given(tickets, passages, passages)
def test_an_admitted_ticket_is_never_admitted_again(ticket: TicketFacts, first: Passage, second: Passage):
    first, second = replace(first, direction="in"), replace(second, direction="in")
    if decide(ticket, first).outcome == "admitted":
        used, _ = after(ticket, _recorded(first))
        assert decide(used, second).outcome == "refused"


@given(histories, st.randoms(), allowances)
def test_fold_is_the_same_in_whatever_order_passages_become_known(
    history: list[RecordedPassage], random: Random, rules: Rules
):
    shuffled = random.sample(history, len(history))
    folded = fold(shuffled, **rules)
    assert folded == fold(history, **rules)
    assert folded.facts.entries + len(folded.conflicts) <= sum(passage.direction == "in" for passage in history)
    assert folded.facts.entries <= (rules["entries_allowed"] or len(history))


@given(histories, passages, allowances)
def test_who_is_admitted_on_what_is_known_is_no_conflict(
    history: list[RecordedPassage], passage: Passage, rules: Rules
):
    """So a scan that the server decides needs the ticket alone, and not its history."""
    known = fold(history, **rules).facts
    facts = {name: getattr(known, name) for name in EntryFacts.__struct_fields__}
    ticket = replace(TICKET, **facts)
    passage = replace(passage, at=max([passage.at, *(one.at + timedelta(microseconds=1) for one in history)]))
    if decide(ticket, passage).outcome == "refused":
        return
    new = _recorded(passage)
    folded = fold([*history, new], **rules)
    assert folded.conflicts.keys() <= {one.id for one in history}
    stepped, effect = after(known, new)
    assert (stepped, effect) == (folded.facts, folded.effects[new.id])


def test_objection_leaves_copies_to_the_fold():
    assert objection(USED, PASSAGE) is None
    assert objection(replace(USED, status="cancelled"), PASSAGE) == "cancelled"
    assert objection(USED, replace(PASSAGE, at=CLOSES)) == "too_late"
    assert objection(replace(USED, entries_allowed=None), replace(PASSAGE, at=OPENS + PASSBACK - SECOND)) is None


def test_deciding_time_trusts_a_clock_that_is_about_right():
    now, little, much = OPENS, timedelta(minutes=5), timedelta(minutes=5, seconds=1)
    assert deciding_time(now - little, now, offline=False) == now - little
    assert deciding_time(now + little, now, offline=False) == now + little
    assert deciding_time(now - much, now, offline=False) == now
    assert deciding_time(now + much, now, offline=False) == now


def test_deciding_time_of_an_offline_scan_is_its_own_but_not_in_the_future():
    yesterday = OPENS - timedelta(days=1)
    assert deciding_time(yesterday, OPENS, offline=True) == yesterday
    assert deciding_time(OPENS + SECOND, OPENS, offline=True) == OPENS


def test_clock_correction_is_for_clocks_that_are_off_and_not_for_slow_networks():
    assert clock_correction(OPENS - 5 * SECOND, OPENS) == timedelta()
    assert clock_correction(OPENS - 6 * SECOND, OPENS) == 6 * SECOND
    assert clock_correction(OPENS + timedelta(minutes=10), OPENS) == -timedelta(minutes=10)


def _recorded(passage: Passage) -> RecordedPassage:
    return RecordedPassage(id=UUID(int=1), at=passage.at, gate_id=passage.gate_id, direction=passage.direction)
