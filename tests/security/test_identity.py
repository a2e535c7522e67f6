"""Who somebody is comes from the gateway's own look at a credential, never from what a client says about itself."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from litestar import get
from litestar.types import ASGIApp

from services.kit.principal import Principal
from services.kit.principal_token import HEADER, TOKEN_TYPE, PrincipalSigner, PrincipalVerifier, Service, signing_key
from services.kit.rpc import SERVICE_ACTOR, RemoteMethod, internal_handler
from services.kit.service import service_app
from services.kit.web import ESTABLISHMENT, PrincipalFromToken, needs
from tests.security.world import World

Json: TypeAlias = dict[str, Any]

KEY = signing_key(b"\1" * 32)
TENANT = uuid4()
ADMIN = Principal(actor="key:1", establishment_id=TENANT, establishment_slug="ours", scopes=frozenset({"admin"}))


def _claims(**changes: object) -> Json:
    now = int(time.time())
    claims = {
        "iss": "gateway",
        "aud": "ticketing",
        "iat": now,
        "exp": now + 60,
        "principal": msgspec.to_builtins(ADMIN),
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _signed(claims: Json, key: Ed25519PrivateKey = KEY, **header: object) -> str:
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, **header})


def _by_hand(header: Json, sign: Callable[[bytes], bytes]) -> str:
    """For what no library would sign."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, _claims())]
    text = b".".join(parts)
    return (text + b"." + base64.urlsafe_b64encode(sign(text)).rstrip(b"=")).decode()


def _hs256(public_key: bytes) -> str:
    header = {"alg": "HS256", "typ": TOKEN_TYPE}
    return _by_hand(header, lambda text: hmac.digest(public_key, text, hashlib.sha256))


NOW = int(time.time())
STRANGER = Ed25519PrivateKey.generate()
STRANGERS_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": base64.urlsafe_b64encode(STRANGER.public_key().public_bytes_raw()).rstrip(b"=").decode(),
}
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NOT_BELIEVED: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: _by_hand({"alg": "none", "typ": TOKEN_TYPE}, lambda _: b""),
    "no algorithm, spelt otherwise": lambda: _by_hand({"alg": "nOnE", "typ": TOKEN_TYPE}, lambda _: b""),
    "public key as a password": lambda: _hs256(KEY.public_key().public_bytes_raw()),
    "public key in PEM as a password": lambda: _hs256(PEM),
    "signature taken off": lambda: _signed(_claims()).rpartition(".")[0] + ".",
    "a stranger's signature": lambda: _signed(_claims(), STRANGER),
    "a stranger's key in the token": lambda: _signed(_claims(), STRANGER, jwk=STRANGERS_JWK),
    "a stranger's key by address": lambda: _signed(_claims(), STRANGER, jku="http://127.0.0.1:9/keys.json"),
    "a stranger's certificate by address": lambda: _signed(_claims(), STRANGER, x5u="http://127.0.0.1:9/chain.pem"),
    "a key by its file": lambda: _signed(_claims(), STRANGER, kid="../../../../dev/null"),
    "meant for the other service": lambda: _signed(_claims(aud="inventory")),
    "meant for everybody": lambda: _signed(_claims(aud=None)),
    "from an unknown issuer": lambda: _signed(_claims(iss="visitor")),
    "from nobody": lambda: _signed(_claims(iss=None)),
    "another kind of token": lambda: _signed(_claims(), typ="JWT"),
    "expired": lambda: _signed(_claims(iat=NOW - 120, exp=NOW - 60)),
    "without an end": lambda: _signed(_claims(exp=None)),
    "without a beginning": lambda: _signed(_claims(iat=None)),
    "too long a life": lambda: _signed(_claims(exp=NOW + 3600)),
    "not yet": lambda: _signed(_claims(nbf=NOW + 36_000)),
    "from the future": lambda: _signed(_claims(iat=NOW + 36_000, exp=NOW + 36_030)),
    "no principal": lambda: _signed(_claims(principal=None)),
    "a principal of another shape": lambda: _signed(_claims(principal={"establishment_id": 7})),
    "nonsense": lambda: "nonsense",
    "deep nonsense": lambda: base64.urlsafe_b64encode(b"[" * 30_000).decode() + ".e30.",
    "nothing": lambda: "",
}


@get(f"{ESTABLISHMENT}/secret", **needs("admin"))
async def secret() -> str:
    return "the secret"


