"""What the product is compared with in the life of an order: how many places are taken, and whose money is where."""

from uuid import UUID

import msgspec


class Kept(msgspec.Struct):
    """An order. `places` are those of its valid tickets once it is confirmed.

    `hold`: held; over, its time being up; sold; or gone. `page`: none, open, paid (and nobody knows yet), or over.
    `waiting`: how inventory counts places that the books have let go and the worker has yet to return.
    """

    id: UUID
    slot: UUID
    places: int
    price: int
    status: str = "held"
    hold: str = "held"
    waiting: str = ""
    waiting_places: int = 0
    extended: bool = False
    page: str = ""
    reference: str = ""
    paid: int = 0
    refunded: int = 0
    due: int = 0

    @property
    def live(self) -> bool:
        return self.status in ("held", "awaiting_payment")

    @property
    def total(self) -> int:
        return self.price * self.places


class Model:
    def __init__(self, capacity: dict[UUID, int]) -> None:
        self.capacity = capacity
        self.orders: list[Kept] = []
        # Places that may be counted as held until somebody sweeps.
        self.over = dict.fromkeys(capacity, 0)

    def taken(self, slot: UUID, how: str) -> int:
        here = [kept for kept in self.orders if kept.slot == slot]
        return sum(kept.places for kept in here if kept.hold == how) + sum(
            kept.waiting_places for kept in here if kept.waiting == how
        )

    def fits(self, slot: UUID, places: int) -> bool:
        return self.taken(slot, "held") + self.taken(slot, "sold") + places <= self.capacity[slot]

    def add(self, kept: Kept) -> bool:
        fits = self.fits(kept.slot, kept.places)
        if fits:
            self.orders.append(kept)
        return fits

    def time_is_up(self, kept: Kept) -> None:
        if kept.hold == "held":
            self.over[kept.slot] += kept.places
            kept.hold = "over"

    def confirm(self, kept: Kept) -> bool:
        """With nothing to pay online. Whoever is confirmed already stays so."""
        if kept.waiting:
            # Inventory sells what is still there; the books refuse it.
            kept.waiting = "sold"
        if kept.live and kept.hold == "held":
            kept.status, kept.hold, kept.due = "confirmed", "sold", kept.total
        return kept.status == "confirmed"

    def money_arrives(self, kept: Kept) -> None:
        """It buys the tickets, late if need be, or goes back; once."""
        if kept.paid:
            return
        kept.paid, kept.page = kept.total, "over"
        in_time = kept.live and kept.hold == "held"
        if in_time or (kept.status != "cancelled" and self.fits(kept.slot, kept.places)):
            kept.status, kept.hold = "confirmed", "sold"
        else:
            kept.refunded = kept.paid

    def close_page(self, kept: Kept) -> None:
        if kept.page == "paid":
            self.money_arrives(kept)
        elif kept.page == "open":
            kept.page = "over"

    def let_go(self, kept: Kept, status: str) -> bool:
        if not kept.live:
            return False
        kept.status, kept.hold = status, "gone"
        return True

    def cancel(self, kept: Kept, tickets: int) -> bool:
        if kept.status != "confirmed":
            return False
        kept.places -= tickets
        if kept.paid:
            kept.refunded += min(kept.price * tickets, kept.paid - kept.refunded)
        elif kept.due:
            kept.due = kept.total
        if not kept.places:
            kept.status, kept.hold = "cancelled", "gone"
        return True
