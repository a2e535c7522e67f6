"""A shop that takes cards: the whole product in this process on a real port, a stand-in for Stripe beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import msgspec

from parvis.asgi import make_everything
from parvis.establishments import operator_key
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.conftest import Instance
from tests.gateway.served import served
from tests.gateway.shop.browser import Browser
from tests.journeys.answers import Order, read
from tests.journeys.bank import Bank
from tests.journeys.house import LOOPBACK, House, free_port
from tests.journeys.museum import Museum, found_museum

WEBHOOK_SECRET = "whsec_of_the_shop"
METHODS = {"payment_methods": ["free", "stripe", "on_site"], "exchange_hours_before": 0, "cancellation_hours_before": 0}


class Till(msgspec.Struct, frozen=True):
    house: House
    bank: Bank

    async def museum(self, **profile: object) -> Museum:
        """A new one, which sells by card, on site and for nothing."""
        museum = await found_museum(self.house, **(METHODS | profile))
        await self.bank.tell(museum)
        return museum

    def browser(self, language: str = "en") -> Browser:
        return Browser(self.house.url, language)


@asynccontextmanager
async def open_till(instance: Instance) -> AsyncIterator[Till]:
    port = free_port()
    async with serve_stripe_stand_in(StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)) as stripe_url:
        settings = instance.settings(
            read_rate_per_minute=0,
            write_rate_per_minute=0,
            pool_size=4,
            test_mode=True,
            public_url=f"http://{LOOPBACK}:{port}",
            stripe_api_key="sk_test_shop",
            stripe_api_url=stripe_url,
            stripe_webhook_secret=WEBHOOK_SECRET,
        )
        key = await operator_key(settings, "Till")
        async with (
            served(make_everything(settings), port=port) as url,  # type: ignore[arg-type]  # see street
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http,
            httpx.AsyncClient(base_url=stripe_url, trust_env=False, timeout=30) as stripe,
        ):
            house = House(url, stripe_url, key, settings, http, Path())
            yield Till(house, Bank(house, stripe))


async def choose(browser: Browser, museum: Museum, *, place: int = -1, **quantities: str) -> None:
    """On the page of the offer, tomorrow: one of the times, and so many tickets: `full` and `free`."""
    slot = (await museum.slots())[place]
    await browser.get(f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}")
    ids = {"full": museum.full_id, "free": museum.free_id}
    filled = {f"quantity.{ids[name]}": number for name, number in quantities.items()}
    await browser.click("/order", slot_id=str(slot.id), **filled)


async def bought(browser: Browser, museum: Museum, method: str = "free", **quantities: str) -> None:
    """From the offer to the order's own page."""
    await choose(browser, museum, **quantities)
    await browser.click("/order/details", name="Ada Lovelace", email="ada@example.org", payment_method=method)


async def order_of(browser: Browser, museum: Museum) -> Order:
    """What the API says of the order that was made last here."""
    order_id = browser.http.cookies["parvis-order"].split("~")[1]
    return read(await museum.ask("GET", f"/orders/{UUID(order_id)}", key=museum.admin_key), Order)
