"""A phone in the hand of somebody at the gate, who reads English."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, TypeAlias

import msgspec
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.shopper import PHONE, TIMEOUT_MS
from tests.journeys.answers import Ticket
from tests.journeys.waiting import eventually

# What a reader that acts as a keyboard does, faster than a test could over the wire. Resolves with the verdict.
WEDGE = """async text => {
  const count = () => performance.getEntriesByName("verdict").length;
  const before = count();
  for (const key of [...text, "Enter"]) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }
  while (count() === before) await new Promise(resolve => setTimeout(resolve, 2));
  const { duration, detail } = performance.getEntriesByName("verdict").at(-1);
  return { milliseconds: duration, ...detail };
}"""
WEDGE_ALL = f"""async texts => {{
  const wedge = {WEDGE};
  const found = [];
  for (const text of texts) found.push(await wedge(text));
  return found;
}}"""
SEEN = 'performance.getEntriesByName("verdict").map(({ duration, detail }) => ({ milliseconds: duration, ...detail }))'
# Ours have no message that a browser writes for an answer that was no success, or for a network that was taken away.
NETWORK = ("Failed to load resource", "net::ERR", "WebSocket")


class Verdict(msgspec.Struct, frozen=True):
    """`milliseconds` from the code's being seen to the page's showing what to do."""

    outcome: str
    reason: str | None
    alone: bool
    milliseconds: float


class Phone:
    def __init__(self, context: BrowserContext, page: Page, url: str, faults: list[str]) -> None:
        self.context = context
        self.page = page
        self.url = url
        self._faults = faults
        page.on("console", self._hear)
        page.on("pageerror", lambda error: faults.append(str(error)))

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not any(word in said.text for word in NETWORK):
            self._faults.append(said.text)

    async def open(self) -> None:
        await self.page.goto(f"{self.url}/scanner")

    async def pair(self, link: str) -> None:
        """By the link in the pairing QR, as any camera app opens it."""
        await self.page.goto(link)
        await self.shows("ready")
        await self.has_list()

    async def has_list(self) -> None:
        """The entry pass has come."""
        await expect(self.page.locator("#counts strong").first).to_be_visible()
        await expect(self.page.locator("#warning")).to_be_hidden()

    async def shows(self, screen: str) -> None:
        await expect(self.page.locator(f"[data-screen={screen}]")).to_be_visible()

    async def scan(self, *codes: str) -> list[Verdict]:
        """With a reader that acts as a keyboard, one after the other."""
        return msgspec.convert(await self.page.evaluate(WEDGE_ALL, list(codes)), list[Verdict])

    async def verdicts(self) -> list[Verdict]:
        """All since the page was loaded."""
        return msgspec.convert(await self.page.evaluate(SEEN), list[Verdict])

    async def type_code(self, code: str) -> None:
        await self.page.get_by_role("button", name="Type").click()
        await self.page.get_by_label("Short code").fill(code)
        await self.page.get_by_role("button", name="Check").click()

    async def turns(self, direction: Literal["in", "out"]) -> None:
        await self.page.locator(f"[name=direction][value={direction}]").check()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def sees(self, *texts: str) -> None:
        for text in texts:
            await expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()

    async def knows(self, tickets: Iterable[Ticket]) -> None:
        """Those that were sold meanwhile have come with a delta."""
        wanted = {str(ticket.id) for ticket in tickets}

        async def have_come() -> bool:
            return wanted <= {row["id"] for row in await self.kept("tickets")}

        await self.looks_again()
        await eventually(have_come)

    async def looks_again(self) -> None:
        """At once, instead of within three seconds."""
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    async def goes_offline(self) -> None:
        await self.context.set_offline(True)
        await expect(self.page.locator("#link")).to_have_attribute("data-link", "alone")

    async def comes_back(self) -> None:
        await self.context.set_offline(False)

    async def kept(self, store: str) -> list[dict[str, Any]]:
        """What is in a store of the phone."""
        read = """store => new Promise((resolve, reject) => {
          const opening = indexedDB.open("parvis-scanner");
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const asked = opening.result.transaction(store).objectStore(store).getAll();
            asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
          };
        })"""
        rows: list[dict[str, Any]] = await self.page.evaluate(read, store)
        return rows

    async def keeps(self, store: str, rows: Sequence[dict[str, Any]]) -> None:
        """As if they had been left in a store of the phone by what happened before."""
        write = """([store, rows]) => new Promise((resolve, reject) => {
          const opening = indexedDB.open("parvis-scanner");
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const transaction = opening.result.transaction(store, "readwrite");
            for (const row of rows) transaction.objectStore(store).put(row);
            transaction.oncomplete = () => { opening.result.close(); resolve(); };
          };
        })"""
        await self.page.evaluate(write, [store, rows])


@asynccontextmanager
async def phone(
    browser: Browser, url: str, *, permissions: Sequence[str] = (), locale: str = "en-GB"
) -> AsyncIterator[Phone]:
    """New for each test; whatever the browser complained of fails the test."""
    width, height = PHONE
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        permissions=list(permissions),
    )
    context.set_default_timeout(TIMEOUT_MS)
    faults: list[str] = []
    yield Phone(context, await context.new_page(), url, faults)
    await context.close()
    assert not faults, faults


# Scenes that the camera of a phone shows over and over: a text as QR code or nothing, and for how many seconds.
Filmed: TypeAlias = Callable[[list[tuple[str | None, float]]], AbstractAsyncContextManager[Phone]]
