"""`/_stand_in/`: what the real Stripe has no address for. JSON in, JSON out, for tests and the demo."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody

from parvis.stand_in.stripe.books import new_id
from parvis.stand_in.stripe.calls import Desk, encode
from parvis.stand_in.stripe.cards import GOOD_CARD, card_of_number
from parvis.stand_in.stripe.checkout import authenticate_payment, pay_session, session_by_id
from parvis.stand_in.stripe.errors import missing_resource
from parvis.stand_in.stripe.faults import Fault
from parvis.stand_in.stripe.objects import Delivery, WebhookEndpoint
from parvis.stand_in.stripe.payments import card_error
from parvis.stand_in.stripe.rendering import render_session
from parvis.stand_in.stripe.state import StateTruth, read_state
from parvis.stand_in.stripe.webhooks import DeliveryPlan, SendingOrder


class EndpointRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    account: str | None = None
    """Only this account's events; the events of all accounts when absent."""
    secret: str | None = None
    enabled_events: list[str] | None = None
    """All types when absent."""


class PayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    card: str = GOOD_CARD.number
    authentication: Literal["authorise", "refuse"] | None = None
    """What the cardholder answers if the card wants 3-D Secure; without it the payment waits for the page."""
    email: str | None = None


class ReleaseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    order: SendingOrder = "in_order"


class ClockRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    advance_seconds: int


@post("/webhook-endpoints", status_code=201)
async def register_endpoint(data: JSONBody[EndpointRequest], desk: Desk) -> WebhookEndpoint:
    """The same address for the same account replaces the earlier one: a restarted receiver is not told twice."""
    account = data.account or ""
    known = [
        endpoint for endpoint in desk.books.endpoints.all() if (endpoint.url, endpoint.account) == (data.url, account)
    ]
    endpoint = WebhookEndpoint(
        id=known[0].id if known else new_id("we_1"),
        account=account,
        created=desk.books.now(),
        url=data.url,
        secret=data.secret or desk.webhook_secret,
        enabled_events=data.enabled_events or ["*"],
    )
    desk.books.endpoints.put(endpoint)
    desk.finish()
    return endpoint


@get("/webhook-endpoints")
async def list_endpoints(desk: Desk) -> list[WebhookEndpoint]:
    return desk.books.endpoints.all()


@delete("/webhook-endpoints/{endpoint_id:str}")
async def remove_endpoint(endpoint_id: FromPath[str], desk: Desk) -> None:
    endpoint = desk.books.endpoints.get(endpoint_id)
    if endpoint is None:
        raise missing_resource("webhook_endpoint", endpoint_id)
    desk.books.endpoints.remove(endpoint)
    desk.finish()


@get("/webhook-delivery-plan")
async def show_plan(desk: Desk) -> DeliveryPlan:
    return desk.dispatcher.plan


@put("/webhook-delivery-plan")
async def change_plan(data: JSONBody[DeliveryPlan], desk: Desk) -> DeliveryPlan:
    """Replaces the whole plan: an empty object is good behaviour again."""
    desk.dispatcher.change_plan(data)
    return data


@get("/webhook-deliveries")
async def list_deliveries(desk: Desk) -> list[Delivery]:
    return desk.books.deliveries.all()


@post("/webhook-deliveries/release", status_code=200)
async def release_deliveries(data: JSONBody[ReleaseRequest], desk: Desk) -> dict[str, int]:
    released = desk.dispatcher.release(data.order)
    desk.finish()
    return {"released": released}


@post("/events/{event_id:str}/redelivery", status_code=202)
async def redeliver_event(event_id: FromPath[str], desk: Desk) -> None:
    event = desk.books.events.get(event_id)
    if event is None:
        raise missing_resource("event", event_id)
    desk.dispatcher.redeliver(event)
    desk.finish()


@post("/faults", status_code=201)
async def order_fault(data: JSONBody[Fault], desk: Desk) -> list[Fault]:
    desk.faults.faults.append(data)
    return desk.faults.faults


@get("/faults")
async def list_faults(desk: Desk) -> list[Fault]:
    return desk.faults.faults


@delete("/faults")
async def clear_faults(desk: Desk) -> None:
    desk.faults.faults.clear()


@post("/clock", status_code=200)
async def advance_clock(data: JSONBody[ClockRequest], desk: Desk) -> dict[str, int]:
    """Lets sessions expire and idempotency keys be forgotten without waiting; the books only, no real clock moves."""
    desk.books.clock_offset_seconds += data.advance_seconds
    desk.tidy()
    return {"now": desk.books.now()}


@get("/state")
async def show_state(desk: Desk) -> StateTruth:
    return read_state(desk.books)


@delete("/state")
async def forget_everything(desk: Desk) -> None:
    desk.dispatcher.forget()
    desk.dispatcher.change_plan(DeliveryPlan())
    desk.faults.faults.clear()
    desk.books.clear()
    desk.finish()


@post("/checkout/{session_id:str}/pay", status_code=200)
async def pay_without_browser(session_id: FromPath[str], data: JSONBody[PayRequest], desk: Desk) -> Response[str]:
    """The session as it is afterwards, or 402 with the error object that the API would give for the card."""
    session = session_by_id(desk.books, session_id)
    try:
        intent = pay_session(desk.books, session, card_of_number(data.card), email=data.email)
        if intent.status == "requires_action" and data.authentication is not None:
            authenticate_payment(desk.books, intent, authorised=data.authentication == "authorise")
    finally:
        desk.finish()
    if intent.failure is not None:
        raise card_error(intent, intent.failure)
    return Response(encode(render_session(session)), media_type="application/json")


def create_control_router() -> Router:
    handlers = [
        register_endpoint,
        list_endpoints,
        remove_endpoint,
        show_plan,
        change_plan,
        list_deliveries,
        release_deliveries,
        redeliver_event,
        order_fault,
        list_faults,
        clear_faults,
        advance_clock,
        show_state,
        forget_everything,
        pay_without_browser,
    ]
    return Router("/_stand_in", route_handlers=handlers)
