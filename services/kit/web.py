"""What every service's HTTP side shares: who asks, what may be reached, and how errors leave."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    NotFoundException,
    ValidationException,
)
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from services.kit.errors import (
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    Refused,
    Unauthenticated,
    json_pointer,
    problem_type,
)
from services.kit.errors import Unavailable as UnavailableError
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.principal import ANONYMOUS, Principal
from services.kit.principal_token import HEADER, PrincipalVerifier
from services.kit.telemetry import UNAVAILABLE
from services.kit.wording import plain

log = structlog.get_logger()

ESTABLISHMENT = "/v1/establishments/{establishment:str}"
_ESTABLISHMENTS = ESTABLISHMENT.partition("{")[0]
PRINCIPAL_IN_SCOPE = "parvis.principal"
MAX_BODY_BYTES = 1_000_000
# The framework's words for a client that left in the middle of its body: nobody's fault here.
CLIENT_LEFT = "client disconnected prematurely"
# A guessable key of an anonymous visitor would let a stranger fetch the visitor's answer.
MIN_PUBLIC_KEY_LENGTH = 16

IdempotencyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        # Checked by `idempotency_key`, which knows of quotes and of visitors.
        schema_extra={"minLength": 1, "maxLength": 255},
        description="Repeat a request safely: the same key and body get the first answer again, for 24 hours. "
        "Without an API key, at least 16 characters that nobody can guess (a UUID).",
    ),
]


def needs(scope: str) -> dict[str, Any]:
    """Route option: only for principals with this scope in the establishment of the URL."""
    return {"opt": {"scope": scope}}


def public() -> dict[str, Any]:
    """Route option: for everybody; what a visitor may see is decided by the query itself."""
    return {"opt": {"scope": None}}


def also(access: dict[str, Any], scope: str) -> dict[str, Any]:
    """The same access, also for principals with this scope."""
    return {"opt": access["opt"] | {"other_scope": scope}}


def answers(access: dict[str, Any], *media_types: str) -> dict[str, Any]:
    """The same access, for a route that answers also with files of these types."""
    return {"opt": access["opt"] | {"media_types": media_types}}


def hot(access: dict[str, Any]) -> dict[str, Any]:
    """The same access, for a route that thousands ask for at once: see `services.kit.service`."""
    return {"opt": access["opt"] | {"hot": True}}


def cached(access: dict[str, Any]) -> dict[str, Any]:
    """The same access, for a route that answers 304 to whoever has the body already."""
    return {"opt": access["opt"] | {"etag": True}}


async def check_access(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The one guard of all routes. A route that says nothing about access is reachable by nobody.

    Async although it awaits nothing: Litestar would run a plain function in a thread, at every request.
    """
    admit(principal_of(connection.scope), connection.path_params.get("establishment"), handler.opt)


def admit(principal: Principal, establishment: str | None, opt: Mapping[str, Any]) -> None:
    """May the principal use a route with these options in this establishment? Raises when not."""
    if opt.get("internal"):
        return
    if "scope" not in opt:
        raise Forbidden("This route is not open.")
    if establishment is not None and not principal.names(establishment):
        raise NotFound
    needed = opt["scope"]
    if needed is None or principal.may(needed) or principal.may(opt.get("other_scope", needed)):
        return
    if principal.actor == ANONYMOUS.actor:
        raise Unauthenticated(f"Send a key with the scope {needed}: Authorization: Bearer pvs_…")
    raise Forbidden(f"The scope {needed} is needed.")


async def check_query(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """PostgreSQL stores no NUL character, so nothing can be found by one."""
    if b"%00" in connection.scope["query_string"]:
        errors = [
            FieldError(f"#{json_pointer(name)}", "The character NUL is not allowed.")
            for name, value in connection.query_params.multi_items()
            if "\0" in name + value
        ]
        if errors:
            raise Invalid(errors[0].detail, errors=errors)


def principal_of(scope: Any) -> Principal:  # noqa: ANN401 - Litestar's scope type forbids keys of our own
    principal = scope.get(PRINCIPAL_IN_SCOPE)
    return principal if isinstance(principal, Principal) else ANONYMOUS


def header(scope: Any, name: bytes) -> bytes | None:  # noqa: ANN401 - see principal_of
    """The first header of this (lower case) name: most requests are asked for one or two, so none are parsed."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def provide_principal(request: Request[Any, Any, Any]) -> Principal:
    return principal_of(request.scope)


async def idempotency_key(request: Request[Any, Any, Any]) -> IdempotencyKey | None:
    """The key of this request, if it has one, with a fingerprint of all that it asks for."""
    if header(request.scope, b"idempotency-key") is None:
        return None
    return key_of(request.scope, await request.body())


def key_of(scope: Any, body: bytes) -> IdempotencyKey | None:  # noqa: ANN401 - see principal_of
    """As `idempotency_key`, for who has read the body."""
    sent = header(scope, b"idempotency-key")
    if sent is None:
        return None
    # The draft standard writes the key as a quoted string; most clients send it bare.
    key = sent.decode("latin-1").strip().removeprefix('"').removesuffix('"')
    principal = principal_of(scope)
    if not 1 <= len(key) <= 255:  # noqa: PLR2004 - as documented in api.md
        raise Malformed("Idempotency-Key must have 1 to 255 characters.")
    if principal.actor == ANONYMOUS.actor and len(key) < MIN_PUBLIC_KEY_LENGTH:
        raise Malformed("Without an API key, an Idempotency-Key needs at least 16 characters: use a UUID.")
    fingerprint = hashlib.sha256(f"{scope['method']} {_one_path(scope['path'], principal)}\n".encode() + body).digest()
    return IdempotencyKey(scope=principal.actor, key=key, fingerprint=fingerprint)


def _one_path(path: str, principal: Principal) -> str:
    """By the establishment's id, also where the caller said its slug: it is the same request."""
    by_slug = f"{_ESTABLISHMENTS}{principal.establishment_slug}/"
    if principal.establishment_slug and path.startswith(by_slug):
        return f"{_ESTABLISHMENTS}{principal.establishment_id}/{path[len(by_slug) :]}"
    return path


def encode(status: int, content: object) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(content))


