"""Entering orders in the books: numbers, tickets and events for a whole batch, in one transaction.

This is the hot path of ticketing: BEGIN, SET, one locking read, one write, COMMIT, whatever the size of the batch.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from services.kit.bulk import BulkInsert
from services.kit.database import WriteSession
from services.kit.errors import Refused
from services.kit.idempotency import Answer, IdempotencyKey, OnceOnly
from services.ticketing.ledger.actions import EVENT_INSERT, MOVE_HEAD, Head, event_row
from services.ticketing.orders.posting.rules import issued, order_confirmed
from services.ticketing.orders.queries import Order, Payment
from services.ticketing.orders.tables import order_lines, orders, settlements
from services.ticketing.payments.tables import payments
from services.ticketing.tables import idempotency_keys
from services.ticketing.tickets.code import new_reference
from services.ticketing.tickets.queries import Ticket
from services.ticketing.tickets.tables import tickets

# A join with the hashes and not `= ANY`: for that, the server would read every entry of each index page it lands on.
LOCK_HEAD_AND_KEYS = """
SELECT heads.last_sequence, heads.last_hash, heads.last_ticket_number, clock_timestamp() AS now,
       keys.key_hash, keys.fingerprint, keys.status, keys.sealed_body
FROM ticketing.ledger_heads AS heads
LEFT JOIN (unnest($2::bytea[]) AS asked
           JOIN ticketing.idempotency_keys AS keys ON keys.establishment_id = $1 AND keys.key_hash = asked) ON true
