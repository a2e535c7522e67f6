"""The state of all imitated accounts."""

import secrets
import string
import time
from typing import Generic, TypeVar

import msgspec

from parvis.stand_in.stripe.errors import JsonObject
from parvis.stand_in.stripe.journal import Journal
from parvis.stand_in.stripe.objects import (
    Account,
    Charge,
    CheckoutSession,
    Delivery,
    Event,
    KeptAnswer,
    PaymentIntent,
    Refund,
    Stored,
    WebhookEndpoint,
)

_ALPHABET = string.ascii_letters + string.digits
_Record = TypeVar("_Record", bound=Stored)


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Shelf(Generic[_Record]):
    """All objects of one kind, oldest first."""

    def __init__(self, kind: str, record_type: type[_Record], journal: Journal) -> None:
        self._kind = kind
        self._journal = journal
        self._records: dict[str, _Record] = {}
        self._by_account: dict[str, dict[str, _Record]] = {}
        for body in journal.rows(kind):
            self._place(msgspec.json.decode(body, type=record_type))

    def put(self, record: _Record) -> None:
        """Adds a new object or notes the changes of a known one."""
        self._place(record)
        self._journal.note(self._kind, record.id, msgspec.json.encode(record))

    def remove(self, record: _Record) -> None:
        del self._records[record.id]
        del self._by_account[record.account][record.id]
        self._journal.note(self._kind, record.id, None)

    def get(self, record_id: str) -> _Record | None:
        return self._records.get(record_id)

    def find(self, account: str, record_id: str) -> _Record | None:
        return self._by_account.get(account, {}).get(record_id)

    def all(self) -> list[_Record]:
        return list(self._records.values())

    def of_account(self, account: str) -> list[_Record]:
        return list(self._by_account.get(account, {}).values())

    def clear(self) -> None:
        for record in self.all():
            self.remove(record)

    def _place(self, record: _Record) -> None:
        self._records[record.id] = record
        self._by_account.setdefault(record.account, {})[record.id] = record


class Books:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.clock_offset_seconds = 0
        self.accounts = Shelf("account", Account, journal)
        self.sessions = Shelf("session", CheckoutSession, journal)
        self.intents = Shelf("intent", PaymentIntent, journal)
        self.charges = Shelf("charge", Charge, journal)
        self.refunds = Shelf("refund", Refund, journal)
        self.events = Shelf("event", Event, journal)
        self.endpoints = Shelf("endpoint", WebhookEndpoint, journal)
        self.deliveries = Shelf("delivery", Delivery, journal)
        self.answers = Shelf("answer", KeptAnswer, journal)
        self._fresh_events: list[Event] = []

    def now(self) -> int:
        return int(time.time()) + self.clock_offset_seconds

    def open_account(self, account_id: str, *, connected: bool) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            account = Account(id=account_id, account=account_id, created=self.now(), connected=connected)
            self.accounts.put(account)
        return account

    def record_event(self, account_id: str, event_type: str, rendered: JsonObject) -> None:
        account = self.accounts.get(account_id)
        event = Event(
            id=new_id("evt_1"),
            account=account_id,
            created=self.now(),
            type=event_type,
            object_json=msgspec.json.encode(rendered).decode(),
            connected=account is not None and account.connected,
        )
        self.events.put(event)
        self._fresh_events.append(event)

    def take_fresh_events(self) -> list[Event]:
        """Events since the last time, in the order in which they happened."""
        fresh, self._fresh_events = self._fresh_events, []
        return fresh

    def clear(self) -> None:
        self.clock_offset_seconds = 0
        self._fresh_events.clear()
        self.accounts.clear()
        self.sessions.clear()
        self.intents.clear()
        self.charges.clear()
        self.refunds.clear()
        self.events.clear()
        self.endpoints.clear()
        self.deliveries.clear()
        self.answers.clear()
