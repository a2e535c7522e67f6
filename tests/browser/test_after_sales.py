"""What visitors do by themselves with what they bought, and the line for what others had bought."""

from playwright.async_api import expect

from tests.browser.shopper import Shopper
from tests.browser.test_buying import later_slot
from tests.browser.test_card import arrived, to_the_payment_page
from tests.journeys.bank import GOOD_CARD, Bank
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR
from tests.journeys.visitor import buy, cancel, line
from tests.journeys.waiting import eventually


async def test_time_of_one_ticket_is_changed(shopper: Shopper):
    slot, museum = await later_slot(shopper.museum), shopper.museum
    new = next(other for other in await museum.slots() if other.starts_at > slot.starts_at)
    await shopper.begin(slot, free=2)
    await shopper.fill_in()
    await shopper.press("Confirm my visit")
    await shopper.follow("Change the time")
    await shopper.reads("Change the time")
    day = shopper.page.locator(f".calendar a[href*='day={new.starts_at:%Y-%m-%d}']")
    if not await shopper.radio(new).count():
        await day.click()
    await shopper.radio(new).check(force=True)
    await shopper.page.get_by_role("checkbox").last.uncheck()
    await shopper.press("Continue")
    await shopper.reads("Change the time?")
    await shopper.press("Change the time")
    await shopper.sees("The time is changed.")
    assert (await museum.remaining(slot), await museum.remaining(new)) == (CAPACITY - 1, CAPACITY - 1)


async def test_part_of_an_order_is_cancelled_with_the_refund_seen_before(shopper: Shopper, bank: Bank):
    museum = shopper.museum
    await to_the_payment_page(shopper, 3)
    await shopper.pay_by_card(GOOD_CARD)
    await arrived(shopper)
    await shopper.follow("Cancel tickets")
    await shopper.page.get_by_role("checkbox").first.check()
    await shopper.press("Continue")
    await shopper.reads("Cancel these tickets?")
    await expect(shopper.page.locator(".total strong")).to_have_text("€15")
    assert await bank.captured_minor(museum) == (3 * FULL_PRICE_MINOR, 0)
    await shopper.press("Cancel the tickets")
    await shopper.sees("The tickets are cancelled.")
    [order] = (await museum.orders()).items
    assert order.valid_numbers == [2, 3]

    async def is_refunded() -> bool:
        return await bank.captured_minor(museum) == (3 * FULL_PRICE_MINOR, FULL_PRICE_MINOR)

    await eventually(is_refunded)


async def test_waiting_list_leads_to_an_order_when_places_return(shopper: Shopper):
    slot, museum = await later_slot(shopper.museum), shopper.museum
    await shopper.open_day(slot)
    await shopper.choose(slot, free=2)
    sold = await buy(museum, line(slot, museum.free_id, CAPACITY))
    await shopper.press("Add to my order")
    await shopper.reads("Sold out")
    await shopper.page.get_by_label("Only at").check()
    await shopper.page.get_by_label("E-mail").fill("ada@example.org")
    await shopper.press("Join the waiting list")
    await shopper.reads("You are on the waiting list")
    await shopper.sees("You are next.")
    assert (await cancel(museum, sold)).is_success

    async def is_offered() -> bool:
        await shopper.page.reload()
        return await shopper.page.get_by_role("heading", level=1).text_content() == "Places are kept for you"

    await eventually(is_offered)
    await shopper.follow("Order now")
    await shopper.reads("Your order")
    await shopper.fill_in()
    await shopper.press("Confirm my visit")
    await shopper.reads("Your tickets")
    assert await museum.remaining(slot) == CAPACITY - 2
