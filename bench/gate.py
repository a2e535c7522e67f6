"""The same ticket at many scanners at the same moment: is it admitted once, and how long does an answer take?"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec

from bench.ground import Ground
from bench.load import Load, Measured, drive, http_request, percentile
from bench.museum import Museum, buy_tickets
from services.kit.database import Database
from services.ticketing.entry.devices.actions import create_device

SCANNERS = 50
TICKETS = 1000
# Before any is counted: connections, caches and plans.
WARM_UP_TICKETS = 20
# Far more than it takes: it ends by itself.
ROUNDS_SECONDS = 600.0
WORST_P99_MS = 150
COUNT_ADMISSIONS = """
SELECT count(*) AS scans, count(DISTINCT ticket_id) AS tickets,
       (SELECT count(*) FROM ticketing.events
        WHERE establishment_id = $1 AND type = 'ticket.admitted') AS events
FROM ticketing.scans WHERE establishment_id = $1 AND outcome = 'admitted'"""


class Rush(msgspec.Struct, frozen=True, kw_only=True):
    """`admitted` as answered; `scans`, `distinct_tickets` and `events` as the database has the admissions.

    Latencies are over all answers; `sent_within_ms` is the longest that any ticket took to be at all scanners.
    """

    scanners: int
    tickets: int
    admitted: int
    refused: dict[str, int]
    scans: int
    distinct_tickets: int
    events: int
    sent_within_ms: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    answers_per_second: float

    @property
    def exact(self) -> bool:
        """Every ticket once, in every book, and every other scan refused."""
        once = {self.admitted, self.scans, self.distinct_tickets, self.events} == {self.tickets}
        return once and self.refused == {"refused": self.tickets * (self.scanners - 1)}


async def rush(ground: Ground, *, scanners: int = SCANNERS, tickets: int = TICKETS) -> Rush:
    museum = ground.museums[0]
    codes = await buy_tickets(ground.instance, museum, WARM_UP_TICKETS + tickets)
    tokens = await _pair_scanners(ground, museum, scanners)
    await ground.instance.settle()
    await _at_all(ground, museum, tokens, codes[:WARM_UP_TICKETS])
    before = await _admissions(ground, museum)
    measured = await _at_all(ground, museum, tokens, codes[WARM_UP_TICKETS:])
    after = await _admissions(ground, museum)
    answers = measured.latencies + measured.failed_latencies
    scans, distinct_tickets, events = (then - now for then, now in zip(after, before, strict=True))
    return Rush(
        scanners=scanners,
        tickets=tickets,
        admitted=measured.count,
        refused=dict(measured.failures),
        scans=scans,
        distinct_tickets=distinct_tickets,
        events=events,
        sent_within_ms=measured.longest_round_seconds * 1000,
        p50_ms=percentile(answers, 0.5) * 1000,
        p99_ms=percentile(answers, 0.99) * 1000,
        longest_ms=max(answers) * 1000,
        answers_per_second=measured.answered / measured.seconds,
    )


def rush_in_words(rush: Rush) -> str:
    within = "at most" if rush.p99_ms <= WORST_P99_MS else "MORE THAN"
    return (
        f"{rush.tickets:,} tickets, each at {rush.scanners} scanners within {rush.sent_within_ms:.1f} ms: "
        f"{rush.admitted:,} admitted, refused {rush.refused or 'nobody'}; "
        f"{'each once' if rush.exact else 'NOT EACH ONCE'} "
        f"({rush.scans:,} scans of {rush.distinct_tickets:,} tickets, {rush.events:,} events). "
        f"p50 {rush.p50_ms:.1f} ms, p99 {rush.p99_ms:.1f} ms ({within} {WORST_P99_MS}), "
        f"longest {rush.longest_ms:.1f} ms, {rush.answers_per_second:,.0f} answers/s."
    )


async def _at_all(ground: Ground, museum: Museum, tokens: Sequence[str], codes: Sequence[str]) -> Measured:
    scans = (_scan(museum, token, code) for code in codes for token in tokens)
    load = Load(
        ground.instance.port, scans, len(tokens), ROUNDS_SECONDS, expected=b'"outcome":"admitted"', in_rounds=True
    )
    return await drive(load)


def _scan(museum: Museum, token: str, code: str) -> bytes:
    body = {"id": str(uuid4()), "code": code, "gate_id": museum.gate_id, "scanned_at": datetime.now(UTC).isoformat()}
    headers = f"Authorization: Bearer {token}\r\n"
    return http_request("POST", f"{museum.path}/scans", body=json.dumps(body).encode(), headers=headers)


async def _pair_scanners(ground: Ground, museum: Museum, many: int) -> list[str]:
    database = Database(ground.instance.ticketing_url, pool_size=1)
    try:
        return [
            (
                await database.write(
                    museum.id,
                    partial(
                        create_device,
                        establishment_id=museum.id,
                        name=f"Scanner {number}",
                        gate_ids=[UUID(museum.gate_id)],
                        mode="live",
                    ),
                )
            ).device_token
            for number in range(many)
        ]
    finally:
        await database.close()


async def _admissions(ground: Ground, museum: Museum) -> tuple[int, int, int]:
    connection = await asyncpg.connect(ground.instance.owner_url)
    try:
        row = await connection.fetchrow(COUNT_ADMISSIONS, museum.id)
    finally:
        await connection.close()
    assert row
    return row["scans"], row["tickets"], row["events"]
