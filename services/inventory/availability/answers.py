"""Answers kept ready as the bytes that leave: a whole town asks the same question when a sale opens."""

import hashlib
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from services.inventory.availability.queries import count_places
from services.inventory.availability.rules import (
    AvailableDay,
    AvailableSlot,
    Bound,
    OfferCount,
    Window,
    available_days,
    available_slots,
)
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.errors import NotFound
from services.kit.paced import Bounds, Paced

SHARED_CACHE = b"public, max-age=1"
NO_CACHE = b"private, no-store"
# The promise of the API, whatever happens to hints.
MAX_AGE_SECONDS = 1.0
MAX_BYTES = 32_000_000
# What Python needs to keep an answer, besides its body.
OVERHEAD_BYTES = 2_000

View: TypeAlias = Literal["slots", "days"]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class Slots(msgspec.Struct, frozen=True):
    slots: list[AvailableSlot]


class Days(msgspec.Struct, frozen=True):
    days: list[AvailableDay]


class Question(msgspec.Struct, frozen=True):
    offer_id: UUID
    since: Bound | None
    until: Bound | None
    view: View


class Answer(msgspec.Struct, frozen=True):
    """An offer that is not published may be previewed by its editors only."""

    published: bool
    body: bytes
    etag: str
    headers_if_new: Headers
    headers_if_known: Headers

    def is_known(self, if_none_match: str) -> bool:
        """Does the client have this body? Weak or strong makes no difference for a read (RFC 9110 §13.1.2)."""
        known = [value.strip().removeprefix("W/") for value in if_none_match.split(",")]
        return self.etag in known or known == ["*"]


class Answers:
    """Never older than `MAX_AGE_SECONDS`, and anew after a change, as far as `changed` hears of it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._paced = Paced(
            self._load,
            weigh=lambda answer: OVERHEAD_BYTES + len(answer.body),
            bounds=Bounds(max_age_seconds=MAX_AGE_SECONDS, max_weight=MAX_BYTES),
        )

    def at_hand(self, establishment_id: UUID, question: Question) -> Answer | None:
        return self._paced.at_hand(establishment_id, question)

    async def get(self, establishment_id: UUID, question: Question) -> Answer:
        """Raises `NotFound` for an offer that does not exist, `Invalid` for a window that is too long."""
        return await self._paced.get(establishment_id, question)

    def changed(self, establishment_id: UUID | None) -> None:
        self._paced.changed(establishment_id)

    async def _load(self, establishment_id: UUID, question: Question) -> Answer:
        window = Window(since=question.since, until=question.until, now=self._clock.now())
        dates = window.around()
        offer = await self._database.read(
            establishment_id, lambda session: count_places(session, establishment_id, question.offer_id, dates)
        )
        if offer is None:
            raise NotFound
        return _answer(offer, window, question.view)


def _answer(offer: OfferCount, window: Window, view: View) -> Answer:
    if view == "days":
        body = msgspec.json.encode(Days(available_days(offer, window)))
    else:
        body = msgspec.json.encode(Slots(available_slots(offer, window)))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = [(b"etag", etag.encode()), (b"cache-control", SHARED_CACHE if offer.published else NO_CACHE)]
    return Answer(
        published=offer.published,
        body=body,
        etag=etag,
        headers_if_new=[
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
        headers_if_known=headers,
    )
