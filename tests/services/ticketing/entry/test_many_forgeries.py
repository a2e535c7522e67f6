"""Forged, mutated and useless codes by the hundred thousand, against what reads codes and what decides: no database.

`PARVIS_FORGERIES=1000000` in the environment makes it a million (two minutes of one core).
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import msgspec
import pytest

from services.kit.event_chain import GENESIS
from services.ticketing.catalog.queries import EntryRules
from services.ticketing.entry.book import Book
from services.ticketing.entry.codes import claim_of, proven
from services.ticketing.entry.locked import (
    Bearings,
    Locked,
    LockedGate,
    LockedOffer,
    LockedTariff,
    LockedTicket,
    Party,
)
from services.ticketing.entry.requests import AskedScan, NewScan, ReadCode
from services.ticketing.ledger.actions import Head
from services.ticketing.tickets.code import CodeRefused, new_short_code, new_signing_key, verify
from tests.services.ticketing.entry.test_forgery import Forger
from tests.services.ticketing.rows import Museum, SoldTicket, signed_code

FORGERIES = int(os.environ.get("PARVIS_FORGERIES", "100000"))
PER_BATCH = 200
NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VENUE_ID = uuid4()


class Door:
    """A gate of a museum that has sold five tickets, of which one is any good now."""

    def __init__(self) -> None:
        self.museum = a_museum()
        self.good = sold(NOW - HOUR)
        expired, early, cancelled, exchanged, lost = (sold(NOW + hours * HOUR) for hours in (-9, 9, -1, -1, -1))
        self._locked = Locked(
            tickets=[
                self._row(self.good),
                self._row(expired),
                self._row(early),
                self._row(cancelled, status="cancelled"),
                self._row(exchanged, revision=1),
            ],
            offers=[
                LockedOffer(self.museum.offer_id, {"fr": "Visite"}, None, VENUE_ID, "Europe/Paris", [], EntryRules())
            ],
            tariffs=[LockedTariff(self.museum.tariff_id, {"fr": "Gratuit"}, None)],
            parties=[Party(self.good.order_id, self.good.slot_id, 1, 0)],
            gates=[LockedGate(self.museum.gate_id, VENUE_ID)],
        )
        tickets = (expired, early, cancelled, exchanged, lost)
        self.useless = [signed_code(self.museum, ticket) for ticket in tickets]
        self.good = msgspec.structs.replace(self.good, code=signed_code(self.museum, self.good))
        self.keys = {1: self.museum.key.public_key(), 2: new_signing_key().public_key()}
        self.reasons: Counter[str | None] = Counter()

    def book(self) -> Book:
        return Book(Head(0, GENESIS, 5, NOW), self._locked, Bearings(), has_history=False)

    def shows(self, book: Book, text: str) -> None:
        claim = claim_of(self.museum.establishment_id, text)
        code = claim if isinstance(claim, ReadCode) else proven(claim, self.keys)
        scan = NewScan(id=uuid4(), code=text, gate_id=self.museum.gate_id, scanned_at=NOW)
        answer = book.reply(AskedScan(scan=scan, code=code, actor="device:1", device_gate_ids=None, at=NOW))
        assert isinstance(answer, bytes)
        self.reasons[msgspec.json.decode(answer, type=Answered).reason] += 1

    def _row(self, ticket: SoldTicket, *, status: str = "valid", revision: int = 0) -> LockedTicket:
        return LockedTicket(
            id=ticket.id,
            number=ticket.number,
            short_code=ticket.short_code,
            status=status,
            revision=revision,
            order_id=ticket.order_id,
            slot_id=ticket.slot_id,
            offer_id=self.museum.offer_id,
            tariff_id=self.museum.tariff_id,
            starts_at=ticket.valid_from,
            ends_at=ticket.valid_until,
            valid_from=ticket.valid_from,
            valid_until=ticket.valid_until,
            cancelled_at=None,
            entries=0,
            inside=False,
            admitted_at=None,
            admitted_gate_id=None,
            passed_at=None,
            payment_due=False,
        )


class Answered(msgspec.Struct):
    reason: str | None


def a_museum() -> Museum:
    ids = [uuid4() for _ in range(6)]
    return Museum(ids[0], "musee", new_signing_key(), *ids[1:])


_numbers = count(1)


def sold(valid_from: datetime) -> SoldTicket:
    ids: list[UUID] = [uuid4() for _ in range(3)]
    return SoldTicket(
        id=ids[0],
        number=next(_numbers),
        order_id=ids[1],
        slot_id=ids[2],
        short_code=new_short_code(),
        code="",
        valid_from=valid_from,
        valid_until=valid_from + 2 * HOUR,
    )


@pytest.fixture
def door() -> Door:
    return Door()


def test_none_of_a_hundred_thousand_forged_codes_is_admitted(door: Door):
    forger = Forger(door.museum, a_museum(), door.good, seed=7, useless=door.useless)
    for _ in range(0, FORGERIES, PER_BATCH):
        book = door.book()
        for _ in range(PER_BATCH):
            door.shows(book, forger.code())
        assert (book.written.touched, book.written.events) == ([], [])
    print(dict(door.reasons))  # noqa: T201 - shown by pytest -s
    assert sum(door.reasons.values()) == FORGERIES
    assert door.reasons.keys() == {
        "unknown_ticket",
        "forged",
        "wrong_establishment",
        "too_early",
        "too_late",
        "cancelled",
    }


def test_verifying_raises_refusals_alone(door: Door):
    forger, refused = Forger(door.museum, a_museum(), door.good, seed=8), 0
    for _ in range(FORGERIES // 20):
        try:
            verify(forger.code(), door.keys)
        except CodeRefused:
            refused += 1
    assert refused == FORGERIES // 20


def test_genuine_code_is_admitted_and_so_is_one_by_who_has_the_key(door: Door):
    """Control of the two above."""
    door.shows(door.book(), door.good.code)
    thief = Forger(door.museum, a_museum(), door.good, seed=1)
    thief.key = door.museum.key
    door.shows(door.book(), thief.signed_by_a_stranger())
    assert door.reasons == {None: 2}
