"""The same purchase by people whose browser, screen or hands work differently."""

from playwright.async_api import Browser, Page

from tests.browser.shopper import PHONE, Shopper, arriving
from tests.browser.test_buying import later_slot
from tests.browser.test_card import Look, arrived, to_the_payment_page
from tests.journeys.bank import GOOD_CARD
from tests.journeys.museum import Museum

MAX_TABS = 60
MIN_TARGET_PIXELS = 44
TOO_WIDE_PIXELS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Links within a sentence are exempt (WCAG 2.5.8). A box counts with its label, which can be touched as well.
TOO_SMALL = """least =>
  [...document.querySelectorAll("button, input, .button, .days a, .calendar a, header a, footer a")]
  .filter(one => one.checkVisibility() && !one.matches(".skip, [type=hidden]"))
  .map(one => one.closest("label") ?? one)
  .map(one => [one.outerHTML.slice(0, 100), one.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < least - 0.5)
  .map(([text, box]) => `${text}: ${box.width} x ${box.height}`)"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === document.body) return ["", true];
  const shown = one.matches(".slots input") ? one.nextElementSibling : one;
  const label = one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent;
  const names = [one.type === "radio" && one.name, label, one.textContent];
  const isSeen = getComputedStyle(shown).outlineStyle !== "none" || one.matches("main") || one.matches(".card a");
  return [names.find(name => name && name.trim()) ?? "", isSeen];
}"""


async def test_whole_purchase_without_scripts(browser: Browser, museum: Museum):
    async with arriving(browser, museum, scripts=False) as shopper:
        await buy_by_card(shopper)


async def test_whole_purchase_on_a_small_phone(browser: Browser, museum: Museum):
    found: dict[str, tuple[int, list[str]]] = {}

    async def look(page: Page) -> None:
        found[await page.title()] = (
            await page.evaluate(TOO_WIDE_PIXELS),
            await page.evaluate(TOO_SMALL, MIN_TARGET_PIXELS),
        )

    async with arriving(browser, museum, size=PHONE) as shopper:
        await shopper.page.goto(shopper.home)
        await look(shopper.page)
        await shopper.open_day(await later_slot(museum))
        await look(shopper.page)
        await buy_by_card(shopper, look)
        await shopper.follow("Show the tickets")
        await look(shopper.page)
    assert found == dict.fromkeys(found, (0, []))
    assert len(found) == 5


async def test_whole_purchase_by_keyboard_alone(shopper: Shopper):
    page = shopper.page
    await page.goto(shopper.home)
    await tab_to(page, "Skip to the content")
    await page.keyboard.press("Enter")
    await tab_to(page, "Visit")
    await page.keyboard.press("Enter")
    await shopper.reads("Visit")
    await tab_to(page, "slot_id")
    await page.keyboard.press("Space")
    await tab_to(page, "Gratuit")
    await page.keyboard.type("2")
    await tab_to(page, "Add to my order")
    await page.keyboard.press("Enter")
    await shopper.reads("Your order")
    await tab_to(page, "Name")
    await page.keyboard.type("Ada Example")
    await tab_to(page, "E-mail")
    await page.keyboard.type("ada@example.org")
    await tab_to(page, "Confirm my visit")
    await page.keyboard.press("Enter")
    await shopper.reads("Your tickets")
    [order] = (await shopper.museum.orders()).items
    assert order.valid_numbers == [1, 2]


async def buy_by_card(shopper: Shopper, look: Look | None = None) -> None:
    await to_the_payment_page(shopper, 2, look)
    await shopper.pay_by_card(GOOD_CARD)
    await arrived(shopper)
    if look:
        await look(shopper.page)


async def tab_to(page: Page, name: str) -> None:
    """Fails if it cannot be reached, or if the way there passes something that does not show its focus."""
    for _ in range(MAX_TABS):
        await page.keyboard.press("Tab")
        found, is_seen = await page.evaluate(FOCUSED)
        assert is_seen, found
        if found.strip().startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by Tab")
