from tests.gateway.shop.browser import Browser
from tests.gateway.shop.till import Till, bought, choose
from tests.journeys.museum import CAPACITY


async def test_sold_out_while_filling_in_shows_what_remains_and_a_line_to_join(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    await browser.get(f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}")
    other = till.browser()
    await bought(other, museum, free=str(CAPACITY))
    await other.close()
    await browser.click("/order", slot_id=str(slot.id), **{f"quantity.{museum.free_id}": "3"})

    assert browser.path == f"/{museum.slug}/waiting-list"
    assert "parvis-order" not in browser.http.cookies
    assert "Sold out" in browser.text
    times = [link for link in browser.page.links if "slot=" in link and "waiting-list" not in link]
    assert f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}&slot=" in times[0]
    assert browser.page.all("input", name=f"quantity.{museum.free_id}", value="3")

    await browser.click("/waiting-list", status=422, email="nowhere")
    assert "Please enter your e-mail address" in browser.text
    form = browser.form("/waiting-list")
    form.fields["email"] = "ada@example.org"
    await browser.send(form)
    assert "You are on the waiting list" in browser.text
    assert "You are next." in browser.text
    assert "3 people" in browser.text
    place = browser.path
    link = next(link for link in browser.page.links if "access_token=pvw_" in link)
    await browser.send(form)
    assert browser.path == place

    other = till.browser()
    await other.get(place, status=404)
    await other.get(link)
    assert (other.path, "access_token" in str(other.answer.url)) == (place, False)
    await other.click("/leave")
    assert "You have left the waiting list" in other.text
    await other.close()


async def test_nobody_waits_where_there_is_room(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    query = f"offer={museum.offer_id}&day={slot.starts_at.date()}&slot={slot.id}&want={museum.free_id}:2,nonsense"
    await browser.get(f"/{museum.slug}/waiting-list?{query}")
    await browser.click("/waiting-list", status=422, email="ada@example.org")

    assert "Places are free at this moment: you can order them." in browser.text
    assert browser.page.all("input", name="email", value="ada@example.org")


async def test_waiting_list_of_nothing_is_not_there(till: Till, browser: Browser):
    museum = await till.museum()
    for query in ("", f"?offer={museum.offer_id}", f"?offer={museum.id}&day=2026-12-05"):
        await browser.get(f"/{museum.slug}/waiting-list{query}", status=404)
    await choose(browser, museum, free="1")
    await browser.get(f"/{museum.slug}/waiting-list/{museum.id}", status=404)
