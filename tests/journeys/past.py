"""What only time would bring about, done to the rows themselves."""

from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg

from tests.journeys.answers import Order

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

END_HOLD = "UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE owner_id = $1 AND state = 'held'"
END_ORDER = "UPDATE ticketing.orders SET expires_at = now() - $2::interval WHERE id = $1"
AGE_PAYMENT = "UPDATE ticketing.payments SET created_at = created_at - $2::interval WHERE order_id = $1"
END_KEY = "UPDATE ticketing.api_keys SET expires_at = now() - interval '1 second' WHERE id = $1"
AGE_SIGNING_KEYS = """
UPDATE ticketing.signing_keys SET created_at = created_at - interval '1 hour' WHERE establishment_id = $1"""


async def end_hold(owner: Owner, order: Order) -> None:
    """The places are no longer held, and the order does not know yet."""
    await owner.execute(END_HOLD, order.id)


async def end_order(owner: Owner, order: Order) -> None:
    """The time of an order is over, places and all, long enough ago for the job that ends it."""
    await owner.execute(END_HOLD, order.id)
    await owner.execute(END_ORDER, order.id, timedelta(minutes=1))


async def age_payment(owner: Owner, order: Order) -> None:
    """As if the visitor had gone to the payment page a while ago."""
    await owner.execute(AGE_PAYMENT, order.id, timedelta(minutes=1))


async def end_key(owner: Owner, key_id: str) -> None:
    await owner.execute(END_KEY, key_id)


async def age_signing_keys(owner: Owner, establishment_id: UUID) -> None:
    """As if they had been made long ago."""
    await owner.execute(AGE_SIGNING_KEYS, establishment_id)
