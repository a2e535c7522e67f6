import asyncio
import html
import re

from tests.gateway.shop.browser import Browser, data_images
from tests.gateway.shop.till import Till, bought, choose, order_of
from tests.journeys.bank import DECLINED_CARD, GOOD_CARD
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR
from tests.journeys.waiting import eventually


async def test_free_visit_from_the_offer_to_the_tickets(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="2")

    assert browser.went == [f"/{museum.slug}/order"]
    assert "Your places are kept until" in browser.text
    assert "There is nothing to pay." in browser.text
    await browser.click("/order/details", name=" Ada Lovelace ", email="ada@example.org")

    order = await order_of(browser, museum)
    assert (order.status, order.valid_numbers) == ("confirmed", [1, 2])
    assert (order.customer.name, order.customer.language) == ("Ada Lovelace", "en")
    assert browser.path == f"/{museum.slug}/orders/{order.id}"
    assert "Thank you, Ada Lovelace. They are also sent to ada@example.org." in browser.text
    assert len(data_images(await browser.get(f"{browser.path}/tickets"))) == 2
    pdf = await browser.http.get(f"/{museum.slug}/orders/{order.id}/tickets.pdf")
    entry = await browser.http.get(f"/{museum.slug}/orders/{order.id}/tickets/{order.tickets[0].id}.ics")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert entry.text.startswith("BEGIN:VCALENDAR")


async def test_card_from_the_offer_to_the_tickets(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, "stripe", full="2")
    assert browser.went == [(await order_of(browser, museum)).payment.url]

    await browser.get(f"/{museum.slug}/order")
    assert "Your payment is not confirmed yet" in browser.text
    order = await order_of(browser, museum)
    declined = await till.bank.type_card(order, DECLINED_CARD)
    assert 'role="alert"' in declined.text
    await till.bank.type_card(order, GOOD_CARD)

    async def is_shown() -> bool:
        await browser.get(f"/{museum.slug}/order")
        return "Paid: €30." in browser.text

    await eventually(is_shown)
    assert await till.bank.captured_minor(museum) == (2 * FULL_PRICE_MINOR, 0)


async def test_way_back_from_the_payment_page_works_in_another_browser(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, "stripe", full="1")
    order = await order_of(browser, museum)
    found = re.search(f'href="({till.house.url}[^"]*)"', (await till.bank.visit(order)).text)
    assert found
    back = html.unescape(found.group(1))

    other = till.browser()
    await other.get(back)
    assert (other.path, "Pay on site instead" in other.text) == (f"/{museum.slug}/order", True)
    assert "access_token" not in str(other.answer.url)
    await other.click("/order/payment", payment_method="on_site")
    assert "To be paid on site: €15." in other.text
    await other.close()


async def test_back_from_the_payment_page_before_we_are_told_nothing_can_be_undone(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, "stripe", full="1")
    await till.bank.plan(hold=True)
    shown = await till.bank.type_card(await order_of(browser, museum), GOOD_CARD)
    await browser.get(str(shown.request.url) + "&lang=en")
    assert browser.path == f"/{museum.slug}/order"
    assert "Your payment is being checked" in browser.text
    assert "<form" not in browser.answer.text
    assert f"/{museum.slug}/order?returned=1&amp;lang=en" in browser.answer.text

    # Whoever has not paid, whatever the address says, finds the other ways.
    await browser.get(f"/{museum.slug}/order")
    assert "You have not paid?" in browser.text
    await till.bank.release("in_order")
    await till.bank.plan()

    async def is_shown() -> bool:
        await browser.get(f"/{museum.slug}/order?returned=1")
        return "Paid: €15." in browser.text

    await eventually(is_shown)


async def test_visit_too_near_to_cancel_is_said_before_it_is_bought(till: Till, browser: Browser):
    museum = await till.museum(cancellation_hours_before=2000)
    await choose(browser, museum, free="1")
    assert "These visits begin too soon to be cancelled by yourself." in browser.text


async def test_sent_twice_it_is_bought_once(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="1", full="2")
    form = browser.form("/order/details")
    form.fields |= {"name": "Ada", "email": "ada@example.org", "payment_method": "on_site"}
    same_origin = {"sec-fetch-site": "same-origin"}
    clicks = [browser.http.post(form.action, data=form.fields, headers=same_origin) for _ in range(2)]

    assert [answer.status_code for answer in await asyncio.gather(*clicks)] == [303, 303]
    # The back button, and once more.
    await browser.send(form)
    assert "Thank you, Ada." in browser.text
    assert [order.valid_numbers for order in (await museum.orders()).items] == [[1, 2, 3]]


async def test_offer_sent_twice_is_held_once(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="2")
    await choose(browser, museum, free="2")
    await choose(browser, museum, place=-2, full="1")
    order = await order_of(browser, museum)

    assert sorted(line.quantity for line in order.lines) == [1, 2]
    assert len((await museum.orders()).items) == 1


