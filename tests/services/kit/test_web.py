"""How every error leaves: RFC 9457, with a code that clients may decide by and a pointer to the wrong field."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import Receive, Scope, Send

from services.kit.errors import Conflict, FieldError, Invalid, Malformed, Refused, Unavailable
from services.kit.idempotency import IdempotencyKey
from services.kit.principal import Principal
from services.kit.principal_token import HEADER, PrincipalSigner, PrincipalVerifier, signing_key
from services.kit.service import service_app
from services.kit.web import (
    MAX_BODY_BYTES,
    PRINCIPAL_IN_SCOPE,
    IdempotencyHeader,
    PrincipalFromToken,
    encode,
    idempotency_key,
    needs,
    principal_of,
    public,
    respond,
)

TENANT = UUID("01900000-0000-7000-8000-000000000001")
SECRET_DETAIL = "password of the database is hunter2"
ERRORS: dict[str, Exception] = {
    "conflict": Conflict("The slug is taken."),
    "remaining": Conflict("Two places are left.", remaining=2),
    "invalid": Invalid("Two things.", errors=[FieldError("#/lines/0/quantity", "One."), FieldError("#/lines", "Two.")]),
    "unavailable": Unavailable("The database is busy.", retry_after_seconds=7),
    "bug": RuntimeError(SECRET_DETAIL),
}


class Line(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Annotated[int, msgspec.Meta(ge=1, le=9)]
    note: str = ""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    lines: list[Line]
    email: str | None = None


@get("/errors/{name:str}", **public())
async def fail(name: FromPath[str]) -> None:
    raise ERRORS[name]


@post("/orders", **public())
async def order(data: JSONBody[Order]) -> Order:
    return data


@get("/orders", **public())
async def orders(limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50) -> int:
    return limit


@get("/unsaid")
async def unsaid() -> None: ...


@get("/v1/establishments/{establishment:str}/keys", **needs("admin"))
async def keys(establishment: FromPath[str]) -> str:
    return establishment


@get("/v1/establishments/{establishment:str}/offers", **public())
async def offers(establishment: FromPath[str]) -> str:
    return establishment


@post("/keyed", **public())
async def keyed(request: Request[Any, Any, Any], idempotency: IdempotencyHeader = None) -> Any:  # noqa: ANN401, ARG001 - JSON; the header is for the document
    key = await idempotency_key(request)
    return respond(encode(200, [key.scope, key.key, key.fingerprint.hex()] if key else None))


@get("/whoami", **public())
async def whoami(request: Request[Any, Any, Any]) -> Principal:
    return principal_of(request.scope)


class As:
    """The gateway's part: the principal of the request, in the scope."""

    def __init__(self, app: Litestar) -> None:
        self.app = app
        self.principal: object = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL_IN_SCOPE] = self.principal
        await self.app(scope, receive, send)


@pytest.fixture
def app() -> As:
    return As(service_app("Test", [fail, order, orders, unsaid, keys, offers, keyed, whoami], provided={}))


@pytest_asyncio.fixture
async def http(app: As) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"/docs/problems#{body['code']}"
    return body


async def test_refused_leaves_with_its_code_and_detail(http: httpx.AsyncClient):
    response = await http.get("/errors/conflict")
    assert problem(response) == {
        "type": "/docs/problems#conflict",
        "title": "This contradicts what is there already",
        "status": 409,
        "code": "conflict",
        "detail": "The slug is taken.",
    }
    assert problem(await http.get("/errors/remaining"))["remaining"] == 2


async def test_invalid_points_at_each_wrong_field(http: httpx.AsyncClient):
    response = await http.get("/errors/invalid")
    assert response.status_code == 422
    assert problem(response)["errors"] == [
        {"pointer": "#/lines/0/quantity", "detail": "One."},
        {"pointer": "#/lines", "detail": "Two."},
    ]


async def test_unavailable_says_when_to_come_back(http: httpx.AsyncClient):
    response = await http.get("/errors/unavailable")
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert problem(response)["code"] == "unavailable"


async def test_bug_leaks_nothing(http: httpx.AsyncClient):
    response = await http.get("/errors/bug")
    assert problem(response) == {
        "type": "/docs/problems#internal",
        "title": "Something broke on our side",
        "status": 500,
        "code": "internal",
    }
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"lines": [{"quantity": 1}, {"quantity": 0}]}, ["#/lines/1/quantity"]),
        ({"lines": [{"quantity": "two"}]}, ["#/lines/0/quantity"]),
        ({"lines": [{"quantity": 1, "colour": "red"}]}, ["#/lines/0/colour"]),
        ({"lines": [{}]}, ["#/lines/0/quantity"]),
        ({"lines": "none"}, ["#/lines"]),
        ({"email": "a@example.org"}, ["#/lines"]),
        ({"lines": [], "e/mail~": 1}, ["#/e~1mail~0"]),
        ([], ["#"]),
    ],
)
async def test_body_of_the_wrong_shape_points_at_the_field(http: httpx.AsyncClient, body: object, pointers: list[str]):
    response = await http.post("/orders", json=body)
    assert response.status_code == 422, response.text
    found = problem(response)
    assert found["code"] == "validation_failed"
    assert [error["pointer"] for error in found["errors"]] == pointers


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nul"])
async def test_body_that_is_no_json_is_the_clients_mistake(http: httpx.AsyncClient, body: bytes):
    response = await http.post("/orders", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422), response.text
    problem(response)


