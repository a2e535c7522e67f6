"""Every page of the shop, one after the other, as one visitor of the demo meets them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
from playwright.async_api import Page

from parvis.demo.making import _listen_to_stripe, make_establishment
from parvis.demo.offers import establishments
from parvis.mail import mailbox_folder
from tests.journeys.house import House
from tests.journeys.past import END_HOLD, END_ORDER

SLOTS_OF_ONE_ORDER = 10
CUSTOMER = {"name": "Camille Exemple", "email": "camille@example.org", "language": "fr"}
# The buttons that send the forms; those of the steppers are of another kind.
ADD = "form.tickets > button"
CONFIRM = "form.details button:not(.bare)"


class Place(msgspec.Struct, frozen=True):
    """An establishment of the demo. Its slots are those of its first offer."""

    house: House
    made: dict[str, Any]

    @property
    def url(self) -> str:
        return f"{self.house.url}/{self.made['slug']}"

    def offer(self, number: int = 0) -> str:
        return f"{self.url}/offers/{self.made['offer_ids'][number]}"

    async def slots(self, day: str) -> list[dict[str, Any]]:
        path = f"/v1/establishments/{self.made['slug']}/offers/{self.made['offer_ids'][0]}/availability"
        answer = await self.house.http.get(path, params={"from": day, "until": day})
        slots: list[dict[str, Any]] = answer.raise_for_status().json()["slots"]
        return slots

    async def sell(self, slot: dict[str, Any], number: int) -> None:
        """At the desk."""
        base = f"/v1/establishments/{self.made['slug']}"
        tariffs = (await self.house.http.get(f"{base}/offers/{self.made['offer_ids'][0]}/tariffs")).json()["items"]
        while number:
            some = min(number, SLOTS_OF_ONE_ORDER)
            body = {
                "lines": [{"slot_id": slot["id"], "tariff_id": tariffs[0]["id"], "quantity": some}],
                "confirm": {"payment_method": "on_site", "customer": CUSTOMER},
            }
            headers = {"authorization": f"Bearer {self.made['admin_key']}", "idempotency-key": uuid4().hex}
            (await self.house.http.post(f"{base}/orders", json=body, headers=headers)).raise_for_status()
            number -= some

    async def give_back(self, slot: dict[str, Any]) -> None:
        """What one of the orders for this slot had; at the desk."""
        base, headers = f"/v1/establishments/{self.made['slug']}", {"authorization": f"Bearer {self.made['admin_key']}"}
        orders = (await self.house.http.get(f"{base}/orders?status=confirmed&limit=100", headers=headers)).json()[
            "items"
        ]
        sold = next(order for order in orders if order["lines"][0]["slot_id"] == slot["id"])
        path = f"{base}/orders/{sold['id']}/cancellation"
        (await self.house.http.post(path, json={}, headers=headers)).raise_for_status()


async def open_places(house: House) -> list[Place]:
    """The demo's establishments, with some of their places sold."""
    today = datetime.now(UTC).date()
    made = [await make_establishment(house.http, house.operator_key, one) for one in establishments(today)]
    for one in made:
        await _listen_to_stripe(house.settings, one)
    museum, castle, _ = places = [Place(house, one) for one in made]
    slots = await museum.slots(near_day())
    for slot, left in ((slots[2], 3), (slots[5], 0), (slots[6], 1)):
        await museum.sell(slot, slot["remaining"] - left)
    for slot in await castle.slots(near_day()):
        await castle.sell(slot, slot["remaining"])
    return places


def near_day() -> str:
    """A few days from now: cancelled tickets are still refunded."""
    return (datetime.now(UTC).date() + timedelta(days=4)).isoformat()


async def tour(page: Page, house: House, places: list[Place]) -> AsyncIterator[str]:
    """The name of each page, while `page` shows it. What is done to it in between must leave it where it is."""
    museum, castle, _ = places
    async for name in browsing(page, museum, castle):
        yield name
    async for name in _ordering(page, museum):
        yield name
    async for name in _after_the_purchase(page):
        yield name
    async for name in _too_late(page, house, museum, castle):
        yield name
    if mailbox_folder(house.settings):
        await page.goto(f"{house.url}/demo/mailbox")
        yield "mailbox"
        await page.locator("main a[href*='/demo/mailbox/']").first.click()
        await page.wait_for_selector("iframe")
        yield "mail"


