"""A gate, an offer and tickets, as an entry pass would tell of them: for what needs neither instance nor network."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parvis.gate_hub.desk import Caller, HubDesk
from parvis.gate_hub.folder import Identity
from parvis.gate_hub.instance import HubEstablishment, HubGate
from parvis.gate_hub.kept import Kept, KeptScan, Place
from parvis.gate_hub.memory import Memory
from parvis.gate_hub.signing import base64url
from services.ticketing.entry.passes.sealing import Attendee, seal_attendee, short_code_hash
from services.ticketing.entry.passes.views import (
    EntryPass,
    PassDevice,
    PassEstablishment,
    PassGate,
    PassGauge,
    PassKey,
    PassOffer,
    PassSlot,
    PassTariff,
    PassTicket,
)
from services.ticketing.entry.requests import DecidedScan, NewScan, Upload
from services.ticketing.tickets.code import TicketPayload, new_short_code, sign

NOON = datetime(2027, 5, 1, 10, 0, tzinfo=UTC)
ESTABLISHMENT, VENUE, OFFER, TARIFF, SLOT, DOOR, GARDEN, GAUGE = (UUID(int=number) for number in range(1, 9))
TODAY = Place(VENUE, "2027-05-01")
KEY = Ed25519PrivateKey.generate()
PHONE_KEY = Ed25519PrivateKey.generate()
HUB_KEY = Ed25519PrivateKey.generate()
PHONE_ID = UUID(int=20)
STAFF = Caller(f"device:{PHONE_ID}", "Phone")


class SetClock:
    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


class Ticket:
    """Sold: `code` is what its holder shows, `row` what the entry pass says."""

    def __init__(self, *, revision: int = 0, number: int = 1) -> None:
        self.id = uuid4()
        self.short_code = new_short_code()
        self.number = number
        self.code = self.code_of(revision)
        self.row = PassTicket(
            id=self.id,
            slot_id=SLOT,
            tariff_id=TARIFF,
            status="valid",
            revision=revision,
            payment_due=False,
            entries=0,
            inside=False,
            admitted_at=None,
            admitted_gate_id=None,
            passed_at=None,
            short_code_hash=short_code_hash(ESTABLISHMENT, self.short_code),
            blob=seal_attendee(Attendee("Ada", "R", self.short_code, number), ticket_id=self.id, code=self.code),
        )

    def code_of(self, revision: int, **changes: Any) -> str:  # noqa: ANN401 - fields of the payload
        values: dict[str, Any] = {
            "key_id": 1,
            "establishment_id": ESTABLISHMENT,
            "ticket_id": self.id,
            "slot_id": SLOT,
            "tariff_id": TARIFF,
            "valid_from_seconds": int((NOON - timedelta(hours=1)).timestamp()),
            "valid_until_seconds": int((NOON + timedelta(hours=3)).timestamp()),
            "revision": revision,
        }
        return sign(TicketPayload(**(values | changes)), KEY)


def page(*tickets: Ticket, cursor: str = "one", more: bool = False, **changes: Any) -> EntryPass:  # noqa: ANN401 - fields of the offer
    begins, ends = NOON - timedelta(hours=1), NOON + timedelta(hours=3)
    offer = PassOffer(OFFER, {"fr": "Visite"}, None, VENUE, [], 1, False, False, [])
    gauge = PassGauge(GAUGE, {"fr": "Salle"}, 2, 0)
    return EntryPass(
        cursor=cursor,
        more=more,
        server_time=NOON,
        gauges=[gauge] if "gauge_ids" in changes else [],
        slots=[PassSlot(SLOT, OFFER, begins, ends, begins, ends, len(tickets), 0)],
        tickets=[ticket.row for ticket in tickets],
        establishment=PassEstablishment(ESTABLISHMENT, "musee", {"fr": "Musée"}, "Europe/Paris", ["fr"]),
        keys=[PassKey(1, public(KEY))],
        gates=[PassGate(DOOR, "Porte", VENUE), PassGate(GARDEN, "Jardin", VENUE)],
        devices=[PassDevice(PHONE_ID, "Phone", public(PHONE_KEY), [DOOR, GARDEN])],
        offers=[msgspec.structs.replace(offer, **changes)],
        tariffs=[PassTariff(TARIFF, OFFER, {"fr": "Plein tarif"}, None)],
    )


def delta(*rows: PassTicket, cursor: str = "two") -> EntryPass:
    return EntryPass(cursor=cursor, more=False, server_time=NOON, gauges=[], slots=[], tickets=list(rows))


class World:
    """A desk that has an entry pass with these tickets."""

    def __init__(self, *tickets: Ticket, **offer: Any) -> None:  # noqa: ANN401 - fields of the offer
        self.memory = Memory()
        self.clock = SetClock()
        self.desk = HubDesk(self.memory, self.clock, frozenset({DOOR, GARDEN}))
        self.memory.apply(TODAY, page(*tickets, **offer))

    def scan(self, code: str, *, caller: Caller = STAFF, **changes: Any) -> KeptScan:  # noqa: ANN401 - fields of a scan
        """A moment after the one before."""
        self.clock.moment += timedelta(seconds=1)
        values = {"id": uuid4(), "code": code, "gate_id": DOOR, "scanned_at": self.clock.moment} | changes
        kept, _ = self.desk.scan(caller, NewScan(**values))
        return kept

    def upload(self, *scans: DecidedScan, **more: Any) -> tuple[Any, list[Kept]]:  # noqa: ANN401 - JSON
        return self.desk.upload(STAFF, Upload(self.clock.moment, list(scans), **more))

    def reason(self, code: str, **changes: Any) -> str | None:  # noqa: ANN401 - fields of a scan
        kept = self.scan(code, **changes)
        assert (kept.outcome == "admitted") == (kept.reason is None)
        return kept.reason


def alone(code: str, at: datetime = NOON, **changes: Any) -> DecidedScan:  # noqa: ANN401 - fields of a scan
    """Admitted by a phone that reached nobody."""
    values = {"id": uuid4(), "code": code, "gate_id": DOOR, "scanned_at": at, "outcome": "admitted"} | changes
    return DecidedScan(**values)


def identity(server: str = "http://127.0.0.1:9") -> Identity:
    return Identity(
        server=server,
        device_id=UUID(int=30),
        device_token="none",
        private_key=base64url(HUB_KEY.private_bytes_raw()),
        establishment=HubEstablishment(ESTABLISHMENT, "musee", {"fr": "Musée"}, "Europe/Paris"),
        gates=[HubGate(DOOR, "Porte", VENUE), HubGate(GARDEN, "Jardin", VENUE)],
    )


def public(key: Ed25519PrivateKey) -> str:
    return base64url(key.public_key().public_bytes_raw())
