"""The attendance page in a real browser: signed in by keyboard, live, and for everybody."""

from time import monotonic

from playwright.async_api import Browser, Page, expect

from tests.browser.ecoindex import grade, score
from tests.browser.shopper import PHONE, arriving
from tests.browser.watching import AXE, Traffic, objections
from tests.journeys.museum import Museum
from tests.journeys.visitor import buy, line

FRESH_SECONDS = 2
MAX_KILOBYTES, MAX_REQUESTS = 30, 6


async def test_a_scan_is_seen_within_two_seconds_and_nobody_is_shut_out(browser: Browser, museum: Museum):
    order = await buy(museum, line((await museum.slots())[0], museum.free_id, 2))
    await museum.scan(order.tickets[1].code)
    key = (await museum.make_key("reports:read"))["secret"]
    async with arriving(browser, museum, size=PHONE) as staff:
        page = staff.page
        await page.goto(f"{museum.house.url}/attendance")
        assert await _objections(page) == []
        await page.get_by_label("Key of the establishment").focus()
        await page.keyboard.type(key)
        await page.keyboard.press("Enter")
        await staff.reads("Attendance")
        await expect(page.locator("#state")).to_have_text("Live")
        admitted = page.locator("[data-number=admitted]")
        await expect(admitted).to_have_text("1")
        await page.get_by_text("The same as a table").focus()
        await page.keyboard.press("Enter")

        began_at = monotonic()
        await museum.scan(order.tickets[0].code)
        await expect(admitted).to_have_text("2")
        assert monotonic() - began_at < FRESH_SECONDS
        # What the reader opened stays open, and keeps the focus.
        assert await page.evaluate("document.querySelector('details').open")
        assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"

        assert await _objections(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        await museum.staff("DELETE", f"/api-keys/{await _key_id(museum)}", status=204)
        await expect(page.locator("#state")).not_to_have_text("Live")
        # The stream is refused from now on, which the browser calls an error.
        staff.faults[:] = [fault for fault in staff.faults if "401" not in fault]


async def test_first_visit_is_light(browser: Browser, museum: Museum):
    key = (await museum.make_key("reports:read"))["secret"]
    async with arriving(browser, museum, scripts=False) as staff:
        await staff.page.goto(f"{museum.house.url}/attendance")
        await staff.page.get_by_label("Key of the establishment").fill(key)
        await staff.press("Sign in")
        await expect(staff.page.get_by_role("link", name="Refresh")).to_be_visible()
        traffic = await Traffic.of(staff.page)
        await staff.page.goto(f"{museum.house.url}/attendance")
        weight = await traffic.weight(staff.page)
        assert weight.requests <= MAX_REQUESTS
        assert weight.kilobytes <= MAX_KILOBYTES
        assert grade(score(weight)) == "A"


async def _objections(page: Page) -> list[str]:
    await page.evaluate(AXE)
    return await objections(page, "light") + await objections(page, "dark")


async def _key_id(museum: Museum) -> str:
    keys = (await museum.staff("GET", "/api-keys"))["items"]
    return next(str(one["id"]) for one in keys if one["scopes"] == ["reports:read"])
