"""A service's application: the house's guard, errors and limits, and a short way to its hottest routes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import signature
from typing import Any

import msgspec
from litestar import Litestar, Response, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from services.kit.api_document import HouseDocument, operation_id
from services.kit.bodies import JsonRequest, check_media_type, read_body
from services.kit.errors import Invalid, Malformed
from services.kit.web import (
    ESTABLISHMENT,
    MAX_BODY_BYTES,
    TooLarge,
    admit,
    check_access,
    check_query,
    header,
    idempotency_key,
    key_of,
    principal_of,
    problem_response,
    provide_principal,
)

_ROOT = ESTABLISHMENT.partition("{")[0]


def service_app(
    title: str,
    handlers: Sequence[ControllerRouterHandler],
    *,
    provided: Mapping[str, object],
    lifespan: Sequence[Any] = (),
    **options: Any,  # noqa: ANN401 - Litestar's own
) -> "Service":
    """`provided` are what handlers depend on by name, the same at every request.

    Beside them, a handler may ask for `principal` and for `key`, the request's Idempotency-Key.
    """
    dependencies = {name: Provide(_always(value), sync_to_thread=False) for name, value in provided.items()}
    return Service(
        list(handlers),
        provided=provided,
        guards=[check_access, check_query],
        request_class=JsonRequest,
        dependencies={
            "principal": Provide(provide_principal, sync_to_thread=False),
            "key": Provide(idempotency_key),
            **dependencies,
        },
        exception_handlers={Exception: problem_response},
        lifespan=list(lifespan),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title=title,
            version="1",
            render_plugins=[HouseDocument(path="/openapi.json")],
            operation_id_creator=operation_id,
            # Open like the routes of `public()`: the document says nothing that the documentation does not.
            openapi_router=Router("/", route_handlers=[], opt={"scope": None}, include_in_schema=False),
        ),
        **options,
    )


class Service(Litestar):
    """Litestar, but for the way to handlers marked `hot`, `POST /v1/establishments/{establishment}/<one word>`.

    The general way (routing tree, guards, dependencies, body, response) costs several times what such a handler does.
    It is called directly instead: the same function, access rule, body reader and errors. What does not fit the short
    way (a query, a slash too many) goes the general one, at whose end the same handler stands.
    """

    def __init__(self, *arguments: Any, provided: Mapping[str, object], **options: Any) -> None:  # noqa: ANN401 - Litestar's
        super().__init__(*arguments, **options)
        self._hot = {
            route.path_format.rpartition("/")[2]: _HotRoute.of(route.path_format, handler, provided)
            for route in self.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
            if handler.opt.get("hot")
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(_ROOT):
            establishment, _, word = scope["path"][len(_ROOT) :].partition("/")
            route = self._hot.get(word)
            if route is not None and not scope["query_string"]:
                scope["litestar_app"] = self
                scope["path_template"] = route.template
                await _serve(route, establishment, scope, receive, send)
                return
        await super().__call__(scope, receive, send)


class _HotRoute(msgspec.Struct, frozen=True):
    """A handler and what it is called with. `given` is the same at every call, `asked` depends on the request."""

    template: str
    handler: HTTPRouteHandler
    given: dict[str, object]
    asked: frozenset[str]
    body_type: object

    @classmethod
    def of(cls, template: str, handler: HTTPRouteHandler, provided: Mapping[str, object]) -> "_HotRoute":
        names = signature(handler.fn).parameters.keys()
        given = {name: provided[name] for name in names & provided.keys()}
        asked = frozenset(names & {"principal", "key"})
        documented = {name for name, parameter in signature(handler.fn).parameters.items() if parameter.default is None}
        unknown = names - given.keys() - asked - documented - {"data"}
        field = handler.parsed_data_field
        if unknown or field is None or template.rpartition("/")[0] != ESTABLISHMENT.replace(":str", ""):
            raise TypeError(f"{handler.handler_name} cannot be hot: {sorted(unknown) or template}")
        return cls(template, handler, given, asked, field.annotation)

    async def answer(self, establishment: str, scope: Any, receive: Any) -> Response[Any]:  # noqa: ANN401 - ASGI
        principal = principal_of(scope)
        admit(principal, establishment, self.handler.opt)
        body = await _whole_body(receive)
        if not body:
            raise Invalid.field("", "A JSON body is needed.")
        content_type = header(scope, b"content-type")
        check_media_type(content_type.decode("latin-1") if content_type is not None else None)
        data = read_body(body, self.body_type)
        asked: dict[str, object] = {}
        if "principal" in self.asked:
            asked["principal"] = principal
        if "key" in self.asked:
            asked["key"] = key_of(scope, body)
        call: Callable[..., Awaitable[Response[Any]]] = self.handler.fn
        return await call(data=data, **asked, **self.given)


async def _serve(route: _HotRoute, establishment: str, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    try:
        response = await route.answer(establishment, scope, receive)
    except Exception as error:  # noqa: BLE001 - as in the framework: whatever it was, the caller must get an answer
        response = problem_response(JsonRequest(scope, receive, send), error)
    body = response.content
    headers = [
        (b"content-type", (response.media_type or "application/json").encode()),
        (b"content-length", b"%d" % len(body)),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()),
    ]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _whole_body(receive: Any) -> bytes:  # noqa: ANN401 - ASGI
    parts: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # What came is not what was meant to come, whatever it looks like.
            raise Malformed("The body ended before its end.")
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > MAX_BODY_BYTES:
            raise TooLarge(f"A body may have {MAX_BODY_BYTES} bytes at most.")
        more = message.get("more_body", False)
    return b"".join(parts)


def _always(value: object) -> Callable[[], object]:
    return lambda: value
