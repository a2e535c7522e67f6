"""Rows that stand ready: a museum with its keys and gates, and tickets as a sale leaves them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.event_chain import GENESIS, ChainedEvent
from services.ticketing.tickets.code import TicketPayload, new_short_code, new_signing_key, sign

KEY_ID = 1
INSERT_ESTABLISHMENT = """
INSERT INTO ticketing.establishments (id, slug, name, country, timezone, currency, languages, payment_methods)
VALUES ($1, $2, '{"fr": "Musée"}', 'FR', 'Europe/Paris', 'EUR', '{fr}', '{free,on_site}')"""
INSERT_HEAD = "INSERT INTO ticketing.ledger_heads (establishment_id, last_hash) VALUES ($1, $2)"
INSERT_KEY = """
INSERT INTO ticketing.signing_keys (establishment_id, key_id, public_key, sealed_private_key) VALUES ($1, $2, $3, '')"""
INSERT_VENUE = """
INSERT INTO ticketing.venues (establishment_id, id, name, address, timezone)
VALUES ($1, $2, '{"fr": "Palais"}', '', 'Europe/Paris')"""
INSERT_GATE = "INSERT INTO ticketing.gates (establishment_id, id, venue_id, name) VALUES ($1, $2, $3, 'Gate')"
INSERT_OFFER = """
INSERT INTO ticketing.offers (establishment_id, id, name, description, venue_id, kind, gauge_ids, sales, published)
VALUES ($1, $2, '{"fr": "Visite"}', '{}', $3, 'timed', '{}', '{}', true)"""
INSERT_TARIFF = """
INSERT INTO ticketing.tariffs (establishment_id, id, offer_id, name, price_minor, currency, vat_rate_bp, admits,
    eligibility)
VALUES ($1, $2, $3, '{"fr": "Étudiant"}', 900, 'EUR', 1000, 1, '{"proof": {"fr": "Carte d’étudiant"}}')"""
INSERT_ORDER = """
INSERT INTO ticketing.orders (establishment_id, id, reference, status, hold_id, channel, language, currency,
    total_minor, created_at, payment_method)
VALUES ($1, $2, $3, 'confirmed', $4, 'online', 'fr', 'EUR', 900, now(), $5)"""
INSERT_PAYMENT = """
INSERT INTO ticketing.payments (establishment_id, id, order_id, method, status, amount_minor, refunded_minor, currency)
VALUES ($1, $2, $3, $4, $5, 900, 0, 'EUR')"""
INSERT_TICKET = """
INSERT INTO ticketing.tickets (establishment_id, id, number, short_code, status, order_id, line_position, hold_id,
    slot_id, offer_id, tariff_id, price_minor, starts_at, ends_at, valid_from, valid_until, revision, key_id, issued_at)