def respond(answer: Answer, headers: Mapping[str, str] | None = None) -> Response[Any]:
    return Response(
        content=answer.body, status_code=answer.status, media_type="application/json", headers=dict(headers or {})
    )


class PrincipalFromToken:
    """Outermost layer of a service in a process of its own: only a signed principal is believed."""

    def __init__(self, app: ASGIApp, verifier: PrincipalVerifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = ANONYMOUS
        for name, value in scope.get("headers", []):
            if name == HEADER.encode():
                try:
                    principal = self._verifier.principal(value.decode("latin-1"))
                except Unauthenticated:
                    log.warning("principal_token_refused")
        scope[PRINCIPAL_IN_SCOPE] = principal  # type: ignore[literal-required]  # ASGI lets servers add keys
        await self._app(scope, receive, send)


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Every error leaves as RFC 9457; what is not expected leaves as a bare 500 and is logged as a bug."""
    if isinstance(error, UnavailableError):
        UNAVAILABLE.labels(request.app.openapi_config.title if request.app.openapi_config else "").inc()
        log.warning("unavailable", route=_route(request), detail=error.detail, cause=repr(error.__cause__))
        return _unavailable(error)
    refused = _as_refused(error)
    if refused is None:
        log.error("bug", route=_route(request), error=type(error).__name__, exc_info=error)
        body = Problem(type=problem_type("internal"), title="Something broke on our side", status=500, code="internal")
        return _problem(body)
    log.info("refused", route=_route(request), code=refused.code)
    headers = {"www-authenticate": "Bearer"} if refused.status == Unauthenticated.status else {}
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name.lower(): value for name, value in error.headers.items()}
    return _problem(refused.problem(), headers)


def _route(request: Request[Any, Any, Any]) -> str:
    """The pattern of the path, never the path itself: clients put keys and addresses where ids belong."""
    return str(request.scope.get("path_template", ""))


def _problem(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[Any]:
    return Response(
        content=msgspec.json.encode(problem),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def _unavailable(error: UnavailableError) -> Response[Any]:
    body = Problem(
        type=problem_type("unavailable"),
        title="Try again in a moment",
        status=503,
        code="unavailable",
        detail=error.detail,
    )
    return _problem(body, {"retry-after": str(error.retry_after_seconds)})


def _as_refused(error: Exception) -> Refused | None:
    if isinstance(error, Refused):
        return error
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, NotFoundException):
        return NotFound()
    if isinstance(error, InternalServerException) and error.detail == CLIENT_LEFT:
        return Malformed("The body ended before its end.")
    if isinstance(error, ClientException):
        return _client_error(error)
    return None


class TooLarge(Refused):
    status = 413
    code = "too_large"
    title = "The request is too large"


class MethodNotAllowed(Refused):
    status = 405
    code = "method_not_allowed"
    title = "This resource does not know that method"


CLIENT_ERRORS: dict[int, type[Refused]] = {413: TooLarge, 405: MethodNotAllowed, 401: Unauthenticated, 403: Forbidden}


def _client_error(error: ClientException) -> Refused:
    kind = CLIENT_ERRORS.get(error.status_code)
    if kind is TooLarge:
        return TooLarge(f"A body may have {MAX_BODY_BYTES} bytes at most.")
    return kind() if kind else Malformed(str(error.detail))


def _invalid(error: ValidationException) -> Invalid:
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [_field_error(item) for item in extra if isinstance(item, dict) and not _is_about_nothing(item)]
    return Invalid("; ".join(f"{item.pointer}: {item.detail}" for item in errors) or str(error.detail), errors=errors)


def _is_about_nothing(item: Mapping[str, Any]) -> bool:
    """Once Litestar has made its OpenAPI document, it misses path parameters in handlers that do not ask for them."""
    return item.get("key") != "data" and item.get("message") == repr(item.get("key"))


def _field_error(item: Mapping[str, Any]) -> FieldError:
    """Litestar's account of one wrong parameter, or of a body that is not there, as pointer and sentence."""
    message, key = str(item.get("message", "")), str(item.get("key", ""))
    if key == "data":
        return FieldError(pointer="#", detail="A JSON body is needed.")
    return FieldError(pointer=f"#{json_pointer(key)}", detail=plain(message))
