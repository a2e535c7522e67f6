"""What a page costs and whom it shuts out, asked of the browser that shows it."""

from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import msgspec
from playwright.async_api import CDPSession, Page

from tests.browser.ecoindex import Weight
from tests.journeys.waiting import eventually

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["RGAAv4", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """async rules => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
  return found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html} ${node.failureSummary}`));
}"""
ELEMENTS = "document.querySelectorAll('*:not(svg *)').length"


class Traffic:
    """Since the last navigation, with nothing taken from the browser's memory: every visit is a first one."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._byte_counts: dict[str, int] = {}
        self._frame = ""

    @classmethod
    async def of(cls, page: Page) -> "Traffic":
        traffic, session = cls(), await page.context.new_cdp_session(page)
        await traffic._listen(session)
        return traffic

    async def _listen(self, session: CDPSession) -> None:
        self._frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._answered)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    async def weight(self, page: Page, *, without: str = "nothing") -> Weight:
        """`without` leaves out what has this in its path."""
        await page.wait_for_load_state()
        await eventually(self._is_complete)
        counted = [request for request, url in self._urls.items() if without not in url]
        byte_count = sum(self._byte_counts[request] for request in counted)
        return Weight(await page.evaluate(ELEMENTS), len(counted), byte_count / 1000)

    async def _is_complete(self) -> bool:
        return self._urls.keys() <= self._byte_counts.keys()

    def _asked(self, event: dict[str, Any]) -> None:
        if event["frameId"] != self._frame:
            # A mail within its page may live in a process of its own, which does not tell us when it is complete.
            return
        if event["type"] == "Document" and "redirectResponse" not in event:
            self._urls, self._byte_counts = {}, {}
        if not event["request"]["url"].startswith("data:"):
            self._urls[event["requestId"]] = event["request"]["url"]

    def _answered(self, event: dict[str, Any]) -> None:
        self._byte_counts[event["requestId"]] = int(event["encodedDataLength"])


class Seen(msgspec.Struct, frozen=True):
    """`light` and `dark`: what axe objects to."""

    light: list[str]
    dark: list[str]
    weight: Weight


async def look_at(page: Page, traffic: Traffic) -> Seen:
    weight = await traffic.weight(page)
    # Evaluated, not loaded: the page's own rules would rightly refuse a script from elsewhere.
    await page.evaluate(AXE)
    return Seen(light=await objections(page, "light"), dark=await objections(page, "dark"), weight=weight)


async def objections(page: Page, colours: Literal["light", "dark"]) -> list[str]:
    await page.emulate_media(color_scheme=colours)
    found: list[str] = await page.evaluate(RUN, RULES)
    return found
