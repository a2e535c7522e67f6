"""Every page of the shop: nobody shut out, nothing wasted, nothing that the browser complains of."""

from datetime import UTC, datetime

import pytest_asyncio
from playwright.async_api import Browser

from gateway.shop.calendar import later
from tests.browser.ecoindex import grade, score
from tests.browser.shopper import DESKTOP, PHONE, TIMEOUT_MS
from tests.browser.tour import Place, open_places, tour
from tests.browser.watching import AXE, Seen, Traffic, look_at, objections
from tests.journeys.house import House

PAGES = 32
MAX_KILOBYTES, MAX_REQUESTS, MAX_ELEMENTS = 30, 6, 300


@pytest_asyncio.fixture(scope="module")
async def places(house) -> list[Place]:
    return await open_places(house)


@pytest_asyncio.fixture(scope="module")
async def seen(browser: Browser, house, places) -> dict[str, Seen]:
    """On a phone's screen, since that is where least fits."""
    return await toured(browser, house, places, size=PHONE, locale="fr-FR")


@pytest_asyncio.fixture(scope="module")
async def seen_wide(browser: Browser, house, places) -> dict[str, Seen]:
    """On a desk and in English."""
    return await toured(browser, house, places, size=DESKTOP, locale="en-GB")


async def toured(
    browser: Browser, house: House, places: list[Place], *, size: tuple[int, int], locale: str
) -> dict[str, Seen]:
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale=locale, service_workers="block"
    )
    context.set_default_timeout(TIMEOUT_MS)
    page, faults = await context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    traffic = await Traffic.of(page)
    found = {name: await look_at(page, traffic) async for name in tour(page, house, places)}
    await context.close()
    assert faults == []
    return found


async def test_wide_pages_in_english_are_as_good(seen_wide: dict[str, Seen]):
    assert {name: page.light + page.dark for name, page in seen_wide.items()} == {name: [] for name in seen_wide}
    assert {grade(score(page.weight)) for page in seen_wide.values()} == {"A"}
    assert len(seen_wide) == PAGES


async def test_axe_objects_to_nothing_in_light_colours(seen: dict[str, Seen]):
    assert {name: page.light for name, page in seen.items()} == {name: [] for name in seen}


async def test_axe_objects_to_nothing_in_dark_colours(seen: dict[str, Seen]):
    assert {name: page.dark for name, page in seen.items()} == {name: [] for name in seen}


async def test_every_page_is_rated_a_by_ecoindex(seen: dict[str, Seen]):
    points = {name: score(page.weight) for name, page in seen.items()}
    assert {name: grade(point) for name, point in points.items()} == dict.fromkeys(points, "A")
    assert len(points) == PAGES


async def test_first_visit_to_an_offer_is_light(browser: Browser, places: list[Place]):
    """The demo's heaviest: a whole month with eighteen times a day."""
    context = await browser.new_context(locale="fr-FR")
    page = await context.new_page()
    traffic = await Traffic.of(page)
    next_month = later(datetime.now(UTC).date().replace(day=1), 1)
    await page.goto(f"{places[0].offer()}?month={next_month:%Y-%m}")
    weight = await traffic.weight(page, without="/logo/")
    await context.close()
    assert weight.requests >= len(("page", "style", "script"))
    # A browser without a window asks for no icon; a visitor's does.
    assert weight.requests + 1 <= MAX_REQUESTS
    assert weight.kilobytes <= MAX_KILOBYTES
    assert weight.elements <= MAX_ELEMENTS


async def test_axe_would_object(browser: Browser):
    """That it says nothing elsewhere means something."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.set_content("<p style='color:#999;background:#fff'>pale</p><img src='data:,'><input>")
    await page.evaluate(AXE)
    found = {text.partition(":")[0] for text in await objections(page, "light")}
    await context.close()
    assert found == {"color-contrast", "document-title", "html-has-lang", "image-alt", "label", "region"}