@pytest_asyncio.fixture
async def service() -> AsyncIterator[httpx.AsyncClient]:
    """Ticketing's outermost layer as it stands in a process of its own."""
    app = PrincipalFromToken(_service(), PrincipalVerifier(KEY.public_key(), "ticketing"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ticketing") as http:  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
        yield http


class Contract:
    async def ping(self) -> str:
        return "pong"


def _service() -> ASGIApp:
    internal = internal_handler(Contract(), {"ping": RemoteMethod(None, str)})
    return service_app("A service", [secret, internal], provided={})


async def test_a_signed_principal_is_believed(service: httpx.AsyncClient) -> None:
    audience: Service = "ticketing"
    tokens = [_signed(_claims()), PrincipalSigner(KEY, "gateway").token(ADMIN, audience)]
    assert [(await _ask(service, token)).status_code for token in tokens] == [200, 200]


@pytest.mark.parametrize("name", NOT_BELIEVED)
async def test_a_token_that_is_not_ours_makes_a_visitor(service: httpx.AsyncClient, name: str) -> None:
    answer, anonymous = await _ask(service, NOT_BELIEVED[name]()), await _ask(service, None)
    assert (answer.status_code, answer.content) == (anonymous.status_code, anonymous.content)
    assert answer.status_code == 404


async def test_the_contract_between_services_is_for_services(service: httpx.AsyncClient) -> None:
    principals = (Principal(actor=SERVICE_ACTOR), ADMIN, Principal())
    tokens = [PrincipalSigner(KEY, "ticketing").token(principal, "ticketing") for principal in principals]
    answers = [await service.post("/internal/ping", headers={HEADER: token}) for token in tokens]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert (await service.post("/internal/__class__", headers={HEADER: tokens[0]})).status_code == 404


async def test_the_gateway_leads_to_no_contract(world: World) -> None:
    for credential in (None, world.operator_key, world.ours.admin_key):
        for path in ("/internal/authenticate", "/v1/internal/authenticate", "/v1/../internal/authenticate"):
            assert (await world.ask("POST", path, credential, {})).status_code in (401, 404)


def _pretences(world: World) -> list[dict[str, str]]:
    """Headers by which a client says that it is the admin of ours; the tokens are even signed with the right key."""
    ours = world.ours
    principal = Principal("key:1", UUID(ours.id), ours.slug, frozenset({"admin"}))
    key = signing_key(world.secret)
    signed = PrincipalSigner(key, "gateway").token(principal, "ticketing")
    expired = _signed(_claims(iat=NOW - 120, exp=NOW - 60, principal=msgspec.to_builtins(principal)), key)
    pretences = [
        {name: token}
        for token in (signed, expired, "forged")
        for name in (HEADER, HEADER.upper(), "parvis_principal", "Parvis_Principal", "x-parvis-principal")
    ]
    names = ("x-user", "x-user-id", "x-forwarded-user", "x-remote-user", "remote-user", "x-principal", "x-scopes")
    pretences += [{name: "admin"} for name in names]
    pretences += [{"x-tenant": ours.id}, {"x-establishment-id": ours.id}, {"cookie": f"token={ours.admin_key}"}]
    pretences += [{"x-api-key": ours.admin_key}, {"proxy-authorization": f"Bearer {ours.admin_key}"}]
    pretences += [{"x-original-url": "/v1/establishments/ours"}, {"x-http-method-override": "GET"}]
    pretences += [{"connection": HEADER, HEADER: signed}, {"x-forwarded-host": "ours"}, {"forwarded": "for=127.0.0.1"}]
    return pretences


async def test_what_a_client_says_about_itself_is_ignored(world: World) -> None:
    path = f"{world.ours.base}/events"
    assert (await world.ask("GET", path, world.ours.admin_key)).status_code == 200
    for pretence in _pretences(world):
        assert (await world.ask("GET", path, headers=pretence)).status_code == 401, pretence
        foreign = await world.ask("GET", path, world.theirs.admin_key, headers=pretence)
        assert foreign.status_code == 404, pretence
        scanner = await world.ask("GET", path, world.ours.device_token, headers=pretence)
        assert scanner.status_code == 403, pretence


async def test_two_credentials_in_one_request_are_no_credential(world: World) -> None:
    headers = [("authorization", f"Bearer {key}") for key in (world.theirs.admin_key, world.ours.admin_key)]
    assert (await world.http.get(f"{world.ours.base}/events", headers=headers)).status_code == 400
    either = await world.http.get(f"{world.ours.base}/events", params={"token": world.ours.admin_key})
    assert either.status_code == 401


async def _ask(service: httpx.AsyncClient, token: str | None) -> httpx.Response:
    headers = {} if token is None else {HEADER: token}
    return await service.get("/v1/establishments/ours/secret", headers=headers)
