"""Without a network: the same verdicts, written down first, told once when the network is back."""

from statistics import quantiles
from uuid import uuid4

import asyncpg
from playwright.async_api import expect

from services.ticketing.tickets.code import new_signing_key, read, sign
from tests.browser.scanner.gate import Offer, make_tour
from tests.browser.scanner.phone import Phone
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.journeys.visitor import cancel

SCANS = 200
# From the code's being seen to the verdict on the page (issue 5).
MAX_MILLISECONDS = 150

RECORDED = """
SELECT count(*) AS scans, count(DISTINCT id) AS ids, count(DISTINCT ticket_id) AS tickets,
       count(*) FILTER (WHERE outcome = 'admitted') AS admitted,
       count(*) FILTER (WHERE conflict_with IS NOT NULL) AS conflicts
FROM ticketing.scans WHERE establishment_id = $1"""
INSIDE = "SELECT count(*) FROM ticketing.tickets WHERE establishment_id = $1 AND entries = 1 AND inside"


async def test_airplane_mode_two_hundred_scans_reload_network_back_all_uploaded_once(
    paired: Phone, museum: Museum, tour: Offer, owner: "asyncpg.Connection[asyncpg.Record]"
):
    tickets = await tour.tickets(SCANS)
    await paired.knows(tickets)
    await paired.goes_offline()

    verdicts = await paired.scan(*(ticket.code for ticket in tickets))
    assert {(one.reason, one.alone) for one in verdicts} == {(None, True)}
    slowest = quantiles([one.milliseconds for one in verdicts], n=100)[98]
    assert slowest <= MAX_MILLISECONDS, f"p99 {slowest:.0f} ms"

    await paired.page.reload()
    await paired.sees(f"{SCANS} to send")
    [again] = await paired.scan(tickets[0].code)
    assert (again.outcome, again.reason) == ("refused", "already_admitted")
    assert len({scan["id"] for scan in await paired.kept("scans")}) == SCANS + 1

    await paired.comes_back()
    await expect(paired.page.locator("#link-pending")).to_be_empty()
    recorded = await owner.fetchrow(RECORDED, museum.id)
    assert recorded is not None
    assert tuple(recorded.values()) == (SCANS + 1, SCANS + 1, SCANS, SCANS, 0)
    assert await owner.fetchval(INSIDE, museum.id) == SCANS
    assert {scan["code"] for scan in await paired.kept("scans")} == {None}


async def test_offline_verdicts_are_those_of_the_server(paired: Phone, house: House, museum: Museum, tour: Offer):
    slot = (await tour.slots())[0]
    fresh, void, used = [await tour.order(slot) for _ in range(3)]
    assert (await cancel(museum, void, key=museum.admin_key)).is_success
    assert (await museum.scan(used.tickets[0].code)).outcome == "admitted"
    early = (await (await make_tour(museum, early_entry_minutes=0)).tickets(1))[0]
    elsewhere = (await (await make_tour(await found_museum(house))).tickets(1))[0].code
    code = fresh.tickets[0].code
    forged = sign(read(code).payload, new_signing_key())
    await paired.knows([early, *fresh.tickets, *used.tickets])
    await paired.goes_offline()

    codes = [code, code, forged, elsewhere, void.tickets[0].code, used.tickets[0].code, early.code, "not a ticket"]
    assert [one.reason for one in await paired.scan(*codes)] == [
        None,
        "already_admitted",
        "forged",
        "wrong_establishment",
        "cancelled",
        "already_admitted",
        "too_early",
        "unknown_ticket",
    ]


async def test_ticket_sold_after_the_last_delta_is_admitted_by_its_signature(
    paired: Phone, museum: Museum, tour: Offer
):
    await paired.goes_offline()
    [ticket] = await tour.tickets(1)
    assert [one.reason for one in await paired.scan(ticket.code, ticket.code)] == [None, "already_admitted"]
    await paired.comes_back()
    await expect(paired.page.locator("#link-pending")).to_be_empty()
    assert (await museum.scan(ticket.code)).reason == "already_admitted"


async def test_copy_at_another_gate_is_shown_to_staff_when_the_network_is_back(
    paired: Phone, museum: Museum, tour: Offer
):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    await paired.goes_offline()
    assert (await museum.scan(ticket.code, gate_id=museum.second_gate_id)).outcome == "admitted"
    assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
    await paired.comes_back()
    await paired.press("Next")
    await paired.sees("1 ticket was used twice")
    await paired.press("More")
    await paired.sees("Already admitted · Ticket 2", "Jardin", "Porte, by Phone 1")


async def test_scans_that_nobody_here_can_take_hold_up_no_other(paired: Phone, museum: Museum, tour: Offer):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    await paired.goes_offline()
    assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
    [own] = await paired.kept("scans")
    refused = own | {"ticket_id": None, "outcome": "refused", "reason": "unknown_ticket"}
    abbey = str(uuid4())
    left = [refused | {"id": str(uuid4()), "establishment_id": abbey} for _ in range(250)]
    await paired.keeps("scans", [refused | {"id": str(uuid4()), "direction": "sideways"}, *left])
    await paired.page.reload()
    await paired.sees("2 to send")

    await paired.comes_back()
    await expect(paired.page.locator("#link-pending")).to_be_empty()
    assert (await museum.scan(ticket.code)).reason == "already_admitted"
    await paired.sees("250 scans of another establishment")
    await paired.press("More")
    await paired.sees("Not recorded by the server")


async def test_undo_offline_frees_the_ticket_here_and_there(
    paired: Phone, museum: Museum, tour: Offer, owner: "asyncpg.Connection[asyncpg.Record]"
):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    await paired.goes_offline()
    assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
    await paired.press("Undo")
    await paired.press("Scanned by mistake")
    await paired.shows("ready")
    await paired.comes_back()
    await expect(paired.page.locator("#link-pending")).to_be_empty()
    assert await owner.fetchval("SELECT reason FROM ticketing.scan_undos WHERE establishment_id = $1", museum.id) == (
        "Scanned by mistake"
    )
    assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]


async def test_nobody_can_be_read_from_a_stolen_phone(paired: Phone, tour: Offer):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    kept = str([await paired.kept(store) for store in ("meta", "tickets", "scans")])
    assert not [secret for secret in ("Ada", "ada@", ticket.code, ticket.short_code.replace("-", "")) if secret in kept]

    await paired.goes_offline()
    await paired.scan(ticket.code)
    await paired.sees("Ada Lovelace")
