"""Two phones whose instance is gone, and a hub in the house."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from playwright.async_api import Browser

from tests.browser.scanner.gate import Offer, new_scanner
from tests.browser.scanner.phone import Phone
from tests.browser.shopper import PHONE, TIMEOUT_MS
from tests.journeys.house import House
from tests.journeys.museum import Museum
from tests.parvis.gate_hub.house import Line, RunningHub, running_hub


@asynccontextmanager
async def phone_with_hub(browser: Browser, line: Line, link: str, hub: RunningHub) -> AsyncIterator[Phone]:
    """Paired, and told of the hub, whose certificate was accepted."""
    width, height = PHONE
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", ignore_https_errors=True
    )
    context.set_default_timeout(TIMEOUT_MS)
    faults: list[str] = []
    made = Phone(context, await context.new_page(), line.url, faults)
    await made.pair(f"{line.url}/scanner#{link.partition('#')[2]}")
    await made.page.goto("about:blank")
    await made.page.goto(f"{line.url}/scanner#hub={hub.url}")
    await made.shows("ready")
    await made.has_list()
    yield made
    await context.close()
    assert faults == []


async def test_copy_is_refused_by_the_other_phone_without_internet(
    browser: Browser, house: House, museum: Museum, tour: Offer, tmp_path: Path
):
    [ticket, other] = await tour.tickets(2)
    async with (
        Line(httpx.URL(house.url).port or 0).laid() as line,
        running_hub(museum, tmp_path / "hub", line.url, tls=True) as hub,
    ):
        await hub.knows(2)
        at_door = (await new_scanner(museum, name="Door", gate_ids=[str(museum.gate_id)]))["pairing_qr"]
        in_garden = (await new_scanner(museum, name="Garden", gate_ids=[str(museum.second_gate_id)]))["pairing_qr"]
        async with (
            phone_with_hub(browser, line, at_door, hub) as door,
            phone_with_hub(browser, line, in_garden, hub) as garden,
        ):
            await hub.knows(2, devices=3)
            line.cut()
            [first] = await door.scan(ticket.code)
            [copy] = await garden.scan(ticket.code)
            assert (first.outcome, first.alone) == ("admitted", False)
            assert (copy.reason, copy.alone) == ("already_admitted", False)
            assert copy.milliseconds < 1000
            await garden.sees("Porte, by Door")
            await garden.press("Next")
            await garden.sees("By the hub of the house")

            # Then the hub is gone too: each knows what the other did by then.
            await hub.kill()
            assert [(one.reason, one.alone) for one in await garden.scan(ticket.code)] == [("already_admitted", True)]
            assert [(one.reason, one.alone) for one in await garden.scan(other.code)] == [(None, True)]
            await hub.start()
            [told] = await door.scan(other.code)
            assert told.reason in {None, "already_admitted"}

            line.mend()
            await hub.has_told_everything()
            await door.press("Next")
            await door.sees("Online")
        assert (await museum.scan(ticket.code)).reason == "already_admitted"
