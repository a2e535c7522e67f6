from tests.journeys.answers import Order, read, refusal
from tests.journeys.museum import FULL_PRICE_MINOR, Museum
from tests.journeys.visitor import ADA, buy, line, look


async def test_ticket_to_be_paid_on_site_opens_no_gate_before(museum: Museum):
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="on_site")
    assert order.status == "confirmed"
    assert order.payment
    assert (order.payment.status, order.payment.amount.amount) == ("due", FULL_PRICE_MINOR)
    [ticket] = order.tickets
    assert (await museum.scan(ticket.code)).reason == "not_paid"

    path, body = f"/orders/{order.id}/payments", {"means": "cash"}
    # A visitor cannot say that the money came.
    assert refusal(await museum.ask("POST", path, body, key=order.access_token)) == (403, "forbidden")
    paid = read(await museum.ask("POST", path, body, key=museum.admin_key), Order, 201)
    assert paid.payment
    assert paid.payment.status == "paid"
    assert (await museum.scan(ticket.code)).outcome == "admitted"
    assert refusal(await museum.ask("POST", path, body, key=museum.admin_key)) == (409, "order_ended")


async def test_on_account_is_for_staff(museum: Museum):
    slot = (await museum.slots())[0]
    body = {"lines": [line(slot, museum.full_id)], "confirm": {"payment_method": "on_account", "customer": ADA}}
    assert refusal(await museum.ask("POST", "/orders", body)) == (403, "forbidden")
    order = read(await museum.ask("POST", "/orders", body, key=museum.admin_key), Order, 201)
    assert order.payment
    assert (order.status, order.payment.method, order.payment.status) == ("confirmed", "on_account", "due")


async def test_a_price_is_never_free(museum: Museum):
    body = {
        "lines": [line((await museum.slots())[0], museum.full_id)],
        "confirm": {"payment_method": "free", "customer": ADA},
    }
    assert refusal(await museum.ask("POST", "/orders", body)) == (422, "payment_method_refused")


async def test_refund_at_the_desk_never_exceeds_what_was_paid(museum: Museum):
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="on_site")
    refunds = f"/orders/{order.id}/refunds"
    whole, half = {"reason": "Goodwill"}, {"reason": "Goodwill", "amount": FULL_PRICE_MINOR // 2 + 1}
    assert refusal(await museum.ask("POST", refunds, whole, key=museum.admin_key)) == (409, "refund_too_large")

    await museum.staff("POST", f"/orders/{order.id}/payments", {"means": "card"}, status=201)
    await museum.staff("POST", refunds, half, status=201)
    assert refusal(await museum.ask("POST", refunds, half, key=museum.admin_key)) == (409, "refund_too_large")
    rest = await museum.staff("POST", refunds, whole, status=201)
    assert rest["payment"]["refunded"]["amount"] == FULL_PRICE_MINOR
    # Money back is not a ticket back.
    assert (await look(museum, order)).valid_numbers == [1]