async def browsing(page: Page, museum: Place, castle: Place) -> AsyncIterator[str]:
    for name, url in {
        "home": museum.house.url,
        "establishment": museum.url,
        "offer": f"{museum.offer()}?day={near_day()}",
        "offer-open": museum.offer(1),
        "offer-sold-out": f"{castle.offer()}?day={near_day()}",
        "embedded": f"{museum.url}/embed/{museum.made['offer_ids'][0]}?day={near_day()}",
        "accessibility": f"{museum.url}/accessibilite",
        "ecodesign": f"{museum.url}/ecoconception",
        "legal": f"{museum.url}/mentions-legales",
        "order-empty": f"{museum.url}/order",
        "order-not-open": f"{museum.url}/orders/{uuid4()}",
        "not-found": f"{museum.url}/offers/{uuid4()}",
    }.items():
        await page.goto(url)
        yield name
    await page.goto(f"{museum.offer()}?day={near_day()}")
    await _choose(page, 0)
    await page.click(ADD)
    await page.wait_for_selector(".faults")
    yield "offer-faults"


async def _ordering(page: Page, museum: Place) -> AsyncIterator[str]:
    await page.goto(f"{museum.offer()}?day={near_day()}")
    await _choose(page, 2)
    await page.locator("input[type=number]").nth(1).fill("1")
    yield "offer-chosen"
    await page.click(ADD)
    await page.wait_for_selector(CONFIRM)
    yield "order"
    # As a browser would that checks nothing by itself.
    await page.locator("form.details").evaluate("form => { form.noValidate = true }")
    await page.click(CONFIRM)
    await page.wait_for_selector(".faults")
    yield "order-faults"
    await page.fill("#name", CUSTOMER["name"])
    await page.fill("#email", CUSTOMER["email"])
    await page.click(CONFIRM)
    await page.wait_for_selector(".back a")
    yield "stand-in"
    await page.click(".back a")
    await page.wait_for_selector("form[action*='/order/payment']")
    yield "payment-pending"
    await page.click("form[action*='/order/payment'] button")
    await page.click("form button[type=submit]")
    await page.wait_for_url(f"{museum.url}/order**")
    # The bank's notification may be slower than the browser.
    while not await page.locator(".visit").count():
        await page.click(".actions a")


async def _after_the_purchase(page: Page) -> AsyncIterator[str]:
    mine = page.url
    yield "my-order"
    await page.goto(f"{mine}/tickets")
    yield "tickets"
    await page.goto(mine)
    await page.click("a[href*='/time']")
    await page.wait_for_selector(".picking")
    yield "time"
    await page.locator(".slots input:enabled").last.check(force=True)
    await page.click(".picking > button")
    await page.wait_for_selector(".change")
    yield "time-review"
    await page.goto(f"{mine}/cancel")
    yield "cancel"
    await page.locator("input[type=checkbox]").first.check()
    await page.click("main form button")
    await page.wait_for_selector("input[name=agreed]", state="attached")
    yield "cancel-review"
    await page.click("main form button")
    await page.wait_for_selector(".done")
    yield "my-order-partly-cancelled"


async def _too_late(page: Page, house: House, museum: Place, castle: Place) -> AsyncIterator[str]:
    await page.goto(f"{museum.offer()}?day={near_day()}")
    await _choose(page, 1)
    await page.click(ADD)
    await page.wait_for_selector(CONFIRM)
    order_id = await page.locator("input[name=order_id]").first.get_attribute("value")
    owner = await asyncpg.connect(house.settings.database_url)
    await owner.execute(END_HOLD, UUID(order_id))
    await owner.execute(END_ORDER, UUID(order_id), timedelta(minutes=1))
    await owner.close()
    await page.goto(f"{museum.url}/order")
    await page.wait_for_selector("form[action*='/order/again']")
    yield "order-expired"
    # The tour before this one left places in its own.
    slot = next(slot for slot in await castle.slots(near_day()) if not slot["remaining"])
    query = httpx.QueryParams({"offer": castle.made["offer_ids"][0], "day": near_day(), "slot": slot["id"]})
    await page.goto(f"{castle.url}/waiting-list?{query}")
    await page.locator("input[type=number]").first.fill("2")
    yield "waiting-list"
    await page.fill("#email", CUSTOMER["email"])
    await page.click(ADD)
    await page.wait_for_selector("form[action*='/leave']")
    yield "waiting-place"
    await castle.give_back(slot)
    # The worker offers what has come back within a few seconds.
    while not await page.locator("a.button[href*='/order']").count():
        await page.reload()
    yield "waiting-offer"
    await page.click("form[action*='/leave'] button")
    await page.wait_for_selector("form[action*='/leave']", state="detached")
    yield "waiting-left"


async def _choose(page: Page, number: int) -> None:
    await page.locator(".slots input:enabled").nth(3).check(force=True)
    await page.locator("input[type=number]").first.fill(str(number))
