"""Free visits: the whole way, and what happens to people who are not the only ones or not in a hurry."""

import io

import zxingcpp
from PIL import Image
from playwright.async_api import expect

from tests.browser.shopper import Shopper, local
from tests.journeys.answers import Slot
from tests.journeys.museum import CAPACITY, Museum
from tests.journeys.past import Owner, end_order
from tests.journeys.visitor import hold, line
from tests.journeys.waiting import eventually


async def test_free_visit_from_the_front_page_to_the_tickets(shopper: Shopper):
    page, slot = shopper.page, await later_slot(shopper.museum)
    await page.goto(shopper.home)
    await shopper.follow("Visit")
    await shopper.reads("Visit")
    await page.goto(f"{page.url}?month={local(slot):%Y-%m}")
    await page.locator(f".calendar a[href*='day={local(slot):%Y-%m-%d}']").click()
    await shopper.choose(slot, free=2)
    assert await page.context.cookies() == []
    await shopper.press("Add to my order")
    await shopper.reads("Your order")
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in await page.context.cookies()] == [(True, "Lax")]
    await shopper.fill_in()
    await shopper.press("Confirm my visit")
    await shopper.reads("Your tickets")
    await shopper.follow("Show the tickets")
    await shopper.sees("this page also opens without a network")
    await page.context.set_offline(True)
    await page.reload()
    [order] = (await shopper.museum.orders()).items
    assert (order.status, order.valid_numbers) == ("confirmed", [1, 2])
    shown = page.get_by_role("img", name="QR code of ticket")
    await expect(shown).to_have_count(2)
    codes = [codes_in(await image.screenshot()) for image in await shown.all()]
    assert codes == [[ticket.code] for ticket in order.tickets]


async def test_back_button_after_the_purchase_buys_nothing_twice(shopper: Shopper):
    slot = await later_slot(shopper.museum)
    await shopper.begin(slot, free=2)
    await shopper.reads("Your order")
    await shopper.fill_in()
    await shopper.press("Confirm my visit")
    await shopper.reads("Your tickets")
    await shopper.page.go_back()
    if await shopper.page.get_by_role("button", name="Confirm my visit").count():
        await shopper.fill_in()
        await shopper.press("Confirm my visit")
    await shopper.reads("Your tickets")
    assert len((await shopper.museum.orders()).items) == 1
    assert await shopper.museum.remaining(slot) == CAPACITY - 2


async def test_two_tabs_are_one_order_and_nobody_pays_unseen(shopper: Shopper):
    first, second = (await shopper.museum.slots())[-2:]
    other = await shopper.another_tab()
    await shopper.begin(first, free=1)
    await shopper.fill_in()
    await other.begin(second, full=2)
    await other.reads("Your order")
    await expect(other.page.locator(".lines li")).to_have_count(2)
    await shopper.press("Confirm my visit")
    await shopper.sees("Your order has changed in the meantime.")
    await shopper.page.get_by_label("On site").check()
    await shopper.press("Order with obligation to pay: €30")
    await shopper.reads("Your tickets")
    await other.fill_in()
    await other.press("Order with obligation to pay: €30")
    await other.reads("Your tickets")
    [order] = (await shopper.museum.orders()).items
    assert order.valid_numbers == [1, 2, 3]


async def test_order_whose_time_is_over_is_begun_again(shopper: Shopper, owner: Owner):
    slot = await later_slot(shopper.museum)
    await shopper.begin(slot, free=2)
    await shopper.reads("Your order")
    [late] = (await shopper.museum.orders()).items
    await shopper.fill_in()
    await end_order(owner, late)
    await shopper.press("Confirm my visit")
    await shopper.reads("The time is over")
    await shopper.press("Begin again with the same choice")
    await shopper.reads("Your order")
    await shopper.fill_in()
    await shopper.press("Confirm my visit")
    await shopper.reads("Your tickets")
    # The worker brings back what was held before.
    await eventually(lambda: has_places(shopper.museum, slot, CAPACITY - 2))


async def test_time_can_be_extended(shopper: Shopper):
    await shopper.begin(await later_slot(shopper.museum), free=1)
    [before] = (await shopper.museum.orders()).items
    await shopper.press("Keep them 10 minutes longer")
    await expect(shopper.page.get_by_role("button", name="Keep them")).to_have_count(0)
    [after] = (await shopper.museum.orders()).items
    assert before.expires_at
    assert after.expires_at
    assert after.expires_at > before.expires_at


async def test_places_sold_while_filling_in_lead_to_the_nearest_times(shopper: Shopper):
    museum, slot = shopper.museum, await later_slot(shopper.museum)
    await shopper.open_day(slot)
    await shopper.choose(slot, free=3)
    await hold(museum, line(slot, museum.free_id, CAPACITY - 1))
    await shopper.press("Add to my order")
    await shopper.reads("Not enough places")
    await shopper.page.locator(".days a").first.click()
    await shopper.page.fill(f"[id='quantity.{museum.free_id}']", "3")
    await shopper.press("Add to my order")
    await shopper.reads("Your order")
    assert await museum.remaining(slot) == 1


async def has_places(museum: Museum, slot: Slot, number: int) -> bool:
    return await museum.remaining(slot) == number


def codes_in(picture: bytes) -> list[str]:
    """What a scanner reads."""
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


async def later_slot(museum: Museum) -> Slot:
    """Far enough to be cancelled and exchanged."""
    return (await museum.slots())[-2]
