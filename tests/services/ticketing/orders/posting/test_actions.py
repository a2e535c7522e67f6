"""Entering orders in the books: numbers without gaps, a chain without breaks, and few round trips."""

import asyncio
from collections.abc import Sequence
from functools import partial

import asyncpg
import msgspec
import pytest

from services.kit.errors import IdempotencyKeyReused
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.web import encode
from services.ticketing.orders.posting.actions import OrderSettled, Posting, Step, post_orders
from services.ticketing.orders.posting.rules import draft_tickets
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Confirmation
from tests.conftest import Instance
from tests.services.ticketing.orders.test_drafts import draft
from tests.services.ticketing.shop import ADA, Shop, key, order
from tests.services.ticketing.statements import counted

FREE = Confirmation(payment_method="free", customer=ADA)
# BEGIN with SET, the locking read, the write, COMMIT.
ROUND_TRIPS = 4
TICKETS_OF_A_DRAFT = 6


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


def posting(step: Step = "sell", order: Order | None = None, key: IdempotencyKey | None = None) -> Posting:
    posted = order or draft()
    return Posting(step, posted, tickets=draft_tickets(posted, key_id=1), render=answer, key=key)


def answer(order: Order) -> Answer:
    return encode(201, {"id": order.id, "numbers": [ticket.number for ticket in order.tickets]})


async def post(shop: Shop, *postings: Posting) -> Sequence[Answer | Exception]:
    enter = partial(post_orders, establishment_id=shop.tenant, postings=postings, once=shop.resources.once)
    return await shop.database.write(shop.tenant, enter)


def numbers(answers: Sequence[Answer | Exception]) -> list[int]:
    return [number for one in answers if isinstance(one, Answer) for number in msgspec.json.decode(one.body)["numbers"]]


async def test_batch_gets_consecutive_numbers_and_one_event_each(shop: Shop):
    answers = [*await post(shop, posting(), posting("hold"), posting()), *await post(shop, posting())]
    assert numbers(answers) == list(range(1, 3 * TICKETS_OF_A_DRAFT + 1))
    assert await shop.numbers() == numbers(answers)
    assert await shop.events("order") == ["order.confirmed"] * 3


async def test_held_order_has_no_ticket_and_gets_them_when_confirmed(shop: Shop):
    held = draft()
    await post(shop, posting("hold", held))
    assert (await shop.read(held)).tickets == []
    stored = await shop.read(held)
    answers = await post(shop, posting("confirm", stored))
    confirmed = await shop.read(held)
    assert (confirmed.status, confirmed.reference) == ("confirmed", stored.reference)
    assert [ticket.number for ticket in confirmed.tickets] == numbers(answers)
    assert confirmed.created_at == stored.created_at <= confirmed.confirmed_at


async def test_ticket_prices_add_up_to_the_order(shop: Shop):
    sold = draft()
    await post(shop, posting("sell", sold))
    stored = await shop.read(sold)
    assert sum(ticket.price_minor for ticket in stored.tickets) == stored.total_minor == 7001


async def test_repeated_key_gets_its_first_answer_and_no_number(shop: Shop):
    (first,) = await post(shop, posting(key=key("a")))
    mixed = await post(shop, posting(), posting(key=key("a")), posting(key=key("b")))
    assert mixed[1] == first
    assert numbers([first, mixed[0], mixed[2]]) == list(range(1, 3 * TICKETS_OF_A_DRAFT + 1))
    assert len(await shop.numbers()) == 3 * TICKETS_OF_A_DRAFT


async def test_batch_of_repetitions_alone_writes_nothing(shop: Shop):
    (first,) = await post(shop, posting(key=key("a")))
    before = await shop.events()
    assert await post(shop, posting(key=key("a")), posting(key=key("a"))) == [first, first]
    assert await shop.events() == before


async def test_key_with_another_body_is_refused_and_harms_nobody(shop: Shop):
    await post(shop, posting(key=key("a")))
    answers = await post(shop, posting(), posting(key=key("a", body=b"other")), posting())
    assert [type(one) for one in answers] == [Answer, IdempotencyKeyReused, Answer]
    assert await shop.numbers() == list(range(1, 3 * TICKETS_OF_A_DRAFT + 1))


async def test_poisoned_posting_takes_the_whole_batch_with_it(shop: Shop):
    """All or nothing, which is what lets the batcher repeat it one by one."""
    sold = draft()
    await post(shop, posting("sell", sold))
    with pytest.raises(asyncpg.UniqueViolationError):
        await post(shop, posting(), posting("confirm", sold), posting())
    assert await shop.numbers() == list(range(1, TICKETS_OF_A_DRAFT + 1))
    await post(shop, posting())
    assert await shop.numbers() == list(range(1, 2 * TICKETS_OF_A_DRAFT + 1))


async def test_mixed_batches_of_a_busy_desk_leave_no_gap(shop: Shop):
    """Held, sold, confirmed, confirmed twice, repeated: all at once, through the batcher."""
    slot = await shop.slot(capacity=100)
    held = [await shop.hold((slot, shop.free_id, 2)) for _ in range(4)]
    settled = await shop.buy((slot, shop.free_id, 1))
    sale = order((slot, shop.free_id, 3), confirm=FREE)
    first = await shop.desk.create(shop.visitor, sale, key("known"))
    checkout = shop.desk.checkout
    poisoned = msgspec.structs.replace(settled, tickets=[])
    answers = await asyncio.gather(
        *(shop.desk.confirm(shop.visitor, one, FREE, None) for one in held),
        *(shop.desk.create(shop.visitor, sale, None) for _ in range(6)),
        shop.desk.confirm(shop.visitor, held[0], FREE, None),
        shop.desk.create(shop.visitor, sale, key("known")),
        shop.desk.create(shop.visitor, order((slot, shop.free_id, 1)), None),
        checkout._enter("confirm", shop.visitor, poisoned, None),
        return_exceptions=True,
    )
    assert [type(one) for one in answers] == [Answer] * 13 + [OrderSettled]
    assert answers[11] == first
    assert await shop.numbers() == list(range(1, 4 * 2 + 1 + 7 * 3 + 1))
    assert await shop.events("order") == ["order.confirmed"] * (4 + 1 + 7)
    assert await shop.taken(slot) == (1, 4 * 2 + 1 + 7 * 3)


async def test_number_of_round_trips_does_not_grow_with_the_batch(shop: Shop):
    await post(shop, posting())
    counts = []
    for size in (1, 40):
        with counted(shop.database, transactions=True) as statements:
            await post(shop, *(posting(key=key(f"{size} {number}")) for number in range(size)))
        counts.append(len(statements))
    assert counts == [ROUND_TRIPS, ROUND_TRIPS]
    assert len(await shop.numbers()) == 42 * TICKETS_OF_A_DRAFT


async def test_transaction_that_fails_gives_its_numbers_back(shop: Shop):
    def broken(_: Order) -> Answer:
        raise LookupError

    with pytest.raises(LookupError):
        await post(shop, posting(), msgspec.structs.replace(posting(), render=broken))
    assert await shop.numbers() == []
    assert numbers(await post(shop, posting())) == list(range(1, TICKETS_OF_A_DRAFT + 1))
