from tests.gateway.shop.browser import Browser
from tests.gateway.shop.till import Till, bought, choose, order_of
from tests.journeys.bank import GOOD_CARD
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR
from tests.journeys.past import end_order
from tests.journeys.waiting import eventually


async def paid_by_card(till: Till, browser: Browser, museum, **quantities: str) -> None:
    await bought(browser, museum, "stripe", **quantities)
    await till.bank.type_card(await order_of(browser, museum), GOOD_CARD)

    async def is_shown() -> bool:
        await browser.get(f"/{museum.slug}/order")
        return "/orders/" in browser.path

    await eventually(is_shown)


async def test_other_time_is_shown_before_it_is_taken(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, "on_site", full="3")
    order, slots = await order_of(browser, museum), await museum.slots()
    await browser.get(f"{browser.path}/visits/{slots[-1].id}/time")
    # The day of the visit is the one that is shown.
    assert str(slots[-2].id) in browser.form("/time").choices["slot_id"]
    assert str(slots[-1].id) not in browser.form("/time").choices["slot_id"]
    assert not browser.form("/time").fields.get("slot_id")
    await browser.click("/time", status=422)
    assert "Please choose a time." in browser.text

    form = browser.form("/time")
    form.fields["slot_id"] = str(slots[-2].id)
    del form.fields[f"ticket.{order.tickets[0].id}"]
    await browser.send(form)
    assert "2 tickets" in browser.text
    assert "To pay Nothing" in browser.text
    assert (await order_of(browser, museum)).valid_numbers == [1, 2, 3]

    form = browser.form("/time")
    await browser.send(form)
    assert "The time is changed." in browser.text
    moved = await order_of(browser, museum)
    assert moved.valid_numbers == [1, 4, 5]
    assert [await museum.remaining(slot) for slot in slots[-2:]] == [CAPACITY - 2, CAPACITY - 1]

    await browser.send(form, status=422)
    assert (await order_of(browser, museum)).valid_numbers == [1, 4, 5]


async def test_some_tickets_are_cancelled_with_the_refund_that_was_shown(till: Till, browser: Browser):
    museum = await till.museum()
    await paid_by_card(till, browser, museum, full="3")
    order = await order_of(browser, museum)
    await browser.get(f"{browser.path}/cancel")
    await browser.click("/cancel", status=422)
    assert "Please choose at least one ticket." in browser.text

    await browser.click("/cancel", **{f"ticket.{ticket.id}": "on" for ticket in order.tickets[:2]})
    assert "Refund €30" in browser.text
    assert (await order_of(browser, museum)).valid_numbers == [1, 2, 3]
    form = browser.form("/cancel")
    await browser.send(form)

    left = await order_of(browser, museum)
    assert (left.valid_numbers, left.payment.refunded.amount) == ([3], 2 * FULL_PRICE_MINOR)
    assert "The tickets are cancelled." in browser.text
    assert "Refunded: €30." in browser.text
    # The back button, and once more.
    await browser.send(form, status=422)
    assert (await order_of(browser, museum)).payment.refunded.amount == 2 * FULL_PRICE_MINOR


async def test_outside_the_terms_nothing_can_be_changed(till: Till, browser: Browser):
    museum = await till.museum(cancellation_hours_before=2000, exchange_hours_before=None)
    await bought(browser, museum, free="1")
    path, slot, order = browser.path, (await museum.slots())[-1], await order_of(browser, museum)
    assert "You could cancel by yourself until 2000 hours before the visit: that time is past." in browser.text
    assert [link for link in browser.page.links if link.endswith(("/cancel", "/time"))] == []

    await browser.get(f"{path}/visits/{slot.id}/time")
    assert "can no longer be changed here" in browser.text
    await browser.get(path)
    form = browser.form("/messages")
    form.action = f"{path}/cancel"
    form.fields |= {"agreed": "yes", f"ticket.{order.tickets[0].id}": "on"}
    await browser.send(form, status=422)
    assert "can no longer be cancelled here" in browser.text
    assert (await order_of(browser, museum)).valid_numbers == [1]


async def test_whole_order_can_be_cancelled_and_says_so(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, "on_site", full="1")
    order = await order_of(browser, museum)
    await browser.get(f"{browser.path}/cancel")
    await browser.click("/cancel", **{f"ticket.{order.tickets[0].id}": "on"})
    assert "you will owe €15 less on site" in browser.text
    await browser.click("/cancel")

    assert "This order is cancelled" in browser.text
    await browser.get(f"{browser.path}/tickets")
    assert "This order has no valid ticket any more." in browser.text


async def test_link_opens_the_order_anywhere_and_leaves_no_token_in_the_address(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, free="1")
    link = next(link for link in browser.page.links if "access_token=" in link)
    path = browser.path
    other = till.browser("fr")
    await other.get(path, status=404)
    await other.get(link)

    assert (str(other.answer.url), other.answer.headers["cache-control"]) == (f"{till.house.url}{path}", "no-store")
    assert "Merci, Ada Lovelace." in other.text
    await other.click("/messages")
    assert other.went[-1].endswith(("?done=sent", "?done=not_sent"))
    await other.get(path)
    await other.click("/forget")
    await other.get(path, status=404)
    await other.close()


async def test_link_of_another_order_leaves_the_one_that_is_being_made(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, free="1")
    link = next(link for link in browser.page.links if "access_token=" in link)
    other = till.browser()
    await choose(other, museum, free="2")
    await other.get(link)
    assert "Your tickets" in other.text
    await other.get(f"/{museum.slug}/order")
    assert "Your places are kept until" in other.text
    await other.close()


async def test_hold_that_is_over_can_be_begun_again(till: Till, browser: Browser, till_owner):
    museum = await till.museum()
    await choose(browser, museum, free="2", full="1")
    order = await order_of(browser, museum)
    await end_order(till_owner, order)

    await browser.click("/order/details", name="Ada", email="ada@example.org", payment_method="on_site")
    assert (browser.path, "The time is over" in browser.text) == (f"/{museum.slug}/order", True)
    form = browser.form("/order/again")
    await browser.send(form)
    again = await order_of(browser, museum)
    assert again.id != order.id
    assert [(line.tariff_id, line.quantity) for line in again.lines] == [
        (line.tariff_id, line.quantity) for line in order.lines
    ]
    # Sent once more, it is the same order.
    await browser.send(form)
    assert (await order_of(browser, museum)).id == again.id


async def test_hold_that_is_over_and_sold_since_leads_to_what_is_left(till: Till, browser: Browser, till_owner):
    museum = await till.museum()
    await choose(browser, museum, free="5")
    await end_order(till_owner, await order_of(browser, museum))
    other = till.browser()
    await choose(other, museum, free="6")
    await other.close()

    await browser.get(f"/{museum.slug}/order")
    await browser.click("/order/again")
    assert browser.path == f"/{museum.slug}/waiting-list"
    assert "Not enough places" in browser.text
    assert "Times with room for all 5 of you on this day" in browser.text
