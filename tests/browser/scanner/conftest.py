from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import chromium, flags
from tests.browser.scanner.film import film
from tests.browser.scanner.gate import Offer, make_tour, new_scanner
from tests.browser.scanner.phone import Filmed, Phone, phone
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum

CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@pytest_asyncio.fixture
async def museum(house: House) -> Museum:
    """Without a bank: whoever comes to this gate pays nothing."""
    return await found_museum(house)


@pytest_asyncio.fixture
async def tour(museum: Museum) -> Offer:
    offer = await make_tour(museum)
    # The first sale makes the key that signs tickets: phones learn it with their first list.
    await offer.tickets(1)
    return offer


@pytest_asyncio.fixture
async def paired(browser: Browser, house: House, museum: Museum, tour: Offer) -> AsyncIterator[Phone]:  # noqa: ARG001 - sold before the phone asks
    """A scanner with its list of tickets, at the first gate, and no camera."""
    async with phone(browser, house.url) as made:
        await made.pair((await new_scanner(museum))["pairing_qr"])
        yield made


@pytest.fixture
def filmed(browser: Browser, house: House, tmp_path: Path) -> Filmed:
    """A phone whose camera shows these scenes, over and over."""

    @asynccontextmanager
    async def start(scenes: list[tuple[str | None, float]]) -> AsyncIterator[Phone]:
        played = film(tmp_path / "gate.y4m", scenes)
        arguments = [*flags(), *CAMERA, f"--use-file-for-fake-video-capture={played}"]
        started = await browser.browser_type.launch(executable_path=chromium(), args=arguments)
        async with phone(started, house.url, permissions=["camera"]) as made:
            yield made
        await started.close()

    return start
