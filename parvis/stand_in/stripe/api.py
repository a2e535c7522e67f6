"""The routes of the imitated API, each through the same desk."""

from collections.abc import Awaitable, Callable

from litestar import HttpMethod, Response, Router
from litestar.handlers import HTTPRouteHandler

from parvis.stand_in.stripe import operations
from parvis.stand_in.stripe.calls import AnyRequest, CallDesk, Operation

_ROUTES: tuple[tuple[HttpMethod, str, Operation], ...] = (
    (HttpMethod.POST, "/checkout/sessions", operations.create_session),
    (HttpMethod.GET, "/checkout/sessions", operations.list_sessions),
    (HttpMethod.GET, "/checkout/sessions/{object_id:str}", operations.retrieve_session),
    (HttpMethod.GET, "/checkout/sessions/{object_id:str}/line_items", operations.list_session_line_items),
    (HttpMethod.POST, "/checkout/sessions/{object_id:str}/expire", operations.expire_session_now),
    (HttpMethod.POST, "/payment_intents", operations.create_payment_intent),
    (HttpMethod.GET, "/payment_intents", operations.list_payment_intents),
    (HttpMethod.GET, "/payment_intents/{object_id:str}", operations.retrieve_payment_intent),
    (HttpMethod.POST, "/payment_intents/{object_id:str}/confirm", operations.confirm_payment_intent),
    (HttpMethod.POST, "/payment_intents/{object_id:str}/cancel", operations.cancel_payment_intent),
    (HttpMethod.GET, "/charges", operations.list_charges),
    (HttpMethod.GET, "/charges/{object_id:str}", operations.retrieve_charge),
    (HttpMethod.POST, "/refunds", operations.create_refund_of_payment),
    (HttpMethod.GET, "/refunds", operations.list_refunds),
    (HttpMethod.GET, "/refunds/{object_id:str}", operations.retrieve_refund),
    (HttpMethod.GET, "/events", operations.list_events),
    (HttpMethod.GET, "/events/{object_id:str}", operations.retrieve_event),
    (HttpMethod.GET, "/account", operations.retrieve_account),
    (HttpMethod.GET, "/accounts/{object_id:str}", operations.retrieve_account),
)


def create_api_router(desk: CallDesk) -> Router:
    handlers = [
        HTTPRouteHandler(path, http_method=method, status_code=200)(_handler(desk, operation))
        for method, path, operation in _ROUTES
    ]
    return Router("/v1", route_handlers=handlers)


def _handler(desk: CallDesk, operation: Operation) -> Callable[[AnyRequest], Awaitable[Response[str]]]:
    async def handle(request: AnyRequest) -> Response[str]:
        return await desk.answer(request, operation)

    return handle
