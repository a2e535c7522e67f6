"""`make screenshots`: every page of the shop on a phone and on a desk, as small pictures."""

import argparse
import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright

from parvis.embedded.servers import embedded_servers
from parvis.establishments import operator_key
from parvis.migrate import migrate
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.browser.chromium import flags, installed_chromium
from tests.browser.shopper import DESKTOP, PHONE, TIMEOUT_MS
from tests.browser.tour import open_places, tour
from tests.conftest import _instance
from tests.journeys.conftest import WEBHOOK_SECRET, _settings
from tests.journeys.house import House, running_house

SIZES = {"phone": PHONE, "desktop": DESKTOP}
IN_DARK = ("establishment", "offer", "tickets")
# The pictures of the readmes: one screen of a phone each, from this element on.
IN_README = {"offer-chosen": "#day", "order": "h1", "tickets": "h1"}
COLOURS = 64
MAX_HEIGHT_PIXELS = 2400


async def take(folder: Path) -> None:
    async with _house() as house, async_playwright() as playwright:
        places = await open_places(house)
        browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=flags())
        for language in ("en", "fr"):
            context = await browser.new_context(locale=language, service_workers="block")
            context.set_default_timeout(TIMEOUT_MS)
            page = await context.new_page()
            async for name in tour(page, house, places):
                if language == "en":
                    await _picture_all(page, folder, name)
                if name in IN_README:
                    await _picture(page, folder / f"readme-{name}-{language}.png", PHONE, start=IN_README[name])
            await context.close()
        await browser.close()


async def _picture_all(page: Page, folder: Path, name: str) -> None:
    for device, size in SIZES.items():
        await _picture(page, folder / f"{name}-{device}.png", size)
    if name in IN_DARK:
        await page.emulate_media(color_scheme="dark")
        await _picture(page, folder / f"{name}-dark-phone.png", PHONE)
        await page.emulate_media(color_scheme="light")


async def _picture(page: Page, file: Path, size: tuple[int, int], *, start: str = "") -> None:
    """The whole page, or one screen from `start` on."""
    width, height = size
    await page.set_viewport_size({"width": width, "height": height})
    await page.evaluate("start => start ? document.querySelector(start).scrollIntoView() : scrollTo(0, 0)", start)
    taken = Image.open(io.BytesIO(await page.screenshot(full_page=not start, animations="disabled")))
    cut = taken.crop((0, 0, taken.width, min(taken.height, MAX_HEIGHT_PIXELS))).convert("RGB")
    cut.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


@asynccontextmanager
async def _house() -> AsyncIterator[House]:
    stand_in = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            embedded_servers(Path(folder) / "data", durable=False) as servers,
            serve_stripe_stand_in(stand_in) as stripe_url,
        ):
            settings = _settings(_instance(servers, "postgres"), stripe_url)
            await migrate(settings)
            key = await operator_key(settings, "Screenshots")
            logs = Path(folder) / "logs"
            logs.mkdir()
            async with running_house("together", settings, key, logs) as house:
                yield house


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    wanted = arguments.parse_args().folder
    wanted.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(wanted))
