from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from services.kit.database import Database
from services.kit.errors import Forbidden, NotFound, Unauthenticated
from services.kit.idempotency import IdempotencyKey
from services.kit.ids import body_id, path_id
from services.kit.moments import read_moment
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import ANONYMOUS, Principal
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, hot, idempotency_key, needs, public, respond
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.queries import Order, OrderFilter, list_orders
from services.ticketing.orders.requests import (
    Cancellation,
    Confirmation,
    Exchange,
    NewOrder,
    OrderChange,
    PaymentReceived,
    RefundRequest,
)
from services.ticketing.orders.views import OrderView

ORDERS = f"{ESTABLISHMENT}/orders"
ORDER = f"{ORDERS}/{{order_id:str}}"

Status = Literal["held", "awaiting_payment", "confirmed", "cancelled", "expired"]
ReferenceQuery = Annotated[str | None, QueryParameter(max_length=20, description="The order's reference")]
EmailQuery = Annotated[str | None, QueryParameter(max_length=254, description="The customer's e-mail")]
StatusQuery = Annotated[Status | None, QueryParameter(description="Only orders in this state")]
FromQuery = Annotated[
    str | None,
    QueryParameter(name="from", schema_extra={"format": "date-time"}, description="Made at or after this moment"),
]


@post(ORDERS, **hot(public()), summary="Hold places or, with `confirm`, buy them in one call")
async def create_order(
    principal: NamedDependency[Principal],
    key: NamedDependency[IdempotencyKey | None],
    orders: NamedDependency[OrderDesk],
    data: JSONBody[NewOrder],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    return respond(await orders.create(principal, data, key))


@get(ORDERS, **needs("orders:read"), summary="Orders, newest first")
async def list_all_orders(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    orders: NamedDependency[OrderDesk],
    reference: ReferenceQuery = None,
    email: EmailQuery = None,
    status: StatusQuery = None,
    created_from: FromQuery = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OrderView]:
    start = after(cursor, 2)
    wanted = OrderFilter(
        reference=reference,
        email=email,
        status=status,
        created_from=read_moment(created_from, "/from") if created_from is not None else None,
        after=_position(start) if start else None,
    )
    found = await database.read(
        principal.tenant, lambda session: list_orders(session, principal.tenant, wanted, limit + 1)
    )
    listed = page(found, limit, lambda order: [order.created_at.isoformat(), str(order.id)])
    show = await orders.presenter(principal)
    return Page(items=[show(order) for order in listed.items], next_cursor=listed.next_cursor)


@get(ORDER, **public(), summary="An order with its tickets")
async def show_order(
    principal: NamedDependency[Principal], orders: NamedDependency[OrderDesk], order_id: FromPath[str]
) -> OrderView:
    order = await reachable(principal, orders, order_id, "orders:read")
    return (await orders.presenter(principal))(order)


@patch(ORDER, **public(), summary="Other lines or another customer, while the order is held")
async def change_order(
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[OrderChange],
) -> OrderView:
    order = await reachable(principal, orders, order_id, "orders:write")
    return (await orders.presenter(principal))(await orders.after_sales.amend(principal, order, data))


@post(f"{ORDER}/extension", **public(), summary="Hold the places longer, once", status_code=200)
async def extend_order(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    return respond(await orders.after_sales.extend(principal, order, await idempotency_key(request)))


@post(f"{ORDER}/confirmation", **public(), summary="Confirm and pay", status_code=200)
async def confirm_order(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[Confirmation],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    return respond(await orders.confirm(principal, order, data, await idempotency_key(request)))


@post(f"{ORDER}/cancellation", **public(), summary="Cancel some or all tickets", status_code=200)
async def cancel_order(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[Cancellation],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    key = await idempotency_key(request)
    return respond(await orders.after_sales.cancel(principal, order, data, key))


@post(f"{ORDER}/exchange", **public(), summary="Move tickets to another slot", status_code=200)
async def exchange_order(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[Exchange],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    key = await idempotency_key(request)
    return respond(await orders.after_sales.exchange(principal, order, data, key))


@post(f"{ORDER}/refunds", **needs("orders:write"), summary="Refund without touching tickets")
async def refund_order(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[RefundRequest],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    key = await idempotency_key(request)
    return respond(await orders.after_sales.refund(principal, order, data, key))


@post(f"{ORDER}/payments", **needs("orders:write"), summary="What was due was paid at the desk")
async def record_payment(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    order_id: FromPath[str],
    data: JSONBody[PaymentReceived],
    idempotency: IdempotencyHeader = None,
) -> Response[OrderView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    key = await idempotency_key(request)
    return respond(await orders.after_sales.received(principal, order, data, key))


@post(
    "/v1/payments/stripe/{establishment:str}/webhook",
    **public(),
    summary="Stripe's notifications; only signed ones count",
    status_code=204,
)
async def stripe_webhook(
    request: Request[Any, Any, Any], principal: NamedDependency[Principal], orders: NamedDependency[OrderDesk]
) -> None:
    signature = request.headers.get("stripe-signature", "")
    await orders.cashier.notified(principal.tenant, await request.body(), signature)


async def reachable(principal: Principal, orders: OrderDesk, order_id: str, scope: str) -> Order:
    """The order, for its own token or a key with the scope; to everybody else it does not exist."""
    wanted = path_id(order_id)
    if principal.order_id != wanted and not principal.may(scope):
        if principal.actor == ANONYMOUS.actor:
            raise Unauthenticated("Send the order's access token, or a key.")
        if principal.order_id is not None:
            raise NotFound
        raise Forbidden(f"The scope {scope} is needed.")
    return await orders.read(principal.tenant, wanted)


def _position(start: list[str]) -> tuple[datetime, UUID]:
    return read_moment(start[0], "/cursor"), body_id(start[1], "/cursor")


handlers = [
    create_order,
    list_all_orders,
    show_order,
    change_order,
    extend_order,
    confirm_order,
    cancel_order,
    exchange_order,
    refund_order,
    record_payment,
    stripe_webhook,
]