@pytest.mark.parametrize("limit", ["0", "101", "ten", ""])
async def test_query_of_the_wrong_shape_points_at_the_parameter(http: httpx.AsyncClient, limit: str):
    response = await http.get("/orders", params={"limit": limit})
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in problem(response)["errors"]] == ["#/limit"]


async def test_body_that_is_too_large_is_refused(http: httpx.AsyncClient):
    response = await http.post("/orders", json={"lines": [], "email": "x" * MAX_BODY_BYTES})
    assert (response.status_code, problem(response)["code"]) == (413, "too_large")


async def test_unknown_path_and_method_are_problems_too(http: httpx.AsyncClient):
    missing = await http.get("/nowhere/at/all")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")
    wrong = await http.delete("/orders")
    assert (wrong.status_code, problem(wrong)["code"]) == (405, "method_not_allowed")
    assert set(wrong.headers["allow"].split(", ")) >= {"GET", "POST"}


async def test_route_that_says_nothing_about_access_is_closed(http: httpx.AsyncClient, app: As):
    app.principal = Principal(actor="operator:1", scopes=frozenset({"operator", "admin"}))
    response = await http.get("/unsaid")
    assert (response.status_code, problem(response)["code"]) == (403, "forbidden")


def member(*scopes: str, actor: str = "key:1") -> Principal:
    return Principal(actor=actor, establishment_id=TENANT, establishment_slug="louvre", scopes=frozenset(scopes))


@pytest.mark.parametrize(
    ("principal", "establishment", "status"),
    [
        (member("admin"), "louvre", 200),
        (member("admin"), str(TENANT), 200),
        (member("orders:read"), "louvre", 403),
        (member(actor="visitor"), "louvre", 401),
        # Existence is private: another establishment's door looks like no door at all.
        (member("admin"), "orsay", 404),
        (member("admin"), str(UUID(int=7)), 404),
        (Principal(actor="operator:1", scopes=frozenset({"operator"})), "louvre", 404),
        (None, "louvre", 404),
    ],
)
async def test_guard_lets_in_the_scope_of_this_establishment_only(
    http: httpx.AsyncClient, app: As, principal: Principal | None, establishment: str, status: int
):
    app.principal = principal
    response = await http.get(f"/v1/establishments/{establishment}/keys")
    assert response.status_code == status
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"


async def test_public_route_is_open_within_its_establishment(http: httpx.AsyncClient, app: As):
    app.principal = member(actor="visitor")
    assert (await http.get("/v1/establishments/louvre/offers")).status_code == 200
    assert (await http.get("/v1/establishments/orsay/offers")).status_code == 404


async def keyed_as(http: httpx.AsyncClient, key: str | None, content: bytes = b"{}") -> httpx.Response:
    return await http.post("/keyed", content=content, headers={"idempotency-key": key} if key is not None else {})


async def test_idempotency_key_belongs_to_its_actor_and_covers_the_body(http: httpx.AsyncClient, app: As):
    app.principal = member("admin")
    first, again = [(await keyed_as(http, "k1")).json() for _ in range(2)]
    assert first[:2] == ["key:1", "k1"]
    assert again == first
    # The draft standard writes it quoted.
    assert (await keyed_as(http, '"k1"')).json() == first
    assert (await keyed_as(http, "k1", b"{ }")).json()[2] != first[2]
    assert (await keyed_as(http, None)).json() is None


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
async def test_idempotency_key_of_no_or_too_much_text_is_refused(http: httpx.AsyncClient, app: As, key: str):
    app.principal = member("admin")
    assert (await keyed_as(http, key)).status_code in (400, 422)


async def test_visitor_needs_a_key_that_nobody_guesses(http: httpx.AsyncClient, app: As):
    app.principal = member(actor="visitor")
    assert (await keyed_as(http, "k1")).status_code == 400
    assert (await keyed_as(http, str(uuid4()))).status_code == 200


async def test_principal_from_token_believes_a_signed_one_only(app: As):
    key = signing_key(b"s" * 32)
    verifier = PrincipalVerifier(key.public_key(), "ticketing")
    transport = httpx.ASGITransport(PrincipalFromToken(app.app, verifier))
    signer = PrincipalSigner(key, "gateway")
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:

        async def actor(*tokens: str) -> str:
            response = await client.get("/whoami", headers=[(HEADER, token) for token in tokens])
            return str(response.json().get("actor", "visitor"))

        genuine = signer.token(member("admin"), "ticketing")
        assert await actor(genuine) == "key:1"
        assert await actor() == "visitor"
        assert await actor(genuine + "x") == "visitor"
        assert await actor(signer.token(member("admin"), "inventory")) == "visitor"


async def test_principal_of_another_type_is_nobody(http: httpx.AsyncClient, app: As):
    app.principal = {"actor": "operator:1", "scopes": ["operator"]}
    assert (await http.get("/whoami")).json() == {}


def test_refusal_survives_the_wire():
    for kind in Refused.by_code.values():
        sent = kind("Because.", errors=[FieldError("#/a", "b")], remaining=3)
        received = Refused.from_problem(sent.problem())
        assert type(received) is kind
        assert received.problem() == sent.problem()


def test_every_code_belongs_to_one_kind_of_refusal():
    assert {code for code, kind in Refused.by_code.items() if kind.code != code} == set()
    assert {kind.status for kind in Refused.by_code.values()} <= {400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429}
    assert Refused.by_code["malformed_request"] is Malformed


def test_key_is_hashed_with_its_scope():
    key = IdempotencyKey(scope="key:1", key="k", fingerprint=b"")
    assert key.hashed != msgspec.structs.replace(key, scope="key:2").hashed
    assert len(key.hashed) == 32
