import io

import pypdfium2  # type: ignore[import-untyped]  # ships no types

from tests.journeys.answers import Order, Slots, Ticket, read, refusal
from tests.journeys.museum import CAPACITY, Museum
from tests.journeys.visitor import ADA, buy, line
from tests.journeys.waiting import eventually


async def test_free_visit_from_availability_to_the_gate(museum: Museum):
    slot = (await museum.slots())[0]
    assert (slot.status, slot.remaining, slot.capacity) == ("available", CAPACITY, CAPACITY)

    order = await buy(museum, line(slot, museum.free_id, 2))
    assert (order.status, order.total.amount, order.payment) == ("confirmed", 0, None)
    assert [ticket.number for ticket in order.tickets] == [1, 2]
    assert {ticket.slot.id for ticket in order.tickets} == {slot.id}
    assert await museum.remaining(slot) == CAPACITY - 2

    first, second = order.tickets
    admitted = await museum.scan(first.code)
    assert (admitted.outcome, admitted.reason) == ("admitted", None)
    again = await museum.scan(first.code, gate_id=museum.second_gate_id)
    assert (again.outcome, again.reason) == ("refused", "already_admitted")
    assert again.earlier
    assert again.earlier.gate_id == museum.gate_id
    # The code typed by hand opens the gate as well.
    assert (await museum.scan(second.short_code)).outcome == "admitted"


async def test_tickets_come_as_data_page_image_and_calendar_entry(museum: Museum):
    order = await buy(museum, line((await museum.slots())[0], museum.free_id, 2))
    ticket = order.tickets[0]
    path, token = f"/tickets/{ticket.id}", order.access_token

    assert read(await museum.ask("GET", path, key=token), Ticket) == ticket
    # A link in a mail carries the token in its query.
    assert read(await museum.ask("GET", f"{path}?token={token}"), Ticket) == ticket

    image = await museum.ask("GET", f"{path}.svg", key=token)
    assert image.headers["content-type"].startswith("image/svg+xml")
    assert "<svg" in image.text
    entry = await museum.ask("GET", f"{path}.ics", key=token)
    assert entry.headers["content-type"].startswith("text/calendar")
    assert entry.text.count("BEGIN:VEVENT") == 1
    page = await museum.ask("GET", f"{path}.pdf", key=token)
    assert page.headers["content-type"] == "application/pdf"
    assert _pages(page.content) == 1
    assert _pages((await museum.ask("GET", f"/orders/{order.id}/tickets.pdf", key=token)).content) == 2


async def test_somebody_else_reaches_neither_order_nor_ticket(museum: Museum):
    slot = (await museum.slots())[0]
    order, other = await buy(museum, line(slot, museum.free_id)), await buy(museum, line(slot, museum.free_id))
    for path in (f"/orders/{order.id}", f"/tickets/{order.tickets[0].id}", f"/orders/{order.id}/tickets.pdf"):
        assert refusal(await museum.ask("GET", path, key=other.access_token)) == (404, "not_found")
        assert refusal(await museum.ask("GET", path)) == (401, "unauthenticated")


async def test_last_places_are_refused_with_what_remains(museum: Museum):
    slot = (await museum.slots())[0]
    await buy(museum, line(slot, museum.free_id, CAPACITY - 1))
    wanted = {"lines": [line(slot, museum.free_id, 2)], "confirm": {"payment_method": "free", "customer": ADA}}
    short = await museum.ask("POST", "/orders", wanted)
    assert refusal(short) == (409, "not_enough_places")
    assert short.json()["remaining"] == 1

    await buy(museum, line(slot, museum.free_id, 1))
    assert refusal(await museum.ask("POST", "/orders", wanted)) == (409, "sold_out")

    async def shown_as_sold_out() -> bool:
        found = read(await museum.ask("GET", f"/offers/{museum.offer_id}/availability"), Slots).slots
        return next(one.status for one in found if one.id == slot.id) == "sold_out"

    await eventually(shown_as_sold_out)


async def test_order_prices_its_lines_and_splits_the_tax(museum: Museum):
    slot = (await museum.slots())[0]
    body = {"lines": [line(slot, museum.full_id, 3), line(slot, museum.free_id, 1)]}
    order = read(await museum.ask("POST", "/orders", body), Order, 201)
    assert [one.total.amount for one in order.lines] == [4500, 0]
    # 10 % included in the price: 4500 × 10 / 110.
    assert [(part.rate_bp, part.gross.amount, part.vat.amount) for part in order.vat] == [(1000, 4500, 409)]


def _pages(document: bytes) -> int:
    return len(pypdfium2.PdfDocument(io.BytesIO(document)))
