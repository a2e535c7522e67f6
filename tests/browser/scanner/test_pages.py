"""Every state of the scanner: nobody shut out, in light and in dark, nothing wasted."""

from collections.abc import AsyncIterator

import httpx
from playwright.async_api import Browser, Request

from services.ticketing.tickets.code import new_signing_key, read, sign
from tests.browser.scanner.gate import new_scanner
from tests.browser.scanner.phone import Filmed, Phone, phone
from tests.browser.watching import AXE, objections
from tests.journeys.house import House
from tests.journeys.museum import Museum

MAX_KILOBYTES = 450
LEAST_TARGET_PIXELS = 44
# What is pressed on the direction and the tick boxes are their labels.
PRESSED = "button, select, label:has(input), input:not([type=radio], [type=checkbox])"
SMALL = """([pressed, least]) => [...document.querySelectorAll(pressed)]
  .filter(one => one.checkVisibility())
  .map(one => [one.id || one.textContent, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""


async def test_axe_objects_to_nothing_and_fingers_find_everything(browser: Browser, house: House, museum: Museum, tour):
    ticket = (await tour.tickets(1))[0]
    async with phone(browser, house.url, locale="fr-FR") as staff:
        link = (await new_scanner(museum, may_search=True))["pairing_qr"]
        found = {name: await looked_at(staff) async for name in states(staff, link, ticket.code)}
    assert found == {name: ([], [], []) for name in found}
    assert len(found) == 11


async def states(staff: Phone, link: str, code: str) -> AsyncIterator[str]:
    page = staff.page
    await staff.open()
    await staff.shows("pairing")
    yield "pairing"
    await page.goto(link.replace("#", "?again#"))
    await staff.shows("ready")
    yield "ready, without a camera"
    await page.locator("#open-type").click()
    await page.locator("#type-code").fill("faux")
    await page.keyboard.press("Enter")
    yield "typing, with a mistake"
    await page.keyboard.press("Escape")
    await page.locator("#open-search").click()
    await page.locator("#search-text").fill("lovelace")
    await page.keyboard.press("Enter")
    await page.locator("#search-found button").first.wait_for()
    yield "search"
    await page.keyboard.press("Escape")
    await staff.scan(code)
    yield "admitted"
    await page.locator("#undo").click()
    yield "reason"
    await page.keyboard.press("Escape")
    await staff.scan(code)
    yield "already admitted"
    await staff.scan(sign(read(code).payload, new_signing_key()))
    yield "forged"
    await page.locator("#continue").click()
    await page.locator("#open-more").click()
    await page.locator("#recent button").first.wait_for()
    yield "more"
    await page.locator("#unpair").click()
    yield "unpairing"
    await page.locator("#unpair-send").click()
    await page.evaluate("indexedDB.deleteDatabase('parvis-scanner')")
    await page.add_init_script("Object.defineProperty(globalThis, 'indexedDB', { value: undefined })")
    await page.reload()
    await staff.sees("Ce navigateur ne conserve rien")
    yield "trouble"


async def looked_at(staff: Phone) -> tuple[list[str], list[str], list[str]]:
    # Evaluated, not loaded: the page's own rules would rightly refuse a script from elsewhere.
    await staff.page.evaluate(AXE)
    small = await staff.page.evaluate(SMALL, [PRESSED, LEAST_TARGET_PIXELS])
    return await objections(staff.page, "light"), await objections(staff.page, "dark"), small


async def sent_bytes(urls: set[str]) -> int:
    """Compressed, with some headers for each."""
    byte_count = 0
    async with httpx.AsyncClient(trust_env=False, headers={"accept-encoding": "br, gzip"}) as http:
        for url in urls:
            async with http.stream("GET", url) as answer:
                byte_count += sum([len(part) async for part in answer.aiter_raw()])
                byte_count += sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return byte_count


async def test_whole_app_with_the_decoder_is_light_and_loaded_once(filmed: Filmed, museum: Museum):
    """As a phone loads it whose browser reads no QR codes."""
    link = (await new_scanner(museum))["pairing_qr"]
    async with filmed([(None, 1.0)]) as staff:
        loaded: list[Request] = []

        def note(request: Request) -> None:
            loaded.append(request)

        staff.context.on("requestfinished", note)
        await staff.pair(link)
        await staff.page.evaluate("navigator.serviceWorker.ready")
        urls = {request.url for request in loaded if "/scanner" in request.url}
        assert any(url.endswith(".wasm") for url in urls)
        # Not what the browser says: it counts nothing for what the service worker had fetched a moment before.
        assert 100_000 < await sent_bytes(urls) <= MAX_KILOBYTES * 1000

        loaded.clear()
        await staff.goes_offline()
        await staff.page.reload()
        await staff.shows("ready")
        fresh = [request.url for request in loaded if not (await request.response()).from_service_worker]
    assert fresh == []
