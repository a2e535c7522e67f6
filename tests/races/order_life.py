"""The life of an order against a model: what visitors, staff, the provider, the worker and time do, in any order."""

import sys
from collections.abc import Coroutine, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.inventory.contract import NotEnoughPlaces, SoldOut
from services.inventory.holds.jobs import sweep_expired_holds
from services.kit.errors import Refused
from services.kit.idempotency import Answer, IdempotencyKey
from services.ticketing.orders.actions import let_go
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation, Confirmation, NewOrder, PaymentReceived, RefundRequest
from services.ticketing.orders.rules import AlreadyExtended, OrderEnded, RefundTooLarge
from services.ticketing.payments.provider import CheckoutPaid
from tests.races.hold_life import END, GAUGES, RESIZE
from tests.races.order_model import Kept, Model
from tests.races.stage import Stage
from tests.services.ticketing.shop import ADA, Shop, key, order, page

SLOTS = st.integers(0, 1)
PLACES = st.integers(1, 3)
RECENT = st.integers(0, 7)
CAPACITY = 9
FULL_PRICE = 1500
BOOKS = """
SELECT orders.id, orders.status,
       (SELECT count(*) FROM ticketing.tickets WHERE order_id = orders.id AND status = 'valid') AS tickets,
       coalesce(sum(payments.amount_minor) FILTER (WHERE payments.status = 'paid'), 0)::int AS paid,
       coalesce(sum(payments.amount_minor) FILTER (WHERE payments.status = 'due'), 0)::int AS due,
       coalesce(sum(payments.refunded_minor), 0)::int AS refunded
FROM ticketing.orders LEFT JOIN ticketing.payments ON payments.order_id = orders.id
WHERE orders.establishment_id = $1 GROUP BY orders.id, orders.status"""


