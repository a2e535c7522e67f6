"""The hash chain of an event log: each event's hash covers the one before, so that no row can be changed unseen."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

GENESIS = bytes(32)


class ChainedEvent(msgspec.Struct, frozen=True):
    """`payload` is the JSON text exactly as stored; `hash` and `previous_hash` are SHA-256 digests."""

    sequence: int
    type: str
    subject: str
    payload: str
    occurred_at: datetime
    previous_hash: bytes
    hash: bytes


def event_hash(event: ChainedEvent) -> bytes:
    """SHA-256 over the previous hash and the event's canonical form: a JSON array of its parts.

    `occurred_at` counts as whole microseconds since 1970, which is what the database keeps of it.
    """
    microseconds = round(event.occurred_at.timestamp() * 1_000_000)
    canonical = msgspec.json.encode([event.sequence, event.type, event.subject, microseconds, event.payload])
    return hashlib.sha256(event.previous_hash + canonical).digest()


def broken_links(events: Iterable[ChainedEvent], previous_hash: bytes = GENESIS, sequence: int = 0) -> list[str]:
    """What is wrong with a chain, in words; empty when it holds. `events` in order of sequence."""
    faults = []
    for event in events:
        if event.sequence != sequence + 1:
            faults.append(f"event {sequence + 1} is missing: the next one is {event.sequence}")
        if event.previous_hash != previous_hash:
            faults.append(f"event {event.sequence} does not follow from the one before it")
        if event.hash != event_hash(event):
            faults.append(f"event {event.sequence} was changed after it was written")
        previous_hash, sequence = event.hash, event.sequence
    return faults
