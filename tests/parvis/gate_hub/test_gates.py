"""Gates without internet: one hub, phones that ask it, an instance that hears of everything later."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio

from tests.browser.scanner.gate import PLACES, Offer, make_tour
from tests.journeys.answers import Ticket
from tests.journeys.house import House
from tests.journeys.museum import Museum
from tests.journeys.waiting import eventually
from tests.parvis.gate_hub.house import Line, Phone, RunningHub, now_text, paired_phone, paris_day, running_hub

TICKETS = 2000
# Of them, shown at the other gate too.
COPIES = 300
PHONES_AT_A_GATE = 4
STANDING = """
SELECT tickets.id, entries, inside, admitted_at, admitted_gate_id, count(scans.id) AS scans,
       count(*) FILTER (WHERE outcome = 'admitted') AS admitted, count(conflict_with) AS conflicts
FROM ticketing.tickets JOIN ticketing.scans ON scans.ticket_id = tickets.id
WHERE tickets.establishment_id = $1 GROUP BY tickets.id, tickets.establishment_id, entries, inside, admitted_at,
      admitted_gate_id"""


@pytest_asyncio.fixture
async def tour(museum: Museum) -> Offer:
    return await make_tour(museum)


async def test_copy_is_refused_at_the_second_gate_while_the_internet_is_gone(
    museum: Museum, hub: RunningHub, line: Line, tour: Offer
):
    [ticket] = await tour.tickets(1)
    door, garden = await paired_phone(museum, "Door"), await paired_phone(museum, "Garden", at_second_gate=True)
    await hub.knows(1, devices=3)
    line.cut()

    first = await door.scan(hub, ticket.code)
    began = perf_counter()
    second = await garden.scan(hub, ticket.code)
    took = perf_counter() - began

    assert (first["outcome"], first["ticket"]["number"]) == ("admitted", ticket.number)
    assert (second["outcome"], second["reason"]) == ("refused", "already_admitted")
    assert (second["earlier"]["gate"], second["earlier"]["device"]) == ("Porte", "Door")
    assert took < 1, f"{took:.3f} s"


async def test_two_thousand_tickets_and_their_copies_with_the_plug_pulled_twice(
    house: House, museum: Museum, hub: RunningHub, line: Line, tour: Offer
):
    tickets = await many(tour)
    phones = [
        await paired_phone(museum, f"Phone {number}", at_second_gate=bool(number % 2))
        for number in range(2 * PHONES_AT_A_GATE)
    ]
    await hub.knows(TICKETS, devices=len(phones) + 1)
    line.cut()

    queues: list[list[str]] = [[] for _ in phones]
    for index, ticket in enumerate(tickets):
        for side in (0, 1) if index < COPIES else (index % 2,):
            queues[2 * (index % PHONES_AT_A_GATE) + side].append(ticket.code)
    for queue in queues:
        random.shuffle(queue)
    answers: list[dict[str, Any]] = []
    scanning = asyncio.gather(*(work(phone, hub, queue, answers) for phone, queue in zip(phones, queues, strict=True)))
    await eventually(lambda: reached(answers, TICKETS // 2), seconds=60)
    await hub.kill()
    await hub.start()
    await scanning

    admitted = {one["ticket"]["id"]: one for one in answers if one["outcome"] == "admitted"}
    refused = [one for one in answers if one["outcome"] == "refused"]
    assert (len(answers), len(admitted), len(refused)) == (TICKETS + COPIES, TICKETS, COPIES)
    assert {one["reason"] for one in refused} == {"already_admitted"}
    assert (await hub.health())["pending_uploads"] == TICKETS + COPIES

    line.mend()
    await eventually(lambda: sent(hub, TICKETS // 2), seconds=60)
    await hub.kill()
    await hub.start()
    await hub.has_told_everything()
    scans = Counter(one["ticket"]["id"] for one in answers)
    assert await standing(house, museum) == {
        ticket_id: (1, True, one["ticket"]["admitted_at"], one["ticket"]["admitted_gate_id"], scans[ticket_id], 1, 0)
        for ticket_id, one in admitted.items()
    }


async def test_what_a_phone_did_alone_is_known_to_the_others_as_soon_as_the_hub_is(
    museum: Museum, hub: RunningHub, line: Line, tour: Offer
):
    [copied, fresh] = await tour.tickets(2)
    door, garden = await paired_phone(museum, "Door"), await paired_phone(museum, "Garden", at_second_gate=True)
    await hub.knows(2, devices=3)
    line.cut()
    await garden.pull(hub)

    await door.upload(hub, door.admitted_alone(copied.code, scanned_at=now_text(minutes=3)))
    began = perf_counter()
    assert [(row["id"], row["entries"]) for row in await garden.pull(hub)] == [(str(copied.id), 1)]
    assert (await garden.scan(hub, copied.code))["reason"] == "already_admitted"
    assert perf_counter() - began < 1

    # Both were alone: both are inside, and it is said at once and again when the internet is back.
    await door.upload(hub, door.admitted_alone(fresh.code, scanned_at=now_text(minutes=2)))
    told = await garden.upload(hub, garden.admitted_alone(fresh.code, scanned_at=now_text(minutes=1)))
    assert told["scans"][0]["conflict"]["earlier"]["device"] == "Door"
    line.mend()
    await hub.has_told_everything()
    found = await museum.staff("GET", f"/scans/conflicts?date={paris_day()}")
    assert [(one["ticket_number"], one["earlier"]["gate"], one["scan"]["gate"]) for one in found["items"]] == [
        (fresh.number, "Porte", "Jardin")
    ]


async def test_undo_and_sales_of_the_last_minute_without_internet(
    house: House, museum: Museum, hub: RunningHub, line: Line, tour: Offer
):
    [ticket] = await tour.tickets(1)
    door = await paired_phone(museum, "Door")
    await hub.knows(1, devices=2)
    line.cut()
    [sold] = await tour.tickets(1)

    wrong = await door.scan(hub, ticket.code)
    undo = {"id": str(uuid4()), "reason": "Wrong person", "undone_at": now_text()}
    assert (await door.ask(hub, "POST", f"/scans/{wrong['id']}/undo", undo)).json()["outcome"] == "undone"
    assert [(await door.scan(hub, code))["outcome"] for code in (ticket.code, sold.code)] == ["admitted"] * 2
    assert (await door.scan(hub, sold.code))["reason"] == "already_admitted"
    line.mend()
    await hub.has_told_everything()
    assert sorted(one[:2] for one in (await standing(house, museum)).values()) == [(1, True), (1, True)]
    # Nothing counts twice when the entry pass has caught up.
    await hub.has_told_everything()
    assert {row["entries"] for row in await door.pull(hub)} == {1}


async def test_two_hubs_by_mistake_are_two_islands_until_the_internet_is_back(
    museum: Museum, hub: RunningHub, line: Line, tour: Offer, tmp_path: Path
):
    [ticket] = await tour.tickets(1)
    door, garden = await paired_phone(museum, "Door"), await paired_phone(museum, "Garden", at_second_gate=True)
    async with running_hub(museum, tmp_path / "other", line.url) as other:
        await hub.knows(1, devices=4)
        await other.knows(1, devices=4)
        line.cut()
        assert (await door.scan(hub, ticket.code))["outcome"] == "admitted"
        assert (await garden.scan(other, ticket.code))["outcome"] == "admitted"
        line.mend()
        await hub.has_told_everything()
        await other.has_told_everything()
        found = (await museum.staff("GET", f"/scans/conflicts?date={paris_day()}"))["items"]
        assert [one["kind"] for one in found] == ["already_admitted"]


async def test_revoked_phone_and_revoked_hub(museum: Museum, hub: RunningHub, tour: Offer):
    tickets = await tour.tickets(2)
    door, lost = await paired_phone(museum, "Door"), await paired_phone(museum, "Lost")
    await hub.knows(2, devices=3)
    assert (await lost.scan(hub, tickets[0].code))["outcome"] == "admitted"
    await museum.staff("DELETE", f"/devices/{lost.id}", status=204)

    async def is_unknown() -> bool:
        return (await lost.ask(hub, "GET", "/entry-pass")).status_code == httpx.codes.UNAUTHORIZED

    await eventually(is_unknown)
    assert (await door.scan(hub, tickets[1].code))["outcome"] == "admitted"
    [device] = [one for one in (await museum.staff("GET", "/devices"))["items"] if one["name"] == "Hub"]
    assert device["app_version"].startswith("gate-hub ")
    await museum.staff("DELETE", f"/devices/{device['id']}", status=204)
    assert hub.process
    assert await asyncio.wait_for(hub.process.wait(), 20) == 1
    assert "does not accept this hub any more" in hub.said()


async def many(tour: Offer) -> list[Ticket]:
    slots = (await tour.slots())[: TICKETS // PLACES]
    sold = await asyncio.gather(*(tour.tickets(PLACES, slot) for slot in slots))
    return [ticket for tickets in sold for ticket in tickets]


async def work(phone: Phone, hub: RunningHub, codes: list[str], answers: list[dict[str, Any]]) -> None:
    """Each code under one id until it is answered, as the page does."""
    for code in codes:
        scan_id, scanned_at = str(uuid4()), now_text()
        while True:
            try:
                answers.append(await phone.scan(hub, code, id=scan_id, scanned_at=scanned_at))
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def reached(answers: list[dict[str, Any]], count: int) -> bool:
    return len(answers) >= count


async def sent(hub: RunningHub, count: int) -> bool:
    return (await hub.health())["pending_uploads"] <= TICKETS + COPIES - count


async def standing(house: House, museum: Museum) -> dict[str, tuple[object, ...]]:
    connection = await asyncpg.connect(house.settings.database_url)
    rows = await connection.fetch(STANDING, museum.id)
    await connection.close()
    return {
        str(row["id"]): (
            row["entries"],
            row["inside"],
            row["admitted_at"].isoformat().replace("+00:00", "Z"),
            str(row["admitted_gate_id"]),
            row["scans"],
            row["admitted"],
            row["conflicts"],
        )
        for row in rows
    }
