"""Paying by card on the stand-in's hosted page, as a browser does."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from playwright.async_api import Page

from tests.browser.shopper import Shopper
from tests.browser.test_buying import later_slot
from tests.journeys.bank import AUTHENTICATED_CARD, DECLINED_CARD, GOOD_CARD, Bank
from tests.journeys.museum import FULL_PRICE_MINOR

Look: TypeAlias = Callable[[Page], Awaitable[None]]


async def test_card(shopper: Shopper, bank: Bank):
    await to_the_payment_page(shopper, 2)
    await shopper.pay_by_card(GOOD_CARD)
    await arrived(shopper)
    assert "access_token" not in shopper.page.url
    assert await bank.captured_minor(shopper.museum) == (2 * FULL_PRICE_MINOR, 0)


async def test_card_that_asks_for_3d_secure(shopper: Shopper, bank: Bank):
    await to_the_payment_page(shopper, 1)
    await shopper.pay_by_card(AUTHENTICATED_CARD)
    await shopper.reads("3-D Secure confirmation")
    await shopper.press("Authorise")
    await arrived(shopper)
    assert await bank.captured_minor(shopper.museum) == (FULL_PRICE_MINOR, 0)


async def test_declined_card_then_a_good_one(shopper: Shopper, bank: Bank):
    await to_the_payment_page(shopper, 1)
    await shopper.pay_by_card(DECLINED_CARD)
    await shopper.sees("Your card was declined")
    await shopper.pay_by_card(GOOD_CARD)
    await arrived(shopper)
    assert await bank.captured_minor(shopper.museum) == (FULL_PRICE_MINOR, 0)


async def test_left_the_payment_page_and_came_back_to_it(shopper: Shopper, bank: Bank):
    await to_the_payment_page(shopper, 1)
    await shopper.follow("Go back without paying")
    await shopper.reads("Your payment is not confirmed yet")
    await shopper.press("Go to the payment page")
    await shopper.pay_by_card(GOOD_CARD)
    await arrived(shopper)
    assert await bank.captured_minor(shopper.museum) == (FULL_PRICE_MINOR, 0)


async def to_the_payment_page(shopper: Shopper, quantity: int, look: Look | None = None) -> None:
    """`look` is shown the page of the order."""
    await shopper.begin(await later_slot(shopper.museum), full=quantity)
    await shopper.reads("Your order")
    await shopper.fill_in()
    if look:
        await look(shopper.page)
    await shopper.press("Order with obligation to pay")
    await shopper.sees("Total to pay")


async def arrived(shopper: Shopper) -> None:
    """On the tickets; the bank's notification may be slower than the browser, then looking again helps."""
    heading = shopper.page.get_by_role("heading", level=1)
    await shopper.page.wait_for_url(f"{shopper.home}/order**")
    while await heading.text_content() == "Your payment is being checked":
        await shopper.follow("Look again")
    await shopper.reads("Your tickets")
    [order] = (await shopper.museum.orders()).items
    assert order.status == "confirmed"
