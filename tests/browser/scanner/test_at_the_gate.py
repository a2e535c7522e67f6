"""What staff do besides pointing the camera."""

from playwright.async_api import Browser, expect

from tests.browser.scanner.gate import make_tour, new_scanner
from tests.browser.scanner.phone import Phone, phone
from tests.journeys.house import House
from tests.journeys.museum import Museum


async def test_visitor_is_found_by_name_and_admitted(browser: Browser, house: House, museum: Museum, tour):
    await tour.tickets(1)
    async with phone(browser, house.url) as staff:
        await staff.pair((await new_scanner(museum, may_search=True))["pairing_qr"])
        await staff.press("Search")
        await staff.page.get_by_label("Name or reference").fill("lovel")
        await staff.page.keyboard.press("Enter")
        await staff.page.get_by_role("button", name="Ada Lovelace").first.click()
        await staff.sees("Admitted", "Check: student card")


async def test_search_is_not_for_every_scanner(paired: Phone):
    await expect(paired.page.locator("#open-search")).to_be_hidden()


async def test_short_code_is_typed(paired: Phone, tour):
    [ticket] = await tour.tickets(1)
    await paired.type_code("nonsense")
    await paired.sees("A short code has ten letters and digits")
    await paired.page.get_by_label("Short code").fill(ticket.short_code.lower())
    await paired.press("Check")
    await paired.sees("Admitted")


async def test_short_code_is_known_offline(paired: Phone, tour):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    await paired.goes_offline()
    await paired.type_code(ticket.short_code)
    await paired.sees("Admitted", "Students", "Decided offline")
    [again] = await paired.scan(ticket.code)
    assert again.reason == "already_admitted"


async def test_full_house_blocks_and_staff_may_let_in_with_a_reason(paired: Phone, museum: Museum):
    gauge = await museum.staff("POST", "/gauges", {"name": {"fr": "Salle"}, "capacity": 1, "per": "inside"}, status=201)
    small = await make_tour(museum, gauge_ids=[gauge["id"]])
    first, second, third = await small.tickets(3)
    assert [one.reason for one in await paired.scan(first.code, second.code)] == [None, "full_inside"]
    await paired.press("Let in anyway")
    await paired.press("Group was split")
    await paired.sees("Admitted")
    await paired.press("Next")
    await expect(paired.page.locator("#counts")).to_contain_text("2 inside of 1")

    await paired.knows([third])
    await paired.goes_offline()
    [refused] = await paired.scan(third.code)
    assert (refused.reason, refused.alone) == ("full_inside", True)
    await paired.press("Next")
    await paired.turns("out")
    assert [one.outcome for one in await paired.scan(first.code, second.code)] == ["admitted", "admitted"]
    await paired.press("Next")
    await paired.turns("in")
    assert [one.reason for one in await paired.scan(third.code)] == [None]


async def test_who_was_scanned_out_comes_back(paired: Phone, museum: Museum):
    garden = await make_tour(museum, re_entry=True)
    [ticket] = await garden.tickets(1)
    for away in (False, True):
        if away:
            await paired.knows([ticket])
            await paired.goes_offline()
        else:
            assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
            await paired.press("Next")
        assert [one.reason for one in await paired.scan(ticket.code)] == ["already_admitted"]
        await paired.press("Next")
        await paired.turns("out")
        assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
        await paired.press("Next")
        await paired.turns("in")
        assert [one.outcome for one in await paired.scan(ticket.code)] == ["admitted"]
        await paired.press("Next")


async def test_ticket_of_another_gate_is_refused_online_and_offline(paired: Phone, museum: Museum):
    garden = await make_tour(museum, gate_ids=[str(museum.second_gate_id)])
    [ticket] = await garden.tickets(1)
    await paired.knows([ticket])
    assert [one.reason for one in await paired.scan(ticket.code)] == ["wrong_gate"]
    await paired.goes_offline()
    assert [one.reason for one in await paired.scan(ticket.code)] == ["wrong_gate"]
