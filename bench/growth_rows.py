"""The past of an establishment as rows for COPY, whose chains, numbers and counters `parvis verify` accepts.

Tickets are sold two days before the visit, two to an order, fifty orders to a slot; every other visitor is scanned,
one order in four is paid by card, one in ten cancelled. Tickets for today are spread evenly over the whole past, so
that whoever scans them reads all over the tables.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec

from services.kit.ids import new_id
from services.ticketing.ledger.actions import Head, NewEvent
from services.ticketing.tickets.code import SHORT_ALPHABET

TICKETS_PER_ORDER = 2
ORDERS_PER_SLOT = 50
SLOTS_PER_DAY = 20
SLOT_MINUTES = 30
LEAD = timedelta(days=2)
CAPACITY = TICKETS_PER_ORDER * ORDERS_PER_SLOT
PRICE_MINOR = 1500
SHORT_CODES = len(SHORT_ALPHABET) ** 10
# Has no divisor in common with their number, so that every ticket gets a code of its own.
SHORT_STEP = 387_420_489_011
PAIRS = [first + second for first in SHORT_ALPHABET for second in SHORT_ALPHABET]

NULL = r"\N"
# Text of COPY: one list of lines per table.
Rows = dict[str, list[str]]

COLUMNS = {
    "inventory.schedules": "establishment_id offer_id kind timezone gauge_ids published closes_minutes_before "
    "early_entry_minutes late_entry_minutes",
    "inventory.calendars": "establishment_id id offer_id valid_from valid_until weekdays first_start last_start "
    "every_minutes duration_minutes capacity made_until",
    "inventory.slots": "establishment_id id offer_id calendar_id starts_at ends_at local_date gauge_ids",
    "inventory.gauges": "establishment_id id capacity held sold",
    "inventory.holds": "establishment_id id owner_id state sold_at created_at",
    "inventory.hold_lines": "establishment_id hold_id slot_id quantity",
    "inventory.place_returns": "establishment_id id hold_id returned_at",
    "ticketing.offers": "establishment_id id name description venue_id kind gauge_ids sales published",
    "ticketing.tariffs": "establishment_id id offer_id name price_minor currency vat_rate_bp admits eligibility",
    "ticketing.orders": "establishment_id id reference status hold_id channel customer_name customer_email language "
    "payment_method currency total_minor created_at confirmed_at",
    "ticketing.order_lines": "establishment_id order_id position slot_id offer_id tariff_id quantity admits "
    "unit_price_minor vat_rate_bp total_minor vat_minor starts_at ends_at valid_from valid_until",
    "ticketing.tickets": "establishment_id id number short_code status order_id line_position hold_id slot_id offer_id "
    "tariff_id price_minor starts_at ends_at valid_from valid_until revision key_id issued_at cancelled_at admitted_at "
    "admitted_gate_id",
    "ticketing.settlements": "establishment_id hold_id order_id outcome settled_at",
    "ticketing.payments": "establishment_id id order_id method status amount_minor refunded_minor currency "
    "checkout_reference provider_reference created_at paid_at settled_at",
    "ticketing.provider_events": "establishment_id id type checkout_reference received_at",
    "ticketing.refunds": "establishment_id id order_id payment_id amount_minor reason status provider_reference "
    "created_at done_at",
    "ticketing.place_returns": "establishment_id id hold_id created_at done_at",
    "ticketing.events": "establishment_id sequence type subject payload occurred_at previous_hash hash",
    "ticketing.scans": "establishment_id id ticket_id gate_id actor direction offline outcome scanned_at recorded_at "
    "code_hash answer",
    "ticketing.idempotency_keys": "establishment_id key_hash fingerprint status sealed_body created_at",
}


class House(msgspec.Struct, frozen=True):
    """An establishment and how much past it shall get. `orders_for_today`: those whose tickets can be scanned now."""

    number: int
    id: UUID
    venue_id: UUID
    gate_id: UUID
    orders: int
    orders_for_today: int = 0


class _Offer(msgspec.Struct, frozen=True):
    id: str
    free_id: str
    full_id: str


class _Slot(msgspec.Struct):
    """The times of the slot are also those of entry."""

    id: str
    offer: _Offer
    starts_at: datetime
    window: str
    sold: int = 0


class _Ticket(msgspec.Struct, frozen=True):
    id: str
    number: int
    tariff_id: str
    slot: _Slot


class _Order(msgspec.Struct, frozen=True):
    number: int
    slot: _Slot
    at: str
    id: str
    hold_id: str
    tariff_id: str
    price_minor: int
    cancelled: bool
    admitted: bool

    @property
    def total_minor(self) -> int:
        return TICKETS_PER_ORDER * self.price_minor


class Past:
    """Makes the rows, batch by batch. `head` is where the establishment's ledger stands, and moves on."""

    def __init__(self, house: House, head: Head, now: datetime) -> None:
        self.head = head
        self.for_today: list[tuple[str, str, str]] = []
        """Ticket, slot and tariff of all that can be scanned now, in order of their sale."""
        self.today = (now - timedelta(hours=1), now + timedelta(hours=23))
        self._house, self._now = house, now
        self._establishment = str(house.id)
        self._rows: Rows = {}
        self._ids = 0

    def batches(self, orders: int = 10_000) -> Iterator[Rows]:
        """Rows of about so many orders at a time, in order of time."""
        timed, visits = self._add_offer("timed"), self._add_offer("open")
        today = self._slot(visits, *self.today)
        slots = -(-self._house.orders // ORDERS_PER_SLOT)
        # The newest sales are of yesterday, for tomorrow.
        first_day = (self._now + LEAD).date() - timedelta(days=-(-slots // SLOTS_PER_DAY))
        expected: deque[tuple[_Slot, list[_Ticket]]] = deque()
        for index in range(slots):
            start = _start(first_day, index)
            slot = self._slot(timed, start, start + timedelta(minutes=3 * SLOT_MINUTES))
            expected.append((slot, self._sell_slot(slot, today, index)))
            while expected[0][0].starts_at <= start - LEAD:
                self._admit(*expected.popleft())
            if (index + 1) % max(1, orders // ORDERS_PER_SLOT) == 0:
                yield self._take()
        for slot, tickets in expected:
            self._admit(slot, tickets)
        self._add_slot(today, 1_000_000)
        yield self._take()

    def keys(self, count: int) -> Rows:
        """Idempotency keys of the last hours."""
        for number in range(count):
            at = self._now - timedelta(hours=20) * (1 - number / count)
            digest = hashlib.sha256(f"{self._establishment}{number}".encode()).hexdigest()
            hexadecimal = f"\\\\x{digest}"
            values = f"{hexadecimal}\t{hexadecimal}\t201\t{hexadecimal}{digest * 7}\t{at.isoformat()}"
            self._add("ticketing.idempotency_keys", values)
        return self._take()

    def _sell_slot(self, slot: _Slot, today: _Slot, index: int) -> list[_Ticket]:
        """Its orders, some of them for today instead; returns the tickets that will be scanned."""
        expected: list[_Ticket] = []
        first = index * ORDERS_PER_SLOT
        for number in range(first, min(first + ORDERS_PER_SLOT, self._house.orders)):
            at = slot.starts_at - LEAD + timedelta(seconds=number - first)
            order = self._order(number, today if self._is_for_today(number) else slot, at)
            tickets = self._enter(order)
            if order.slot is today:
                self.for_today += [(ticket.id, today.id, ticket.tariff_id) for ticket in tickets]
            if order.admitted:
                expected += tickets
        self._add_slot(slot, CAPACITY)
        return expected

    def _is_for_today(self, number: int) -> bool:
        wanted, orders = self._house.orders_for_today, self._house.orders
        return (number + 1) * wanted // orders > number * wanted // orders

    def _order(self, number: int, slot: _Slot, at: datetime) -> _Order:
        timed = slot.starts_at != self.today[0]
        paid, cancelled = number % 4 == 0, timed and number % 10 == 8
        self.head.now = at
        return _Order(
            number=number,
            slot=slot,
            at=at.isoformat(),
            id=self._id(at),
            hold_id=self._id(at),
            tariff_id=slot.offer.full_id if paid else slot.offer.free_id,
            price_minor=PRICE_MINOR if paid else 0,
            cancelled=cancelled,
            admitted=timed and not cancelled and number % 2 == 0 and slot.starts_at < self._now,
        )

    def _enter(self, order: _Order) -> list[_Ticket]:
        """All the rows of an order, on both sides."""
        slot, at = order.slot, order.at
        self._add(
            "inventory.holds", f"{order.hold_id}\t{order.id}\t{'released' if order.cancelled else 'sold'}\t{at}\t{at}"
        )
        places = 0 if order.cancelled else TICKETS_PER_ORDER
        slot.sold += places
        self._add("inventory.hold_lines", f"{order.hold_id}\t{slot.id}\t{places}")
        status, method = ("cancelled" if order.cancelled else "confirmed"), ("stripe" if order.price_minor else "free")
        reference = _short_code(self.head.last_ticket_number)
        self._add(
            "ticketing.orders",
            f"{order.id}\t{reference}\t{status}\t{order.hold_id}\tweb\tA Visitor\tvisitor{order.number}@example.org\tfr"
            f"\t{method}\tEUR\t{order.total_minor}\t{at}\t{at}",
        )
        vat_minor = order.total_minor - round(order.total_minor / 1.1)
        self._add(
            "ticketing.order_lines",
            f"{order.id}\t0\t{slot.id}\t{slot.offer.id}\t{order.tariff_id}\t{TICKETS_PER_ORDER}\t1\t{order.price_minor}"
            f"\t1000\t{order.total_minor}\t{vat_minor}\t{slot.window}\t{slot.window}",
        )
        self._add("ticketing.settlements", f"{order.hold_id}\t{order.id}\tticketed\t{at}")
        tickets = [self._ticket(order) for _ in range(TICKETS_PER_ORDER)]
        self._append_sale(order, reference, tickets)
        if order.price_minor:
            self._pay(order)
        if order.cancelled:
            self._add("inventory.place_returns", f"{order.id}\t{order.hold_id}\t{at}")
            self._add("ticketing.place_returns", f"{order.id}\t{order.hold_id}\t{at}\t{at}")
            self._append("order.cancelled", f"order:{order.id}", {"tickets": [ticket.number for ticket in tickets]})
        return tickets

    def _ticket(self, order: _Order) -> _Ticket:
        slot, number = order.slot, self.head.next_ticket_number()
        ticket = _Ticket(self._id(self.head.now), number, order.tariff_id, slot)
        status = "cancelled" if order.cancelled else "valid"
        admitted = f"{slot.starts_at.isoformat()}\t{self._house.gate_id}" if order.admitted else f"{NULL}\t{NULL}"
        self._add(
            "ticketing.tickets",
            f"{ticket.id}\t{number}\t{_short_code(number)}\t{status}\t{order.id}\t0\t{order.hold_id}\t{slot.id}"
            f"\t{slot.offer.id}\t{order.tariff_id}\t{order.price_minor}\t{slot.window}\t{slot.window}\t0\t1\t{order.at}"
            f"\t{order.at if order.cancelled else NULL}\t{admitted}",
        )
        return ticket

    def _append_sale(self, order: _Order, reference: str, tickets: list[_Ticket]) -> None:
        payload = {
            "reference": reference,
            "channel": "web",
            "payment_method": "stripe" if order.price_minor else "free",
            "currency": "EUR",
            "total_minor": order.total_minor,
            "lines": [
                {
                    "slot_id": order.slot.id,
                    "tariff_id": order.tariff_id,
                    "quantity": TICKETS_PER_ORDER,
                    "total_minor": order.total_minor,
                    "vat_rate_bp": 1000,
                }
            ],
            "first_ticket": tickets[0].number,
            "last_ticket": tickets[-1].number,
        }
        self._append("order.confirmed", f"order:{order.id}", payload)

    def _pay(self, order: _Order) -> None:
        payment_id, at, total = self._id(self.head.now), order.at, order.total_minor
        checkout = f"cs_{payment_id}"
        self._add(
            "ticketing.payments",
            f"{payment_id}\t{order.id}\tstripe\tpaid\t{total}\t{total if order.cancelled else 0}\tEUR\t{checkout}"
            f"\tpi_{payment_id}\t{at}\t{at}\t{at}",
        )
        self._add("ticketing.provider_events", f"evt_{payment_id}\tcheckout.session.completed\t{checkout}\t{at}")
        self._append("payment.received", f"order:{order.id}", {"payment_id": payment_id})
        if order.cancelled:
            self._add(
                "ticketing.refunds",
                f"{self._id(self.head.now)}\t{order.id}\t{payment_id}\t{total}\tcancelled\tsent\tre_{payment_id}\t{at}\t{at}",
            )

    def _admit(self, slot: _Slot, tickets: list[_Ticket]) -> None:
        gate_id, at = self._house.gate_id, slot.starts_at.isoformat()
        self.head.now = slot.starts_at
        for ticket in tickets:
            scan_id = self._id(slot.starts_at)
            payload = {"number": ticket.number, "scan_id": scan_id, "gate_id": gate_id, "slot_id": slot.id}
            self._append("ticket.admitted", f"ticket:{ticket.id}", payload)
            self._add(
                "ticketing.scans",
                f"{scan_id}\t{ticket.id}\t{gate_id}\tdevice:{gate_id}\tin\tf\tadmitted\t{at}\t{at}\t\\\\x{self.head.last_hash.hex()}"
                f'\t{{"id":"{scan_id}","outcome":"admitted","reason":null,"ticket":{{"id":"{ticket.id}"}}}}',
            )

    def _append(self, type_: str, subject: str, payload: Mapping[str, object]) -> None:
        event = self.head.chain(NewEvent(type_, subject, payload))
        self._add(
            "ticketing.events",
            f"{event.sequence}\t{type_}\t{subject}\t{event.payload}\t{self.head.now.isoformat()}"
            f"\t\\\\x{event.previous_hash.hex()}\t\\\\x{event.hash.hex()}",
        )

    def _add_offer(self, kind: str) -> _Offer:
        offer, names = _Offer(str(new_id()), str(new_id()), str(new_id())), '{"fr": "Collections", "en": "Collections"}'
        self._add("inventory.schedules", f"{offer.id}\t{kind}\tEurope/Paris\t{{}}\tt\t0\t0\t\\N")
        self._add(
            "inventory.calendars",
            f"{new_id()}\t{offer.id}\t2000-01-01\t2000-01-02\t{{1,2,3,4,5,6,7}}\t09:00\t18:30\t{SLOT_MINUTES}\t90"
            f"\t{CAPACITY}\t{self._now.date()}",
        )
        sales = '{"early_entry_minutes": 0, "late_entry_minutes": null, "closes_minutes_before": 0, "opens_at": null}'
        self._add(
            "ticketing.offers",
            f"{offer.id}\t{names}\t{names}\t{self._house.venue_id}\t{kind}\t{{}}\t{sales}\tt",
        )
        for tariff_id, price_minor in ((offer.free_id, 0), (offer.full_id, PRICE_MINOR)):
            self._add("ticketing.tariffs", f"{tariff_id}\t{offer.id}\t{names}\t{price_minor}\tEUR\t1000\t1\t{{}}")
        return offer

    def _slot(self, offer: _Offer, starts_at: datetime, ends_at: datetime) -> _Slot:
        window = f"{starts_at.isoformat()}\t{ends_at.isoformat()}"
        return _Slot(self._id(starts_at - LEAD), offer, starts_at, window)

    def _add_slot(self, slot: _Slot, capacity: int) -> None:
        day = slot.starts_at.date()
        self._add("inventory.slots", f"{slot.id}\t{slot.offer.id}\t\\N\t{slot.window}\t{day}\t{{{slot.id}}}")
        self._add("inventory.gauges", f"{slot.id}\t{capacity}\t0\t{slot.sold}")

    def _add(self, table: str, values: str) -> None:
        self._rows.setdefault(table, []).append(f"{self._establishment}\t{values}\n")

    def _take(self) -> Rows:
        taken, self._rows = self._rows, {}
        return taken

    def _id(self, at: datetime) -> str:
        """A UUIDv7 of that moment, unlike all others of the house."""
        self._ids += 1
        milliseconds, low = f"{int(at.timestamp() * 1000):012x}", self._ids
        return f"{milliseconds[:8]}-{milliseconds[8:]}-7{low & 0xFFF:03x}-8{self._house.number & 0xFFF:03x}-{low:012x}"


def _start(first_day: date, index: int) -> datetime:
    """The slots of a day from nine o'clock on."""
    days, place = divmod(index, SLOTS_PER_DAY)
    opening = datetime.combine(first_day, time(9), UTC)
    return opening + timedelta(days=days, minutes=place * SLOT_MINUTES)


def _short_code(number: int) -> str:
    """Of a ticket, or of the order before whose tickets it stands: no two are alike, no two neighbours similar."""
    rest, letters = number * SHORT_STEP % SHORT_CODES, []
    for _ in range(5):
        rest, pair = divmod(rest, len(PAIRS))
        letters.append(PAIRS[pair])
    return "".join(letters)
