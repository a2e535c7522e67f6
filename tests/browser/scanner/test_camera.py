"""From what a camera sees: a phone becomes a scanner, tickets are let in or refused."""

from playwright.async_api import expect

from services.ticketing.tickets.code import new_signing_key, read, sign
from tests.browser.scanner.gate import Offer, make_tour, new_scanner
from tests.browser.scanner.phone import Filmed
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.journeys.visitor import cancel
from tests.journeys.waiting import eventually

SHOWN, GONE = 0.7, 2.0


async def test_camera_pairs_the_phone_then_reads_tickets(filmed: Filmed, house: House, museum: Museum, tour: Offer):
    [good, void] = [(await tour.order((await tour.slots())[0])) for _ in range(2)]
    assert (await cancel(museum, void, key=museum.admin_key)).is_success
    early = (await (await make_tour(museum, early_entry_minutes=0)).tickets(1))[0]
    elsewhere = (await (await make_tour(await found_museum(house))).tickets(1))[0]
    code = good.tickets[0].code
    forged = sign(read(code).payload, new_signing_key())
    link = (await new_scanner(museum))["pairing_qr"]
    tickets = [code, forged, elsewhere.code, void.tickets[0].code, early.code]
    scenes = [(link, SHOWN), (None, SHOWN), (code, SHOWN), (None, GONE), *((each, SHOWN) for each in tickets)]
    expected = {None, "already_admitted", "forged", "wrong_establishment", "cancelled", "too_early"}

    async with filmed(scenes) as staff:
        await staff.open()
        await staff.press("Scan the pairing code")
        await staff.shows("verdict")

        async def all_seen() -> bool:
            return {verdict.reason for verdict in await staff.verdicts()} >= expected

        await eventually(all_seen, seconds=30)
        seen = await staff.verdicts()

    assert [verdict.outcome for verdict in seen].count("admitted") == 1
    assert {verdict.reason for verdict in seen} <= expected | {"unknown_ticket"}
    assert {verdict.alone for verdict in seen} == {False}


async def test_second_scan_tells_when_and_where_the_first_was(filmed: Filmed, museum: Museum, tour: Offer):
    [ticket] = await tour.tickets(1)
    link = (await new_scanner(museum))["pairing_qr"]
    async with filmed([(ticket.code, SHOWN), (None, GONE)]) as staff:
        await staff.pair(link)
        await staff.sees("Admitted", "Check: student card", "Students", "Guided tour", "German")
        heading = staff.page.locator("#verdict-title")
        await expect(heading).to_have_text("Already admitted")
        await staff.sees("Refused", "Porte, by Phone 1")
