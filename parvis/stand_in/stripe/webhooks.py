"""Sends events to the registered endpoints, signed as Stripe signs them, well or badly as the plan says."""

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import Coroutine
from typing import Annotated, Literal, TypeVar

import httpx
import msgspec

from parvis.stand_in.stripe.books import Books, new_id
from parvis.stand_in.stripe.objects import Delivery, Event, WebhookEndpoint
from parvis.stand_in.stripe.rendering import render_event
from parvis.stand_in.stripe.settings import StripeStandInSettings

SendingOrder = Literal["in_order", "reversed", "shuffled"]
_Record = TypeVar("_Record", Event, Delivery)


class DeliveryPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How events of the next calls reach the endpoints. The default is what one hopes for."""

    delay_seconds: float = 0.0
    copies: Annotated[int, msgspec.Meta(ge=1)] = 1
    """How many times each event is sent, all copies with the same event id."""
    order: SendingOrder = "in_order"
    """Of the events of one call, or of all held ones when they are released."""
    drop_next: int = 0
    """That many events are never sent to anybody."""
    hold: bool = False
    """Keep everything back until it is released."""
    seed: int = 0
    """Makes `shuffled` repeatable."""


def sign(payload: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over time and body (docs.stripe.com/webhooks/signature)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Dispatcher:
    """One lane per endpoint: within it, first attempts leave one after the other in the planned order."""

    def __init__(self, books: Books, settings: StripeStandInSettings) -> None:
        self.plan = DeliveryPlan()
        self._books = books
        self._settings = settings
        self._shuffle = random.Random(0)  # noqa: S311 (repeatable disorder, not a secret)
        self._client: httpx.AsyncClient | None = None
        self._lanes: dict[str, asyncio.Queue[tuple[float, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        # trust_env off: a proxy of the environment must not see what goes to loopback.
        self._client = httpx.AsyncClient(timeout=self._settings.webhook_timeout_seconds, trust_env=False)
        for delivery in self._books.deliveries.all():
            if delivery.status == "waiting":
                self._enqueue(delivery, 0.0)

    async def stop(self) -> None:
        self.forget()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def forget(self) -> None:
        """Stops sending; what was waiting stays so in the books."""
        for task in self._tasks:
            task.cancel()
        self._lanes.clear()

    def change_plan(self, plan: DeliveryPlan) -> None:
        self.plan = plan
        self._shuffle.seed(plan.seed)

    def dispatch(self, events: list[Event]) -> None:
        for event in self._arranged(events, self.plan.order):
            dropped = self.plan.drop_next > 0
            if dropped:
                self.plan = msgspec.structs.replace(self.plan, drop_next=self.plan.drop_next - 1)
            self._send(event, "dropped" if dropped else "held" if self.plan.hold else "waiting", self.plan.copies)

    def redeliver(self, event: Event) -> None:
        """Sends once more whatever became of it before, as the Resend button of the dashboard does."""
        self._send(event, "waiting", 1)

    def release(self, order: SendingOrder) -> int:
        held = [delivery for delivery in self._books.deliveries.all() if delivery.status == "held"]
        for delivery in self._arranged(held, order):
            delivery.status = "waiting"
            self._books.deliveries.put(delivery)
            self._enqueue(delivery, self.plan.delay_seconds)
        return len(held)

    def _arranged(self, records: list[_Record], order: SendingOrder) -> list[_Record]:
        arranged = records[::-1] if order == "reversed" else list(records)
        if order == "shuffled":
            self._shuffle.shuffle(arranged)
        return arranged

    def _send(self, event: Event, status: Literal["dropped", "held", "waiting"], copies: int) -> None:
        endpoints = [endpoint for endpoint in self._books.endpoints.all() if _wants(endpoint, event)]
        event.pending_webhooks = len(endpoints)
        self._books.events.put(event)
        for endpoint in endpoints * copies:
            delivery = Delivery(
                id=new_id("wd_"),
                account=event.account,
                created=self._books.now(),
                event=event.id,
                endpoint=endpoint.id,
                status=status,
            )
            self._books.deliveries.put(delivery)
            if status == "waiting":
                self._enqueue(delivery, self.plan.delay_seconds)

    def _enqueue(self, delivery: Delivery, delay_seconds: float) -> None:
        lane = self._lanes.get(delivery.endpoint)
        if lane is None:
            lane = self._lanes[delivery.endpoint] = asyncio.Queue()
            self._spawn(self._drive(lane))
        lane.put_nowait((time.monotonic() + delay_seconds, delivery.id))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, lane: asyncio.Queue[tuple[float, str]]) -> None:
        while True:
            due, delivery_id = await lane.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            delivery = self._books.deliveries.get(delivery_id)
            if delivery is not None:
                await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        event = self._books.events.get(delivery.event)
        endpoint = self._books.endpoints.get(delivery.endpoint)
        if event is None or endpoint is None:
            delivery.status = "dropped"
        else:
            delivery.attempts += 1
            delivery.last_http_status, delivery.last_error = await self._post(event, endpoint)
            self._conclude(delivery, event)
        self._books.deliveries.put(delivery)
        self._books.journal.flush()

    async def _post(self, event: Event, endpoint: WebhookEndpoint) -> tuple[int | None, str | None]:
        if self._client is None:
            return None, "not started"
        payload = msgspec.json.encode(render_event(event))
        # The real time, not the one of the books: receivers compare it with their own clock.
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, endpoint.secret, int(time.time())),
        }
        try:
            response = await self._client.post(endpoint.url, content=payload, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{type(error).__name__}: {error}"
        return response.status_code, None

    def _conclude(self, delivery: Delivery, event: Event) -> None:
        delays = self._settings.webhook_retry_delays_seconds
        if delivery.last_http_status is not None and delivery.last_http_status // 100 == 2:  # noqa: PLR2004 (2xx)
            delivery.status = "delivered"
            event.pending_webhooks = max(0, event.pending_webhooks - 1)
            self._books.events.put(event)
        elif delivery.attempts > len(delays):
            delivery.status = "failed"
        else:
            self._spawn(self._retry(delivery, delays[delivery.attempts - 1]))

    async def _retry(self, delivery: Delivery, delay_seconds: float) -> None:
        # Waits outside the lane, so that one refused event does not hold up those behind it.
        await asyncio.sleep(delay_seconds)
        self._enqueue(delivery, 0.0)


def _wants(endpoint: WebhookEndpoint, event: Event) -> bool:
    if endpoint.account not in ("", event.account):
        return False
    return "*" in endpoint.enabled_events or event.type in endpoint.enabled_events
