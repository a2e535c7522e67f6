"""The short way to hot routes: it must answer like the general one, and only to what fits it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import Message, Receive, Scope, Send

from services.kit.idempotency import IdempotencyKey
from services.kit.principal import Principal
from services.kit.service import Service, service_app
from services.kit.web import ESTABLISHMENT, PRINCIPAL_IN_SCOPE, IdempotencyHeader, encode, hot, needs, public, respond

TENANT = UUID(int=7)
PATH = "/v1/establishments/museum/words"
KEY = {"idempotency-key": "0123456789abcdef"}


class Word(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]


class Told(msgspec.Struct):
    text: str
    actor: str
    key: str | None
    greeting: str


async def _told(
    principal: NamedDependency[Principal],
    key: NamedDependency[IdempotencyKey | None],
    greeting: NamedDependency[str],
    data: JSONBody[Word],
    idempotency: IdempotencyHeader = None,  # noqa: ARG001 - for the document
) -> Response[Told]:
    return respond(encode(201, Told(data.text, principal.actor, key.fingerprint.hex() if key else None, greeting)))


def service(*, short: bool, access: dict[str, Any] | None = None) -> Service:
    options = access or public()
    handler = post(f"{ESTABLISHMENT}/words", **(hot(options) if short else options))(_told)
    return service_app("Words", [handler], provided={"greeting": "hello"})


class As:
    def __init__(self, app: Service, principal: Principal) -> None:
        self._app, self._principal = app, principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL_IN_SCOPE] = self._principal
        await self._app(scope, receive, send)


def client(app: Service, principal: Principal) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(As(app, principal)), base_url="http://service")


VISITOR = Principal(establishment_id=TENANT, establishment_slug="museum")
CLERK = Principal(
    actor="key:1", establishment_id=TENANT, establishment_slug="museum", scopes=frozenset({"orders:write"})
)


@pytest_asyncio.fixture(params=[True, False], ids=["short", "general"])
async def http(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    async with client(service(short=request.param), VISITOR) as made:
        yield made


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"json": {"text": "good"}}, 201, None),
        ({"json": {"text": "good"}, "headers": KEY}, 201, None),
        ({"json": {"text": "good"}, "headers": {"idempotency-key": "short"}}, 400, "malformed_request"),
        ({"json": {"text": ""}}, 422, "validation_failed"),
        ({"json": {"text": "good", "more": 1}}, 422, "validation_failed"),
        ({"content": b'{"text": "a", "text": "b"}'}, 422, "validation_failed"),
        ({"content": b""}, 422, "validation_failed"),
        ({"content": b"{"}, 400, "malformed_request"),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"content": b"{}", "headers": {"content-type": ""}}, 415, "unsupported_media_type"),
        ({"content": b" " * 1_000_001}, 413, "too_large"),
    ],
)
async def test_both_ways_answer_alike(http: httpx.AsyncClient, options: dict[str, Any], status: int, code: str | None):
    answer = await http.post(PATH, **options)

    assert (answer.status_code, answer.json().get("code")) == (status, code)
    if code is None:
        assert answer.json()["greeting"] == "hello"
        assert answer.headers["content-type"] == "application/json"
        assert (answer.json()["key"] is None) == ("headers" not in options)


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}?a=b", "/v1/establishments/other/words"])
async def test_what_does_not_fit_the_short_way_is_answered_alike(path: str):
    async with client(service(short=True), VISITOR) as short, client(service(short=False), VISITOR) as general:
        answers = [await http.post(path, json={"text": "good"}) for http in (short, general)]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].content == answers[1].content


async def test_the_short_way_asks_for_the_scope():
    app = service(short=True, access=needs("orders:write"))
    async with client(app, VISITOR) as visitor, client(app, CLERK) as clerk:
        assert (await visitor.post(PATH, json={"text": "good"})).status_code == 401
        assert (await clerk.post(PATH, json={"text": "good"})).json()["actor"] == "key:1"


async def test_a_body_that_breaks_off_is_not_acted_upon():
    """Whole JSON so far, but the client announced more and left."""
    for short in (True, False):
        messages = [
            {"type": "http.request", "body": b'{"text": "good"}', "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Message] = []

        async def receive(messages: list[Message] = messages) -> Message:
            return messages.pop(0)

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"service"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "http_version": "1.1",
        }
        await As(service(short=short), VISITOR)(scope, receive, send)
        assert (short, sent[0]["status"]) == (short, 400)


def test_a_handler_that_needs_more_cannot_be_hot():
    with pytest.raises(TypeError, match="cannot be hot"):
        service_app("Words", [post("/words", **hot(public()))(_told)], provided={"greeting": "hello"})
