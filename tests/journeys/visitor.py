"""What visitors do: no key, an order's token at most."""

from uuid import UUID

import httpx

from tests.journeys.answers import Order, Slot, read
from tests.journeys.museum import Museum

ADA = {"name": "Ada Lovelace", "email": "ada@example.org", "language": "en"}


def line(slot: Slot, tariff_id: UUID, quantity: int = 1) -> dict[str, object]:
    return {"slot_id": str(slot.id), "tariff_id": str(tariff_id), "quantity": quantity}


async def hold(museum: Museum, *lines: dict[str, object]) -> Order:
    return read(await museum.ask("POST", "/orders", {"lines": lines}), Order, 201)


async def buy(museum: Museum, *lines: dict[str, object], method: str = "free") -> Order:
    """In one call."""
    body = {"lines": lines, "confirm": {"payment_method": method, "customer": ADA}}
    return read(await museum.ask("POST", "/orders", body), Order, 201)


async def confirm(museum: Museum, order: Order, method: str) -> Order:
    body = {"payment_method": method, "customer": ADA}
    return read(await museum.ask("POST", f"/orders/{order.id}/confirmation", body, key=order.access_token), Order)


async def look(museum: Museum, order: Order) -> Order:
    return read(await museum.ask("GET", f"/orders/{order.id}", key=order.access_token), Order)


async def cancel(museum: Museum, order: Order, *ticket_ids: UUID, key: str | None = None) -> httpx.Response:
    """These tickets, or the whole order."""
    body = {"ticket_ids": [str(ticket_id) for ticket_id in ticket_ids]} if ticket_ids else {}
    return await museum.ask("POST", f"/orders/{order.id}/cancellation", body, key=key or order.access_token)


async def exchange(museum: Museum, order: Order, slot: Slot, *ticket_ids: UUID) -> httpx.Response:
    body = {"ticket_ids": [str(ticket_id) for ticket_id in ticket_ids], "slot_id": str(slot.id)}
    return await museum.ask("POST", f"/orders/{order.id}/exchange", body, key=order.access_token)


async def has_status(museum: Museum, order: Order, status: str) -> bool:
    return (await look(museum, order)).status == status
