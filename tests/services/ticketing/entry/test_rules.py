from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ticketing.entry.rules import Earlier, Passage, TicketFacts, Verdict, decide, deciding_time

OPENS, CLOSES = datetime(2026, 7, 1, 10, tzinfo=UTC), datetime(2026, 7, 1, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VENUE, OTHER_VENUE, GATE, OTHER_GATE = (UUID(int=number) for number in range(4))
TICKET = TicketFacts(
    status="valid",
    revision=1,
    payment_due=False,
    venue_id=VENUE,
    valid_from=OPENS,
    valid_until=CLOSES,
    admitted_at=None,
    admitted_gate_id=None,
)
PASSAGE = Passage(gate_id=GATE, venue_id=VENUE, device_gate_ids=None, at=OPENS, direction="in", revision=1)
USED = replace(TICKET, admitted_at=OPENS, admitted_gate_id=OTHER_GATE)

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
    valid_from=st.just(OPENS),
    valid_until=st.just(CLOSES),
    admitted_at=st.none() | moments,
    admitted_gate_id=st.none() | st.just(OTHER_GATE),
)
passages = st.builds(
    Passage,
    gate_id=st.sampled_from([GATE, OTHER_GATE]),
    venue_id=st.sampled_from([VENUE, OTHER_VENUE]),
    device_gate_ids=st.none() | st.frozensets(st.sampled_from([GATE, OTHER_GATE])),
    at=moments,
    direction=st.sampled_from(["in", "out"]),
    revision=st.none() | st.integers(0, 2),
)


@pytest.mark.parametrize(
    ("ticket", "passage", "verdict"),
    [
        (TICKET, PASSAGE, Verdict("admitted")),
        (TICKET, replace(PASSAGE, at=CLOSES - SECOND), Verdict("admitted")),
        (TICKET, replace(PASSAGE, at=OPENS - SECOND), Verdict("refused", "too_early")),
        (TICKET, replace(PASSAGE, at=CLOSES), Verdict("refused", "too_late")),
        (TICKET, replace(PASSAGE, device_gate_ids=frozenset({GATE})), Verdict("admitted")),
        (TICKET, replace(PASSAGE, device_gate_ids=frozenset({OTHER_GATE})), Verdict("refused", "wrong_gate")),
        (TICKET, replace(PASSAGE, device_gate_ids=frozenset()), Verdict("refused", "wrong_gate")),
        (TICKET, replace(PASSAGE, venue_id=OTHER_VENUE), Verdict("refused", "wrong_gate")),
        (TICKET, replace(PASSAGE, revision=0), Verdict("refused", "cancelled")),
        (TICKET, replace(PASSAGE, revision=None), Verdict("admitted")),
        (replace(TICKET, status="cancelled"), PASSAGE, Verdict("refused", "cancelled")),
        (replace(TICKET, payment_due=True), PASSAGE, Verdict("refused", "not_paid")),
        (USED, PASSAGE, Verdict("refused", "already_admitted", Earlier(OPENS, OTHER_GATE))),
        (USED, replace(PASSAGE, direction="out", at=CLOSES), Verdict("admitted")),
        (TICKET, replace(PASSAGE, direction="out", venue_id=OTHER_VENUE), Verdict("refused", "wrong_gate")),
    ],
)
def test_decide_gives_the_verdict(ticket: TicketFacts, passage: Passage, verdict: Verdict):
    assert decide(ticket, passage) == verdict


@pytest.mark.parametrize(
    ("ticket", "passage", "reason"),
    [
        (replace(USED, status="cancelled", payment_due=True), replace(PASSAGE, venue_id=OTHER_VENUE), "cancelled"),
        (replace(USED, payment_due=True), replace(PASSAGE, venue_id=OTHER_VENUE), "wrong_gate"),
        (replace(USED, payment_due=True), replace(PASSAGE, at=CLOSES), "not_paid"),
        (USED, replace(PASSAGE, at=CLOSES), "already_admitted"),
    ],
)
def test_decide_says_what_weighs_most(ticket: TicketFacts, passage: Passage, reason: str):
    assert decide(ticket, passage).reason == reason


@given(tickets, passages)
def test_nobody_enters_unless_everything_is_in_order(ticket: TicketFacts, passage: Passage):
    bound = passage.device_gate_ids
    in_order = (
        ticket.venue_id == passage.venue_id
        and (bound is None or passage.gate_id in bound)
        and (
            passage.direction == "out"
            or (
                ticket.status == "valid"
                and passage.revision in (None, *range(ticket.revision, 3))
                and not ticket.payment_due
                and ticket.admitted_at is None
                and OPENS <= passage.at < CLOSES
            )
        )
    )
    verdict = decide(ticket, passage)
    assert (verdict.outcome == "admitted", verdict.reason is None) == (in_order, in_order)
    assert (verdict.earlier is not None) == (verdict.reason == "already_admitted")


@given(tickets, passages, passages)
def test_an_admitted_ticket_is_never_admitted_again(ticket: TicketFacts, first: Passage, second: Passage):
    first, second = replace(first, direction="in"), replace(second, direction="in")
    if decide(ticket, first).outcome == "admitted":
        used = replace(ticket, admitted_at=first.at, admitted_gate_id=first.gate_id)
        assert decide(used, second).outcome == "refused"


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
