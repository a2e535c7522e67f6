"""A phone becomes a scanner, and ceases to be one."""

from playwright.async_api import Browser, expect

from tests.browser.scanner.gate import Offer, new_scanner
from tests.browser.scanner.phone import Phone, phone
from tests.journeys.house import House
from tests.journeys.museum import Museum
from tests.journeys.waiting import eventually


async def test_typed_code_pairs_once_and_the_private_key_cannot_be_read(browser: Browser, house: House, museum: Museum):
    made = await new_scanner(museum)
    async with phone(browser, house.url) as staff:
        await staff.open()
        await staff.page.get_by_label("Pairing code").fill(made["pairing_code"].lower().replace("-", " "))
        await staff.press("Pair")
        await staff.shows("ready")
        await staff.sees("Porte")
        read = """async () => {
          const opening = indexedDB.open("parvis-scanner");
          const opened = await new Promise(done => (opening.onsuccess = () => done(opening.result)));
          const asked = opened.transaction("meta").objectStore("meta").get("keys");
          const { privateKey } = await new Promise(done => (asked.onsuccess = () => done(asked.result)));
          return crypto.subtle.exportKey("pkcs8", privateKey).then(() => "read", error => error.name);
        }"""
        assert await staff.page.evaluate(read) == "InvalidAccessError"

        async def is_known() -> bool:
            [card] = (await museum.staff("GET", "/devices"))["items"]
            return None not in {card["paired_at"], card["last_seen_at"], card["app_version"], card["pending_uploads"]}

        await eventually(is_known)

    async with phone(browser, house.url) as second:
        await second.page.goto(made["pairing_qr"])
        await second.sees("This code is wrong, was used before or is older than ten minutes.")
        await second.page.get_by_label("Pairing code").fill("ABC")
        await second.press("Pair")
        await second.sees("A pairing code has eight letters and digits")


async def test_revoked_phone_forgets_everything_at_once(paired: Phone, museum: Museum, tour: Offer):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    [card] = (await museum.staff("GET", "/devices"))["items"]
    await museum.staff("DELETE", f"/devices/{card['id']}", status=204)
    await paired.looks_again()
    await paired.sees("This phone was revoked.")
    await paired.shows("pairing")
    assert [await paired.kept(store) for store in ("meta", "tickets", "scans", "conflicts")] == [[], [], [], []]


async def test_scans_that_were_not_sent_outlive_unpairing(paired: Phone, museum: Museum, tour: Offer):
    [ticket] = await tour.tickets(1)
    await paired.knows([ticket])
    await paired.goes_offline()
    await paired.scan(ticket.code)
    await paired.press("Next")
    await paired.press("More")
    await paired.press("Unpair this phone")
    await paired.page.locator("#unpair-send").click()
    await paired.sees("1 scan of before is kept")
    await paired.comes_back()
    await paired.page.get_by_label("Pairing code").fill((await new_scanner(museum))["pairing_code"])
    await paired.press("Pair")
    await paired.shows("ready")
    await expect(paired.page.locator("#link-pending")).to_be_empty()
    assert (await museum.scan(ticket.code)).reason == "already_admitted"