class OrderLife(RuleBasedStateMachine):
    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        stage, tenant = self.stage, uuid4()
        self.shops = [Shop(tenant, stage.ticketing_database, one, stage.owner) for one in stage.inventories]
        self.shop = self.shops[0]
        self._run(self.shop.found())
        self.shops[1].provider = self.shop.provider
        slots = [self._run(self.shop.slot(CAPACITY)) for _ in range(2)]
        self.model = Model(dict.fromkeys(slots, CAPACITY))
        self.slots = slots
        self.asked: list[tuple[NewOrder, IdempotencyKey, Answer]] = []

    @rule(slot=SLOTS, places=PLACES, free=st.booleans(), sell=st.booleans())
    def order(self, slot: int, places: int, *, free: bool, sell: bool) -> None:
        """Held, or sold at once and paid at the desk if it costs anything."""
        kept = self._wish(slot, places, free=free)
        new = self._new(kept, confirm=_at_the_desk(kept) if sell else None)
        answer = self.stage.outcome(self.shop.desk.create(self.shop.visitor, new, asked := key(str(uuid4()))))
        assert isinstance(answer, Answer) == self.model.add(kept), (answer, kept)
        if not isinstance(answer, Answer):
            assert answer in (SoldOut, NotEnoughPlaces), answer
            return
        kept.id = _id(answer)
        self.asked.append((new, asked, answer))
        if sell:
            self.model.confirm(kept)

    @rule(slot=SLOTS, first=PLACES, second=PLACES)
    def order_two_at_once(self, slot: int, first: int, second: int) -> None:
        """At two processes: as if one after the other."""
        wishes = [self._wish(slot, places, free=True) for places in (first, second)]
        answers = self.stage.at_once(
            *(
                shop.desk.create(shop.visitor, self._new(kept, confirm=None), None)
                for shop, kept in zip(self.shops, wishes, strict=True)
            )
        )
        granted = [isinstance(answer, Answer) for answer in answers]
        for turn in ((0, 1), (1, 0)):
            model = deepcopy(self.model)
            fits = {n: model.add(wishes[n]) for n in turn}
            if [fits[0], fits[1]] == granted:
                self.model = model
                for kept, answer in zip(wishes, answers, strict=True):
                    kept.id = _id(answer) if isinstance(answer, Answer) else kept.id
                return
        raise AssertionError(f"{wishes} were answered {answers}")

    @rule(n=RECENT)
    def order_again(self, n: int) -> None:
        """The same key: the same answer, byte for byte, and nothing else."""
        if not self.asked:
            return
        new, asked, first = self.asked[-1 - n % len(self.asked)]
        assert self.stage.outcome(self.shop.desk.create(self.shop.visitor, new, asked)) == first

    @rule(n=RECENT)
    def extend(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        kept, current = found
        answer = self.stage.outcome(self.shop.desk.after_sales.extend(self.shop.visitor, current, None))
        if kept.status != "held":
            assert answer is OrderEnded, (answer, kept)
        elif kept.extended:
            assert answer is AlreadyExtended, (answer, kept)
        elif kept.hold == "over":
            assert answer is OrderEnded, (answer, kept)
        else:
            assert isinstance(answer, Answer), (answer, kept)
            kept.extended = True

    @rule(n=RECENT, times=st.integers(1, 2))
    def confirm(self, n: int, times: int) -> None:
        if not (found := self._pick(n)):
            return
        kept, current = found
        shops = self.shops[: times if not kept.page else 1]
        answers = self.stage.at_once(
            *(shop.desk.confirm(shop.visitor, current, _at_the_desk(kept), None) for shop in shops)
        )
        if kept.status == "awaiting_payment":
            self.model.close_page(kept)
        self._check(answers, kept, granted=self.model.confirm(kept))

    @rule(n=RECENT)
    def open_page(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        kept, current = found
        if not kept.price or kept.page == "over":
            return
        online = Confirmation(payment_method="stripe", customer=ADA)
        answer = self.stage.outcome(self.shop.desk.confirm(self.shop.visitor, current, online, None))
        granted = kept.live and kept.hold == "held"
        self._check([answer], kept, granted=granted)
        if granted:
            kept.status, kept.page = "awaiting_payment", kept.page or "open"
            kept.reference = page(self._run(self.shop.read(kept.id)))

    @rule(n=RECENT)
    def pay_on_page(self, n: int) -> None:
        """The shop does not know yet."""
        if not (kept := _of(self._with_page("open"), n)):
            return
        self.shop.provider.pay(kept.reference)
        kept.page = "paid"

    @rule(n=RECENT, times=st.integers(1, 2))
    def news_of_payment(self, n: int, times: int) -> None:
        """Once, or two copies at once at two processes."""
        if not (kept := _of(self._with_page("paid"), n)):
            return
        self._learn(kept, times)

    @rule(n=RECENT)
    def pay_too_late(self, n: int) -> None:
        """The provider took money on a page that it had closed."""
        if not (kept := _of(self._with_page("over"), n)):
            return
        # Somebody who pays at the desk as well is left to staff.
        if kept.paid or kept.due:
            return
        self.shop.provider._states[kept.reference] = CheckoutPaid(f"pi_{kept.reference}", kept.total, "EUR")
        self._learn(kept, 1)

    @rule(n=RECENT)
    def pay_at_the_desk(self, n: int) -> None:
        if not (found := self._pick(n)):
            return
        kept, current = found
        cash = PaymentReceived("cash")
        answer = self.stage.outcome(self.shop.desk.after_sales.received(self.shop.staff, current, cash, None))
        self._check([answer], kept, granted=bool(kept.due))
        kept.paid, kept.due = kept.due or kept.paid, 0

    @rule(n=RECENT, whole=st.booleans())
    def cancel(self, n: int, *, whole: bool) -> None:
        """The whole order, or one ticket of it."""
        if not (found := self._pick(n)):
            return
        kept, current = found
        valid = [ticket.id for ticket in current.tickets if ticket.status == "valid"]
        wanted = Cancellation(ticket_ids=None if whole or not valid else valid[:1])
        answer = self.stage.outcome(self.shop.desk.after_sales.cancel(self.shop.staff, current, wanted, None))
        if kept.live:
            self.model.close_page(kept)
            granted = self.model.let_go(kept, "cancelled")
        else:
            granted = self.model.cancel(kept, len(wanted.ticket_ids or valid))
        self._check([answer], kept, granted=granted)

    @rule(n=RECENT)
    def confirm_and_cancel_at_once(self, n: int) -> None:
        if not (kept := _of(self._held(), n)):
            return
        current = self._run(self.shop.read(kept.id))
        confirmed, cancelled = self.stage.at_once(
            self.shops[0].desk.confirm(self.shop.visitor, current, _at_the_desk(kept), None),
            self.shops[1].desk.after_sales.cancel(self.shop.visitor, current, Cancellation(), None),
        )
        if isinstance(confirmed, Answer):
            self.model.confirm(kept)
            assert cancelled is OrderEnded, cancelled
        else:
            self.model.let_go(kept, "cancelled")
            assert (confirmed, type(cancelled)) == (OrderEnded, Answer), (confirmed, cancelled)

    @rule(n=RECENT, amount=st.integers(1, 4000))
    def refund(self, n: int, amount: int) -> None:
        if not (found := self._pick(n)):
            return
        kept, current = found
        wanted = RefundRequest(reason="Sorry.", amount=amount)
        answer = self.stage.outcome(self.shop.desk.after_sales.refund(self.shop.staff, current, wanted, None))
        granted = amount <= kept.paid - kept.refunded
        self._check([answer], kept, granted=granted, refusal=RefundTooLarge)
        kept.refunded += amount if granted else 0

    @rule(n=RECENT)
    def time_is_up(self, n: int) -> None:
        if not (kept := _of(self._live(), n)):
            return
        # The first hold of an order goes by its id.
        self._run(self.stage.owner.execute(END, kept.id))
        self.model.time_is_up(kept)

    @rule(n=RECENT)
    def worker_ends_order(self, n: int) -> None:
        if not (kept := _of(self._live(), n)):
            return
        self.shop.clock.moment = datetime.now(UTC)
        self._run(self.shop.end_order(self._run(self.shop.read(kept.id))))
        self.model.time_is_up(kept)
        self.model.close_page(kept)
        self.model.let_go(kept, "expired")

    @rule(n=RECENT)
    def worker_dies_at_the_end_of_order(self, n: int) -> None:
        """The books let it go; its places wait to be returned."""
        if not (kept := _of(self._held(), n)):
            return
        order_id, tenant, books = kept.id, self.shop.tenant, self.stage.ticketing_database
        self._run(books.write(tenant, lambda session: let_go(session, tenant, order_id, "expired")))
        kept.waiting, kept.waiting_places = "held", kept.places
        self.model.let_go(kept, "expired")

    @rule()
    def worker_returns_places(self) -> None:
        self._run(self.shop.jobs._return_places(self.shop.tenant))
        for kept in self.model.orders:
            kept.waiting = ""

    @rule()
    def worker_sends_refunds(self) -> None:
        self._run(self.shop.jobs._send_refunds(self.shop.tenant))

    @rule()
    def sweep(self) -> None:
        self._run(sweep_expired_holds(self.stage.inventory_database))
        self.model.over = dict.fromkeys(self.slots, 0)

    @rule(slot=SLOTS, capacity=st.integers(0, 12))
    def resize(self, slot: int, capacity: int) -> None:
        gauge = self.slots[slot]
        taken = self.model.taken(gauge, "held") + self.model.taken(gauge, "sold")
        resized: int = self._run(self.stage.owner.fetchval(RESIZE, gauge, capacity))
        assert max(capacity, taken) <= resized <= max(capacity, taken + self.model.over[gauge])
        self.model.capacity[gauge] = resized

    @invariant()
    def gauges_agree(self) -> None:
        self.stage.steps += 1
        for row in self._run(self.stage.owner.fetch(GAUGES, self.shop.tenant)):
            held, sold = self.model.taken(row["id"], "held"), self.model.taken(row["id"], "sold")
            assert row["sold"] == sold, (row, sold)
            assert held <= row["held"] <= held + self.model.over[row["id"]], (row, held, self.model.over)

    def teardown(self) -> None:
        """Every order, ticket and sum is what the model says."""
        if sys.exception():
            return
        for ending in (self.worker_returns_places, self.worker_sends_refunds, self.sweep, self.gauges_agree):
            ending()
        books = {row["id"]: tuple(row)[1:] for row in self._run(self.stage.owner.fetch(BOOKS, self.shop.tenant))}
        assert books == {
            kept.id: (
                kept.status,
                kept.places if kept.status == "confirmed" else 0,
                kept.paid,
                kept.due,
                kept.refunded,
            )
            for kept in self.model.orders
        }
        assert {state for _, state in self._run(self.shop.refunds())} <= {"sent"}
        for shop in self.shops:
            self._run(shop.close())

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - any step
        return self.stage.run(step)

    def _pick(self, n: int) -> tuple[Kept, Order] | None:
        """One of the last eight, and the order as a request reads it."""
        kept = _of(self.model.orders, n)
        return (kept, self._run(self.shop.read(kept.id))) if kept else None

    def _live(self) -> list[Kept]:
        return [kept for kept in self.model.orders if kept.live]

    def _held(self) -> list[Kept]:
        """Whose page nobody has opened yet."""
        return [kept for kept in self._live() if kept.hold == "held" and not kept.page]

    def _with_page(self, state: str) -> list[Kept]:
        return [kept for kept in self.model.orders if kept.page == state]

    def _wish(self, slot: int, places: int, *, free: bool) -> Kept:
        return Kept(UUID(int=0), self.slots[slot], places, 0 if free else FULL_PRICE)

    def _new(self, kept: Kept, confirm: Confirmation | None) -> NewOrder:
        tariff = self.shop.full_id if kept.price else self.shop.free_id
        return order((kept.slot, tariff, kept.places), confirm=confirm)

    def _learn(self, kept: Kept, times: int) -> None:
        tenant = self.shop.tenant
        self.stage.at_once(*(shop.desk.cashier.settle(tenant, kept.reference) for shop in self.shops[:times]))
        self.model.money_arrives(kept)

    def _check(
        self,
        answers: Sequence[Answer | type[Refused]],
        kept: Kept,
        *,
        granted: bool,
        refusal: type[Refused] = OrderEnded,
    ) -> None:
        for answer in answers:
            assert isinstance(answer, Answer) if granted else answer is refusal, (answer, kept)


def _of(orders: list[Kept], n: int) -> Kept | None:
    """One of the last eight. Rules have no preconditions: who wins a race must not decide what can be drawn."""
    return orders[-1 - n % min(len(orders), 8)] if orders else None


def _id(answer: Answer) -> UUID:
    return UUID(msgspec.json.decode(answer.body)["id"])


def _at_the_desk(kept: Kept) -> Confirmation:
    return Confirmation(payment_method="on_site" if kept.price else "free", customer=ADA)