async def test_lines_can_be_changed_and_removed(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="2", full="2")
    form = browser.form("/order/lines")
    quantities = [name for name in form.fields if name.startswith("quantity.")]
    form.fields[next(name for name in quantities if name.endswith(str(museum.full_id)))] = "1"
    await browser.send(form)
    assert "Total €15" in browser.text

    form = browser.form("/order/lines")
    form.fields |= dict(button for button in form.buttons if button[1].endswith(str(museum.full_id)))
    await browser.send(form)
    assert [line.quantity for line in (await order_of(browser, museum)).lines] == [2]

    form = browser.form("/order/lines")
    form.fields |= {name: "nine" for name in form.fields if name.startswith("quantity.")}
    await browser.send(form, status=422)
    assert "Please enter a number." in browser.text
    assert browser.page.all("input", value="nine", aria_invalid="true") or 'value="nine"' in browser.answer.text

    form = browser.form("/order/lines")
    form.fields |= {name: "0" for name in form.fields if name.startswith("quantity.")}
    await browser.send(form)
    assert "Your order is empty" in browser.text
    assert (await museum.slots())[-1].remaining == CAPACITY


async def test_more_than_there_is_says_how_many_there_are(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="2")
    form = browser.form("/order/lines")
    form.fields |= {name: "11" for name in form.fields if name.startswith("quantity.")}
    await browser.send(form, status=422)

    # Those that are held here already among them.
    assert f"Only {CAPACITY} places can be had at this time." in browser.text
    assert 'value="11"' in browser.answer.text


async def test_details_that_are_wrong_are_said_beside_their_fields(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, full="1")
    await browser.click("/order/details", status=422, name="Ada", email="nowhere", payment_method="cheque")

    page = browser.page
    summary = [link for link in page.links if link.startswith("#") and link != "#main"]
    assert summary == ["#email", "#payment_method"]
    assert set(summary) <= {f"#{one}" for one in page.ids}
    email = page.all("input", name="email")[0]
    assert (email["value"], email["aria-invalid"]) == ("nowhere", "true")
    assert set(email["aria-describedby"].split()) <= set(page.ids)
    assert page.all("input", name="name")[0]["value"] == "Ada"
    assert "Error – Your order" in browser.text


async def test_time_can_be_extended_once(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="1")
    before = (await order_of(browser, museum)).expires_at
    form = browser.form("/order/extension")
    await browser.send(form)
    after = (await order_of(browser, museum)).expires_at
    assert after > before
    assert not browser.page.all("form", action=form.action)

    await browser.send(form)
    assert (await order_of(browser, museum)).expires_at == after


async def test_given_up_order_gives_its_places_back(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="3")
    await browser.click("/order/end")

    assert "Your order is empty" in browser.text
    assert "parvis-order" not in browser.http.cookies
    assert (await museum.slots())[-1].remaining == CAPACITY


async def test_choice_without_a_time_or_a_ticket_is_shown_again(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    await browser.get(f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}")
    await browser.click("/order", status=422, **{f"quantity.{museum.free_id}": "2"})
    assert "Please choose a time." in browser.text
    assert browser.page.all("input", value="2")

    await browser.click("/order", status=422, slot_id=str(slot.id), **{f"quantity.{museum.free_id}": "0"})
    assert "Please choose at least one ticket." in browser.text
    assert "parvis-order" not in browser.http.cookies


async def test_page_to_pay_may_be_reached_from_the_order_only_by_its_form(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, full="1")
    policy = browser.answer.headers["content-security-policy"]
    assert f"form-action 'self' {till.house.stripe_url};" in policy
    assert till.house.stripe_url not in policy.replace(f"form-action 'self' {till.house.stripe_url};", "")


async def test_pressed_twice_the_first_form_holds_once(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    address = f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}"
    await browser.get(address)
    form = browser.form("/order")
    form.fields |= {"slot_id": str(slot.id), f"quantity.{museum.free_id}": "2"}
    same_origin = {"sec-fetch-site": "same-origin"}
    strangers = [till.browser() for _ in range(2)]
    answers = await asyncio.gather(
        *(one.http.post(form.action, data=form.fields, headers=same_origin) for one in strangers)
    )
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["set-cookie"] == answers[1].headers["set-cookie"]
    assert await museum.remaining(slot) == CAPACITY - 2

    # Another number is another choice, and another copy of the page has another key.
    form.fields[f"quantity.{museum.free_id}"] = "1"
    await browser.send(form)
    assert await museum.remaining(slot) == CAPACITY - 3
    await browser.click("/order/details", name="Ada Lovelace", email="ada@example.org")
    # Back to the page that the browser has kept, and the same again: another order.
    await browser.send(form)
    assert await museum.remaining(slot) == CAPACITY - 4
    for one in strangers:
        await one.close()


async def test_every_copy_of_a_page_has_its_own_key_and_no_cache_shares_it(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    address = f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}"
    keys, pages = set(), set()
    for coding in ("gzip", "gzip", "identity", "identity"):
        answer = await browser.http.get(address, headers={"accept-encoding": coding})
        assert answer.headers["cache-control"] == "private, max-age=1"
        (key,) = re.findall(r'name="key" value="([^"]+)"', answer.text)
        keys.add(key)
        pages.add(answer.text.replace(key, ""))
    assert (len(keys), len(pages)) == (4, 1)
    assert {len(key) for key in keys} == {24}
    front = await browser.http.get(f"/{museum.slug}")
    assert front.headers["cache-control"] == "public, max-age=1"