WHERE heads.establishment_id = $1
FOR UPDATE OF heads"""

ORDER_COLUMNS = (
    "id",
    "reference",
    "status",
    "hold_id",
    "channel",
    "customer_name",
    "customer_email",
    "language",
    "payment_method",
    "currency",
    "total_minor",
    "expires_at",
    "created_at",
    "confirmed_at",
)
LINE_COLUMNS = (
    "order_id",
    "position",
    "slot_id",
    "offer_id",
    "tariff_id",
    "quantity",
    "admits",
    "unit_price_minor",
    "vat_rate_bp",
    "total_minor",
    "vat_minor",
    "starts_at",
    "ends_at",
    "valid_from",
    "valid_until",
)
TICKET_COLUMNS = (
    "id",
    "number",
    "short_code",
    "status",
    "order_id",
    "line_position",
    "hold_id",
    "slot_id",
    "offer_id",
    "tariff_id",
    "price_minor",
    "starts_at",
    "ends_at",
    "valid_from",
    "valid_until",
    "revision",
    "key_id",
    "issued_at",
)
SETTLEMENT_COLUMNS = ("hold_id", "order_id", "outcome")
PAYMENT_COLUMNS = ("id", "order_id", "method", "status", "amount_minor", "refunded_minor", "currency", "created_at")
IDEMPOTENCY_COLUMNS = ("key_hash", "fingerprint", "status", "sealed_body")

# An order that exists already is confirmed in place; its settlement's primary key has decided that it may be.
_CONFIRM = """, confirmed AS (
    UPDATE ticketing.orders
    SET status = 'confirmed', confirmed_at = new.confirmed_at, hold_id = new.hold_id, expires_at = NULL,
        customer_name = new.customer_name, customer_email = new.customer_email, language = new.language,
        payment_method = new.payment_method
    FROM unnest(${0}::uuid[], ${1}::timestamptz[], ${2}::uuid[], ${3}::text[], ${4}::text[], ${5}::text[], ${6}::text[])
        AS new(id, confirmed_at, hold_id, customer_name, customer_email, language, payment_method)
    WHERE orders.establishment_id = $1 AND orders.id = new.id
    RETURNING orders.id
)"""
CONFIRM_COLUMNS = (
    "id",
    "confirmed_at",
    "hold_id",
    "customer_name",
    "customer_email",
    "language",
    "payment_method",
)

_TABLES = (
    (orders, ORDER_COLUMNS),
    (order_lines, LINE_COLUMNS),
    (tickets, TICKET_COLUMNS),
    (settlements, SETTLEMENT_COLUMNS),
    (payments, PAYMENT_COLUMNS),
    EVENT_INSERT,
    (idempotency_keys, IDEMPOTENCY_COLUMNS),
)
_FIRST = 2 + sum(len(columns) for _, columns in _TABLES)
_LAST = _FIRST + len(CONFIRM_COLUMNS)
WRITE = BulkInsert(
    *_TABLES,
    finally_=_CONFIRM.format(*range(_FIRST, _LAST)) + MOVE_HEAD.format(_LAST, _LAST + 1, _LAST + 2),
)

_ORDER = attrgetter(*ORDER_COLUMNS)
_LINE = attrgetter(*LINE_COLUMNS[1:])
_TICKET = attrgetter(*TICKET_COLUMNS)
_PAYMENT = attrgetter(*PAYMENT_COLUMNS)
_CONFIRMATION = attrgetter(*CONFIRM_COLUMNS)

Step: TypeAlias = Literal["hold", "sell", "confirm"]


class Posting(msgspec.Struct, frozen=True):
    """One order on its way into the books.

    `hold` inserts it held; `sell` inserts it confirmed, with tickets; `confirm` gives tickets to one that is there.
    `tickets` are drafts, made before the lock like all that needs no lock; under it they get their numbers.
    `render` makes the answer from the order as posted, inside the transaction, so that it is remembered with it.
    """

    step: Step
    order: Order
    tickets: list[Ticket]
    render: Callable[[Order], Answer]
    key: IdempotencyKey | None = None
    payment: Payment | None = None


class OrderSettled(Refused):
    """The hold of this order was ticketed or let go before; what became of it is in the books."""

    code = "order_settled"
    title = "This order is settled already"


async def post_orders(
    session: WriteSession, establishment_id: UUID, postings: Sequence[Posting], once: OnceOnly
) -> list[Answer | Exception]:
    """One answer per posting, in order. All or nothing but for repeated keys, which get their first answer."""
    hashes = [posting.key.hashed for posting in postings if posting.key]
    rows = await session.fetch(LOCK_HEAD_AND_KEYS, establishment_id, hashes)
    head = Head(rows[0]["last_sequence"], rows[0]["last_hash"], rows[0]["last_ticket_number"], rows[0]["now"])
    known = {row["key_hash"]: row for row in rows if row["key_hash"] is not None}
    books = _Books(establishment_id, head, once)
    answers: list[Answer | Exception] = []
    for posting in postings:
        row = known.get(posting.key.hashed) if posting.key else None
        if row is None or posting.key is None:
            answers.append(books.enter(posting))
            continue
        try:
            answers.append(once.replay(posting.key, row["fingerprint"], row["status"], row["sealed_body"]))
        except Refused as refused:
            answers.append(refused)
    if books.entered:
        await books.write(session)
    return answers


class _Books:
    """The rows of one batch, as they pile up."""

    def __init__(self, establishment_id: UUID, head: Head, once: OnceOnly) -> None:
        self.entered = 0
        self._establishment_id = establishment_id
        self._head = head
        self._once = once
        self._rows: dict[str, list[tuple[object, ...]]] = {table.name: [] for table, _ in _TABLES}
        self._confirmed: list[tuple[object, ...]] = []

    def enter(self, posting: Posting) -> Answer:
        self.entered += 1
        order = self._order(posting)
        if posting.step == "confirm":
            self._confirmed.append(_CONFIRMATION(order))
        else:
            self._rows["orders"].append(_ORDER(order))
            self._rows["order_lines"] += [(order.id, *_LINE(line)) for line in order.lines]
        if posting.step != "hold":
            self._rows["tickets"] += map(_TICKET, order.tickets)
            self._rows["settlements"].append((order.hold_id, order.id, "ticketed"))
            self._rows["events"].append(event_row(self._head.chain(order_confirmed(order))))
        if posting.payment is not None:
            self._rows["payments"].append(_PAYMENT(posting.payment))
        answer = posting.render(order)
        if posting.key is not None:
            key = posting.key
            sealed = self._once.seal(key, answer.body)
            self._rows["idempotency_keys"].append((key.hashed, key.fingerprint, answer.status, sealed))
        return answer

    async def write(self, session: WriteSession) -> None:
        confirmed = [list(column) for column in zip(*self._confirmed, strict=True)] or [[] for _ in CONFIRM_COLUMNS]
        rows = [self._rows[table.name] for table, _ in _TABLES]
        await WRITE.run(session, self._establishment_id, rows, *confirmed, *self._head.position())

    def _order(self, posting: Posting) -> Order:
        """The order as it stands after this step."""
        now = self._head.now
        reference = posting.order.reference or new_reference()
        created_at = posting.order.created_at if posting.step == "confirm" else now
        paid = [*posting.order.payments, posting.payment] if posting.payment else posting.order.payments
        order = msgspec.structs.replace(posting.order, reference=reference, created_at=created_at, payments=paid)
        if posting.step == "hold":
            return order
        return msgspec.structs.replace(
            order,
            status="confirmed",
            confirmed_at=now,
            expires_at=None,
            tickets=issued(posting.tickets, self._head),
        )
