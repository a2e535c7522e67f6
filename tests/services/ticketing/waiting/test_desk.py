from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import msgspec
import pytest

from services.inventory.contract import SlotClosed
from services.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated
from services.kit.principal import Principal
from services.ticketing.orders.requests import Confirmation
from services.ticketing.orders.rules import OrderEnded
from services.ticketing.waiting.queries import EntryFilter, list_entries
from services.ticketing.waiting.rules import AlreadyWaiting, Entry, PlacesAvailable
from services.ticketing.waiting.views import EntryView
from tests.conftest import Instance
from tests.services.ticketing.shop import ADA, Shop, key
from tests.services.ticketing.waiting.lines import Lines


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def test_place_in_the_line_is_shown_to_whoever_has_its_token(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out()
    first, second = await lines.join(slot, 2), await lines.join(slot)
    assert (first.position, second.position) == (1, 2)
    shown = await lines.see(second)
    assert (shown.status, shown.position, shown.order) == ("waiting", 2, None)
    assert isinstance(first.token, str)
    with pytest.raises(NotFound):
        await lines.desk.show(shop.visitor, second.id, first.token)
    with pytest.raises(Unauthenticated):
        await lines.desk.show(shop.visitor, second.id, None)
    reader = msgspec.structs.replace(shop.staff, scopes=frozenset({"catalog:write"}))
    with pytest.raises(Forbidden):
        await lines.desk.show(reader, second.id, None)


async def test_token_of_the_order_is_shown_to_whoever_waited_and_not_to_staff(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    shown = await lines.see(entry)
    assert shown.order is not None
    assert str(shown.order.access_token).startswith("pvo_")
    staff = Principal("key:1", shop.tenant, shop.slug, frozenset({"orders:read"}))
    by_staff = await lines.desk.show(staff, entry.id, None)
    assert by_staff.order is not None
    assert (by_staff.order.id, by_staff.order.access_token) == (shown.order.id, msgspec.UNSET)


@pytest.mark.parametrize(("capacity", "sold", "quantity"), [(4, 2, 2), (4, 0, 1), (1, 0, 1)])
async def test_nobody_waits_for_what_is_free(lines: Lines, shop: Shop, capacity: int, sold: int, quantity: int):
    slot = await shop.slot(capacity=capacity)
    for _ in range(sold):
        await shop.buy((slot, shop.free_id, 1))
    with pytest.raises(PlacesAvailable) as refused:
        await lines.join(slot, quantity)
    assert refused.value.remaining == capacity - sold


async def test_line_may_be_joined_while_fewer_are_free_than_asked(lines: Lines, shop: Shop):
    slot = await shop.slot(capacity=4)
    await shop.buy((slot, shop.free_id, 3))
    assert (await lines.join(slot, 2)).position == 1


async def test_what_is_about_to_be_offered_to_those_ahead_is_not_free(lines: Lines):
    slot, (sold, *_) = await lines.sold_out()
    await lines.join(slot)
    await lines.cancel(sold)
    assert (await lines.join(slot)).position == 2


async def test_line_for_a_day_opens_when_no_slot_has_room(lines: Lines, shop: Shop):
    await lines.sold_out(2)
    free = await shop.slot(capacity=2)
    day = await shop.owner.fetchval("SELECT local_date FROM inventory.slots WHERE id = $1", free)
    with pytest.raises(PlacesAvailable):
        await lines.join(offer_id=shop.offer_id, date=day)
    await shop.buy((free, shop.free_id, 2))
    entry = await lines.join(offer_id=shop.offer_id, date=day)
    assert (entry.slot_id, entry.date, entry.position) == (None, day, 1)


async def test_one_address_stands_once_in_a_line(lines: Lines):
    slot, _ = await lines.sold_out()
    other, _ = await lines.sold_out()
    entry = await lines.join(slot, email="ada@example.org")
    with pytest.raises(AlreadyWaiting):
        await lines.join(slot, email="Ada@Example.org")
    await lines.join(other, email="ada@example.org")
    assert isinstance(entry.token, str)
    await lines.desk.leave(lines.shop.visitor, entry.id, entry.token)
    assert (await lines.join(slot, email="ada@example.org")).status == "waiting"


async def test_family_counts_with_all_its_members(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out()
    assert (await lines.join(slot, tariff_id=shop.family_id)).places == 3


@pytest.mark.parametrize(("capacity", "quantity"), [(4, 5), (30, 21)])
async def test_party_that_can_never_be_served_is_refused(lines: Lines, shop: Shop, capacity: int, quantity: int):
    slot = await shop.slot(capacity=capacity)
    await shop.buy((slot, shop.free_id, capacity))
    with pytest.raises(Invalid, match="At most"):
        await lines.join(slot, quantity)


async def test_wish_that_names_nothing_or_too_much_is_refused(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out()
    today = shop.clock.now().date()
    for fields in ({}, {"offer_id": shop.offer_id}, {"date": today}):
        with pytest.raises(Invalid, match="Name a slot"):
            await lines.join(**fields)
    with pytest.raises(Invalid, match="not both"):
        await lines.join(slot, offer_id=shop.offer_id, date=today)
    with pytest.raises(Invalid, match="no such slot"):
        await lines.join(uuid4())
    with pytest.raises(Invalid, match="no slots on that day"):
        await lines.join(offer_id=shop.offer_id, date=today - timedelta(days=9))
    with pytest.raises(Invalid, match="no such tariff"):
        await lines.join(slot, tariff_id=uuid4())


async def test_nobody_waits_for_what_is_not_on_sale(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out()
    await shop.owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", slot)
    with pytest.raises(SlotClosed):
        await lines.join(slot)


async def test_repeated_request_is_answered_alike_and_stands_once(lines: Lines, shop: Shop):
    slot, sold = await lines.sold_out()
    wish = lines.wish(slot)
    first = await lines.desk.join(shop.visitor, wish, key())
    # Also when there is room by now.
    await lines.cancel(*sold)
    assert await lines.desk.join(shop.visitor, wish, key()) == first
    assert await waiting_for(shop, slot) == 1


async def waiting_for(shop: Shop, slot: UUID) -> int:
    count: int = await shop.owner.fetchval("SELECT count(*) FROM ticketing.waiting_entries WHERE slot_id = $1", slot)
    return count


async def leave(lines: Lines, entry: EntryView) -> None:
    assert isinstance(entry.token, str)
    await lines.desk.leave(lines.shop.visitor, entry.id, entry.token)


async def test_leaving_is_final_and_moves_the_others_up(lines: Lines):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await leave(lines, first)
    await leave(lines, first)
    assert (await lines.see(second)).position == 1
    await lines.cancel(sold)
    await lines.serve()
    assert await lines.states(first, second) == ["left", "offered"]


async def test_offer_that_is_declined_goes_to_the_next_at_once(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    await leave(lines, first)
    assert await shop.taken(slot) == (0, 3)
    await lines.serve()
    assert await lines.states(first, second) == ["left", "offered"]


async def test_nobody_leaves_with_tickets(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    wanted = Confirmation(payment_method="free", customer=ADA)
    await shop.desk.confirm(shop.visitor, await lines.order_of(entry), wanted, None)
    with pytest.raises(OrderEnded):
        await leave(lines, entry)
    assert await lines.states(entry) == ["taken"]


async def test_offer_without_a_name_asks_for_it_when_it_is_taken(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await shop.owner.execute("UPDATE ticketing.waiting_entries SET customer_name = '' WHERE id = $1", entry.id)
    await lines.cancel(sold)
    await lines.serve()
    order = await lines.order_of(entry)
    with pytest.raises(Invalid, match="Name and e-mail"):
        await shop.desk.confirm(shop.visitor, order, Confirmation(payment_method="free"), None)


async def test_line_is_listed_in_order_of_joining_page_by_page(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entries = [await lines.join(slot) for _ in range(3)]
    await lines.cancel(sold)
    await lines.serve()

    async def listed(wanted: EntryFilter, limit: int = 10) -> list[Entry]:
        query = partial(list_entries, establishment_id=shop.tenant, wanted=wanted, limit=limit)
        return await shop.database.read(shop.tenant, query)

    (first,) = await listed(EntryFilter(offer_id=shop.offer_id), limit=1)
    rest = await listed(EntryFilter(after=(first.joined_at, first.id)))
    assert [entry.id for entry in (first, *rest)] == [entry.id for entry in entries]
    assert [entry.id for entry in await listed(EntryFilter(status="waiting"))] == [entry.id for entry in entries[1:]]
    assert await listed(EntryFilter(offer_id=uuid4())) == []
