"""The way of an order to its tickets: what happens when a step comes late, twice, or in another order."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from services.inventory.contract import NotEnoughPlaces, SlotClosed, SoldOut
from services.kit.errors import IdempotencyInProgress, IdempotencyKeyReused, Invalid, NotFound, Unavailable
from services.kit.principal import Principal
from services.ticketing.orders.requests import Confirmation
from services.ticketing.orders.rules import OrderEnded, PaymentMethodRefused
from tests.services.ticketing.shop import ADA, Shop, key, order

FREE = Confirmation(payment_method="free", customer=ADA)


async def test_order_holds_its_places_and_has_no_ticket_yet(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.full_id, 2), (slot, shop.family_id, 1))
    assert (held.status, held.total_minor, held.tickets) == ("held", 7000, [])
    assert await shop.taken(slot) == (5, 0)
    assert await shop.events("order") == []


async def test_confirmation_turns_places_into_numbered_tickets(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    confirmed = await shop.order_in(await shop.desk.confirm(shop.visitor, held, FREE, None))
    assert (confirmed.status, confirmed.expires_at) == ("confirmed", None)
    assert [ticket.number for ticket in confirmed.tickets] == [1, 2]
    assert {(ticket.slot_id, ticket.hold_id, ticket.status) for ticket in confirmed.tickets} == {
        (slot, held.hold_id, "valid")
    }
    assert await shop.taken(slot) == (0, 2)
    assert await shop.events("order") == ["order.confirmed"]


async def test_one_call_buys_what_needs_no_provider(shop: Shop):
    slot = await shop.slot()
    bought = await shop.buy((slot, shop.family_id, 1), method="on_site")
    assert [ticket.price_minor for ticket in bought.tickets] == [1334, 1333, 1333]
    assert bought.payment is not None
    assert (bought.payment.status, bought.payment.amount_minor) == ("due", 4000)
    assert await shop.taken(slot) == (0, 3)


async def test_places_that_are_not_there_are_refused_before_anything_is_written(shop: Shop):
    slot = await shop.slot(capacity=3)
    await shop.buy((slot, shop.free_id, 1))
    with pytest.raises(NotEnoughPlaces) as refused:
        await shop.buy((slot, shop.family_id, 1), method="on_site")
    assert refused.value.remaining == 2
    await shop.buy((slot, shop.free_id, 2))
    with pytest.raises(SoldOut):
        await shop.hold((slot, shop.free_id, 1))
    assert await shop.numbers() == [1, 2, 3]
    assert (
        await shop.owner.fetchval("SELECT count(*) FROM ticketing.orders WHERE establishment_id = $1", shop.tenant) == 2
    )


async def test_places_over_two_slots_are_taken_together_or_not_at_all(shop: Shop):
    roomy, full = await shop.slot(), await shop.slot(capacity=1)
    with pytest.raises(NotEnoughPlaces):
        await shop.hold((roomy, shop.free_id, 2), (full, shop.free_id, 2))
    assert (await shop.taken(roomy), await shop.taken(full)) == ((0, 0), (0, 0))


@pytest.mark.parametrize("confirm", [Confirmation("free", ADA), Confirmation("on_site"), Confirmation("stripe")])
async def test_what_is_wrong_with_the_request_takes_no_place(shop: Shop, confirm: Confirmation):
    """Something to pay as free; nobody named."""
    slot = await shop.slot()
    with pytest.raises((PaymentMethodRefused, Invalid)):
        await shop.hold((slot, shop.full_id, 2), confirm=confirm)
    assert await shop.taken(slot) == (0, 0)


async def test_slot_that_is_closed_sells_nothing(shop: Shop):
    slot = await shop.slot()
    await shop.owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", slot)
    with pytest.raises(SlotClosed):
        await shop.buy((slot, shop.free_id, 1))


async def test_expired_hold_is_not_confirmed(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    await shop.end_hold(held)
    with pytest.raises(OrderEnded):
        await shop.desk.confirm(shop.visitor, held, FREE, None)
    assert (await shop.read(held)).tickets == []


async def test_order_that_was_let_go_is_not_confirmed(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    await shop.end_order(held)
    with pytest.raises(OrderEnded):
        await shop.desk.confirm(shop.visitor, held, FREE, None)
    assert (await shop.read(held)).status == "expired"


async def test_confirmed_twice_is_confirmed_once(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    first = await shop.desk.confirm(shop.visitor, held, FREE, key("first"))
    again = await shop.desk.confirm(shop.visitor, held, FREE, key("another"))
    assert msgspec.json.decode(again.body)["tickets"] == msgspec.json.decode(first.body)["tickets"]
    assert await shop.numbers() == [1, 2]
    assert await shop.events("order") == ["order.confirmed"]


async def test_confirmed_twice_at_the_desk_is_due_once(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.full_id, 2))
    on_site = Confirmation(payment_method="on_site", customer=ADA)
    first = await shop.desk.confirm(shop.staff, held, on_site, None)
    again = await shop.desk.confirm(shop.staff, held, on_site, None)
    assert msgspec.json.decode(again.body)["tickets"] == msgspec.json.decode(first.body)["tickets"]
    assert [(due.status, due.amount_minor) for due in (await shop.read(held)).payments] == [("due", 3000)]


async def test_confirmations_at_the_same_time_make_one_set_of_tickets(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    answers = await asyncio.gather(
        *(shop.desk.confirm(shop.visitor, held, FREE, key(str(number))) for number in range(5))
    )
    tickets = [[ticket["number"] for ticket in msgspec.json.decode(answer.body)["tickets"]] for answer in answers]
    assert tickets == [[1, 2]] * 5
    assert await shop.numbers() == [1, 2]
    assert await shop.taken(slot) == (0, 2)


async def test_confirmation_and_expiry_at_the_same_time_have_one_winner(shop: Shop):
    slot = await shop.slot()
    held = [await shop.hold((slot, shop.free_id, 1)) for _ in range(6)]
    await shop.owner.execute(
        "UPDATE ticketing.orders SET expires_at = now() - interval '1 minute' WHERE establishment_id = $1", shop.tenant
    )
    # The hold itself still lives: a confirmation that runs into the last second of it.
    confirming = [shop.desk.confirm(shop.visitor, one, FREE, None) for one in held]
    answers = await asyncio.gather(*confirming, shop.jobs._expire_orders(shop.tenant), return_exceptions=True)
    assert {type(answer).__name__ for answer in answers[:-1]} <= {"Answer", "OrderEnded"}
    await shop.jobs._return_places(shop.tenant)
    after = [await shop.read(one) for one in held]
    assert {one.status for one in after} <= {"confirmed", "expired"}
    confirmed = [one for one in after if one.status == "confirmed"]
    assert [len(one.tickets) for one in after] == [int(one.status == "confirmed") for one in after]
    assert await shop.taken(slot) == (0, len(confirmed))
    assert await shop.numbers() == list(range(1, len(confirmed) + 1))


async def test_key_gets_its_first_answer_again(shop: Shop):
    slot = await shop.slot()
    wanted = order((slot, shop.free_id, 2), confirm=FREE)
    first = await shop.desk.create(shop.visitor, wanted, key())
    assert await shop.desk.create(shop.visitor, wanted, key()) == first
    assert await shop.taken(slot) == (0, 2)
    with pytest.raises(IdempotencyKeyReused):
        await shop.desk.create(shop.visitor, order((slot, shop.free_id, 3), confirm=FREE), key(body=b"other"))
    assert await shop.taken(slot) == (0, 2)


async def test_key_is_replayed_after_its_hold_is_over(shop: Shop):
    slot = await shop.slot(capacity=2)
    wanted = order((slot, shop.free_id, 2))
    first = await shop.desk.create(shop.visitor, wanted, key())
    await shop.end_order(await shop.order_in(first))
    await shop.buy((slot, shop.free_id, 2))
    # Sold out meanwhile; and yet what was answered then is answered now.
    assert await shop.desk.create(shop.visitor, wanted, key()) == first
    assert await shop.taken(slot) == (0, 2)


async def test_key_that_is_sent_twice_at_once_makes_one_order(shop: Shop):
    slot = await shop.slot()
    wanted = order((slot, shop.free_id, 2), confirm=FREE)
    answers = await asyncio.gather(
        *(shop.desk.create(shop.visitor, wanted, key()) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == [
        "Answer",
        "IdempotencyInProgress",
        "IdempotencyInProgress",
    ]
    assert isinstance(answers[1], IdempotencyInProgress)
    assert await shop.taken(slot) == (0, 2)


async def test_buyer_who_went_away_before_the_answer_finds_the_order_with_the_same_key(shop: Shop):
    slot = await shop.slot(capacity=2)
    wanted = order((slot, shop.free_id, 2), confirm=FREE)
    async with shop.owner.transaction():
        # The books wait: the places are sold, the tickets are not written yet.
        await shop.owner.execute("LOCK TABLE ticketing.ledger_heads IN ACCESS EXCLUSIVE MODE")
        buying = asyncio.create_task(shop.desk.create(shop.visitor, wanted, key()))
        while await shop.taken(slot) != (0, 2):  # noqa: ASYNC110 - the database offers no event for it
            await asyncio.sleep(0.01)
        buying.cancel()
    bought = await shop.order_in(await shop.desk.create(shop.visitor, wanted, key()))
    assert [ticket.number for ticket in bought.tickets] == [1, 2]
    assert await shop.taken(slot) == (0, 2)
    assert await shop.events("order") == ["order.confirmed"]


async def test_two_orders_of_a_visitor_are_independent(shop: Shop):
    slot = await shop.slot()
    first, second = await shop.hold((slot, shop.free_id, 1)), await shop.hold((slot, shop.free_id, 1))
    await shop.desk.confirm(shop.visitor, second, FREE, None)
    await shop.desk.confirm(shop.visitor, first, FREE, None)
    numbers = [ticket.number for one in (second, first) for ticket in (await shop.read(one)).tickets]
    assert numbers == [1, 2]


async def test_held_order_shows_its_token_to_its_maker_only(shop: Shop):
    slot = await shop.slot()
    made = msgspec.json.decode((await shop.desk.create(shop.visitor, order((slot, shop.free_id, 1)), None)).body)
    held = await shop.read(UUID(made["id"]))
    own = msgspec.structs.replace(shop.visitor, actor=f"order:{held.id}", order_id=held.id)
    shown = {
        name: msgspec.to_builtins((await shop.desk.presenter(principal))(held)).get("access_token")
        for name, principal in {"own": own, "staff": shop.staff, "visitor": shop.visitor}.items()
    }
    assert shown == {"own": made["access_token"], "staff": None, "visitor": None}


async def test_order_of_another_establishment_does_not_exist(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.free_id, 1))
    with pytest.raises(NotFound):
        await shop.desk.read(UUID(int=7), held.id)


async def test_closed_desk_is_unavailable(shop: Shop):
    slot = await shop.slot()
    await shop.desk.close()
    with pytest.raises(Unavailable):
        await shop.buy((slot, shop.free_id, 1))


async def test_establishment_that_is_not_there_sells_nothing(shop: Shop):
    slot = await shop.slot()
    stranger = Principal(establishment_id=UUID(int=7))
    with pytest.raises(NotFound):
        await shop.desk.create(stranger, order((slot, shop.free_id, 1)), None)
