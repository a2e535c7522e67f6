from urllib.parse import quote

from tests.journeys.answers import Order, refusal
from tests.journeys.museum import Museum
from tests.journeys.visitor import buy, hold, line


async def test_orders_are_listed_page_by_page_newest_first(museum: Museum):
    made = [await hold(museum, line(slot, museum.free_id)) for slot in (await museum.slots())[:7]]
    seen: list[Order] = []
    sizes = []
    cursor: dict[str, str] = {}
    while True:
        page = await museum.orders(limit="3", **cursor)
        seen += page.items
        sizes.append(len(page.items))
        if page.next_cursor is None:
            break
        # What is made meanwhile must not shift the pages that follow.
        await hold(museum, line((await museum.slots())[8], museum.free_id))
        cursor = {"cursor": quote(page.next_cursor)}
    assert sizes == [3, 3, 1]
    assert [order.id for order in seen] == [order.id for order in reversed(made)]


async def test_orders_are_found_by_what_one_knows_of_them(museum: Museum):
    slot = (await museum.slots())[0]
    held, bought = await hold(museum, line(slot, museum.free_id)), await buy(museum, line(slot, museum.free_id))
    for query, found in (
        ({"reference": held.reference}, [held.id]),
        ({"email": "ADA@example.org"}, [bought.id]),
        ({"status": "confirmed"}, [bought.id]),
        ({"status": "cancelled"}, []),
        ({"from": "2100-01-01T00:00:00Z"}, []),
    ):
        assert [order.id for order in (await museum.orders(**query)).items] == found


async def test_wrong_pages_are_refused(museum: Museum):
    for query in ("limit=101", "limit=0", "cursor=nonsense"):
        status, _ = refusal(await museum.ask("GET", f"/orders?{query}", key=museum.admin_key))
        assert status in (400, 422)