VALUES ($1, $2, $3, $4, 'valid', $5, 0, $6, $7, $8, $9, 900, $10, $11, $12, $11, $13, $14, now())"""

_numbers = count(1)


class Museum(msgspec.Struct, frozen=True):
    """`offer_id` is entered by `gate_id` and `second_gate_id`; `far_gate_id` belongs to another venue."""

    establishment_id: UUID
    slug: str
    key: Ed25519PrivateKey
    gate_id: UUID
    second_gate_id: UUID
    far_gate_id: UUID
    offer_id: UUID
    tariff_id: UUID


class SoldTicket(msgspec.Struct, frozen=True):
    id: UUID
    number: int
    order_id: UUID
    slot_id: UUID
    short_code: str
    code: str
    valid_from: datetime
    valid_until: datetime


async def make_museum(owner: asyncpg.Connection, establishment_id: UUID) -> Museum:
    museum = Museum(
        establishment_id=establishment_id,
        slug=f"musee-{establishment_id.hex}",
        key=new_signing_key(),
        gate_id=uuid4(),
        second_gate_id=uuid4(),
        far_gate_id=uuid4(),
        offer_id=uuid4(),
        tariff_id=uuid4(),
    )
    venue_id, far_venue_id = uuid4(), uuid4()
    await owner.execute(INSERT_ESTABLISHMENT, establishment_id, museum.slug)
    await owner.execute(INSERT_HEAD, establishment_id, GENESIS)
    await add_key(owner, museum, KEY_ID, museum.key)
    for venue in (venue_id, far_venue_id):
        await owner.execute(INSERT_VENUE, establishment_id, venue)
    for gate, venue in (
        (museum.gate_id, venue_id),
        (museum.second_gate_id, venue_id),
        (museum.far_gate_id, far_venue_id),
    ):
        await owner.execute(INSERT_GATE, establishment_id, gate, venue)
    await owner.execute(INSERT_OFFER, establishment_id, museum.offer_id, venue_id)
    await owner.execute(INSERT_TARIFF, establishment_id, museum.tariff_id, museum.offer_id)
    return museum


async def add_key(owner: asyncpg.Connection, museum: Museum, key_id: int, key: Ed25519PrivateKey) -> None:
    await owner.execute(INSERT_KEY, museum.establishment_id, key_id, key.public_key().public_bytes_raw())


async def make_ticket(
    owner: asyncpg.Connection,
    museum: Museum,
    *,
    starts_in: timedelta = timedelta(0),
    revision: int = 0,
    payment: tuple[str, str] | None = None,
) -> SoldTicket:
    """A ticket of an order of its own, valid from half an hour before its start until an hour after.

    `payment` is the method and the status of its order's payment.
    """
    starts_at = datetime.now(UTC).replace(microsecond=0) + starts_in
    ticket = SoldTicket(
        id=uuid4(),
        number=next(_numbers),
        order_id=uuid4(),
        slot_id=uuid4(),
        short_code=new_short_code(),
        code="",
        valid_from=starts_at - timedelta(minutes=30),
        valid_until=starts_at + timedelta(hours=1),
    )
    ids, hold_id = (museum.establishment_id, ticket.order_id), uuid4()
    await owner.execute(INSERT_ORDER, *ids, f"REF{ticket.number}", hold_id, payment[0] if payment else "free")
    if payment:
        await owner.execute(INSERT_PAYMENT, museum.establishment_id, uuid4(), ticket.order_id, *payment)
    await owner.execute(
        INSERT_TICKET,
        museum.establishment_id,
        ticket.id,
        ticket.number,
        ticket.short_code,
        ticket.order_id,
        hold_id,
        ticket.slot_id,
        museum.offer_id,
        museum.tariff_id,
        starts_at,
        ticket.valid_until,
        ticket.valid_from,
        revision,
        KEY_ID,
    )
    return msgspec.structs.replace(ticket, code=signed_code(museum, ticket, revision=revision))


def signed_code(
    museum: Museum,
    ticket: SoldTicket,
    *,
    key: Ed25519PrivateKey | None = None,
    key_id: int = KEY_ID,
    revision: int = 0,
    establishment_id: UUID | None = None,
) -> str:
    """The ticket's code, or one that lies about it."""
    payload = TicketPayload(
        key_id=key_id,
        establishment_id=establishment_id or museum.establishment_id,
        ticket_id=ticket.id,
        slot_id=ticket.slot_id,
        tariff_id=museum.tariff_id,
        valid_from_seconds=int(ticket.valid_from.timestamp()),
        valid_until_seconds=int(ticket.valid_until.timestamp()),
        revision=revision,
    )
    return sign(payload, key or museum.key)


async def ledger(owner: asyncpg.Connection, establishment_id: UUID) -> list[ChainedEvent]:
    """The whole event log, in order."""
    rows = await owner.fetch(
        "SELECT * FROM ticketing.events WHERE establishment_id = $1 ORDER BY sequence", establishment_id
    )
    return [msgspec.convert({name: row[name] for name in ChainedEvent.__struct_fields__}, ChainedEvent) for row in rows]
