"""What the page's script reads: the part of the page that changes, soon after it did."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import httpx
import pytest

from parvis.embedded.servers import EmbeddedServers
from tests.gateway.attendance.conftest import Watched, opened, watched_in
from tests.journeys.visitor import buy, line

FRESH_SECONDS = 2
STREAM_TYPE = "text/event-stream; charset=utf-8"


async def drawn(lines: AsyncIterator[str]) -> str:
    """The data of the next event, as a browser puts its lines together."""
    data: list[str] = []
    async with asyncio.timeout(FRESH_SECONDS + 1):
        async for one in lines:
            if one.startswith("data: "):
                data.append(one.removeprefix("data: "))
            elif not one and data:
                return "\n".join(data)
    raise EOFError


async def test_a_scan_is_on_the_page_within_two_seconds(watched: Watched):
    museum = watched.museum
    order = await buy(museum, line((await museum.slots())[0], museum.free_id))
    async with watched.signed_in() as reader, reader.stream("GET", "/attendance/stream?lang=fr") as stream:
        assert (stream.status_code, stream.headers["content-type"]) == (200, STREAM_TYPE)
        lines = stream.aiter_lines()
        first = await drawn(lines)
        assert '<b data-number="admitted">0</b>' in first
        assert "Arrivées" in first
        began_at = monotonic()
        await museum.scan(order.tickets[0].code)
        assert '<b data-number="admitted">1</b>' in await drawn(lines)
        assert monotonic() - began_at < FRESH_SECONDS


async def test_stream_ends_when_the_key_is_revoked(watched: Watched):
    async with watched.signed_in() as reader:
        async with reader.stream("GET", "/attendance/stream") as stream:
            lines = stream.aiter_lines()
            await drawn(lines)
            await watched.museum.staff("DELETE", f"/api-keys/{watched.reports_id}", status=204)
            with pytest.raises(EOFError):
                await drawn(lines)
        answer = await reader.get("/attendance/stream", headers={"accept": "text/event-stream"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_streams_end_when_the_process_goes_away(servers: EmbeddedServers, template: str):
    """Else each would keep it from going until it is killed."""
    async with opened(servers, template) as place:
        watched = await watched_in(place)
        headers = {"authorization": f"Bearer {watched.reports}"}
        api = f"/v1/establishments/{watched.museum.slug}/attendance/stream"
        async with (
            watched.signed_in() as reader,
            reader.stream("GET", "/attendance/stream") as page,
            reader.stream("GET", api, headers=headers) as numbers,
        ):
            streams = [page.aiter_lines(), numbers.aiter_lines()]
            for lines in streams:
                await drawn(lines)
            place.gateway.drain()
            for lines in streams:
                # Ended, or broken off: as good an end.
                with pytest.raises((EOFError, httpx.RemoteProtocolError)):
                    await drawn(lines)


async def test_nobody_watches_without_a_session(watched: Watched):
    async with watched.reader() as reader:
        answer = await reader.get("/attendance/stream", headers={"accept": "text/event-stream"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
