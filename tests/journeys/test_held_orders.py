from datetime import timedelta

from tests.journeys.answers import Order, read, refusal
from tests.journeys.museum import CAPACITY, Museum
from tests.journeys.past import Owner, end_hold
from tests.journeys.visitor import ADA, buy, cancel, confirm, hold, line


async def test_lines_change_while_held(museum: Museum):
    first, second = (await museum.slots())[:2]
    held = await hold(museum, line(first, museum.free_id, 2))
    # The new lines may draw on the places of the old ones.
    body = {"lines": [line(first, museum.free_id, CAPACITY), line(second, museum.full_id)]}
    changed = read(await museum.ask("PATCH", f"/orders/{held.id}", body, key=held.access_token), Order)
    assert [(one.slot_id, one.quantity) for one in changed.lines] == [(first.id, CAPACITY), (second.id, 1)]
    assert (await museum.remaining(first), await museum.remaining(second)) == (0, CAPACITY - 1)

    change = {"lines": [line(second, museum.free_id, 3)], "customer": ADA}
    changed = read(await museum.ask("PATCH", f"/orders/{held.id}", change, key=held.access_token), Order)
    assert changed.customer
    assert changed.customer.email == ADA["email"]
    assert (await museum.remaining(first), await museum.remaining(second)) == (CAPACITY, CAPACITY - 3)
    assert len((await confirm(museum, held, "free")).tickets) == 3


async def test_change_that_finds_no_place_leaves_the_order_as_it_was(museum: Museum):
    slot = (await museum.slots())[0]
    held = await hold(museum, line(slot, museum.free_id, 2))
    await buy(museum, line(slot, museum.free_id, CAPACITY - 3))
    body = {"lines": [line(slot, museum.free_id, 4)]}
    refused = await museum.ask("PATCH", f"/orders/{held.id}", body, key=held.access_token)
    assert refusal(refused) == (409, "not_enough_places")
    assert len((await confirm(museum, held, "free")).tickets) == 2


async def test_confirmed_order_keeps_its_lines(museum: Museum):
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.free_id))
    body = {"lines": [line(slot, museum.free_id, 2)]}
    assert refusal(await museum.ask("PATCH", f"/orders/{order.id}", body, key=order.access_token)) == (
        409,
        "order_ended",
    )


async def test_order_is_extended_once(museum: Museum):
    held = await hold(museum, line((await museum.slots())[0], museum.free_id))
    path = f"/orders/{held.id}/extension"
    extended = read(await museum.ask("POST", path, key=held.access_token), Order)
    assert held.expires_at
    assert extended.expires_at
    # Ten minutes more, but for the time that the two requests took.
    longer = extended.expires_at - held.expires_at
    assert timedelta(minutes=9, seconds=50) <= longer <= timedelta(minutes=10, seconds=1)
    assert refusal(await museum.ask("POST", path, key=held.access_token)) == (409, "already_extended")


async def test_hold_that_is_over_cannot_be_confirmed(museum: Museum, owner: Owner):
    held = await hold(museum, line((await museum.slots())[0], museum.free_id))
    await end_hold(owner, held)
    body = {"payment_method": "free", "customer": ADA}
    refused = await museum.ask("POST", f"/orders/{held.id}/confirmation", body, key=held.access_token)
    assert refusal(refused) == (409, "order_ended")


async def test_held_order_is_given_up(museum: Museum):
    slot = (await museum.slots())[0]
    held = await hold(museum, line(slot, museum.free_id, 2))
    assert read(await cancel(museum, held), Order).status == "cancelled"
    assert await museum.remaining(slot) == CAPACITY
