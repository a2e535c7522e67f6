"""A visitor with a browser, who reads English and does what the pages say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.journeys.answers import Slot
from tests.journeys.museum import Museum

PHONE, DESKTOP = (360, 740), (1280, 800)
TIMEOUT_MS = 30_000
# A form with something missing is answered with 422, which the browser calls an error.
FORM_REFUSED = "status of 422"

expect.set_options(timeout=TIMEOUT_MS)


class Shopper:
    """`faults`: what the browser complained of, code that the page's own rules forbid among it."""

    def __init__(self, page: Page, museum: Museum, faults: list[str]) -> None:
        self.page = page
        self.museum = museum
        self.faults = faults
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error" and FORM_REFUSED not in said.text:
            self.faults.append(said.text)

    @property
    def home(self) -> str:
        return f"{self.museum.house.url}/{self.museum.slug}"

    async def open_day(self, slot: Slot) -> None:
        """The offer's page on the day of this slot."""
        day = local(slot).date()
        await self.page.goto(f"{self.home}/offers/{self.museum.offer_id}?day={day}")

    async def choose(self, slot: Slot, **quantities: int) -> None:
        """The time, and how many of each tariff (`free`, `full`), without sending."""
        await self.radio(slot).check(force=True)
        for name, number in quantities.items():
            await self.page.fill(f"[id='quantity.{getattr(self.museum, f'{name}_id')}']", str(number))

    async def begin(self, slot: Slot, **quantities: int) -> None:
        """As far as the order, whose places are held."""
        await self.open_day(slot)
        await self.choose(slot, **quantities)
        await self.press("Add to my order")

    async def fill_in(self, name: str = "Ada Example", email: str = "ada@example.org") -> None:
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("E-mail").fill(email)

    async def pay_by_card(self, card: str) -> None:
        """On the payment page."""
        await self.page.get_by_label("Card number").fill(card)
        await self.page.get_by_role("button", name="Pay").click()

    async def another_tab(self) -> "Shopper":
        """The same visitor, with the same cookies."""
        return Shopper(await self.page.context.new_page(), self.museum, self.faults)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name).first.click()

    async def reads(self, heading: str) -> None:
        """Fails if the page that comes has another main heading."""
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    async def sees(self, text: str) -> None:
        await expect(self.page.get_by_text(text).first).to_be_visible()

    def radio(self, slot: Slot) -> Locator:
        return self.page.locator(f"input[name=slot_id][value='{slot.id}']")


@asynccontextmanager
async def arriving(
    browser: Browser,
    museum: Museum,
    *,
    size: tuple[int, int] = DESKTOP,
    scripts: bool = True,
    locale: str = "en-GB",
) -> AsyncIterator[Shopper]:
    """A visitor with a new browser; whatever the browser complained of fails the test."""
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=scripts, locale=locale
    )
    context.set_default_timeout(TIMEOUT_MS)
    shopper = Shopper(await context.new_page(), museum, [])
    yield shopper
    await context.close()
    assert shopper.faults == []


def local(slot: Slot) -> datetime:
    return slot.starts_at.astimezone(ZoneInfo("Europe/Paris"))
